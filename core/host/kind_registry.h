/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind registry, as the master makes them. Contracts: mesos/registry.h. */
#ifndef HOST_KIND_REGISTRY_H
#define HOST_KIND_REGISTRY_H

#include "host/host.h"
#include "mesos/registry.h"

/* --registry_fetch_timeout and --registry_store_timeout are the master's to give; the defaults are Mesos's. */
#define REGISTRY_FETCH_TIMEOUT_MS (60 * 1000)
#define REGISTRY_STORE_TIMEOUT_MS (20 * 1000)

typedef void registry_entry_fn(void *arg, const struct mesos_registry_entry *entry);

/* Reads everything: entry(arg) for each, then done(arg). timeout_ms 0 = the default. Once, before any store. */
void registry_fetch(struct module *module, int64_t timeout_ms, registry_entry_fn *entry, host_done_fn *done, void *arg);
/* The same without taking the registry over from whoever leads: for exports. */
void registry_peek(struct module *module, int64_t timeout_ms, registry_entry_fn *entry, host_done_fn *done, void *arg);
/* Stores the batch whole; entries are borrowed during the call only. Order of calls is order of storing. */
void registry_store(struct module *module, int64_t timeout_ms, const struct mesos_registry_entry *entries, size_t count,
                    host_done_fn *done, void *arg);

#endif
