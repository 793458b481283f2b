/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A containerizer that starts no process: a "container" is an executor played in this process, which speaks the v1
 * executor API to the agent's socket over the in-memory network. Linked into scenario programs; what runs outlives the agent
 * object, as processes outlive a daemon.
 */
#ifndef SCENARIO_EXECUTOR_DOUBLE_H
#define SCENARIO_EXECUTOR_DOUBLE_H

#include "base/file.h"
#include "host/host.h"
#include "loop/address.h"

struct double_task {
    struct double_task *next;
    char id[64];
    char *info; /* JSON of its TaskInfo */
    bool launch_acknowledged; /* one of its updates was */
};

struct double_update {
    struct double_update *next;
    char uuid[32]; /* base64 */
    char *status; /* JSON */
};

struct executor_double {
    struct executor_double *next;
    struct loop *loop;
    char container_id[80], framework_id[80], executor_id[80];
    struct address agent;
    struct http_client *stream, *calls;
    struct loop_timer again;
    struct double_task *tasks;
    struct double_update *unacknowledged;
    struct mesos_call *wait, *destroy; /* owed by the containerizer */
    unsigned subscribed, acknowledged, killed; /* events counted */
    bool mute; /* a task that is launched stays silent */
    bool ended;
};

/* The library of the containerizer "double"; its executors run on this loop. */
const struct mesos_module *const *double_modules(void);
void double_open(struct loop *loop);
void double_close(void);
/* The executor of that id, the newest first; NULL when none was launched. */
struct executor_double *double_find(const char *executor_id);
size_t double_launches(void); /* ever */
/* How many tasks executors were told to run again. */
size_t double_twice(void);
/* The living executor that was given this task; NULL when there is none. */
struct executor_double *double_with_task(const char *task_id);
void double_update(struct executor_double *executor, const char *task_id, const char *state);
/* Its process ends (wait status 0). */
void double_end(struct executor_double *executor);

#endif
