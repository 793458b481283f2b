/* SPDX-License-Identifier: Apache-2.0 */
/* One module and its clock: see lone_host.h. */
#include "lone_host.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lone_host *
lone_of(const struct mesos_host *host)
{
    return host->self;
}

static void __attribute__((format(printf, 5, 6)))
lone_log(const struct mesos_host *host, int level, const char *file, int line, const char *format, ...)
{
    (void)host;
    if (level == MESOS_LOG_INFO)
        return;
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static int __attribute__((format(printf, 3, 4)))
lone_fail(const struct mesos_host *host, int code, const char *format, ...)
{
    struct lone_host *lone = lone_of(host);
    va_list ap;
    va_start(ap, format);
    vsnprintf(lone->failure, sizeof(lone->failure), format, ap);
    va_end(ap);
    return code;
}

static void
lone_count(const struct mesos_host *host, const char *metric, double delta)
{
    (void)metric;
    lone_of(host)->counted += delta;
}

static void
lone_gauge(const struct mesos_host *host, const char *metric, double value)
{
    (void)host;
    (void)metric;
    (void)value;
}

static void
lone_timing(const struct mesos_host *host, const char *metric, double ms)
{
    (void)host;
    (void)metric;
    (void)ms;
}

static struct mesos_timer *
lone_timer_start(const struct mesos_host *host, int64_t delay_ms, void (*fired)(void *arg), void *arg)
{
    struct lone_host *lone = lone_of(host);
    struct lone_timer *timer = malloc(sizeof(*timer)), **at = &lone->timers;
    *timer = (struct lone_timer){.due_ms = lone->now_ms + delay_ms, .fired = fired, .arg = arg};
    while (*at && (*at)->due_ms <= timer->due_ms)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    return (struct mesos_timer *)timer;
}

static void
lone_timer_stop(const struct mesos_host *host, struct mesos_timer *handle)
{
    struct lone_timer **at = &lone_of(host)->timers, *timer = (struct lone_timer *)handle;
    while (*at && *at != timer)
        at = &(*at)->next;
    if (*at)
        *at = timer->next;
    free(timer);
}

static int64_t
lone_now_ms(const struct mesos_host *host)
{
    return lone_of(host)->now_ms;
}

static double
lone_wall_secs(const struct mesos_host *host)
{
    return 1577836800 + (double)lone_of(host)->now_ms / 1000;
}

static const char *
lone_option(const struct mesos_host *host, const char *name)
{
    const char *const *at = lone_of(host)->options;
    for (; at && at[0]; at += 2)
        if (strcmp(at[0], name) == 0)
            return at[1];
    return NULL;
}

static const struct mesos_module *
find_module(void *library, enum mesos_kind kind)
{
    union {
        void *object;
        mesos_modules_fn *function;
    } symbol = {.object = library ? dlsym(library, "mesos_modules") : NULL};
    const struct mesos_module *const *modules = symbol.function ? symbol.function() : NULL;
    for (; modules && *modules; modules++)
        if ((*modules)->kind == kind && (*modules)->abi == MESOS_ABI)
            return *modules;
    return NULL;
}

int
lone_host_start(struct lone_host *lone, const char *path, enum mesos_kind kind, const char *const *options)
{
    *lone = (struct lone_host){.options = options, .library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    lone->module = find_module(lone->library, kind);
    if (!lone->module) {
        const char *why = dlerror();
        fprintf(stderr, "%s: no such module: %s\n", path, why ? why : "no module of the kind in it");
        abort();
    }
    lone->host = (struct mesos_host){.size = sizeof(lone->host), .abi = MESOS_ABI, .self = lone,
                                     .log = lone_log, .fail = lone_fail, .count = lone_count, .gauge = lone_gauge, .timing = lone_timing,
                                     .timer_start = lone_timer_start, .timer_stop = lone_timer_stop,
                                     .now_ms = lone_now_ms, .wall_secs = lone_wall_secs,
                                     .daemon_option = lone_option};
    lone->instance = calloc(1, lone->module->instance_size);
    return lone->module->start ? lone->module->start(lone->instance, &lone->host) : 0;
}

void
lone_host_stop(struct lone_host *lone)
{
    if (lone->module->stop)
        lone->module->stop(lone->instance, NULL);
    while (lone->timers) {
        struct lone_timer *timer = lone->timers;
        lone->timers = timer->next;
        free(timer);
    }
    free(lone->instance);
}

void
lone_host_pass(struct lone_host *lone, int64_t ms)
{
    int64_t until_ms = lone->now_ms + ms;
    while (lone->timers && lone->timers->due_ms <= until_ms) {
        struct lone_timer *timer = lone->timers;
        lone->timers = timer->next;
        if (timer->due_ms > lone->now_ms)
            lone->now_ms = timer->due_ms;
        void (*fired)(void *arg) = timer->fired;
        void *arg = timer->arg;
        free(timer);
        fired(arg);
    }
    lone->now_ms = until_ms;
}
