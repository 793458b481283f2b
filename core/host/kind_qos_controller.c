/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind qos_controller. */
#include "host/kind_qos_controller.h"

static const struct mesos_qos_controller_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

int
qos_controller_initialize(struct module *module, const struct mesos_usage_source *source, struct err *err)
{
    int code = ops(module)->initialize ? ops(module)->initialize(module_instance(module), source) : 0;
    return code < 0 ? module_failure(module, code, err) : 0;
}

void
qos_controller_corrections(struct module *module, host_done_fn *done, void *arg)
{
    ops(module)->corrections(module_instance(module), host_call_new(module, "corrections", INT64_MAX, done, arg));
}
