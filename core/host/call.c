/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owed answers. A module gets a call's number in the shape of a pointer and gives it back through reply; the number is
 * looked up, never followed, so a stale one does no harm beyond a line in the log. Answers wait in a queue until the
 * loop comes round: nobody is called back inside his own call.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include "base/log.h"
#include "host/internal.h"

static struct str
call_key(const struct call *call)
{
    return str_n(&call->id, sizeof call->id);
}

static struct call *
call_find(const struct host *host, const struct mesos_call *handle)
{
    uint64_t id = (uintptr_t)handle;
    return map_get(&host->calls, str_n(&id, sizeof id));
}

static void
call_free(struct call *call)
{
    struct host *host = call->module->host;
    loop_timer_stop(&call->timer);
    list_remove(&call->in_queue);
    map_remove(&host->calls, call_key(call));
    free(call->error);
    if (call->answer)
        explicit_bzero(call->answer, call->answer_len); /* it may be a secret */
    free(call->answer);
    free(call);
}

static void
queue(struct call *call)
{
    struct host *host = call->module->host;
    list_push(&host->answered, &call->in_queue);
    if (!loop_timer_running(&host->deliver))
        loop_timer_start(&host->deliver, 0);
}

static void
on_deliver(void *arg)
{
    struct host *host = arg;
    struct list now;
    list_init(&now);
    while (!list_empty(&host->answered)) { /* answers to answers wait for the next turn */
        struct list *node = host->answered.next;
        list_remove(node);
        list_push(&now, node);
    }
    while (!list_empty(&now)) {
        struct call *call = list_first(&now, struct call, in_queue);
        list_remove(&call->in_queue);
        host_done_fn *done = call->done;
        call->done = NULL;
        if (done)
            done(call->arg, call->status, call->status < 0 ? call->error : NULL,
                 (struct mesos_bytes){call->answer, call->answer_len});
        if (!call->expired || call->answered)
            call_free(call);
    }
}

static void
on_expired(void *arg)
{
    struct call *call = arg;
    const struct module *module = call->module;
    call->expired = true;
    call->status = -ETIMEDOUT;
    call->error = xasprintf("module '%s' of kind %s owes the answer to %s for more than %lld ms", module_name(module),
                            kind_name(module_kind(module)), call->what, (long long)call->timeout_ms);
    queue(call);
}

struct mesos_call *
host_call_new(struct module *module, const char *what, int64_t timeout_ms, host_done_fn *done, void *arg)
{
    struct host *host = module->host;
    struct call *call = xcalloc(1, sizeof *call);
    call->id = ++host->last_call;
    call->module = module;
    call->what = what;
    call->done = done;
    call->arg = arg;
    call->timeout_ms = timeout_ms;
    list_init(&call->in_queue);
    map_add(&host->calls, call_key(call), call);
    loop_timer_init(&call->timer, host->options.loop, on_expired, call);
    if (timeout_ms != INT64_MAX)
        loop_timer_start(&call->timer, timeout_ms);
    return (struct mesos_call *)(uintptr_t)call->id;
}

static void
answer(struct call *call, int status, const char *error, struct mesos_bytes bytes)
{
    call->answered = true;
    loop_timer_stop(&call->timer);
    if (call->expired) { /* its owner has heard of it already, or will in this turn */
        log_warning("module '%s' has answered %s after its time-out", module_name(call->module), call->what);
        if (list_empty(&call->in_queue) && !call->done)
            call_free(call);
        return;
    }
    call->status = status < 0 ? status : 0;
    if (status < 0)
        call->error = xstrdup(error && *error ? error : strerror(-status));
    if (bytes.len > 0 && status >= 0) {
        call->answer = xmemdup(bytes.data, bytes.len);
        call->answer_len = bytes.len;
    }
    queue(call);
}

void
call_reply(const struct mesos_host *lent, struct mesos_call *handle, int status, struct mesos_bytes bytes)
{
    struct module *module = lent->self;
    struct call *call = call_find(module->host, handle);
    if (!call || call->answered) {
        log_error("module '%s' of kind %s has answered call %llu twice", module_name(module),
                  kind_name(module_kind(module)), (unsigned long long)(uintptr_t)handle);
        assert(!"a module may answer a call once");
        return;
    }
    answer(call, status, module->failure.text, bytes);
    module->failure = (struct err){0};
    if (module->stopping)
        lend_quiet(module); /* its stop is answered, all else was cancelled before: it has let go of everything */
}

void
host_call_answer(struct module *module, struct mesos_call *handle, int status, const char *error)
{
    struct call *call = call_find(module->host, handle);
    assert(call && !call->answered);
    answer(call, status, error, (struct mesos_bytes){NULL, 0});
}

void
host_call_forget(struct host *host, const void *arg)
{
    struct call *call;
    map_foreach(call, &host->calls)
    {
        if (call->arg == arg)
            call->done = NULL;
    }
}

void
host_calls_each(const struct host *host, void (*fn)(const struct module *module, const char *what, void *arg),
                void *arg)
{
    const struct call *call;
    map_foreach (call, &host->calls)
        fn(call->module, call->what, arg);
}

size_t
host_calls_open(const struct host *host)
{
    size_t open = 0;
    struct call *call;
    map_foreach(call, &host->calls)
        open += call->done != NULL;
    return open;
}

void
call_cancel_module(struct module *module)
{
    struct call *call;
    map_foreach(call, &module->host->calls)
    {
        if (call->module != module || call->answered || call->expired)
            continue;
        loop_timer_stop(&call->timer);
        call->expired = true; /* an answer that still comes is late */
        call->status = -ECANCELED;
        call->error = xasprintf("module '%s' was stopped before it answered %s", module_name(module), call->what);
        queue(call);
    }
}

void
call_drop_module(struct module *module)
{
    struct call *call;
    map_foreach(call, &module->host->calls)
    {
        if (call->module == module)
            call_free(call);
    }
}

void
call_init(struct host *host)
{
    list_init(&host->answered);
    loop_timer_init(&host->deliver, host->options.loop, on_deliver, host);
}

void
call_fini(struct host *host)
{
    loop_timer_stop(&host->deliver);
    map_fini(&host->calls);
}
