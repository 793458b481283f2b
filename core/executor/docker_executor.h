/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor: one task, one docker container. Turns the agent's events into calls of the docker client and what
 * becomes of the container into updates. It pulls nothing: the containerizer has done that.
 */
#ifndef EXECUTOR_DOCKER_EXECUTOR_H
#define EXECUTOR_DOCKER_EXECUTOR_H

#include "executor/agent_link.h"

struct docker_executor;

struct docker_executor_options {
    struct agent_link_options agent;
    int64_t shutdown_grace_ms; /* what the agent waits after SHUTDOWN */
    const char *docker, *docker_socket; /* the client; its engine's socket */
    const char *engine_version; /* text, NULL = not known */
    const char *container; /* the name it gets */
    const char *sandbox_directory, *mapped_directory; /* on the host, inside */
    const char *work_dir; /* of the agent, NULL = not told */
    const char *launcher_dir;
    const char *task_environment; /* JSON object of texts, NULL = none */
    const char *secrets; /* JSON object of texts: variables of the task that nobody may see; NULL = none */
    const char *default_container_dns; /* JSON, NULL = none */
    int64_t stop_timeout_ms;
    bool cgroups_enable_cfs;
};

/* Begins to subscribe; stops the loop when its work is done. NULL and err when an option is wrong. */
struct docker_executor *docker_executor_new(struct loop *loop, const struct docker_executor_options *options,
                                            struct err *err);
void docker_executor_free(struct docker_executor *executor);
/* The program was asked to end (SIGTERM): as the agent's SHUTDOWN. */
void docker_executor_shutdown(struct docker_executor *executor);
/* SIGCHLD. */
void docker_executor_reap(struct docker_executor *executor);
/* Is the container known to have ended, or never to have begun? */
bool docker_executor_is_clean(const struct docker_executor *executor);

#endif
