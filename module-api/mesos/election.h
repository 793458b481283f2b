/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind election: who leads. The master contends with it, agents, drivers and the command line detect with it.
 * Module standalone: the one contender leads at once; a detector reports the address that it was configured with.
 */
#ifndef MESOS_ELECTION_H
#define MESOS_ELECTION_H

#include "mesos/module.h"

struct mesos_election_events {
    size_t size;
    void *arg;
    /* The leader is known (packed mesos.v1.MasterInfo; only pid or address may be set) or nobody leads (data NULL). */
    void (*detected)(void *arg, struct mesos_bytes master_info);
    /* We lead from now on (contenders only). */
    void (*elected)(void *arg);
    /* We lead no more, or may not know: stop acting now (contenders only). */
    void (*lost)(void *arg, const char *reason);
};

struct mesos_election_ops {
    /* Starts detection. Events come from the loop. Required. */
    void (*detect)(void *instance, const struct mesos_election_events *events);
    /* Starts contending with this packed mesos.v1.MasterInfo. Required. */
    void (*contend)(void *instance, struct mesos_bytes master_info);
    /* Leaves, so that another may lead at once; answers when that is known to the others. Required. */
    void (*withdraw)(void *instance, struct mesos_call *call);
    /* Monotonic milliseconds (host->now_ms) until which we may act as leader; INT64_MAX = no limit. NULL = no limit. */
    int64_t (*lease_until_ms)(void *instance);
};

#endif
