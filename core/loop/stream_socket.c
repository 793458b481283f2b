/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and Unix sockets under streams. Called by stream.c only. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fault.h"
#include "base/log.h"
#include "loop/stream_internal.h"

enum { ACCEPTS_PER_TURN = 64, FULL_RETRY_MS = 100, TELL_AGAIN_MS = 60000 };

static ssize_t
socket_send(struct stream *stream, const struct iovec *iov, int count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    for (;;) {
        ssize_t n = sendmsg(stream->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

static ssize_t
socket_recv(struct stream *stream, void *data, size_t len)
{
    for (;;) {
        ssize_t n = recv(stream->fd, data, len, MSG_DONTWAIT);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

static void
fill_local(int fd, struct address *ret)
{
    struct address address = {.len = sizeof(address.sa)};
    if (getsockname(fd, (struct sockaddr *)&address.sa, &address.len) == 0)
        *ret = address;
}

static void
on_ready(int fd, int events, void *arg)
{
    struct stream *stream = arg;
    if (!stream->connecting) {
        stream_ready(stream, events);
        return;
    }
    int code = 0;
    socklen_t len = sizeof(code);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
        code = errno;
    if (!code)
        fill_local(fd, &stream->local);
    stream_connected(stream, -code);
}

static void
socket_want(struct stream *stream, int events)
{
    if (stream->fd < 0)
        return;
    if (stream->watch)
        loop_fd_events(stream->watch, events);
    else
        stream->watch = loop_fd_watch(stream->loop, stream->fd, events, on_ready, stream);
}

static void
socket_finish(struct stream *stream)
{
    shutdown(stream->fd, SHUT_WR);
}

static void
socket_close(struct stream *stream)
{
    loop_fd_unwatch(stream->watch);
    if (stream->fd >= 0)
        close(stream->fd);
}

static const struct stream_ops socket_ops = {socket_send, socket_recv, socket_want, socket_finish, socket_close};

static void
tune(int fd, const struct address *address)
{
    int on = 1;
    if (address->sa.ss_family == AF_UNIX)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int
begin_connect(struct stream *stream)
{
    const struct address *to = &stream->peer;
    stream->fd = socket(to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return -errno;
    tune(stream->fd, to);
    return connect(stream->fd, (const struct sockaddr *)&to->sa, to->len) < 0 && errno != EINPROGRESS ? -errno : 0;
}

bool
stream_socket_again(struct stream *stream)
{
    if (stream->ops != &socket_ops)
        return false;
    loop_fd_unwatch(stream->watch);
    close(stream->fd);
    stream->watch = NULL;
    int code = begin_connect(stream);
    if (code) {
        stream_connected(stream, code);
        return true;
    }
    stream->wanted = LOOP_WRITE;
    socket_want(stream, LOOP_WRITE);
    return true;
}

struct stream *
stream_socket_connect(struct loop *loop, const struct address *to)
{
    struct stream *stream = stream_new(loop, &socket_ops);
    int code = fault("stream_connect");
    stream->peer = *to;
    stream->connecting = true;
    if (!code)
        code = begin_connect(stream);
    if (code) {
        stream_connected(stream, code);
        return stream;
    }
    stream->wanted = LOOP_WRITE;
    socket_want(stream, LOOP_WRITE);
    return stream;
}

/* ---- listening ---- */

static void
on_retry(void *arg)
{
    struct stream_listener *listener = arg;
    if (!listener->paused)
        loop_fd_events(listener->watch, LOOP_READ);
}

struct stream *
stream_socket_adopt(struct loop *loop, int fd)
{
    struct stream *stream = stream_new(loop, &socket_ops);
    stream->fd = fd;
    stream->connected_told = true;
    fill_local(fd, &stream->local);
    return stream;
}

/* Once a minute at most, however often it is tried. */
static void
tell_full(struct stream_listener *listener, int code)
{
    char text[128];
    if (listener->told_ms && loop_now_ms(listener->loop) - listener->told_ms < TELL_AGAIN_MS)
        return;
    listener->told_ms = loop_now_ms(listener->loop);
    log_error("no connection can be accepted on %s: %s; those that come wait%s", address_format(&listener->address, text),
              strerror(code), code == EMFILE ? ": LimitNOFILE= of the unit, or --ulimit=\"-n NUMBER\", allow more descriptors" : "");
}

static bool
accept_one(struct stream_listener *listener)
{
    struct address peer = {.len = sizeof(peer.sa)};
    int fd = accept4(listener->fd, (struct sockaddr *)&peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            tell_full(listener, errno);
            loop_fd_events(listener->watch, 0); /* else the loop would spin until a descriptor is free */
            loop_timer_start(&listener->retry, FULL_RETRY_MS);
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    struct stream *stream = stream_socket_adopt(listener->loop, fd);
    tune(fd, &peer);
    stream->peer = peer;
    stream_accepted(listener, stream);
    return true;
}

/* The listener may be freed by whom it calls. */
static void
on_acceptable(int fd, int events, void *arg)
{
    struct stream_listener *listener = arg;
    listener->busy = true;
    for (int i = 0; i < ACCEPTS_PER_TURN && !listener->paused && !listener->dead; i++)
        if (!accept_one(listener))
            break;
    listener->busy = false;
    if (listener->dead)
        stream_listener_forget(listener);
}

static void
listener_pause(struct stream_listener *listener, bool paused)
{
    loop_timer_stop(&listener->retry);
    loop_fd_events(listener->watch, paused ? 0 : LOOP_READ);
}

static void
listener_free(struct stream_listener *listener)
{
    loop_timer_stop(&listener->retry);
    loop_fd_unwatch(listener->watch);
    close(listener->fd);
    listener->dead = true;
    if (!listener->busy)
        stream_listener_forget(listener);
}

static const struct stream_listener_ops socket_listener_ops = {listener_pause, listener_free};

/* A socket file that a former process left behind would refuse the bind for ever. */
static void
remove_stale(const struct address *at)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(uintptr_t)&at->sa;
    struct stat st;
    if (lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(un->sun_path);
}

static struct stream_listener *
listener_new(struct loop *loop, int fd)
{
    struct stream_listener *listener = xcalloc(1, sizeof(*listener));
    listener->loop = loop;
    listener->ops = &socket_listener_ops;
    listener->fd = fd;
    list_init(&listener->node);
    fill_local(listener->fd, &listener->address);
    loop_timer_init(&listener->retry, loop, on_retry, listener);
    listener->watch = loop_fd_watch(loop, listener->fd, LOOP_READ, on_acceptable, listener);
    return listener;
}

struct stream_listener *
stream_socket_listen(struct loop *loop, const struct address *at, struct err *err)
{
    char text[128];
    int on = 1;
    auto_fd int fd = socket(at->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_errno(err, "cannot make a socket for %s", address_format(at, text));
        return NULL;
    }
    if (at->sa.ss_family == AF_UNIX)
        remove_stale(at);
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&at->sa, at->len) < 0 || listen(fd, SOMAXCONN) < 0) {
        err_errno(err, "cannot listen on %s", address_format(at, text));
        return NULL;
    }
    return listener_new(loop, take_fd(&fd));
}

struct stream_listener *
stream_socket_listen_fd(struct loop *loop, int fd, struct err *err)
{
    int listens = 0;
    socklen_t len = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens) {
        err_set(err, -EINVAL, "descriptor %d is no socket that listens", fd);
        return NULL;
    }
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        err_errno(err, "cannot use descriptor %d", fd);
        return NULL;
    }
    return listener_new(loop, fd);
}
