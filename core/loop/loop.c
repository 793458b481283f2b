/* SPDX-License-Identifier: Apache-2.0 */
/* The loop itself: turns, the clock, descriptors, signals. Its owner is main() or a test; one thread runs it. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/random.h>
#include <time.h>

#include "loop/loop_internal.h"

/* A virtual clock begins away from zero, so that "0 = never" stays distinguishable. */
#define VIRTUAL_START_NS (3600 * (int64_t)1000000000)
#define VIRTUAL_WALL_SECS 1577836800.0 /* 2020-01-01T00:00:00Z */

/* libevent handles what is patient when nothing urgent is there. */
enum { URGENT, PATIENT, PRIORITIES };

struct loop_fd {
    struct list node;
    struct loop *loop;
    int fd, events;
    loop_fd_fn *fn;
    void *arg;
    bool patient;
    struct event reading, writing;
};

struct loop_signal {
    struct list node;
    struct loop *loop;
    struct event event;
    void (*fn)(int signo, void *arg);
    void *arg;
};

static void
on_wake(evutil_socket_t fd, short events, void *arg)
{
    struct loop *loop = arg;
    loop->wake_due_ns = 0;
}

static void
on_round(evutil_socket_t fd, short events, void *arg)
{
    struct loop *loop = arg;
    event_base_loopbreak(loop->base);
}

static uint64_t
mix(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int
base_open(struct loop *loop, struct err *err)
{
    struct event_config *config = event_config_new();
    if (!config)
        return err_set(err, -ENOMEM, "cannot configure the event library");
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!loop->base)
        return err_errno(err, "cannot start the event library");
    event_base_priority_init(loop->base, PRIORITIES);
    loop->wake = evtimer_new(loop->base, on_wake, loop);
    loop->round = event_new(loop->base, -1, 0, on_round, loop);
    if (!loop->wake || !loop->round)
        return err_set(err, -ENOMEM, "cannot make the loop's timer");
    event_priority_set(loop->wake, URGENT);
    event_priority_set(loop->round, URGENT);
    return 0;
}

struct loop *
loop_new(const struct loop_options *options, struct err *err)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    list_init(&loop->tasks);
    list_init(&loop->background);
    list_init(&loop->fds);
    list_init(&loop->signals);
    list_init(&loop->children);
    list_init(&loop->closing);
    list_init(&loop->bulks);
    loop->clock = xcalloc(1, sizeof(*loop->clock));
    loop->clock->is_virtual = options && options->virtual_clock;
    loop->clock->now_ns = loop->clock->start_ns = VIRTUAL_START_NS;
    loop->offload_threads = options && options->offload_threads ? options->offload_threads : 4;
    uint64_t seed = options ? options->seed : 0;
    if (!loop->clock->is_virtual && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        abort();
    for (size_t i = 0; i < ARRAY_LEN(loop->random_state); i++)
        loop->random_state[i] = mix(&seed);
    if (base_open(loop, err)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void
loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_offload_free(loop);
    loop_streams_free(loop);
    stream_bulks_free(loop);
    loop_children_free(loop);
    while (!list_empty(&loop->tasks)) {
        struct loop_task *task = list_first(&loop->tasks, struct loop_task, node);
        list_remove(&task->node);
        if (task->owned)
            free(task);
    }
    while (!list_empty(&loop->fds))
        loop_fd_unwatch(list_first(&loop->fds, struct loop_fd, node));
    while (!list_empty(&loop->signals)) {
        struct loop_signal *sig = list_first(&loop->signals, struct loop_signal, node);
        event_del(&sig->event);
        list_remove(&sig->node);
        free(sig);
    }
    for (uint32_t i = 1; i <= loop->heap_count; i++)
        loop->heap[i]->heap_at = 0;
    if (loop->wake)
        event_free(loop->wake);
    if (loop->round)
        event_free(loop->round);
    if (loop->base)
        event_base_free(loop->base);
    free(loop->heap);
    free(loop->clock);
    free(loop);
}

static void
run_tasks(struct loop *loop)
{
    struct list batch;
    if (list_empty(&loop->tasks))
        return;
    /* What is posted meanwhile waits for the next turn, else two tasks could starve the descriptors. */
    batch = loop->tasks;
    batch.next->prev = batch.prev->next = &batch;
    list_init(&loop->tasks);
    while (!list_empty(&batch)) {
        struct loop_task *task = list_first(&batch, struct loop_task, node);
        list_remove(&task->node);
        void (*fn)(void *arg) = task->fn;
        void *arg = task->arg;
        if (task->owned)
            free(task);
        loop->calls++;
        fn(arg);
    }
}

void
loop_background_init(struct loop_background *work, void (*bite)(void *arg), void *arg)
{
    list_init(&work->node);
    work->bite = bite;
    work->arg = arg;
}

void
loop_background_start(struct loop *loop, struct loop_background *work)
{
    if (list_empty(&work->node))
        list_push(&loop->background, &work->node);
}

void
loop_background_stop(struct loop_background *work)
{
    if (work->node.next)
        list_remove(&work->node);
}

static void
bite(struct loop *loop)
{
    struct loop_background *work = list_first(&loop->background, struct loop_background, node);
    if (!work || loop->stop)
        return;
    list_remove(&work->node);
    list_push(&loop->background, &work->node);
    loop->calls++;
    work->bite(work->arg);
}

/* Sets the one libevent timer to the first of ours, and leaves it alone when it is right already. */
static void
set_wake(struct loop *loop)
{
    struct loop_timer *first = loop_timers_first(loop);
    if (!first) {
        if (loop->wake_due_ns)
            event_del(loop->wake);
        loop->wake_due_ns = 0;
        return;
    }
    if (first->due_ns == loop->wake_due_ns)
        return;
    loop->clock->valid = false;
    int64_t wait_ns = first->due_ns - loop_now_ns(loop);
    int64_t wait_us = wait_ns > 0 ? (wait_ns - 1) / 1000 + 1 : 0;
    if (wait_us > 3600 * (int64_t)1000000) {
        wait_us = 3600 * (int64_t)1000000; /* far times need not fit a timeval */
        loop->wake_due_ns = 1;
    } else {
        loop->wake_due_ns = first->due_ns;
    }
    struct timeval tv = {wait_us / 1000000, wait_us % 1000000};
    event_add(loop->wake, &tv);
}

/*
 * One round of everything. Returns false when nothing can happen any more. `look`: the caller wants to look at the
 * world as soon as anything was called, so do not wait for more then.
 */
static bool
turn(struct loop *loop, bool look)
{
    uint64_t calls = loop->calls;
    loop->clock->valid = false;
    run_tasks(loop);
    loop_timers_fire(loop);
    if (loop->stop)
        return true;
    if (!loop->clock->is_virtual) {
        bool wait =
            list_empty(&loop->tasks) && list_empty(&loop->background) && !(look && loop->calls != calls);
        if (wait)
            set_wake(loop);
        loop->clock->valid = false;
        int rc = event_base_loop(loop->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK));
        if (rc < 0)
            abort();
        bite(loop);
        return rc == 0 || !list_empty(&loop->tasks) || !list_empty(&loop->background) || loop->heap_count;
    }
    loop_offload_step(loop);
    event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    bite(loop);
    if (loop->calls != calls || !list_empty(&loop->tasks))
        return true;
    struct loop_timer *first = loop_timers_first(loop);
    if (!first)
        return false;
    if (first->due_ns > loop->clock->now_ns)
        loop->clock->now_ns = first->due_ns;
    return true;
}

void
loop_run(struct loop *loop)
{
    loop->stop = false;
    while (!loop->stop && turn(loop, false))
        continue;
}

static void
on_deadline(void *arg)
{
    *(bool *)arg = true;
}

bool
loop_run_until(struct loop *loop, bool (*done)(void *arg), void *arg, int64_t timeout_ms)
{
    bool over = false;
    struct loop_timer deadline;
    loop->stop = false;
    loop->clock->valid = false;
    loop_timer_init(&deadline, loop, on_deadline, &over);
    loop_timer_start(&deadline, timeout_ms);
    while (!(done && done(arg)) && !over && !loop->stop && turn(loop, true))
        continue;
    loop_timer_stop(&deadline);
    return done && done(arg);
}

void
loop_stop(struct loop *loop)
{
    loop->stop = true;
}

int64_t
loop_now_ns(const struct loop *loop)
{
    struct loop_clock *clock = loop->clock;
    if (!clock->is_virtual && !clock->valid) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        clock->now_ns = ts.tv_sec * (int64_t)1000000000 + ts.tv_nsec;
        clock->valid = true;
    }
    return clock->now_ns;
}

int64_t
loop_now_ms(const struct loop *loop)
{
    return loop_now_ns(loop) / 1000000;
}

int64_t
loop_exact_ms(const struct loop *loop)
{
    struct timespec ts;
    if (loop->clock->is_virtual)
        return loop_now_ms(loop);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

double
loop_wall_secs(const struct loop *loop)
{
    if (loop->clock->is_virtual)
        return VIRTUAL_WALL_SECS + (double)(loop->clock->now_ns - loop->clock->start_ns) / 1e9;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

/* xoshiro256**: for back-off and shuffling, never for secrets. */
uint64_t
loop_random(struct loop *loop)
{
    uint64_t *s = loop->random_state;
    uint64_t result = ROTL(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = ROTL(s[3], 45);
    return result;
}

void
loop_task_init(struct loop_task *task, void (*fn)(void *arg), void *arg)
{
    list_init(&task->node);
    task->fn = fn;
    task->arg = arg;
    task->owned = false;
}

void
loop_task_post(struct loop *loop, struct loop_task *task)
{
    if (!loop_task_posted(task))
        list_push(&loop->tasks, &task->node);
}

void
loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct loop_task *task = xmalloc(sizeof(*task));
    loop_task_init(task, fn, arg);
    task->owned = true;
    loop_task_post(loop, task);
}

static void
on_fd(evutil_socket_t fd, short events, void *arg)
{
    struct loop_fd *watch = arg;
    struct loop *loop = watch->loop;
    bool patient = watch->patient;
    loop->calls++;
    watch->fn(fd, events & EV_READ ? LOOP_READ : LOOP_WRITE, watch->arg);
    if (patient)
        event_base_loopbreak(loop->base); /* the others that are patient wait until the world was looked at again */
    else
        event_active(loop->round, EV_READ, 0); /* behind all that is urgent now */
}

static void
set_priority(struct loop_fd *watch)
{
    int priority = watch->patient ? PATIENT : URGENT;
    event_priority_set(&watch->reading, priority);
    event_priority_set(&watch->writing, URGENT);
}

void
loop_fd_patient(struct loop_fd *watch, bool patient)
{
    int events = watch->events;
    if (watch->patient == patient)
        return;
    watch->patient = patient;
    loop_fd_events(watch, 0); /* an event that is about to be handled would keep its place in the row, this time and ever after */
    set_priority(watch);
    loop_fd_events(watch, events);
}

struct loop_fd *
loop_fd_watch(struct loop *loop, int fd, int events, loop_fd_fn *fn, void *arg)
{
    struct loop_fd *watch = xcalloc(1, sizeof(*watch));
    watch->loop = loop;
    watch->fd = fd;
    watch->fn = fn;
    watch->arg = arg;
    list_push(&loop->fds, &watch->node);
    event_assign(&watch->reading, loop->base, fd, EV_READ | EV_PERSIST, on_fd, watch);
    event_assign(&watch->writing, loop->base, fd, EV_WRITE | EV_PERSIST, on_fd, watch);
    set_priority(watch);
    loop_fd_events(watch, events);
    return watch;
}

void
loop_fd_events(struct loop_fd *watch, int events)
{
    int change = watch->events ^ events;
    watch->events = events;
    for (int bit = LOOP_READ; bit <= LOOP_WRITE; bit <<= 1) {
        struct event *event = bit == LOOP_READ ? &watch->reading : &watch->writing;
        if ((change & bit) && (events & bit ? event_add(event, NULL) : event_del(event)) != 0)
            abort(); /* a descriptor that cannot be waited for, or out of kernel memory */
    }
}

void
loop_fd_unwatch(struct loop_fd *watch)
{
    if (!watch)
        return;
    loop_fd_events(watch, 0);
    list_remove(&watch->node);
    free(watch);
}

static void
on_signal(evutil_socket_t signo, short events, void *arg)
{
    struct loop_signal *sig = arg;
    sig->loop->calls++;
    sig->fn(signo, sig->arg);
}

int
loop_signal(struct loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg, struct err *err)
{
    struct loop_signal *sig = xcalloc(1, sizeof(*sig));
    sig->loop = loop;
    sig->fn = fn;
    sig->arg = arg;
    if (event_assign(&sig->event, loop->base, signo, EV_SIGNAL | EV_PERSIST, on_signal, sig) != 0 ||
        event_priority_set(&sig->event, URGENT) != 0 || event_add(&sig->event, NULL) != 0) {
        free(sig);
        return err_set(err, -EINVAL, "cannot watch signal %d", signo);
    }
    list_push(&loop->signals, &sig->node);
    return 0;
}
