/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind isolator, for tests and for questions that the agent itself asks. Containerizers reach isolators through the
 * services of kind_containerizer.h. Contracts: mesos/isolator.h. A member that the module lacks answers 0 at once. */
#ifndef HOST_KIND_ISOLATOR_H
#define HOST_KIND_ISOLATOR_H

#include "host/host.h"
#include "mesos/isolator.h"

#define ISOLATOR_TIMEOUT_MS (60 * 1000)

bool isolator_supports_nesting(struct module *module);
void isolator_initialize(struct module *module, const struct mesos_isolator_watcher *watcher);
void isolator_recover(struct module *module, const struct mesos_isolator_state *states, size_t count,
                      const char *const *orphans, size_t orphan_count, host_done_fn *done, void *arg);
void isolator_prepare(struct module *module, const struct mesos_isolator_container *container, host_done_fn *done,
                      void *arg);
void isolator_isolate(struct module *module, const char *container_id, pid_t pid, host_done_fn *done, void *arg);
void isolator_update(struct module *module, const char *container_id, struct mesos_resources requests,
                     struct mesos_bytes limits, host_done_fn *done, void *arg);
void isolator_usage(struct module *module, const char *container_id, host_done_fn *done, void *arg);
void isolator_status(struct module *module, const char *container_id, host_done_fn *done, void *arg);
void isolator_cleanup(struct module *module, const char *container_id, host_done_fn *done, void *arg);

#endif
