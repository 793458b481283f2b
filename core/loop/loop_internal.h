/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share about the loop. Nobody outside core/loop includes it. */
#ifndef LOOP_LOOP_INTERNAL_H
#define LOOP_LOOP_INTERNAL_H

#include "base/buf.h"
#include "loop/loop.h"

struct event;
struct event_base;
struct offload;
struct stream_net;
struct segment;

/* A call that is owed by the loop and can be taken back: embedded in its owner. */
struct loop_task {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
    bool owned; /* made by loop_defer: freed after the call */
};

struct loop_clock {
    bool is_virtual;
    bool valid; /* now_ns was read in this turn */
    int64_t now_ns;
    int64_t start_ns; /* of a virtual clock */
};

struct loop {
    struct event_base *base;
    struct event *wake; /* the one libevent timer, set to the heap's first */
    struct event *round; /* ends a turn when all that is urgent was called: libevent would stay while somebody is patient */
    int64_t wake_due_ns; /* 0 = not set */
    struct loop_clock *clock; /* by pointer: reading a const loop's clock fills the cache */
    struct loop_timer **heap; /* 1-based */
    uint32_t heap_count, heap_cap;
    uint64_t timer_order;
    struct list tasks;
    struct list background; /* struct loop_background */
    struct list fds, signals, children;
    uint64_t calls; /* callbacks made, to see whether a turn did anything */
    bool stop;
    uint64_t random_state[4];
    struct offload *offload;
    unsigned offload_threads;
    /* For streams: */
    struct stream_net *net; /* NULL = real sockets */
    struct buf scratch; /* where all sockets read to; empty while a handler looks at it */
    struct segment *spare_segments;
    unsigned spare_count;
    struct list closing; /* streams that only send what is left */
    struct list bulks; /* sends that are under way on another thread */
    char lookups[2]; /* lanes: so many names of peers are looked up at the same time */
    unsigned lookup_count;
};

void loop_task_init(struct loop_task *task, void (*fn)(void *arg), void *arg);
/* Harmless when it is already owed. */
void loop_task_post(struct loop *loop, struct loop_task *task);
static inline bool
loop_task_posted(const struct loop_task *task)
{
    return !list_empty(&task->node);
}
static inline void
loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->node);
}

/* timer.c */
void loop_timers_fire(struct loop *loop);
static inline struct loop_timer *
loop_timers_first(const struct loop *loop)
{
    return loop->heap_count ? loop->heap[1] : NULL;
}
/* child.c */
void loop_children_free(struct loop *loop);
/* offload.c */
bool loop_offload_step(struct loop *loop); /* virtual clock: runs one piece of work; false when there was none */
void loop_offload_free(struct loop *loop);
/* stream.c */
void loop_streams_free(struct loop *loop);
/* stream_bulk.c: when no other thread is left */
void stream_bulks_free(struct loop *loop);

#endif
