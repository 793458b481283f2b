/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default executor: task groups, each task a nested container of the executor's own. The tasks of a group live and
 * die together; several groups may share one executor. It asks the agent for everything and starts nothing itself.
 */
#ifndef EXECUTOR_DEFAULT_EXECUTOR_H
#define EXECUTOR_DEFAULT_EXECUTOR_H

#include "executor/agent_link.h"

struct default_executor;

struct default_executor_options {
    struct agent_link_options agent;
    int64_t shutdown_grace_ms; /* what the agent waits after SHUTDOWN */
    const char *launcher_dir; /* of the helpers; NULL = none */
    const char *sandbox; /* for links to the tasks' sandboxes; NULL = none are made */
    const char *container_ip; /* told to tasks */
};

/* Begins to subscribe; stops the loop when its work is done. */
struct default_executor *default_executor_new(struct loop *loop, const struct default_executor_options *options);
void default_executor_free(struct default_executor *executor);
/* The program was asked to end (SIGTERM): as the agent's SHUTDOWN. */
void default_executor_shutdown(struct default_executor *executor);
/* SIGCHLD: takes the ends of helpers. */
void default_executor_reap(struct default_executor *executor);

#endif
