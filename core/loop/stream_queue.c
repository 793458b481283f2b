/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The write queue of a stream: small writes share blocks, which go back to a short list of spares on the loop, so that
 * busy streams do not allocate and idle ones hold nothing.
 */
#include <assert.h>

#include "loop/stream_internal.h"

static void
push(struct queue *queue, struct segment *segment)
{
    segment->next = NULL;
    if (queue->last)
        queue->last->next = segment;
    else
        queue->first = segment;
    queue->last = segment;
}

static struct segment *
block_new(struct loop *loop, size_t want)
{
    struct segment *segment = NULL;
    if (want <= SEGMENT_BYTES && loop->spare_segments) {
        segment = loop->spare_segments;
        loop->spare_segments = segment->next;
        loop->spare_count--;
    } else {
        size_t cap = want > SEGMENT_BYTES ? want : SEGMENT_BYTES;
        segment = xmalloc(sizeof(*segment) + cap);
        segment->cap = cap;
    }
    segment->data = segment->block;
    segment->len = 0;
    segment->release = NULL;
    return segment;
}

static void
segment_free(struct loop *loop, struct segment *segment)
{
    if (segment->cap == SEGMENT_BYTES && loop->spare_count < SEGMENTS_SPARE) {
        segment->next = loop->spare_segments;
        loop->spare_segments = segment;
        loop->spare_count++;
        return;
    }
    if (segment->release)
        segment->release(segment->arg);
    free(segment);
}

void
queue_append(struct loop *loop, struct queue *queue, const void *data, size_t len)
{
    const char *from = data;
    queue->bytes += len;
    while (len) {
        struct segment *last = queue->last;
        size_t room = last && last->cap ? last->cap - (size_t)(last->data + last->len - last->block) : 0;
        if (!room) {
            push(queue, block_new(loop, len));
            continue;
        }
        size_t n = len < room ? len : room;
        memcpy(last->block + (last->data - last->block) + last->len, from, n);
        last->len += n;
        from += n;
        len -= n;
    }
}

void
queue_append_ref(struct queue *queue, const void *data, size_t len, void (*release)(void *arg), void *arg)
{
    struct segment *segment = xmalloc(sizeof(*segment));
    *segment = (struct segment){.data = data, .len = len, .release = release, .arg = arg};
    push(queue, segment);
    queue->bytes += len;
}

int
queue_peek(const struct queue *queue, struct iovec *iov, int count, size_t most)
{
    int n = 0;
    for (const struct segment *segment = queue->first; segment && n < count && most; segment = segment->next) {
        size_t len = segment->len < most ? segment->len : most;
        iov[n++] = (struct iovec){(void *)(uintptr_t)segment->data, len};
        most -= len;
    }
    return n;
}

void
queue_consume(struct loop *loop, struct queue *queue, size_t n)
{
    assert(n <= queue->bytes);
    queue->bytes -= n;
    while (queue->first && n >= queue->first->len) {
        struct segment *segment = queue->first;
        n -= segment->len;
        queue->first = segment->next;
        if (!queue->first)
            queue->last = NULL;
        segment_free(loop, segment);
    }
    if (n) {
        queue->first->data += n;
        queue->first->len -= n;
    }
}

void
queue_clear(struct loop *loop, struct queue *queue)
{
    queue_consume(loop, queue, queue->bytes);
}

void
queue_spares_free(struct loop *loop)
{
    while (loop->spare_segments) {
        struct segment *segment = loop->spare_segments;
        loop->spare_segments = segment->next;
        free(segment);
    }
    loop->spare_count = 0;
}
