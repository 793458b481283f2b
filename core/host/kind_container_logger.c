/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind container_logger. */
#include "host/kind_container_logger.h"

int
container_logger_prepare(struct module *module, const char *container_id, const char *sandbox, const char *user,
                         struct mesos_bytes config, struct mesos_container_io *ret, struct err *err)
{
    const struct mesos_container_logger_ops *ops = module_ops(module);
    struct mesos_container_io io = {sizeof io, -1, -1, -1};
    int rc = ops->prepare(module_instance(module), container_id, sandbox, user, config, &io);
    if (rc < 0)
        return module_failure(module, rc, err);
    *ret = io;
    return 0;
}

void
container_logger_cleanup(struct module *module, const char *container_id)
{
    const struct mesos_container_logger_ops *ops = module_ops(module);
    if (ops->cleanup)
        ops->cleanup(module_instance(module), container_id);
}
