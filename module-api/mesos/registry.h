/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind registry: the master's durable memory. --registry selects it (memory, local, later zookeeper).
 * It stores entries: (table, key) -> bytes. The core decides what they mean; the registry only guarantees that a batch is
 * stored whole and durably before its call is answered, in order of the calls, or not at all.
 */
#ifndef MESOS_REGISTRY_H
#define MESOS_REGISTRY_H

#include "mesos/module.h"

/* Tables, numbers are stored: append only. */
enum mesos_registry_table {
    MESOS_REGISTRY_MASTER = 1, /* key "info": packed mesos.v1.MasterInfo of the last leader; key "counters" */
    MESOS_REGISTRY_ADMITTED = 2, /* key agent id: packed mesos.v1.AgentInfo and state */
    MESOS_REGISTRY_UNREACHABLE = 3,
    MESOS_REGISTRY_GONE = 4,
    MESOS_REGISTRY_MAINTENANCE = 5,
    MESOS_REGISTRY_QUOTA = 6,
    MESOS_REGISTRY_WEIGHT = 7,
    MESOS_REGISTRY_RESERVATION = 8,
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
};

#endif
