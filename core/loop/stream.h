/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams: TCP, Unix sockets, in-memory pairs for tests, and TLS over each; one interface for all. Writes never block and
 * are queued; who queues watches stream_queued() or on_drain. Callbacks come from the loop only. After on_close (which
 * comes exactly once unless the owner calls stream_close first) the stream is dead and still to be freed by
 * stream_close.
 */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include "base/buf.h"
#include "base/page.h"
#include "loop/address.h"
#include "loop/loop.h"

struct stream;
struct secure;

struct stream_handler {
    void (*on_connect)(struct stream *stream, void *arg); /* stream_connect succeeded; may be NULL */
    /* New bytes at the end of `in`. The handler consumes what it can use (buf_consume); the rest stays for later. */
    void (*on_data)(struct stream *stream, struct buf *in, void *arg);
    /* The peer ended its direction; writing may go on. NULL = treat as closed. */
    void (*on_eof)(struct stream *stream, void *arg);
    /* What the system did not take at once has been sent; may be NULL. */
    void (*on_drain)(struct stream *stream, void *arg);
    /* Connection failed or broken: err->code is 0 for an orderly end. */
    void (*on_close)(struct stream *stream, const struct err *err, void *arg);
};

/* Handlers are borrowed (static tables). Connecting is asynchronous: on_connect or on_close follows. */
struct stream *stream_connect(struct loop *loop, const struct address *to, const struct stream_handler *handler,
                              void *arg);
/* The same with TLS on it: on_connect follows when the peer has proved what the settings ask for. name: what the peer is
 * called by, NULL when only its address is known; copied. secure NULL = stream_connect. */
struct stream *stream_connect_secure(struct loop *loop, const struct address *to, struct secure *secure, const char *name,
                                     const struct stream_handler *handler, void *arg);
/* True, too, until a peer of a listener that downgrades has shown that it speaks plainly. */
bool stream_is_secure(const struct stream *stream);
/* A connected stream socket that somebody else made, non-blocking; taken over. */
struct stream *stream_adopt(struct loop *loop, int fd, const struct stream_handler *handler, void *arg);
/* Replaces handler and argument, e.g. after accept. */
void stream_handle(struct stream *stream, const struct stream_handler *handler, void *arg);
/* Queues a copy; written as soon as the socket takes it (tries at once). */
void stream_write(struct stream *stream, const void *data, size_t len);
/* Queues without copying: release(arg) is called when the bytes are written (also from inside this call) or the
 * stream is closed. */
void stream_write_ref(struct stream *stream, const void *data, size_t len, void (*release)(void *arg), void *arg);
/* The same for a whole rope, which is emptied: its pages are held until all of it is written. */
void stream_write_rope(struct stream *stream, struct rope *rope);
/* Between cork and uncork nothing is sent, so that one answer leaves in one packet. */
void stream_cork(struct stream *stream);
void stream_uncork(struct stream *stream);
/* may_send(arg) is asked each time before bytes are handed to the system; false = none leave, they stay queued. For who
 * may speak until some moment only, and may have been stopped in between. */
void stream_guard(struct stream *stream, bool (*may_send)(void *arg), void *arg);
/* Streams with that argument which are only lingering after their end are ended for good: it is about to be freed. */
void stream_guard_gone(struct loop *loop, const void *arg);
size_t stream_queued(const struct stream *stream); /* bytes not yet taken by the system */
void stream_pause(struct stream *stream); /* no on_data until resumed: back-pressure */
void stream_resume(struct stream *stream); /* on_data follows at once (from the loop) when bytes are waiting */
/* What the peer sends is read when nothing else is there to do; a network in memory knows no difference. */
void stream_patient(struct stream *stream, bool patient);
/* Sends what is queued, then ends our direction (FIN); reading goes on. */
void stream_finish(struct stream *stream);
/* Ends and frees at once; what is queued is lost; no callback follows. NULL is fine. */
void stream_close(struct stream *stream);
/* Like stream_close, but what is queued is still sent in the background (bounded to 10 s). */
void stream_close_soon(struct stream *stream);
const struct address *stream_peer(const struct stream *stream);
const struct address *stream_local(const struct stream *stream);

struct stream_listener;
typedef void stream_accept_fn(struct stream *stream, void *arg); /* owns stream; must stream_handle it now */
/* Port 0 = any free one; ask stream_listener_address afterwards. Unix paths: an old socket file is replaced. */
struct stream_listener *stream_listen(struct loop *loop, const struct address *at, stream_accept_fn *fn, void *arg,
                                      struct err *err);
/* Takes over a socket that listens already, e.g. one that the service manager made. */
struct stream_listener *stream_listen_fd(struct loop *loop, int fd, stream_accept_fn *fn, void *arg, struct err *err);
/* Connections from now on speak TLS (or may, where the settings let them downgrade). NULL = they do not. */
void stream_listener_secure(struct stream_listener *listener, struct secure *secure);
const struct address *stream_listener_address(const struct stream_listener *listener);
void stream_listener_free(struct stream_listener *listener);
/* Stops or resumes accepting: when the table of limits says that connections are full. */
void stream_listener_pause(struct stream_listener *listener, bool paused);

/*
 * In-memory network for scenario tests: addresses registered on a `net` replace TCP for stream_connect/stream_listen
 * on that loop. `shape` decides per write what happens (delay, drop = connection reset); NULL = immediate delivery.
 */
struct stream_net;
struct stream_net_shape {
    int64_t (*delay_ns)(void *arg, const struct address *from, const struct address *to); /* < 0 = reset both ends */
    void *arg;
};
struct stream_net *stream_net_new(struct loop *loop, const struct stream_net_shape *shape);
void stream_net_free(struct stream_net *net);

#endif
