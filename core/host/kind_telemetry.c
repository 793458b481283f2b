/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind telemetry. */
#include "host/kind_telemetry.h"

#include "base/log.h"

static const struct mesos_telemetry_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

int
telemetry_initialize(struct module *module, const struct mesos_telemetry_source *source, struct err *err)
{
    int code = ops(module)->initialize(module_instance(module), source);
    return code < 0 ? module_failure(module, code, err) : 0;
}

const char *
telemetry_prefix(const struct module *module)
{
    return ops(module)->prefix;
}

void
telemetry_get(struct module *module, const char *path, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "get", TELEMETRY_TIMEOUT_MS, done, arg);
    ops(module)->get(module_instance(module), path, call);
}

void
telemetry_launching(struct module *module, const struct mesos_telemetry_container *container,
                    void (*set)(void *set_arg, const char *name, const char *value), void *set_arg)
{
    struct err err = {0};
    int code = ops(module)->launching ? ops(module)->launching(module_instance(module), container, set, set_arg) : 0;
    if (code < 0) {
        module_failure(module, code, &err);
        log_warning("container %s starts without telemetry: %s", container->container_id, err.text);
    }
}

void
telemetry_recovered(struct module *module, const struct mesos_telemetry_container *container)
{
    if (ops(module)->recovered)
        ops(module)->recovered(module_instance(module), container);
}

void
telemetry_recovery_done(struct module *module)
{
    if (ops(module)->recovery_done)
        ops(module)->recovery_done(module_instance(module));
}

void
telemetry_ended(struct module *module, const char *container_id)
{
    if (ops(module)->ended)
        ops(module)->ended(module_instance(module), container_id);
}
