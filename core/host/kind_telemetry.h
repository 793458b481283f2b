/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind telemetry, as both daemons make them. Contracts: mesos/telemetry.h. */
#ifndef HOST_KIND_TELEMETRY_H
#define HOST_KIND_TELEMETRY_H

#include "host/host.h"
#include "mesos/telemetry.h"

#define TELEMETRY_TIMEOUT_MS (30 * 1000)

int telemetry_initialize(struct module *module, const struct mesos_telemetry_source *source, struct err *err);
const char *telemetry_prefix(const struct module *module);
void telemetry_get(struct module *module, const char *path, host_done_fn *done, void *arg);
/* What fails is logged: the container starts without. */
void telemetry_launching(struct module *module, const struct mesos_telemetry_container *container,
                         void (*set)(void *set_arg, const char *name, const char *value), void *set_arg);
void telemetry_recovered(struct module *module, const struct mesos_telemetry_container *container);
void telemetry_recovery_done(struct module *module);
void telemetry_ended(struct module *module, const char *container_id);

#endif
