/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind registry: each is owed an answer that the core times. Used by the master alone. */
#include "host/kind_registry.h"

static const struct mesos_registry_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

void
registry_fetch(struct module *module, int64_t timeout_ms, registry_entry_fn *entry, host_done_fn *done, void *arg)
{
    struct mesos_call *call =
        host_call_new(module, "fetch", timeout_ms > 0 ? timeout_ms : REGISTRY_FETCH_TIMEOUT_MS, done, arg);
    ops(module)->fetch(module_instance(module), entry, arg, call);
}

void
registry_peek(struct module *module, int64_t timeout_ms, registry_entry_fn *entry, host_done_fn *done, void *arg)
{
    if (!ops(module)->peek) {
        registry_fetch(module, timeout_ms, entry, done, arg);
        return;
    }
    struct mesos_call *call =
        host_call_new(module, "peek", timeout_ms > 0 ? timeout_ms : REGISTRY_FETCH_TIMEOUT_MS, done, arg);
    ops(module)->peek(module_instance(module), entry, arg, call);
}

void
registry_store(struct module *module, int64_t timeout_ms, const struct mesos_registry_entry *entries, size_t count,
               host_done_fn *done, void *arg)
{
    struct mesos_call *call =
        host_call_new(module, "store", timeout_ms > 0 ? timeout_ms : REGISTRY_STORE_TIMEOUT_MS, done, arg);
    ops(module)->store(module_instance(module), entries, count, call);
}
