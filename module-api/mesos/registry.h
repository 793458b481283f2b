/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind registry: the master's durable memory. --registry selects it (memory, local, zookeeper).
 * It stores entries: (table, key) -> bytes. The core decides what they mean; the registry only guarantees that a batch is
 * stored whole and durably before its call is answered, in order of the calls, or not at all.
 */
#ifndef MESOS_REGISTRY_H
#define MESOS_REGISTRY_H

#include "mesos/module.h"

/* Tables, numbers are stored: append only. What the master keeps under which key; --export-registry and --import-registry
 * (core/master/registry_json.c) know each of them, and carry others as bytes. */
enum mesos_registry_table {
    MESOS_REGISTRY_MASTER = 1, /* key "info": packed mesos.v1.MasterInfo of the last leader */
    MESOS_REGISTRY_ADMITTED = 2, /* key agent id: packed mesos.internal.Registry.Slave */
    MESOS_REGISTRY_UNREACHABLE = 3, /* key agent id: packed mesos.internal.Registry.UnreachableSlave */
    MESOS_REGISTRY_GONE = 4, /* key agent id: packed mesos.internal.Registry.GoneSlave */
    /* key "schedule": packed mesos.v1.maintenance.Schedule; key "machine/<hostname>/<ip>": packed
     * mesos.internal.Registry.Machine */
    MESOS_REGISTRY_MAINTENANCE = 5,
    MESOS_REGISTRY_QUOTA = 6, /* key role: packed mesos.v1.quota.QuotaConfig */
    MESOS_REGISTRY_WEIGHT = 7, /* key role: packed mesos.internal.Registry.Weight */
    MESOS_REGISTRY_RESERVATION = 8,
    MESOS_REGISTRY_MINIMUM_CAPABILITY = 9, /* key capability: packed mesos.internal.Registry.MinimumCapability */
    MESOS_REGISTRY_FRAMEWORK = 10, /* key framework id; what the next leader must know of it before it comes back */
};

struct mesos_registry_entry {
    size_t size;
    uint32_t table;
    struct mesos_bytes key;
    struct mesos_bytes value; /* in a batch: data NULL = remove */
};

struct mesos_registry_ops {
    /* Reads everything: entry() is called for each, from the loop, before the reply. Called once, first. Required. */
    void (*fetch)(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
                  struct mesos_call *call);
    /* Stores a batch whole (copied before the call returns). Several may be under way; order is kept. A failed reply means
     * that the master must stop leading. Required. */
    void (*store)(void *instance, const struct mesos_registry_entry *entries, size_t count,
                  struct mesos_call *call);
    /* Reads everything as fetch does, without taking it over: whoever leads goes on. For exports. Optional; NULL = fetch
     * disturbs nobody. Since: ABI 1, the size of this table that has it. */
    void (*peek)(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
                 struct mesos_call *call);
};

#endif
