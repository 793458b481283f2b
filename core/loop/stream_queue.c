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
    segment->rope = NULL;
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
    if (segment->rope) {
        rope_fini(segment->rope);
        free(segment->rope);
    }
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

void
queue_append_rope(struct queue *queue, struct rope *rope)
{
    struct segment *segment = xmalloc(sizeof(*segment));
    rope_seal(rope);
    *segment = (struct segment){.len = rope->bytes, .rope = xmalloc(sizeof(*rope))};
    *segment->rope = *rope;
    *rope = (struct rope){0};
    segment->data = segment->rope->pieces[0].page->bytes + segment->rope->pieces[0].from;
    push(queue, segment);
    queue->bytes += segment->len;
}

static const char *
piece_end(const struct segment *segment)
{
    const struct rope_piece *piece = &segment->rope->pieces[segment->piece];
    return piece->page->bytes + piece->from + piece->len;
}

static int
peek_rope(const struct segment *segment, struct iovec *iov, int count, size_t *most)
{
    const char *data = segment->data;
    size_t len = (size_t)(piece_end(segment) - data);
    int n = 0;
    for (size_t i = segment->piece; n < count && *most;) {
        len = len < *most ? len : *most;
        iov[n++] = (struct iovec){(void *)(uintptr_t)data, len};
        *most -= len;
        if (++i == segment->rope->count)
            break;
        const struct rope_piece *piece = &segment->rope->pieces[i];
        data = piece->page->bytes + piece->from;
        len = piece->len;
    }
    return n;
}

/* n is less than what is left of it all. */
static void
consume_rope(struct segment *segment, size_t n)
{
    segment->len -= n;
    for (;;) {
        size_t left = (size_t)(piece_end(segment) - segment->data);
        if (n < left) {
            segment->data += n;
            return;
        }
        n -= left;
        const struct rope_piece *piece = &segment->rope->pieces[++segment->piece];
        segment->data = piece->page->bytes + piece->from;
    }
}

int
queue_peek(const struct queue *queue, struct iovec *iov, int count, size_t most)
{
    int n = 0;
    for (const struct segment *segment = queue->first; segment && n < count && most; segment = segment->next) {
        if (segment->rope) {
            n += peek_rope(segment, iov + n, count - n, &most);
            continue;
        }
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
    if (n && queue->first->rope) {
        consume_rope(queue->first, n);
    } else if (n) {
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
