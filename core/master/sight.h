/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one peer may see: VIEW_FRAMEWORK, VIEW_TASK, VIEW_EXECUTOR and VIEW_ROLE for one answer or one event stream. Views
 * leave out what it may not see; nothing of that is a refusal. Where everything may be seen there is no sight: NULL, which each
 * function here takes for yes, so that the usual views cost what they cost without rules.
 *
 * A task is seen by who may see its framework and, by its user, the task; who asks about a task has asked about its
 * framework. A resource is seen by who may see the roles that it is reserved for and allocated to.
 */
#ifndef MASTER_SIGHT_H
#define MASTER_SIGHT_H

#include "mesos/principal.h"
#include "mesos/resource.h"

struct master;
struct framework;
struct task;
struct executor;
struct resources;
struct sight;
struct http_exchange;

struct sight *sight_new(struct master *master, const struct mesos_principal *principal);
/* That of the exchange's peer. */
struct sight *sight_of(struct master *master, const struct http_exchange *exchange);
void sight_free(struct sight *sight);
void sight_cleanup(struct sight **sight);
#define auto_sight __attribute__((cleanup(sight_cleanup)))

/* Do answers depend on what a framework says of itself, which may change while its tasks do not? */
bool sight_reads_infos(const struct sight *sight);
bool sight_framework(struct sight *sight, const struct framework *framework);
bool sight_task(struct sight *sight, const struct task *task);
bool sight_executor(struct sight *sight, const struct executor *executor);
bool sight_role(struct sight *sight, const char *role);
/* Every role, so that nothing needs to be looked at. */
bool sight_roles(const struct sight *sight);
bool sight_resource(struct sight *sight, const struct mesos_resource *resource);
/* Are all of them seen? */
bool sight_resources(struct sight *sight, const struct resources *resources);
/* Those of them that are seen: `from` itself when that is all, else made in room, which the caller ends. */
const struct resources *sight_seen(struct sight *sight, const struct resources *from, struct resources *room);

#endif
