/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules are asked about on an agent (daemon/access.h asks them): the objects that stand for frameworks, executors,
 * tasks and containers, and what one reader may see of them. Used by the handlers of this room.
 */
#ifndef AGENT_ACCESS_H
#define AGENT_ACCESS_H

#include "agent/state.h"
#include "mesos/authorizer.h"

/* All of them borrow from what they are about. */
struct mesos_object framework_object(const struct framework *framework);
struct mesos_object executor_object(const struct executor *executor);
/* user: the task's own, as its message has it; NULL or empty: its executor's framework's. */
struct mesos_object task_object(const struct task *task, const char *user);
/* The executor's that it is or is inside of; those of operators have no user. */
struct mesos_object container_object(const struct agent *agent, const char *id);
/* What an action on nested containers is called for this one: a root's may have one of its own for standalone containers. */
enum mesos_action container_action(const char *id, enum mesos_action nested);

/* May the executor, as what its token proves, have a container inside of its own run as that user? It may as its own user, and as
 * those whom its tasks and their checks name: the master was asked about them. executor NULL: it has gone, and may not. */
bool executor_may_become(const struct executor *executor, const char *user);

/* What one reader may see: made for a request, freed with it. */
struct agent_view {
    struct approver *frameworks, *executors, *tasks, *roles;
};
void agent_view_init(struct agent_view *view, const struct agent *agent, const struct http_exchange *exchange);
void agent_view_fini(struct agent_view *view);
bool agent_view_framework(const struct agent_view *view, const struct framework *framework);
bool agent_view_executor(const struct agent_view *view, const struct executor *executor);
bool agent_view_role(const struct agent_view *view, const char *role);
/* Without what is reserved for roles that are hidden: into *ret, which is empty. */
void agent_view_resources(const struct agent_view *view, const struct resources *from, struct resources *ret);
bool agent_view_task(const struct agent_view *view, const struct task *task, const char *user);

#endif
