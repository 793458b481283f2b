/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work off the thread. Threads start when there is work for them, up to the limit; finished work comes back through
 * an eventfd. A lane runs one piece at a time, in order. With a virtual clock nothing leaves the loop's thread: the
 * pieces that could run at once are taken in an order that the seed decides.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "base/crash.h"
#include "base/map.h"
#include "loop/loop_internal.h"

struct job {
    struct list node;
    const void *lane_key;
    struct lane *lane; /* NULL = no order */
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

/* Exists while work of the lane is queued or running; its first job is queued or running elsewhere. */
struct lane {
    const void *key;
    struct list waiting;
};

struct offload {
    struct loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t ready_cond;
    struct list ready; /* may run now */
    struct list finished; /* done() is owed */
    struct map lanes; /* by address */
    unsigned ready_count;
    unsigned idle, threads;
    bool quit;
    int event_fd;
    struct loop_fd *watch;
    pthread_t ids[];
};

static void
run_done(struct job *job)
{
    void (*done)(void *arg) = job->done;
    void *arg = job->arg;
    free(job);
    if (done)
        done(arg);
}

static void
on_finished(int fd, int events, void *arg)
{
    struct offload *offload = arg;
    struct list batch;
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof(count));
    (void)n;
    list_init(&batch);
    pthread_mutex_lock(&offload->lock);
    while (!list_empty(&offload->finished)) {
        struct job *job = list_first(&offload->finished, struct job, node);
        list_remove(&job->node);
        list_push(&batch, &job->node);
    }
    pthread_mutex_unlock(&offload->lock);
    while (!list_empty(&batch)) {
        struct job *job = list_first(&batch, struct job, node);
        list_remove(&job->node);
        run_done(job);
    }
}

static struct offload *
offload_get(struct loop *loop)
{
    struct offload *offload = loop->offload;
    if (offload)
        return offload;
    offload = xcalloc(1, sizeof(*offload) + loop->offload_threads * sizeof(pthread_t));
    offload->loop = loop;
    pthread_mutex_init(&offload->lock, NULL);
    pthread_cond_init(&offload->ready_cond, NULL);
    list_init(&offload->ready);
    list_init(&offload->finished);
    offload->event_fd = -1;
    if (!loop->clock->is_virtual) {
        offload->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (offload->event_fd < 0)
            abort();
        offload->watch = loop_fd_watch(loop, offload->event_fd, LOOP_READ, on_finished, offload);
    }
    loop->offload = offload;
    return offload;
}

static void
make_ready(struct offload *offload, struct job *job)
{
    list_push(&offload->ready, &job->node);
    offload->ready_count++;
}

static void
enqueue(struct offload *offload, struct job *job)
{
    if (!job->lane_key) {
        make_ready(offload, job);
        return;
    }
    struct lane *lane = map_get(&offload->lanes, str_n(&job->lane_key, sizeof(job->lane_key)));
    if (lane) {
        job->lane = lane;
        list_push(&lane->waiting, &job->node);
        return;
    }
    lane = xmalloc(sizeof(*lane));
    lane->key = job->lane_key;
    list_init(&lane->waiting);
    map_add(&offload->lanes, str_n(&lane->key, sizeof(lane->key)), lane);
    job->lane = lane;
    make_ready(offload, job);
}

/* The work of `job` is over: the next of its lane may run. */
static void
advance_lane(struct offload *offload, struct job *job)
{
    struct lane *lane = job->lane;
    if (!lane)
        return;
    struct job *next = list_first(&lane->waiting, struct job, node);
    if (next) {
        list_remove(&next->node);
        make_ready(offload, next);
        return;
    }
    map_remove(&offload->lanes, str_n(&lane->key, sizeof(lane->key)));
    free(lane);
}

static struct job *
take_ready(struct offload *offload)
{
    struct job *job = list_first(&offload->ready, struct job, node);
    if (job) {
        list_remove(&job->node);
        offload->ready_count--;
    }
    return job;
}

static void *
thread_main(void *arg)
{
    struct offload *offload = arg;
    struct job *job;
    crash_thread_begin();
    pthread_mutex_lock(&offload->lock);
    for (;;) {
        while ((job = take_ready(offload)) == NULL && !offload->quit) {
            offload->idle++;
            pthread_cond_wait(&offload->ready_cond, &offload->lock);
            offload->idle--;
        }
        if (!job)
            break;
        pthread_mutex_unlock(&offload->lock);
        job->work(job->arg);
        pthread_mutex_lock(&offload->lock);
        advance_lane(offload, job);
        bool first = list_empty(&offload->finished);
        list_push(&offload->finished, &job->node);
        if (first) { /* not while the loop would have to wait for the lock */
            pthread_mutex_unlock(&offload->lock);
            uint64_t one = 1;
            ssize_t n = write(offload->event_fd, &one, sizeof(one));
            (void)n;
            pthread_mutex_lock(&offload->lock);
        }
    }
    pthread_mutex_unlock(&offload->lock);
    crash_thread_end();
    return NULL;
}

/* Signals stay with the loop's thread. */
static void
thread_start(struct offload *offload)
{
    sigset_t all, before;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 512 * 1024);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&offload->ids[offload->threads], &attr, thread_main, offload) == 0)
        offload->threads++;
    else if (offload->threads == 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
}

void
loop_offload(struct loop *loop, const void *lane, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct offload *offload = offload_get(loop);
    struct job *job = xcalloc(1, sizeof(*job));
    list_init(&job->node);
    job->lane_key = lane;
    job->work = work;
    job->done = done;
    job->arg = arg;
    pthread_mutex_lock(&offload->lock);
    enqueue(offload, job);
    bool more = offload->ready_count > offload->idle && offload->threads < loop->offload_threads;
    pthread_mutex_unlock(&offload->lock);
    pthread_cond_signal(&offload->ready_cond);
    if (more && !loop->clock->is_virtual)
        thread_start(offload);
}

bool
loop_offload_step(struct loop *loop)
{
    struct offload *offload = loop->offload;
    if (!offload || offload->ready_count == 0)
        return false;
    uint64_t skip = loop_random(loop) % offload->ready_count;
    struct job *job = list_first(&offload->ready, struct job, node);
    while (skip--)
        job = list_entry(job->node.next, struct job, node);
    list_remove(&job->node);
    offload->ready_count--;
    loop->calls++;
    job->work(job->arg);
    advance_lane(offload, job);
    run_done(job);
    return true;
}

void
loop_offload_free(struct loop *loop)
{
    struct offload *offload = loop->offload;
    if (!offload)
        return;
    pthread_mutex_lock(&offload->lock);
    offload->quit = true;
    pthread_cond_broadcast(&offload->ready_cond);
    pthread_mutex_unlock(&offload->lock);
    for (unsigned i = 0; i < offload->threads; i++)
        pthread_join(offload->ids[i], NULL);
    struct job *job;
    while ((job = take_ready(offload)) != NULL) { /* virtual clock: threads would have emptied it */
        job->work(job->arg);
        advance_lane(offload, job);
        free(job);
    }
    while ((job = list_first(&offload->finished, struct job, node)) != NULL) {
        list_remove(&job->node);
        free(job);
    }
    assert(map_count(&offload->lanes) == 0);
    map_fini(&offload->lanes);
    loop_fd_unwatch(offload->watch);
    if (offload->event_fd >= 0)
        close(offload->event_fd);
    pthread_cond_destroy(&offload->ready_cond);
    pthread_mutex_destroy(&offload->lock);
    free(offload);
    loop->offload = NULL;
}
