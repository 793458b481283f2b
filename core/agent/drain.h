/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining: the master wants this agent to be empty. What it asked for is on disk (meta/slaves/<id>/drain.config, as Mesos
 * has it) before a task is killed, so that a restart goes on with it; it ends when nothing runs here any more.
 */
#ifndef AGENT_DRAIN_H
#define AGENT_DRAIN_H

#include "agent/state.h"

/* Kills all tasks. config is remembered, on disk too. */
int drain_start(struct agent *agent, const Mesos__V1__DrainConfig *config, struct err *err);
/* recover_read.c: what an earlier run was told. -ENOENT is no error of it. */
int drain_read(struct agent *agent, struct err *err);
/* Recovery is over: tasks that have not been killed yet are. */
void drain_resume(struct agent *agent);
/* Ends it when nothing runs here. */
void drain_settle(struct agent *agent);
/* It is over, if there is any. */
void drain_forget(struct agent *agent, const char *why);
/* A task that ends because of it says so: state and reason of status are changed where they must be. */
void drain_mark_status(const struct framework *framework, Mesos__V1__TaskStatus *status);
/* The caller frees it. */
char *drain_config_path(const struct agent *agent);
/* NULL = it does not drain. */
Mesos__V1__DrainConfig *drain_config(const struct agent *agent, struct arena *arena);

#endif
