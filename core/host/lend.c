/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a module may call: struct mesos_host, one per instance, filled with the functions below. Everything that an
 * instance starts through it is remembered, so that nothing calls into an instance that is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include "base/log.h"
#include "host/internal.h"
#include "host/kind_secret_resolver.h"

#define LOG_TEXT_MAX 4096

struct mesos_timer {
    struct loop_timer timer;
    struct list in_module;
    void (*fired)(void *arg);
    void *arg;
};

struct mesos_watch {
    struct loop_fd *watch;
    struct list in_module;
    void (*ready)(int fd, int events, void *arg);
    void *arg;
};

struct child {
    struct loop_child *watch;
    struct list in_module;
    void (*exited)(pid_t pid, int status, void *arg);
    void *arg;
};

struct offload {
    struct module *module; /* NULL: the instance is gone */
    struct list in_module;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct secret_question {
    struct module *module; /* who asks; NULL: the instance is gone */
    struct list in_module;
    void (*done)(void *arg, int status, const char *error, struct mesos_bytes value);
    void *arg;
};

static struct module *
self(const struct mesos_host *lent)
{
    return lent->self;
}

static void lend_log(const struct mesos_host *lent, int level, const char *file, int line, const char *format, ...)
    PRINTF_LIKE(5, 6);
static void
lend_log(const struct mesos_host *lent, int level, const char *file, int line, const char *format, ...)
{
    static const enum log_level levels[] = {LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR};
    char text[LOG_TEXT_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    log_write(level >= 0 && (size_t)level < ARRAY_LEN(levels) ? levels[level] : LOG_LEVEL_INFO, file, line, "%s", text);
}

static int lend_fail(const struct mesos_host *lent, int code, const char *format, ...) PRINTF_LIKE(3, 4);
static int
lend_fail(const struct mesos_host *lent, int code, const char *format, ...)
{
    struct err *failure = &self(lent)->failure;
    va_list ap;
    va_start(ap, format);
    vsnprintf(failure->text, sizeof failure->text, format, ap);
    va_end(ap);
    return failure->code = code < 0 ? code : -EINVAL;
}

static void
on_offload_work(void *arg)
{
    const struct offload *offload = arg;
    offload->work(offload->arg);
}

static void
on_offload_done(void *arg)
{
    struct offload *offload = arg;
    if (offload->module) {
        list_remove(&offload->in_module);
        if (offload->done)
            offload->done(offload->arg);
    }
    free(offload);
}

static void
lend_offload(const struct mesos_host *lent, bool ordered, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    struct module *module = self(lent);
    struct offload *offload = xcalloc(1, sizeof *offload);
    offload->module = module;
    offload->work = work;
    offload->done = done;
    offload->arg = arg;
    list_push(&module->offloads, &offload->in_module);
    loop_offload(module->host->options.loop, ordered ? module : NULL, on_offload_work, on_offload_done, offload);
}

static void
on_secret(void *arg, int status, const char *error, struct mesos_bytes value)
{
    struct secret_question *question = arg;
    if (question->module) {
        list_remove(&question->in_module);
        question->done(question->arg, status, error, value);
    }
    free(question);
}

static void
lend_resolve_secret(const struct mesos_host *lent, struct mesos_bytes secret,
                    void (*done)(void *arg, int status, const char *error, struct mesos_bytes value), void *arg)
{
    struct module *module = self(lent);
    struct secret_question *question = xcalloc(1, sizeof *question);
    question->module = module;
    question->done = done;
    question->arg = arg;
    list_push(&module->secrets, &question->in_module);
    secret_resolver_resolve(module->host->secret_resolver, str_n(secret.data, secret.len), on_secret, question);
}

static void
lend_count(const struct mesos_host *lent, const char *metric, double delta)
{
    const struct host_options *options = &self(lent)->host->options;
    if (options->count)
        options->count(options->arg, metric, delta);
}

static void
lend_gauge(const struct mesos_host *lent, const char *metric, double value)
{
    const struct host_options *options = &self(lent)->host->options;
    if (options->gauge)
        options->gauge(options->arg, metric, value);
}

static void
lend_timing(const struct mesos_host *lent, const char *metric, double ms)
{
    const struct host_options *options = &self(lent)->host->options;
    if (options->timing)
        options->timing(options->arg, metric, ms);
}

static void
timer_free(struct mesos_timer *timer)
{
    loop_timer_stop(&timer->timer);
    list_remove(&timer->in_module);
    free(timer);
}

static void
on_timer(void *arg)
{
    struct mesos_timer *timer = arg;
    void (*fired)(void *) = timer->fired;
    void *fired_arg = timer->arg;
    timer_free(timer);
    fired(fired_arg);
}

static struct mesos_timer *
lend_timer_start(const struct mesos_host *lent, int64_t delay_ms, void (*fired)(void *arg), void *arg)
{
    struct module *module = self(lent);
    struct mesos_timer *timer = xcalloc(1, sizeof *timer);
    timer->fired = fired;
    timer->arg = arg;
    list_push(&module->timers, &timer->in_module);
    loop_timer_init(&timer->timer, module->host->options.loop, on_timer, timer);
    loop_timer_start(&timer->timer, delay_ms < 0 ? 0 : delay_ms);
    return timer;
}

static void
lend_timer_stop(const struct mesos_host *lent, struct mesos_timer *timer)
{
    if (timer)
        timer_free(timer);
}

static void
on_ready(int fd, int events, void *arg)
{
    const struct mesos_watch *watch = arg;
    watch->ready(fd, events, watch->arg);
}

static struct mesos_watch *
lend_watch_fd(const struct mesos_host *lent, int fd, int events, void (*ready)(int fd, int events, void *arg), void *arg)
{
    struct module *module = self(lent);
    struct mesos_watch *watch = xcalloc(1, sizeof *watch);
    watch->ready = ready;
    watch->arg = arg;
    list_push(&module->watches, &watch->in_module);
    watch->watch = loop_fd_watch(module->host->options.loop, fd, events, on_ready, watch);
    return watch;
}

static void
lend_unwatch_fd(const struct mesos_host *lent, struct mesos_watch *watch)
{
    if (!watch)
        return;
    loop_fd_unwatch(watch->watch);
    list_remove(&watch->in_module);
    free(watch);
}

static void
on_child(pid_t pid, int status, void *arg)
{
    struct child *child = arg;
    void (*exited)(pid_t, int, void *) = child->exited;
    void *exited_arg = child->arg;
    list_remove(&child->in_module);
    free(child);
    exited(pid, status, exited_arg);
}

static int
watch_child(struct module *module, pid_t pid, void (*exited)(pid_t pid, int status, void *arg), void *arg)
{
    struct child *child = xcalloc(1, sizeof *child);
    child->exited = exited;
    child->arg = arg;
    list_init(&child->in_module);
    int rc = loop_child_watch(module->host->options.loop, pid, on_child, child, &child->watch, &module->failure);
    if (rc < 0) {
        free(child);
        return rc;
    }
    list_push(&module->children, &child->in_module);
    return 0;
}

static int
lend_watch_pid(const struct mesos_host *lent, pid_t pid, void (*exited)(pid_t pid, int status, void *arg), void *arg)
{
    return watch_child(self(lent), pid, exited, arg);
}

/* The part of the caller's struct that its ABI has. */
static struct mesos_spawn
spawn_read(const struct mesos_spawn *theirs)
{
    struct mesos_spawn spawn = {0};
    memcpy(&spawn, theirs, theirs->size < sizeof spawn ? theirs->size : sizeof spawn);
    return spawn;
}

static int
lend_spawn(const struct mesos_host *lent, const struct mesos_spawn *theirs,
           void (*exited)(pid_t pid, int status, void *arg), void *arg, pid_t *ret_pid)
{
    struct mesos_spawn spawn = spawn_read(theirs);
    if (spawn.fd_count > HOST_SPAWN_FDS_MAX)
        return lend_fail(lent, -EINVAL, "a child may get %d descriptors, not %zu", HOST_SPAWN_FDS_MAX, spawn.fd_count);
    pid_t pid = 0;
    int rc = host_spawn(&spawn, &pid);
    if (rc < 0)
        return lend_fail(lent, rc, "cannot start '%s': %s", spawn.file ? spawn.file : spawn.argv[0], strerror(-rc));
    rc = watch_child(self(lent), pid, exited, arg);
    if (rc < 0) {
        kill(pid, SIGKILL);
        return rc;
    }
    *ret_pid = pid;
    return 0;
}

static int64_t
lend_now_ms(const struct mesos_host *lent)
{
    return loop_now_ms(self(lent)->host->options.loop);
}

static double
lend_wall_secs(const struct mesos_host *lent)
{
    return loop_wall_secs(self(lent)->host->options.loop);
}

static const char *
lend_daemon_option(const struct mesos_host *lent, const char *name)
{
    const struct host_options *options = &self(lent)->host->options;
    return options->daemon_option ? options->daemon_option(options->arg, name) : NULL;
}

void
lend_init(struct module *module)
{
    const struct host_options *options = &module->host->options;
    list_init(&module->timers);
    list_init(&module->watches);
    list_init(&module->children);
    list_init(&module->offloads);
    list_init(&module->secrets);
    module->lent = (struct mesos_host){
        .size = sizeof(struct mesos_host),
        .abi = MESOS_ABI,
        .self = module,
        .log = lend_log,
        .fail = lend_fail,
        .reply = call_reply,
        .offload = lend_offload,
        .count = lend_count,
        .gauge = lend_gauge,
        .timing = lend_timing,
        .timer_start = lend_timer_start,
        .timer_stop = lend_timer_stop,
        .watch_fd = lend_watch_fd,
        .unwatch_fd = lend_unwatch_fd,
        .spawn = lend_spawn,
        .watch_pid = lend_watch_pid,
        .now_ms = lend_now_ms,
        .wall_secs = lend_wall_secs,
        .work_dir = options->work_dir,
        .runtime_dir = options->runtime_dir,
        .launcher_dir = options->launcher_dir,
        .daemon_option = lend_daemon_option,
        .resolve_secret = module->host->secret_resolver ? lend_resolve_secret : NULL,
    };
}

void
lend_quiet(struct module *module)
{
    while (!list_empty(&module->timers))
        timer_free(list_first(&module->timers, struct mesos_timer, in_module));
    while (!list_empty(&module->watches))
        lend_unwatch_fd(&module->lent, list_first(&module->watches, struct mesos_watch, in_module));
    while (!list_empty(&module->children)) {
        struct child *child = list_first(&module->children, struct child, in_module);
        loop_child_unwatch(child->watch);
        list_remove(&child->in_module);
        free(child);
    }
    while (!list_empty(&module->secrets)) { /* the answer finds nobody */
        struct secret_question *question = list_first(&module->secrets, struct secret_question, in_module);
        list_remove(&question->in_module);
        question->module = NULL;
    }
}

void
lend_fini(struct module *module)
{
    lend_quiet(module);
    while (!list_empty(&module->offloads)) { /* work may still run: its completion finds nobody */
        struct offload *offload = list_first(&module->offloads, struct offload, in_module);
        list_remove(&offload->in_module);
        offload->module = NULL;
    }
}
