/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How streams come to be: connections, adopted descriptors, listeners and what they accept, each on the loop's network
 * (stream_net.c in tests) or the system's.
 */
#include <stdlib.h>

#include "loop/secure.h"
#include "loop/stream_internal.h"

struct stream *
stream_connect(struct loop *loop, const struct address *to, const struct stream_handler *handler, void *arg)
{
    struct stream *stream = loop->net ? stream_net_connect(loop, to) : stream_socket_connect(loop, to);
    stream->handler = handler;
    stream->arg = arg;
    stream->peer = *to;
    return stream;
}

struct stream *
stream_connect_secure(struct loop *loop, const struct address *to, struct secure *secure, const char *name,
                      const struct stream_handler *handler, void *arg)
{
    struct stream *stream = stream_connect(loop, to, handler, arg);
    if (secure)
        stream_secure_client(stream, secure, name);
    return stream;
}

bool
stream_is_secure(const struct stream *stream)
{
    return stream->layer != NULL;
}

struct stream *
stream_adopt(struct loop *loop, int fd, const struct stream_handler *handler, void *arg)
{
    struct stream *stream = stream_socket_adopt(loop, fd);
    stream_handle(stream, handler, arg);
    return stream;
}

struct stream_listener *
stream_listen(struct loop *loop, const struct address *at, stream_accept_fn *fn, void *arg, struct err *err)
{
    struct stream_listener *listener =
        loop->net ? stream_net_listen(loop, at, err) : stream_socket_listen(loop, at, err);
    if (listener) {
        listener->fn = fn;
        listener->arg = arg;
    }
    return listener;
}

struct stream_listener *
stream_listen_fd(struct loop *loop, int fd, stream_accept_fn *fn, void *arg, struct err *err)
{
    struct stream_listener *listener = stream_socket_listen_fd(loop, fd, err);
    if (listener) {
        listener->fn = fn;
        listener->arg = arg;
    }
    return listener;
}

void
stream_listener_secure(struct stream_listener *listener, struct secure *secure)
{
    secure_ref(secure);
    secure_unref(listener->secure);
    listener->secure = secure;
}

void
stream_accepted(struct stream_listener *listener, struct stream *stream)
{
    if (listener->secure)
        stream_secure_server(stream, listener->secure);
    listener->fn(stream, listener->arg);
}

void
stream_listener_forget(struct stream_listener *listener)
{
    secure_unref(listener->secure);
    free(listener);
}

const struct address *
stream_listener_address(const struct stream_listener *listener)
{
    return &listener->address;
}

void
stream_listener_free(struct stream_listener *listener)
{
    if (listener)
        listener->ops->free(listener);
}

void
stream_listener_pause(struct stream_listener *listener, bool paused)
{
    if (listener->paused == paused)
        return;
    listener->paused = paused;
    listener->ops->pause(listener, paused);
}
