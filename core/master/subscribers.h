/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators' event stream: who listens, and the events that agents.c, frameworks.c and tasks.c call where something
 * has changed. Without subscribers an event costs one comparison; with them it is encoded once per encoding. A
 * subscriber that does not read is cut off by wire.
 */
#ifndef MASTER_SUBSCRIBERS_H
#define MASTER_SUBSCRIBERS_H

#include "master/state.h"

/* Inside an answer of views_await: takes the exchange over: head, SUBSCRIBED with everything that is known now, first HEARTBEAT. Beyond
 * --max_operator_event_stream_subscribers the oldest stream is ended. */
void subscribers_add(struct master *master, struct http_exchange *exchange, bool json);

static inline bool
subscribers_none(const struct master *master)
{
    return list_empty(&master->subscribers);
}

void subscribers_task_added(const struct task *task);
/* The status names another state than the one before it, or a check has spoken. */
void subscribers_task_updated(const struct task *task, const Mesos__V1__TaskStatus *status);
void subscribers_agent_added(const struct agent *agent);
void subscribers_agent_removed(const struct agent *agent);
void subscribers_framework_added(const struct framework *framework);
void subscribers_framework_updated(const struct framework *framework);
void subscribers_framework_removed(const struct framework *framework);

#endif
