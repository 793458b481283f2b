/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading from streams, with back-pressure: one turn's bytes go into the loop's scratch buffer, which the stream has only
 * while its handler looks at it. Called by stream.c.
 */
#include <errno.h>

#include "base/fault.h"
#include "loop/stream_internal.h"

enum { SMALL_REST = 32 * 1024 };

/* The loop's scratch buffer becomes stream->in while the handler looks at it. */
static void
lend_scratch(struct stream *stream)
{
    struct loop *loop = stream->loop;
    struct buf rest = stream->in;
    stream->in = loop->scratch;
    loop->scratch = (struct buf){0};
    buf_clear(&stream->in);
    buf_reserve(&stream->in, SMALL_REST + STREAM_READ_BYTES);
    buf_append(&stream->in, rest.base ? buf_data(&rest) : NULL, rest.len);
    buf_fini(&rest);
}

/* Takes the scratch buffer back; what the handler left moves to memory of its own size. */
static void
return_scratch(struct loop *loop, struct buf *in)
{
    struct buf rest = {0};
    if (in->cap < SMALL_REST + STREAM_READ_BYTES || in->cap > 2 * (SMALL_REST + STREAM_READ_BYTES) ||
        loop->scratch.base)
        return;
    if (in->len > STREAM_READ_BYTES / 2)
        return; /* much is left: cheaper to keep it where it is */
    buf_append(&rest, buf_data(in), in->len);
    loop->scratch = *in;
    buf_clear(&loop->scratch);
    *in = rest;
}

void
stream_read_some(struct stream *stream)
{
    struct loop *loop = stream->loop;
    int failed = fault("stream_read");
    if (stream->in.len <= SMALL_REST)
        lend_scratch(stream);
    else
        buf_reserve(&stream->in, STREAM_READ_BYTES);
    size_t before = stream->in.len;
    char *to = buf_reserve(&stream->in, STREAM_READ_BYTES);
    ssize_t n = failed ? failed : stream->ops->recv(stream, to, STREAM_READ_BYTES);
    if (n > 0)
        buf_added(&stream->in, (size_t)n);
    /* The buffer outlives the stream when the handler closes it. */
    if (n > 0) {
        stream_enter(stream);
        stream->handler->on_data(stream, &stream->in, stream->arg);
        return_scratch(loop, &stream->in);
        if (stream_leave(stream)) {
            buf_shrink(&stream->in, 0);
            stream_update_want(stream);
        }
        return;
    }
    stream->in.len = before;
    return_scratch(loop, &stream->in);
    buf_shrink(&stream->in, 0);
    if (n == 0) {
        stream->eof = true;
        stream_update_want(stream);
        stream_tell_eof(stream);
    } else if (n != -EAGAIN) {
        stream_break(stream, (int)n, "connection lost to");
    }
}

void
stream_pause(struct stream *stream)
{
    stream->paused = true;
    stream_update_want(stream);
}

void
stream_patient(struct stream *stream, bool patient)
{
    if (stream->watch)
        loop_fd_patient(stream->watch, patient);
}

void
stream_resume(struct stream *stream)
{
    if (!stream->paused)
        return;
    stream->paused = false;
    if (stream->in.len || stream->eof) {
        stream->redeliver = stream->in.len > 0;
        loop_task_post(stream->loop, &stream->task);
    }
    stream_update_want(stream);
}
