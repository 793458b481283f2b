/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of the docker executor: calls of the docker client that end soon or are cut off, and those that follow a
 * container. Driven by the executor's loop and its SIGCHLD; they end with the executor.
 */
#ifndef EXECUTOR_DOCKER_COMMAND_H
#define EXECUTOR_DOCKER_COMMAND_H

#include "base/list.h"
#include "model/docker_run.h"
#include "loop/loop.h"

#define DOCKER_OUTPUT_MAX (1u << 20) /* of standard output; what is beyond is lost */
#define DOCKER_WORDS_MAX (16u << 10) /* of standard error */

struct docker_commands {
    struct loop *loop;
    struct list all;
};
struct docker_command;

struct docker_result {
    int status; /* wait(2)'s */
    bool timed_out;
    struct str out, err;
};

/* Comes once, from the loop; the command is gone afterwards. */
typedef void docker_done_fn(const struct docker_result *result, void *arg);

struct docker_call {
    const struct docker_argv *argv;
    int env_fd; /* becomes DOCKER_ENV_FD; -1 = none */
    bool follows; /* standard output and error are ours, there is no time-out */
    int64_t timeout_ms;
};

void docker_commands_init(struct docker_commands *commands, struct loop *loop);
/* Ends all, without callbacks. */
void docker_commands_fini(struct docker_commands *commands);
/* done may be told of a failure to start as of an exit with status 127 and the reason as its words. */
struct docker_command *docker_command_start(struct docker_commands *commands, const struct docker_call *call,
                                            docker_done_fn *done, void *arg);
/* No callback follows. NULL is fine. */
void docker_command_cancel(struct docker_command *command);
/* True when the child was one of these. */
bool docker_commands_reap(struct docker_commands *commands, pid_t pid, int status);

/* Did it end well? */
bool docker_well(const struct docker_result *result);
/* "exited with status 1; stderr='...'", or that it was cut off. The caller's. */
char *docker_result_text(const struct docker_result *result);

#endif
