/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status updates on their way to the agent: kept until it acknowledges them, repeated by the next SUBSCRIBE. Used by
 * the executors; knows nothing of tasks.
 */
#ifndef EXECUTOR_TASK_UPDATES_H
#define EXECUTOR_TASK_UPDATES_H

#include "executor/agent_link.h"

struct task_updates {
    struct loop *loop;
    struct agent_link *link; /* set when it exists */
    const char *executor_id; /* borrowed */
    struct list unacknowledged; /* oldest first */
};

void task_updates_init(struct task_updates *updates, struct loop *loop, const char *executor_id);
void task_updates_fini(struct task_updates *updates);
/* Fills in executor id, source, timestamp and uuid, and sends it when the agent is there. */
void task_updates_send(struct task_updates *updates, Mesos__V1__TaskStatus *status);
/* False when it is none of ours. */
bool task_updates_acknowledged(struct task_updates *updates, const Mesos__V1__Executor__Event__Acknowledged *what);
bool task_updates_empty(const struct task_updates *updates);
/* Puts all of them into a SUBSCRIBE. */
void task_updates_repeat(const struct task_updates *updates, Mesos__V1__Executor__Call__Subscribe *subscribe,
                         struct arena *arena);

#endif
