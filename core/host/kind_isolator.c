/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind isolator: a member that a module lacks counts as done. */
#include "host/kind_isolator.h"

static const struct mesos_isolator_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

static struct mesos_call *
owed(struct module *module, const char *what, host_done_fn *done, void *arg)
{
    return host_call_new(module, what, ISOLATOR_TIMEOUT_MS, done, arg);
}

bool
isolator_supports_nesting(struct module *module)
{
    return ops(module)->supports_nesting && ops(module)->supports_nesting(module_instance(module));
}

void
isolator_initialize(struct module *module, const struct mesos_isolator_watcher *watcher)
{
    if (ops(module)->initialize)
        ops(module)->initialize(module_instance(module), watcher);
}

void
isolator_recover(struct module *module, const struct mesos_isolator_state *states, size_t count,
                 const char *const *orphans, size_t orphan_count, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "recover", done, arg);
    if (ops(module)->recover)
        ops(module)->recover(module_instance(module), states, count, orphans, orphan_count, call);
    else
        host_call_answer(module, call, 0, NULL);
}

void
isolator_prepare(struct module *module, const struct mesos_isolator_container *container, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "prepare", done, arg);
    if (ops(module)->prepare)
        ops(module)->prepare(module_instance(module), container, call);
    else
        host_call_answer(module, call, 0, NULL);
}

void
isolator_isolate(struct module *module, const char *container_id, pid_t pid, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "isolate", done, arg);
    if (ops(module)->isolate)
        ops(module)->isolate(module_instance(module), container_id, pid, call);
    else
        host_call_answer(module, call, 0, NULL);
}

void
isolator_update(struct module *module, const char *container_id, struct mesos_resources requests,
                struct mesos_bytes limits, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "update", done, arg);
    if (ops(module)->update)
        ops(module)->update(module_instance(module), container_id, requests, limits, call);
    else
        host_call_answer(module, call, 0, NULL);
}

void
isolator_usage(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "usage", done, arg);
    if (ops(module)->usage)
        ops(module)->usage(module_instance(module), container_id, call);
    else
        host_call_answer(module, call, 0, NULL);
}

void
isolator_status(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "status", done, arg);
    if (ops(module)->status)
        ops(module)->status(module_instance(module), container_id, call);
    else
        host_call_answer(module, call, 0, NULL);
}

void
isolator_cleanup(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    struct mesos_call *call = owed(module, "cleanup", done, arg);
    if (ops(module)->cleanup)
        ops(module)->cleanup(module_instance(module), container_id, call);
    else
        host_call_answer(module, call, 0, NULL);
}
