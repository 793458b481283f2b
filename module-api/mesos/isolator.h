/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind isolator: one aspect of a container's isolation and statistics. Used by the native containerizer, in order of
 * `phase`; cleanup in the reverse order. --isolation selects the set. Container ids are the Mesos ones; a nested id is
 * written "parent.child". Every asynchronous member owes its call one reply; a member that is NULL counts as done.
 */
#ifndef MESOS_ISOLATOR_H
#define MESOS_ISOLATOR_H

#include "mesos/module.h"
#include "mesos/resource.h"

struct mesos_isolator_container {
    size_t size;
    const char *container_id;
    struct mesos_bytes config; /* packed mesos.slave.ContainerConfig */
    const char *sandbox; /* absolute, on the host */
    const char *user; /* or NULL */
    struct mesos_resources resources;
};

struct mesos_isolator_state {
    size_t size;
    const char *container_id;
    pid_t pid;
    const char *sandbox;
};

struct mesos_isolator_watcher {
    size_t size;
    void *arg;
    /* The container has reached a limit and must be destroyed. limitation: packed mesos.slave.ContainerLimitation. */
    void (*limited)(void *arg, const char *container_id, struct mesos_bytes limitation);
};

struct mesos_isolator_ops {
    /* bool: works for nested containers; standalone ones. NULL = no. */
    bool (*supports_nesting)(void *instance);
    bool (*supports_standalone)(void *instance);
    /* Once, after start, before recover. */
    void (*initialize)(void *instance, const struct mesos_isolator_watcher *watcher);
    /* After an agent restart: containers that go on running, and ids of orphans that will be destroyed. */
    void (*recover)(void *instance, const struct mesos_isolator_state *states, size_t count,
                    const char *const *orphans, size_t orphan_count, struct mesos_call *call);
    /* Answer: packed mesos.slave.ContainerLaunchInfo (may be empty). */
    void (*prepare)(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call);
    /* The process exists and waits to exec. */
    void (*isolate)(void *instance, const char *container_id, pid_t pid, struct mesos_call *call);
    /* limits: packed entries of mesos.slave.ContainerConfig.limits (resource name -> upper bound), may be empty. */
    void (*update)(void *instance, const char *container_id, struct mesos_resources requests,
                   struct mesos_bytes limits, struct mesos_call *call);
    /* Answer: packed mesos.v1.ResourceStatistics; the containerizer merges all of them. */
    void (*usage)(void *instance, const char *container_id, struct mesos_call *call);
    /* Answer: packed mesos.v1.ContainerStatus, merged likewise. */
    void (*status)(void *instance, const char *container_id, struct mesos_call *call);
    void (*cleanup)(void *instance, const char *container_id, struct mesos_call *call);
};

#endif
