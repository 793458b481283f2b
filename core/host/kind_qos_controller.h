/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind qos_controller, as the agent makes them. Contracts: mesos/qos_controller.h. */
#ifndef HOST_KIND_QOS_CONTROLLER_H
#define HOST_KIND_QOS_CONTROLLER_H

#include "host/host.h"
#include "mesos/qos_controller.h"

int qos_controller_initialize(struct module *module, const struct mesos_usage_source *source, struct err *err);
/* Never times out. Answer: packed mesos.slave.QoSCorrections. */
void qos_controller_corrections(struct module *module, host_done_fn *done, void *arg);

#endif
