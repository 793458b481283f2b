/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that their owners have let go of but whose last bytes are still on their way: the loop keeps them, for a bounded
 * time.
 */
#include "loop/stream_internal.h"

enum { LINGER_MS = 10000 };

/* A closing stream discards what comes in, so that the peer gets our last bytes instead of a reset. */
static void
closing_data(struct stream *stream, struct buf *in, void *arg)
{
    buf_clear(in);
}

static void
closing_end(struct stream *stream, void *arg)
{
    if (stream->finished)
        stream_close(stream);
}

static void
closing_drain(struct stream *stream, void *arg)
{
    if (stream->eof)
        stream_close(stream);
}

static void
closing_close(struct stream *stream, const struct err *err, void *arg)
{
    stream_close(stream);
}

static void
on_linger_over(void *arg)
{
    stream_close(arg);
}

void
stream_close_soon(struct stream *stream)
{
    static const struct stream_handler closing = {.on_data = closing_data,
                                                  .on_eof = closing_end,
                                                  .on_drain = closing_drain,
                                                  .on_close = closing_close};
    if (!stream || stream->dead)
        return;
    stream->corked = 0;
    stream->finishing = true;
    if (!stream->broken && !stream->closed_told)
        stream_flush(stream);
    if (stream->broken || stream->closed_told || (stream->eof && stream->finished)) {
        stream_close(stream);
        return;
    }
    stream->handler = &closing;
    stream->arg = NULL;
    stream->paused = false;
    list_push(&stream->loop->closing, &stream->node);
    loop_timer_init(&stream->linger, stream->loop, on_linger_over, stream);
    loop_timer_start(&stream->linger, LINGER_MS);
    stream_update_want(stream);
}

void
stream_guard_gone(struct loop *loop, const void *arg)
{
    struct stream *stream, *next;
    list_foreach_safe (stream, next, &loop->closing, node)
        if (stream->may_send && stream->guard_arg == arg)
            stream_close(stream);
}
