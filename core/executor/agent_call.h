/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the agent's operator API by an executor: launching, waiting for, killing and removing the containers of
 * its tasks. Each call has a connection of its own, because a wait lasts as long as its container.
 */
#ifndef EXECUTOR_AGENT_CALL_H
#define EXECUTOR_AGENT_CALL_H

#include "executor/agent_link.h"
#include "mesos/v1/agent/agent.pb-c.h"

struct agent_call;

/* status 0: nobody answered, and body is why. The call is gone afterwards; never inside agent_call_start. */
typedef void agent_call_done_fn(int status, struct str body, void *arg);

/* stream: the answer is a stream of output that is thrown away (sessions); done comes at its end. The answer to any
 * other call is collected, up to a limit. options are borrowed. */
struct agent_call *agent_call_start(struct loop *loop, const struct agent_link_options *options,
                                    const Mesos__V1__Agent__Call *message, bool stream, agent_call_done_fn *done,
                                    void *arg);
/* Hangs up; no callback follows. NULL is fine. */
void agent_call_cancel(struct agent_call *call);

/* {id, parent {...}} for calls and statuses; parent may be NULL. Allocated from arena. */
Mesos__V1__ContainerID *container_id_new(struct arena *arena, const char *id, Mesos__V1__ContainerID *parent);

/* The calls that name one container and nothing more. signo 0 = the default. */
struct agent_call *agent_call_wait(struct loop *loop, const struct agent_link_options *options,
                                   Mesos__V1__ContainerID *id, agent_call_done_fn *done, void *arg);
struct agent_call *agent_call_kill(struct loop *loop, const struct agent_link_options *options,
                                   Mesos__V1__ContainerID *id, int signo, agent_call_done_fn *done, void *arg);
struct agent_call *agent_call_remove(struct loop *loop, const struct agent_link_options *options,
                                     Mesos__V1__ContainerID *id, agent_call_done_fn *done, void *arg);

#endif
