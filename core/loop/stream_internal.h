/* SPDX-License-Identifier: Apache-2.0 */
/* What streams and their two back ends (sockets, memory) share. Nobody outside core/loop includes it. */
#ifndef LOOP_STREAM_INTERNAL_H
#define LOOP_STREAM_INTERNAL_H

#include <sys/uio.h>

#include "loop/loop_internal.h"
#include "loop/stream.h"

enum { STREAM_READ_BYTES = 256 * 1024, SEGMENT_BYTES = 8 * 1024, SEGMENTS_SPARE = 8, IOV_COUNT = 32,
       TURN_BYTES = 128 * 1024 /* what one stream sends in one turn of the loop: nobody waits for a long answer */ };

/* One run of queued bytes: a block that small writes share, bytes that somebody lent, or the pieces of a rope. */
struct segment {
    struct segment *next;
    const char *data; /* what is left; of a rope: of its piece at `piece` */
    size_t len;       /* what is left of all */
    struct rope *rope; /* NULL for the other two */
    size_t piece;
    void (*release)(void *arg); /* NULL for a block of ours */
    void *arg;
    size_t cap; /* of block; 0 when lent */
    char block[];
};

struct queue {
    struct segment *first, *last;
    size_t bytes;
};

void queue_append(struct loop *loop, struct queue *queue, const void *data, size_t len);
void queue_append_rope(struct queue *queue, struct rope *rope);
void queue_append_ref(struct queue *queue, const void *data, size_t len, void (*release)(void *arg), void *arg);
/* Fills at most count vectors with what is first, most bytes of it; returns how many. */
int queue_peek(const struct queue *queue, struct iovec *iov, int count, size_t most);
void queue_consume(struct loop *loop, struct queue *queue, size_t n);
void queue_clear(struct loop *loop, struct queue *queue);
void queue_spares_free(struct loop *loop);

/* A back end. send and recv give a count, 0 (recv: end), or -E...; -EAGAIN means: ask again when told. */
struct stream_ops {
    ssize_t (*send)(struct stream *stream, const struct iovec *iov, int count);
    ssize_t (*recv)(struct stream *stream, void *data, size_t len);
    void (*want)(struct stream *stream, int events); /* LOOP_READ | LOOP_WRITE */
    void (*finish)(struct stream *stream); /* end our direction */
    void (*close)(struct stream *stream); /* frees what the back end holds, not the stream */
};

struct stream {
    struct loop *loop;
    const struct stream_ops *ops;
    const struct stream_handler *handler;
    void *arg;
    int fd; /* -1 for in-memory */
    int wanted; /* events asked of the back end */
    struct loop_fd *watch;
    void *backend; /* of in-memory streams */
    struct buf in; /* bytes that the handler left */
    struct queue out;
    bool (*may_send)(void *arg); /* stream_guard */
    void *guard_arg;
    unsigned corked;
    bool connecting, connected_told;
    bool eof, finishing, finished, paused, redeliver;
    bool drain_owed, broken, closed_told;
    bool busy, dead; /* inside a handler; closed by it */
    struct err *why; /* set while broken is owed to the handler */
    struct loop_task task; /* what the loop owes us */
    struct loop_background rest; /* runs while more is queued than one turn may send, and the system takes it */
    struct bulk *sending; /* what is first in out is being sent by another thread */
    struct address peer, local;
    struct layer *layer; /* TLS; NULL = none */
    bool securing; /* its handshake is under way: nothing of ours goes or comes */
    struct list node; /* in loop->closing */
    struct loop_timer linger; /* bounds stream_close_soon */
};

struct stream *stream_new(struct loop *loop, const struct stream_ops *ops);
/* The back end says that something may be possible now. */
void stream_ready(struct stream *stream, int events);
/* The connection is up (code 0) or was refused. From the loop only. */
void stream_connected(struct stream *stream, int code);
/* Fails the stream: on_close follows from the loop. */
void stream_break(struct stream *stream, int code, const char *what);
/* The same in words of the caller's. */
void stream_break_why(struct stream *stream, const struct err *why);
/* Tells the back end anew what is waited for. */
void stream_want_again(struct stream *stream);
/* Sends what was queued meanwhile. */
void stream_flush(struct stream *stream);
/* Tells the back end what is waited for when that has changed. */
void stream_update_want(struct stream *stream);
/* Around each call of a handler. False when it closed the stream: it is gone now. */
void stream_enter(struct stream *stream);
bool stream_leave(struct stream *stream);
/* Nothing more will come; false as stream_leave. */
bool stream_tell_eof(struct stream *stream);

/* stream_read.c: there is something to read. */
void stream_read_some(struct stream *stream);

struct stream_listener_ops {
    void (*pause)(struct stream_listener *listener, bool paused);
    void (*free)(struct stream_listener *listener);
};

struct stream_listener {
    struct loop *loop;
    const struct stream_listener_ops *ops;
    stream_accept_fn *fn;
    void *arg;
    struct address address;
    struct secure *secure; /* NULL = none */
    int fd;
    bool paused;
    bool busy, dead; /* accepting; freed meanwhile */
    struct loop_fd *watch;
    struct loop_timer retry; /* after the table of descriptors was full */
    int64_t told_ms; /* when the log was told so; 0 = never */
    struct list node; /* in-memory: in its net */
};

/* stream_bulk.c */
bool stream_bulk_possible(const struct stream *stream);
/* Sends what is first in out on another thread; stream_bulk_done follows from the loop. Nothing else is sent meanwhile. */
void stream_bulk_send(struct stream *stream);
/* The queue is to be emptied while it is being sent from: what it holds is freed afterwards. */
void stream_bulk_keep_queue(struct stream *stream);
/* The stream is to be freed: its descriptor is closed afterwards. */
void stream_bulk_forget(struct stream *stream);
/* stream.c: so many bytes went, or -E...; full: the system takes no more now. */
void stream_bulk_done(struct stream *stream, ssize_t sent, bool full);

/* stream_open.c: gives a new connection to the listener's owner. */
void stream_accepted(struct stream_listener *listener, struct stream *stream);
/* stream_open.c: what every listener has, and its memory. */
void stream_listener_forget(struct stream_listener *listener);

/* stream_secure.c: TLS between the stream and its back end. */
void stream_secure_client(struct stream *stream, struct secure *secure, const char *name);
void stream_secure_server(struct stream *stream, struct secure *secure);
/* The connection stands, or something has come of the handshake. True when on_connect is due, or (servers) the stream may be
 * read and written. */
bool stream_secure_step(struct stream *stream);
/* What the back end's events mean above the layer. */
int stream_secure_events(struct stream *stream, int events);

/* stream_socket.c */
/* Leaves the connection that there is and tries anew; stream_connected follows. False: it cannot be done. */
bool stream_socket_again(struct stream *stream);
struct stream *stream_socket_connect(struct loop *loop, const struct address *to);
struct stream *stream_socket_adopt(struct loop *loop, int fd);
struct stream_listener *stream_socket_listen_fd(struct loop *loop, int fd, struct err *err);
struct stream_listener *stream_socket_listen(struct loop *loop, const struct address *at, struct err *err);
/* stream_net.c */
struct stream *stream_net_connect(struct loop *loop, const struct address *to);
struct stream_listener *stream_net_listen(struct loop *loop, const struct address *at, struct err *err);

#endif
