/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the default executor share: the pod (the executor's state) and its tasks. Private to
 * default_executor.c and pod_*.c.
 */
#ifndef EXECUTOR_POD_H
#define EXECUTOR_POD_H

#include "executor/agent_call.h"
#include "executor/default_executor.h"
#include "executor/probe_nested.h"
#include "executor/task_checks.h"
#include "executor/task_updates.h"

struct default_executor {
    struct loop *loop;
    struct default_executor_options options;
    struct agent_link *link;
    struct task_updates updates;
    struct nested_probes probes;
    struct list tasks; /* struct pod_task: alive, or ended and not known to be heard of by the agent */
    struct arena *arena;
    Mesos__V1__ContainerID *container_id; /* the pod's own; NULL before the first SUBSCRIBED */
    uint32_t next_group;
    bool tells_killing; /* the framework understands TASK_KILLING */
    bool shutting_down;
    struct loop_timer exit_timer;
};

enum pod_task_phase {
    POD_TASK_LAUNCHING, /* the agent was asked, or will be */
    POD_TASK_LAUNCHED, /* its container is there; the rest of its group is awaited */
    POD_TASK_RUNNING,
    POD_TASK_ENDED,
};

struct pod_task {
    struct list node;
    struct default_executor *pod;
    struct arena *arena; /* of task and container_id */
    const Mesos__V1__TaskInfo *task;
    Mesos__V1__ContainerID *container_id;
    uint32_t group;
    enum pod_task_phase phase;
    bool acknowledged; /* the agent has seen at least one update of it */
    bool killing, out_of_time, unhealthy;
    int signo; /* to be sent or sent last; 0 = none */
    struct agent_call *launch, *wait, *kill;
    struct loop_timer launch_retry, wait_retry, kill_retry, kill_timer, completion_timer;
    struct task_checks *checks;
};

/* pod_task.c: from TaskInfo to the terminal update. */
struct pod_task *pod_task_new(struct default_executor *pod, const Mesos__V1__TaskInfo *task, uint32_t group);
void pod_task_free(struct pod_task *task);
void pod_task_launch(struct pod_task *task);
/* Its container is there and its group is complete: tells so, waits for its end, begins its checks. */
void pod_task_run(struct pod_task *task);
/* Sends SIGTERM now and SIGKILL after the grace; asked again, a shorter grace counts. */
void pod_task_kill(struct pod_task *task, int64_t grace_ms);
int64_t pod_task_grace_ms(const struct pod_task *task, const Mesos__V1__KillPolicy *policy);
/* The agent went: calls under way are given up. It came back: they are made again. */
void pod_task_disconnected(struct pod_task *task);
void pod_task_reconnected(struct pod_task *task);
/* Sends one update of the task; status: all but its ids. */
void pod_task_tell(struct pod_task *task, Mesos__V1__TaskStatus *status);

/* pod_launch.c: the LAUNCH_CONTAINER of a task. */
struct agent_call *pod_launch(struct pod_task *task, agent_call_done_fn *done);
/* tasks/<task id> in the pod's sandbox -> the sandbox of the task's container. */
void pod_link_sandbox(const struct pod_task *task);

/* default_executor.c */
/* A launch was answered: when it was the last of its group, the group runs. */
void pod_group_launched(struct default_executor *pod, uint32_t group);
/* The task has ended and told so. May end the others of its group, and the executor. Frees nothing. */
void pod_task_ended(struct pod_task *task, Mesos__V1__TaskState state);

#endif
