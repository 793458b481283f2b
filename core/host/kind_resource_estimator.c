/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind resource_estimator. */
#include "host/kind_resource_estimator.h"

static const struct mesos_resource_estimator_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

int
resource_estimator_initialize(struct module *module, const struct mesos_usage_source *source, struct err *err)
{
    int code = ops(module)->initialize ? ops(module)->initialize(module_instance(module), source) : 0;
    return code < 0 ? module_failure(module, code, err) : 0;
}

void
resource_estimator_oversubscribable(struct module *module, host_done_fn *done, void *arg)
{
    ops(module)->oversubscribable(module_instance(module), host_call_new(module, "oversubscribable",
                                                                         RESOURCE_ESTIMATOR_TIMEOUT_MS, done, arg));
}
