/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind resource_estimator, as the agent makes them. Contracts: mesos/resource_estimator.h. */
#ifndef HOST_KIND_RESOURCE_ESTIMATOR_H
#define HOST_KIND_RESOURCE_ESTIMATOR_H

#include "host/host.h"
#include "mesos/resource_estimator.h"

#define RESOURCE_ESTIMATOR_TIMEOUT_MS (60 * 1000)

int resource_estimator_initialize(struct module *module, const struct mesos_usage_source *source, struct err *err);
/* Answer: packed mesos.slave.Oversubscribable. */
void resource_estimator_oversubscribable(struct module *module, host_done_fn *done, void *arg);

#endif
