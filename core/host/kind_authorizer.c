/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind authorizer. */
#include "host/kind_authorizer.h"

#include <errno.h>

#include "base/log.h"

static const struct mesos_authorizer_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

void *
authorizer_approver_new(struct module *module, const struct mesos_principal *principal, enum mesos_action action,
                        uint32_t *ret_reads)
{
    struct err err = {0};
    *ret_reads = 0;
    void *approver = ops(module)->approver_new(module_instance(module), principal, action, ret_reads);
    if (!approver) {
        module_failure(module, -EACCES, &err);
        log_warning("authorizer %s has no answers for action %d, which is refused: %s", module_name(module), action, err.text);
    }
    return approver;
}

bool
authorizer_approved(struct module *module, void *approver, const struct mesos_object *object)
{
    struct err err = {0};
    int code = ops(module)->approved(module_instance(module), approver, object);
    if (code < 0) {
        module_failure(module, code, &err);
        log_warning("authorizer %s cannot say, which is a no: %s", module_name(module), err.text);
    }
    return code > 0;
}

void
authorizer_approver_free(struct module *module, void *approver)
{
    ops(module)->approver_free(module_instance(module), approver);
}

void
authorizer_explain(struct module *module, void *approver, const struct mesos_object *object, char *out, size_t size)
{
    if (size)
        *out = '\0';
    if (ops(module)->explain)
        ops(module)->explain(module_instance(module), approver, object, out, size);
}

uint64_t
authorizer_generation(struct module *module)
{
    return ops(module)->generation ? ops(module)->generation(module_instance(module)) : 0;
}
