/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind container_logger. Contracts: mesos/container_logger.h. Containerizers reach it through their services. */
#ifndef HOST_KIND_CONTAINER_LOGGER_H
#define HOST_KIND_CONTAINER_LOGGER_H

#include "host/host.h"
#include "mesos/container_logger.h"

/* 0 and descriptors that the caller owns now, or a negative errno with err. */
int container_logger_prepare(struct module *module, const char *container_id, const char *sandbox, const char *user,
                             struct mesos_bytes config, struct mesos_container_io *ret, struct err *err);
void container_logger_cleanup(struct module *module, const char *container_id);

#endif
