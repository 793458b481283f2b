/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long runs of queued bytes leave on another thread, one stream at a time in turn: copying megabytes into sockets would
 * make the loop's thread the busiest of the machine, and who is busy waits longest for a processor. The bytes stay in
 * the stream's queue until the loop hears how many went. Called by stream.c only.
 */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>

#include "loop/stream_internal.h"

enum { BULK_VECTORS = 128, BULK_AT_ONCE = 1024 * 1024, CALL_BYTES = 96 * 1024 };

struct bulk {
    struct list node; /* in loop->bulks */
    struct loop *loop;
    struct stream *stream; /* NULL once it is closed */
    int fd;
    bool close_fd;      /* the stream left it to us */
    struct queue queue; /* likewise: what iov points into */
    struct iovec iov[BULK_VECTORS];
    int count;
    size_t bytes, sent;
    int error;
};

static void
bulk_free(struct bulk *bulk)
{
    list_remove(&bulk->node);
    queue_clear(bulk->loop, &bulk->queue);
    if (bulk->close_fd)
        close(bulk->fd);
    free(bulk);
}

/* On another thread. Between two calls whoever waits for this processor has it, the loop's thread before all: a
 * scheduler would let us run for milliseconds. */
static void
work(void *arg)
{
    struct bulk *bulk = arg;
    int at = 0;
    bulk->sent = 0;
    while (at < bulk->count) {
        size_t wanted = 0;
        int count = 0;
        for (; at + count < bulk->count && wanted < CALL_BYTES; count++)
            wanted += bulk->iov[at + count].iov_len;
        struct msghdr msg = {.msg_iov = bulk->iov + at, .msg_iovlen = (size_t)count};
        ssize_t n = sendmsg(bulk->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            bulk->error = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        bulk->sent += n > 0 ? (size_t)n : 0;
        if (n < (ssize_t)wanted)
            return;
        at += count;
        sched_yield();
    }
}

static void
done(void *arg)
{
    struct bulk *bulk = arg;
    struct stream *stream = bulk->stream;
    ssize_t result = bulk->error && bulk->error != -EAGAIN ? bulk->error : (ssize_t)bulk->sent;
    bool full = bulk->sent < bulk->bytes;
    if (stream)
        stream->sending = NULL;
    bulk_free(bulk);
    if (stream)
        stream_bulk_done(stream, result, full);
}

bool
stream_bulk_possible(const struct stream *stream)
{
    return stream->fd >= 0 && !stream->layer && !stream->loop->clock->is_virtual;
}

void
stream_bulk_send(struct stream *stream)
{
    struct bulk *bulk = xcalloc(1, sizeof(*bulk));
    bulk->loop = stream->loop;
    bulk->stream = stream;
    bulk->fd = stream->fd;
    bulk->count = queue_peek(&stream->out, bulk->iov, BULK_VECTORS, BULK_AT_ONCE);
    for (int i = 0; i < bulk->count; i++)
        bulk->bytes += bulk->iov[i].iov_len;
    list_push(&stream->loop->bulks, &bulk->node);
    stream->sending = bulk;
    loop_offload(stream->loop, &stream->loop->bulks, work, done, bulk);
}

void
stream_bulk_keep_queue(struct stream *stream)
{
    struct bulk *bulk = stream->sending;
    if (bulk->queue.first)
        return; /* it has what is under way; nothing was queued since */
    bulk->queue = stream->out;
    stream->out = (struct queue){0};
}

void
stream_bulk_forget(struct stream *stream)
{
    struct bulk *bulk = stream->sending;
    bulk->stream = NULL;
    bulk->close_fd = true;
    stream->fd = -1;
    stream->sending = NULL;
}

void
stream_bulks_free(struct loop *loop)
{
    while (!list_empty(&loop->bulks))
        bulk_free(list_first(&loop->bulks, struct bulk, node));
}
