/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor: one task, one command. Turns the agent's events into processes and their ends into updates. */
#ifndef EXECUTOR_COMMAND_EXECUTOR_H
#define EXECUTOR_COMMAND_EXECUTOR_H

#include "executor/agent_link.h"

struct command_executor;

struct command_executor_options {
    struct agent_link_options agent;
    int64_t shutdown_grace_ms; /* what the agent waits after SHUTDOWN */
    const char *user, *working_directory; /* NULL = as it is */
    const struct task_launch *task_launch; /* NULL = none */
    const char *launcher_dir; /* of the helpers; NULL = none */
    const char *task_command, *task_environment; /* JSON texts, NULL = the task's own / none */
};

/* Begins to subscribe; stops the loop when its work is done. NULL and err when an option is wrong. */
struct command_executor *command_executor_new(struct loop *loop, const struct command_executor_options *options,
                                              struct err *err);
void command_executor_free(struct command_executor *executor);
/* The program was asked to end (SIGTERM): as the agent's SHUTDOWN. */
void command_executor_shutdown(struct command_executor *executor);
/* SIGCHLD: takes the ends of the task and of its orphans. */
void command_executor_reap(struct command_executor *executor);

#endif
