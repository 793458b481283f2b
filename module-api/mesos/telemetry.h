/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind telemetry: what containers measure of themselves, and views of what the daemon knows, below a path of the
 * module's own. Both daemons have it: --telemetry=NAME. On a master only `get` is of use, with source.agent false.
 */
#ifndef MESOS_TELEMETRY_H
#define MESOS_TELEMETRY_H

#include "mesos/module.h"

/* A container as the agent knows it. Borrowed for the call; texts that are not known are NULL. */
struct mesos_telemetry_container {
    size_t size;
    const char *container_id, *executor_id, *executor_name, *framework_id, *framework_name;
    const char *framework_principal, *framework_role, *source;
    const char *task_id, *task_name; /* of its only task; NULL when there are several or none */
};

/* What the core lends while the daemon serves requests: it may be asked inside of the calls below, not by work that goes
 * on after them. */
struct mesos_telemetry_source {
    size_t size;
    void *arg; /* first argument of its functions */
    uint32_t agent; /* bool: this daemon is an agent */
    uint32_t reserved;
    const char *hostname;
    /* The agent's id, or the master's; NULL while there is none. */
    const char *(*id)(void *arg);
    const char *(*cluster)(void *arg); /* --cluster of a master; NULL else */
    /* Each container that runs now. fn may not call back into the source. */
    void (*each)(void *arg, void (*fn)(void *fn_arg, const struct mesos_telemetry_container *container), void *fn_arg);
    /* What a container uses: done comes once, from the loop or at once, with a packed mesos.v1.ResourceStatistics and
     * status 0, or with a negative errno (-ENOENT: no such container). */
    void (*usage)(void *arg, const char *container_id,
                  void (*done)(void *done_arg, int status, struct mesos_bytes statistics), void *done_arg);
};

struct mesos_telemetry_ops {
    /* Once, first. 0 or -E... Required. */
    int (*initialize)(void *instance, const struct mesos_telemetry_source *source);
    /* The path below which GET requests are the module's: "/system/v1/metrics/v0". Valid for ever. Required. */
    const char *prefix;
    /*
     * A GET for prefix + path ("/node", "/containers/x/app"; percent-decoded; "" is the prefix itself). Replied: status 0 and
     * the JSON; -ENOENT there is no such thing (404 with the text of fail); -ENODATA it is there and empty (204); other
     * errors are 500. Required.
     */
    void (*get)(void *instance, const char *path, struct mesos_call *call);
    /*
     * A container is about to be launched. set(set_arg, name, value) adds a variable to its environment, which the
     * framework's own variables override. May be called again for a container of the same id. 0 or -E...: the container is
     * launched all the same. NULL = nothing to do.
     */
    int (*launching)(void *instance, const struct mesos_telemetry_container *container,
                     void (*set)(void *set_arg, const char *name, const char *value), void *set_arg);
    /* A container of an earlier run of the agent still runs. */
    void (*recovered)(void *instance, const struct mesos_telemetry_container *container);
    /* The core has told of all containers that still run: what is remembered of others may go. */
    void (*recovery_done)(void *instance);
    /* The container has ended, or could not be launched. Unknown ids are fine. */
    void (*ended)(void *instance, const char *container_id);
};

#endif
