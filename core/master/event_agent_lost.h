/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents that go away, for those who notice it: a link that ended, pings that nobody answered, a farewell, an operator's word, a
 * machine that goes down. And the lists of those that went (struct lost_agent in state.h).
 */
#ifndef MASTER_EVENT_AGENT_LOST_H
#define MASTER_EVENT_AGENT_LOST_H

#include "master/state.h"

/* The link to it has ended: nothing of it is offered until it is back. */
void agent_disconnected(struct agent *agent);
/* It does not answer: the registry hears of it as soon as --agent_removal_rate_limit allows, then everybody else does. Its tasks
 * may come back with it. message: why, for their frameworks. */
void agent_mark_unreachable(struct agent *agent, const char *message);
/* It has left for good, and its tasks with it. */
void agent_unregistered(struct agent *agent, const char *message);
/* Its machine goes down: that it was admitted is forgotten with the write that is being collected ... */
void agent_machine_going_down(struct agent *agent);
/* ... and when that is durable, or for one that came meanwhile, it is removed. It may be freed inside. */
void agent_machine_down(struct agent *agent, const char *message);
/* Tasks and executors of a framework that does not checkpoint end with the agent's connection. */
void agent_drop_framework(struct agent *agent, struct framework *framework);
/* The registry has it among the gone: it ends here, wherever it was, and its tasks with it. */
void agent_gone(struct master *master, const char *id, int64_t since_ns);

/* By time, as collecting them demands; stores keep them in another order. */
void lost_agents_sort(struct map *map);
/* id is copied; one that has this id already is replaced. */
struct lost_agent *lost_agent_add(struct map *map, struct str id, int64_t since_ns);
/* Its tasks stay unreachable. */
void lost_agent_free(struct lost_agent *lost);

/* For timers of struct master, which is their argument. */
/* Those that were not back in time after a failover are unreachable, or the master gives up: --recovery_agent_removal_limit. */
void agents_reregister_timeout(void *arg);
/* Forgets the lost ones that are too old or too many. */
void unreachable_collect(void *arg);

#endif
