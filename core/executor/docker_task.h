/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the docker executor share: its state, and the ways between its start, its container and
 * its end. Nobody else includes it; docker_executor.h is for the program.
 */
#ifndef EXECUTOR_DOCKER_TASK_H
#define EXECUTOR_DOCKER_TASK_H

#include "executor/docker_command.h"
#include "executor/docker_executor.h"
#include "executor/task_checks.h"
#include "executor/task_updates.h"
#include "model/docker_state.h"

enum {
    DOCKER_INSPECT_TIMEOUT_MS = 5 * 1000,
    DOCKER_UNACKNOWLEDGED_EXIT_MS = 60 * 1000, /* after the terminal update */
};

enum phase { WAITING, STARTING, RUNNING, FLUSHING, ENDED };

struct docker_executor {
    struct loop *loop;
    struct docker_executor_options options;
    struct docker_client client;
    char *host;
    struct agent_link *link;
    struct arena *arena;
    const Mesos__V1__TaskInfo *task;
    enum phase phase;
    struct docker_commands commands;
    struct docker_command *run, *logs, *inspect, *wait, *stop; /* those under way */
    struct docker_state state; /* as last inspected */
    int inspect_tries;
    bool told_running;
    int pid_fd; /* of the container's first process; -1 */
    struct loop_fd *pid_watch;
    int64_t gone_ms; /* when that process was first known to be gone; 0 */
    bool task_acknowledged, tells_killing;
    bool killed, out_of_time, unhealthy, shutting_down, run_failed;
    int64_t stop_due_ms; /* when docker kills it, by the stop under way */
    int exit_code; /* -1: not known */
    char *end_message;
    int end_reason;
    struct task_checks *checks;
    struct task_updates updates;
    Mesos__V1__NetworkInfo *network; /* where it is reached, NULL = at the agent's address */
    struct loop_timer inspect_timer, wait_timer, kill_timer, flush_timer, logs_timer, completion_timer,
        exit_timer;
};

/* docker_executor.c: what the agent is told. */
void docker_executor_add_update(struct docker_executor *executor, const char *task_id,
                                Mesos__V1__TaskStatus *status);
/* Where the container is reached, for a status of a running task; `container` outlives the status. */
void docker_executor_with_network(const struct docker_executor *executor, Mesos__V1__TaskStatus *status,
                                  Mesos__V1__ContainerStatus *container);
/* An update of the task; reason 0 = none, data "" = none. */
void docker_executor_report(struct docker_executor *executor, Mesos__V1__TaskState state, const char *message,
                            int reason, struct str data);
void docker_executor_finish(struct docker_executor *executor);

/* docker_start.c */
void docker_executor_launch(struct docker_executor *executor, const Mesos__V1__TaskInfo *task);
void docker_executor_on_inspect_timer(void *arg);
void docker_executor_on_completion_time(void *arg);

/* docker_follow.c: a call of the docker client, its answer to `done`. */
struct docker_command *docker_executor_call(struct docker_executor *executor, const struct docker_argv *argv,
                                            int64_t timeout_ms, docker_done_fn *done);
struct docker_command *docker_executor_call_inspect(struct docker_executor *executor, docker_done_fn *done);
/* The engine knows no such container. */
bool docker_executor_says_gone(const struct docker_result *result);
/* The container's exit code is known. */
void docker_executor_on_code(struct docker_executor *executor, int code);
/* Learns of the container's end; called again while nothing is known. */
void docker_executor_wait(struct docker_executor *executor);
void docker_executor_on_wait_timer(void *arg);
void docker_executor_forget_process(struct docker_executor *executor);
/* Its output; since_now: what came before has been seen. */
void docker_executor_start_logs(struct docker_executor *executor, bool since_now);
void docker_executor_on_logs_timer(void *arg);

/* docker_end.c */
/* All is known but the last of its output. code -1: not known. Takes over the message. */
void docker_executor_ended(struct docker_executor *executor, int code, char *message);
void docker_executor_on_flush_timer(void *arg);
/* What docker stop is to wait: by the call's policy, by the task's, by ours. */
int64_t docker_executor_grace_ms(const struct docker_executor *executor, const Mesos__V1__KillPolicy *policy);
void docker_executor_kill(struct docker_executor *executor, int64_t grace_ms);
void docker_executor_on_kill(struct docker_executor *executor, const Mesos__V1__Executor__Event__Kill *kill);
void docker_executor_on_kill_timer(void *arg);

/* docker_checks.c */
void docker_executor_start_checks(struct docker_executor *executor);

#endif
