/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: timers, descriptors, children, signals, work off the thread, and the clock. The one room that knows
 * libevent. All callbacks run on the thread that runs the loop, never from inside the call that registered them.
 * With a virtual clock (tests) time stands still while anything is ready and jumps to the next timer otherwise.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <sys/types.h>
#include "base/list.h"
#include "base/err.h"
#include <stdint.h>

struct loop;

struct loop_options {
    bool virtual_clock; /* time is simulated; starts at wall 2020-01-01T00:00:00Z */
    uint64_t seed; /* virtual clock: order of offloaded work that is ready at once; else ignored */
    unsigned offload_threads; /* 0 = 4; with a virtual clock work runs inline on the loop */
};

struct loop *loop_new(const struct loop_options *options /* NULL = defaults */, struct err *err);
void loop_free(struct loop *loop);
/* Runs until loop_stop, or (virtual clock) until nothing is left to happen. */
void loop_run(struct loop *loop);
/* Runs until `done` says true or the time is over; returns done's last word. For tests. */
bool loop_run_until(struct loop *loop, bool (*done)(void *arg), void *arg, int64_t timeout_ms);
void loop_stop(struct loop *loop);

int64_t loop_now_ns(const struct loop *loop); /* monotonic; read once per turn of the loop */
int64_t loop_now_ms(const struct loop *loop);
/* The same read at the call: for what must hold although the process may have been stopped meanwhile. */
int64_t loop_exact_ms(const struct loop *loop);
double loop_wall_secs(const struct loop *loop); /* seconds since 1970, as Mesos timestamps; read at the call */
uint64_t loop_random(struct loop *loop); /* uniform; seeded by options with a virtual clock, by the kernel else */

/* Timers: embedded in their owner, who stops them before it is freed. */
typedef void loop_timer_fn(void *arg);
struct loop_timer {
    struct loop *loop;
    loop_timer_fn *fn;
    void *arg;
    int64_t due_ns; /* valid while heap_at != 0 */
    uint64_t order; /* equal due times fire in order of starting */
    uint32_t heap_at; /* 1-based place in the loop's heap; 0 = not running */
};
void loop_timer_init(struct loop_timer *timer, struct loop *loop, loop_timer_fn *fn, void *arg);
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms); /* restarts when running */
void loop_timer_start_ns(struct loop_timer *timer, int64_t delay_ns);
void loop_timer_stop(struct loop_timer *timer); /* harmless when not running or never initialised (zeroed) */
static inline bool
loop_timer_running(const struct loop_timer *timer)
{
    return timer->heap_at != 0;
}

/* Runs fn(arg) soon, from the loop, once. Cannot be cancelled: arg must live until then. */
void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Work in small bites that waits for nothing and can wait for everybody: each turn of the loop runs one bite of one of
 * them, in a round, after all that is urgent. A bite should stay below a tenth of a millisecond or so. Embedded in its
 * owner, who stops it before it is freed; it goes on until it is stopped, also from inside its bite. */
struct loop_background {
    struct list node;
    void (*bite)(void *arg);
    void *arg;
};
void loop_background_init(struct loop_background *work, void (*bite)(void *arg), void *arg);
void loop_background_start(struct loop *loop, struct loop_background *work); /* harmless when it runs */
void loop_background_stop(struct loop_background *work); /* harmless when it does not run, or is zeroed */

/* Descriptors. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_fd;
typedef void loop_fd_fn(int fd, int events, void *arg);
struct loop_fd *loop_fd_watch(struct loop *loop, int fd, int events, loop_fd_fn *fn, void *arg);
void loop_fd_events(struct loop_fd *watch, int events); /* changes what is waited for; 0 = pause */
/* Reading from it waits until nothing else is there to do, and one of its kind is called in a turn of the loop. */
void loop_fd_patient(struct loop_fd *watch, bool patient);
void loop_fd_unwatch(struct loop_fd *watch); /* NULL is fine; fd stays open; no callback afterwards */

/* Children, by pidfd: no SIGCHLD handler. For a pid that is no child of ours status is -1 (its end is still seen). */
struct loop_child;
typedef void loop_child_fn(pid_t pid, int status, void *arg); /* status: wait(2) */
/* -ESRCH when the process does not exist (any more). The watch frees itself after its callback. */
int loop_child_watch(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg, struct loop_child **ret,
                     struct err *err);
void loop_child_unwatch(struct loop_child *child); /* NULL is fine; the child is not reaped by us then */

/* Signals: delivered from the loop. */
int loop_signal(struct loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg, struct err *err);

/*
 * Work off the thread: `work` runs on another thread and must touch only arg; `done` then runs from the loop.
 * Per `lane` (any pointer; NULL = no order) work runs one after the other in order of the calls.
 */
void loop_offload(struct loop *loop, const void *lane, void (*work)(void *arg), void (*done)(void *arg), void *arg);

#endif
