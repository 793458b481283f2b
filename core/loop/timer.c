/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of a loop: a binary heap of pointers to timers that lie in their owners. Starting never allocates but
 * when the heap grows. */
#include <assert.h>

#include "loop/loop_internal.h"

static inline bool
before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static inline void
put(struct loop *loop, uint32_t at, struct loop_timer *timer)
{
    loop->heap[at] = timer;
    timer->heap_at = at;
}

static void
sift_up(struct loop *loop, uint32_t at, struct loop_timer *timer)
{
    while (at > 1 && before(timer, loop->heap[at / 2])) {
        put(loop, at, loop->heap[at / 2]);
        at /= 2;
    }
    put(loop, at, timer);
}

static void
sift_down(struct loop *loop, uint32_t at, struct loop_timer *timer)
{
    for (;;) {
        uint32_t child = at * 2;
        if (child > loop->heap_count)
            break;
        if (child < loop->heap_count && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], timer))
            break;
        put(loop, at, loop->heap[child]);
        at = child;
    }
    put(loop, at, timer);
}

void
loop_timer_init(struct loop_timer *timer, struct loop *loop, loop_timer_fn *fn, void *arg)
{
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .arg = arg};
}

void
loop_timer_start(struct loop_timer *timer, int64_t delay_ms)
{
    int64_t delay_ns;
    if (__builtin_mul_overflow(delay_ms, (int64_t)1000000, &delay_ns))
        delay_ns = INT64_MAX;
    loop_timer_start_ns(timer, delay_ns);
}

void
loop_timer_start_ns(struct loop_timer *timer, int64_t delay_ns)
{
    struct loop *loop = timer->loop;
    loop_timer_stop(timer);
    if (delay_ns < 0)
        delay_ns = 0;
    if (__builtin_add_overflow(loop_now_ns(loop), delay_ns, &timer->due_ns))
        timer->due_ns = INT64_MAX;
    timer->order = ++loop->timer_order;
    if (loop->heap_count + 1 >= loop->heap_cap) {
        loop->heap_cap = loop->heap_cap ? loop->heap_cap * 2 : 16;
        loop->heap = xreallocarray(loop->heap, loop->heap_cap, sizeof(struct loop_timer *));
    }
    sift_up(loop, ++loop->heap_count, timer);
}

void
loop_timer_stop(struct loop_timer *timer)
{
    uint32_t at = timer->heap_at;
    if (!at)
        return;
    struct loop *loop = timer->loop;
    assert(loop->heap[at] == timer);
    timer->heap_at = 0;
    struct loop_timer *last = loop->heap[loop->heap_count--];
    if (last == timer)
        return;
    if (at > 1 && before(last, loop->heap[at / 2]))
        sift_up(loop, at, last);
    else
        sift_down(loop, at, last);
}

void
loop_timers_fire(struct loop *loop)
{
    int64_t now_ns = loop_now_ns(loop);
    uint64_t newest = loop->timer_order; /* what is started meanwhile waits for the next turn */
    struct loop_timer *timer;
    while ((timer = loop_timers_first(loop)) != NULL && timer->due_ns <= now_ns && timer->order <= newest) {
        loop_timer_stop(timer);
        loop->calls++;
        timer->fn(timer->arg);
    }
}
