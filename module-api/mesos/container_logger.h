/* SPDX-License-Identifier: Apache-2.0 */
/* Kind container_logger: where a container's stdout and stderr go. Used by containerizers of the agent; --container_logger. */
#ifndef MESOS_CONTAINER_LOGGER_H
#define MESOS_CONTAINER_LOGGER_H

#include "mesos/module.h"

struct mesos_container_io {
    size_t size;
    int stdin_fd, stdout_fd, stderr_fd; /* owned by the caller afterwards; -1 = /dev/null */
};

struct mesos_container_logger_ops {
    /* Opens where output goes. sandbox: absolute path of the container's sandbox on the host; user: owner of new files or
     * NULL; config: packed mesos.slave.ContainerConfig. Synchronous, may not block for long. 0 or -E... Required. */
    int (*prepare)(void *instance, const char *container_id, const char *sandbox, const char *user,
                   struct mesos_bytes config, struct mesos_container_io *ret);
    /* The container has ended: helpers may finish. Optional. */
    void (*cleanup)(void *instance, const char *container_id);
};

#endif
