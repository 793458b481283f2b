/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams above their back ends: reading with back-pressure, the write queue, and the order in which handlers are
 * told. Handlers run from the loop only; a handler may close its stream at any time, so whoever calls one goes through
 * stream_enter() and stream_leave().
 */
#include "loop/stream.h"

#include <assert.h>
#include <errno.h>

#include "base/fault.h"
#include "loop/secure.h"
#include "loop/stream_internal.h"

static void on_task(void *arg);
static void on_rest(void *arg);

struct stream *
stream_new(struct loop *loop, const struct stream_ops *ops)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->loop = loop;
    stream->ops = ops;
    stream->fd = -1;
    list_init(&stream->node);
    loop_task_init(&stream->task, on_task, stream);
    loop_background_init(&stream->rest, on_rest, stream);
    return stream;
}

/* ---- handlers ---- */

static void
drop_queue(struct stream *stream)
{
    if (stream->sending)
        stream_bulk_keep_queue(stream);
    queue_clear(stream->loop, &stream->out);
}

static void
stream_free(struct stream *stream)
{
    loop_task_cancel(&stream->task);
    loop_background_stop(&stream->rest);
    loop_timer_stop(&stream->linger);
    list_remove(&stream->node);
    drop_queue(stream);
    buf_fini(&stream->in);
    if (stream->sending)
        stream_bulk_forget(stream);
    stream->ops->close(stream);
    free(stream->why);
    free(stream);
}

void
stream_enter(struct stream *stream)
{
    assert(!stream->busy);
    stream->busy = true;
}

bool
stream_leave(struct stream *stream)
{
    stream->busy = false;
    if (!stream->dead)
        return true;
    stream_free(stream);
    return false;
}

static bool
has_rest(const struct stream *stream)
{
    return !list_empty(&stream->rest.node);
}

void
stream_update_want(struct stream *stream)
{
    int want = 0;
    if (stream->broken || stream->closed_told) {
        want = 0;
    } else if (stream->connecting) { /* or its handshake is under way: the layer knows better */
        want = LOOP_WRITE;
    } else {
        if (!stream->paused && !stream->eof && stream->handler)
            want |= LOOP_READ;
        if (stream->out.bytes && !stream->corked && !has_rest(stream) && !stream->sending && !stream->securing)
            want |= LOOP_WRITE;
    }
    if (want != stream->wanted) {
        stream->wanted = want;
        stream->ops->want(stream, want);
    }
}

void
stream_want_again(struct stream *stream)
{
    stream->wanted = -1;
    stream_update_want(stream);
}

static bool
tell_close(struct stream *stream, const struct err *err)
{
    if (stream->closed_told)
        return true;
    stream->closed_told = true;
    drop_queue(stream);
    stream_update_want(stream);
    stream_enter(stream);
    stream->handler->on_close(stream, err, stream->arg);
    return stream_leave(stream);
}

void
stream_break(struct stream *stream, int code, const char *what)
{
    char peer[128];
    struct err why;
    errno = -code;
    err_errno(&why, "%s %s", what, address_format(&stream->peer, peer));
    stream_break_why(stream, &why);
}

void
stream_break_why(struct stream *stream, const struct err *why)
{
    if (stream->broken || stream->closed_told)
        return;
    stream->broken = true;
    stream->why = xmemdup(why, sizeof(*why));
    drop_queue(stream);
    stream_update_want(stream);
    loop_task_post(stream->loop, &stream->task);
}

bool
stream_tell_eof(struct stream *stream)
{
    static const struct err orderly = {0};
    if (!stream->handler->on_eof)
        return tell_close(stream, &orderly);
    stream_enter(stream);
    stream->handler->on_eof(stream, stream->arg);
    return stream_leave(stream);
}

/* Hands `stream->in` over; gives unused memory back afterwards. */
static bool
tell_data(struct stream *stream)
{
    stream_enter(stream);
    stream->handler->on_data(stream, &stream->in, stream->arg);
    return stream_leave(stream);
}

/* What has waited since a pause. False: the stream is gone. */
static bool
redeliver(struct stream *stream)
{
    if (!stream->redeliver || stream->paused || stream->broken || !stream->handler)
        return true;
    stream->redeliver = false;
    if (stream->in.len && !tell_data(stream))
        return false;
    buf_shrink(&stream->in, 0);
    return true;
}

/* ---- writing ---- */

static bool
can_send(const struct stream *stream)
{
    return !stream->connecting && !stream->broken && !stream->closed_told && !stream->corked && !stream->sending &&
           !stream->securing;
}

static bool
takes_bytes(const struct stream *stream)
{
    return !stream->broken && !stream->closed_told && !stream->finishing;
}

static bool
guard_allows(const struct stream *stream)
{
    return !stream->may_send || stream->may_send(stream->guard_arg);
}

static ssize_t
send_now(struct stream *stream, const struct iovec *iov, int count)
{
    if (!guard_allows(stream))
        return 0;
    int failed = fault("stream_write");
    ssize_t n = failed ? failed : stream->ops->send(stream, iov, count);
    if (n == -EAGAIN)
        return 0;
    if (n < 0)
        stream_break(stream, (int)n, "cannot send to");
    return n;
}

void
stream_flush(struct stream *stream)
{
    struct iovec iov[IOV_COUNT];
    size_t room = TURN_BYTES;
    bool full = false;
    if (stream->out.bytes > TURN_BYTES && can_send(stream) && stream_bulk_possible(stream) && guard_allows(stream)) {
        int failed = fault("stream_write");
        if (failed)
            stream_break(stream, failed, "cannot send to");
        else
            stream_bulk_send(stream);
        stream_update_want(stream);
        return;
    }
    while (stream->out.bytes && room && can_send(stream)) {
        int count = queue_peek(&stream->out, iov, IOV_COUNT, room);
        size_t total = 0;
        for (int i = 0; i < count; i++)
            total += iov[i].iov_len;
        ssize_t n = send_now(stream, iov, count);
        if (n < 0)
            return;
        queue_consume(stream->loop, &stream->out, (size_t)n);
        room -= (size_t)n;
        full = stream->layer ? n == 0 : (size_t)n < total; /* TLS takes one record at a time */
        if (full)
            break;
    }
    if (stream->out.bytes && !full && can_send(stream))
        loop_background_start(stream->loop, &stream->rest);
    else
        loop_background_stop(&stream->rest);
    if (stream->finishing && !stream->finished && !stream->out.bytes && can_send(stream)) {
        stream->finished = true;
        stream->ops->finish(stream);
    }
    stream_update_want(stream);
}

/* Sends what the system takes at once when nothing is queued before it; returns how much that was. */
static size_t
send_ahead(struct stream *stream, const void *data, size_t len)
{
    if (stream->out.bytes || !can_send(stream))
        return 0;
    struct iovec iov = {(void *)(uintptr_t)data, len < TURN_BYTES ? len : TURN_BYTES};
    ssize_t n = send_now(stream, &iov, 1);
    return n > 0 ? (size_t)n : 0;
}

void
stream_write(struct stream *stream, const void *data, size_t len)
{
    if (!len || !takes_bytes(stream))
        return;
    size_t sent = send_ahead(stream, data, len);
    if (sent == len || stream->broken)
        return;
    queue_append(stream->loop, &stream->out, (const char *)data + sent, len - sent);
    stream_update_want(stream);
}

void
stream_write_ref(struct stream *stream, const void *data, size_t len, void (*release)(void *arg), void *arg)
{
    size_t sent = len && takes_bytes(stream) ? send_ahead(stream, data, len) : 0;
    if (sent == len || !takes_bytes(stream)) {
        if (release)
            release(arg);
        return;
    }
    queue_append_ref(&stream->out, (const char *)data + sent, len - sent, release, arg);
    stream_update_want(stream);
}

void
stream_write_rope(struct stream *stream, struct rope *rope)
{
    if (rope_len(rope) && takes_bytes(stream)) {
        queue_append_rope(&stream->out, rope);
        stream_flush(stream);
    }
    rope_fini(rope);
}

void
stream_guard(struct stream *stream, bool (*may_send)(void *arg), void *arg)
{
    stream->may_send = may_send;
    stream->guard_arg = arg;
}

void
stream_cork(struct stream *stream)
{
    stream->corked++;
}

void
stream_uncork(struct stream *stream)
{
    assert(stream->corked);
    if (--stream->corked == 0)
        stream_flush(stream);
}

size_t
stream_queued(const struct stream *stream)
{
    return stream->out.bytes;
}

void
stream_finish(struct stream *stream)
{
    stream->finishing = true;
    stream_flush(stream);
}

/* ---- what the loop tells us ---- */

static void
on_task(void *arg)
{
    struct stream *stream = arg;
    if (stream->broken) {
        struct err why = *stream->why;
        if (!stream->connected_told && stream->connecting)
            stream->connecting = false;
        tell_close(stream, &why);
        return;
    }
    if (redeliver(stream))
        stream_update_want(stream);
}

void
stream_connected(struct stream *stream, int code)
{
    if (!stream->connecting)
        return;
    if (code) {
        stream_break(stream, code, "cannot connect to");
        return;
    }
    if (stream->layer && !stream_secure_step(stream))
        return;
    stream->connecting = false;
    stream->connected_told = true;
    stream_flush(stream);
    if (stream->broken || !stream->handler->on_connect) {
        stream_update_want(stream);
        return;
    }
    stream_enter(stream);
    stream->handler->on_connect(stream, stream->arg);
    if (stream_leave(stream))
        stream_update_want(stream);
}

/* Sends what was queued before; false when the handler that hears of the end closed the stream. */
static bool
flush_more(struct stream *stream)
{
    bool waited = stream->out.bytes > 0;
    stream_flush(stream);
    if (!waited || stream->out.bytes || stream->broken || !stream->handler->on_drain)
        return true;
    stream_enter(stream);
    stream->handler->on_drain(stream, stream->arg);
    return stream_leave(stream);
}

/* Tells that everything has gone. */
static void
tell_drain(struct stream *stream)
{
    if (stream->out.bytes || stream->broken || stream->closed_told || !stream->handler->on_drain)
        return;
    stream_enter(stream);
    stream->handler->on_drain(stream, stream->arg);
    stream_leave(stream);
}

void
stream_bulk_done(struct stream *stream, ssize_t sent, bool full)
{
    if (stream->broken || stream->closed_told)
        return;
    if (sent < 0) {
        stream_break(stream, (int)sent, "cannot send to");
        return;
    }
    queue_consume(stream->loop, &stream->out, (size_t)sent);
    if (full) {
        stream_update_want(stream);
        return;
    }
    stream_flush(stream);
    tell_drain(stream);
}

static void
on_rest(void *arg)
{
    struct stream *stream = arg;
    if (stream->broken || stream->closed_told || stream->corked)
        loop_background_stop(&stream->rest); /* uncorking starts it again */
    else
        flush_more(stream);
}

void
stream_ready(struct stream *stream, int events)
{
    if (stream->broken || stream->closed_told)
        return;
    if (stream->securing && !stream_secure_step(stream))
        return;
    if (stream->layer)
        events = stream_secure_events(stream, events);
    if ((events & LOOP_WRITE) && !flush_more(stream))
        return;
    if ((events & LOOP_READ) && !redeliver(stream))
        return; /* what waits since a pause comes first: the peer's end must not overtake it */
    if ((events & LOOP_READ) && !stream->paused && !stream->eof && !stream->broken && stream->handler)
        stream_read_some(stream);
}

/* ---- ends ---- */

void
stream_handle(struct stream *stream, const struct stream_handler *handler, void *arg)
{
    stream->handler = handler;
    stream->arg = arg;
    if (stream->in.len && !stream->paused) {
        stream->redeliver = true;
        loop_task_post(stream->loop, &stream->task);
    }
    stream_update_want(stream);
}

void
stream_close(struct stream *stream)
{
    if (!stream || stream->dead)
        return;
    stream->dead = true;
    if (!stream->busy)
        stream_free(stream);
}

void
loop_streams_free(struct loop *loop)
{
    while (!list_empty(&loop->closing))
        stream_close(list_first(&loop->closing, struct stream, node));
    queue_spares_free(loop);
    buf_fini(&loop->scratch);
}

const struct address *
stream_peer(const struct stream *stream)
{
    return &stream->peer;
}

const struct address *
stream_local(const struct stream *stream)
{
    return &stream->local;
}
