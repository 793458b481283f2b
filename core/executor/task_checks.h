/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check and the health check of one task: what their results mean, which of them are told, and when a task is too
 * ill to live. Rules: Mesos's (a check's changes are told; a first success, a recovery and every failure outside of the
 * grace period are told; so many failures in a row ask for the kill).
 */
#ifndef EXECUTOR_TASK_CHECKS_H
#define EXECUTOR_TASK_CHECKS_H

#include "base/arena.h"
#include "executor/probe.h"

struct task_checks;

struct task_checks_handler {
    /* A TASK_RUNNING with reason, healthy and check_status is to be sent; the rest is the receiver's to fill in. */
    void (*on_status)(Mesos__V1__TaskStatus *status, void *arg);
    /* Failed too often; follows the status that says so. May free the checks. */
    void (*on_unhealthy)(void *arg);
};

/* Begins at once. NULL when the task has nothing to check. task, tools' strings and handler are borrowed. */
struct task_checks *task_checks_new(const struct probe_tools *tools, const Mesos__V1__TaskInfo *task,
                                    const struct task_checks_handler *handler, void *arg);
void task_checks_free(struct task_checks *checks); /* NULL is fine, here and below */
void task_checks_pause(struct task_checks *checks);
void task_checks_resume(struct task_checks *checks);
bool task_checks_reap(struct task_checks *checks, pid_t pid, int status);

/* Every status of a task with a check has a check_status; this is the one that says nothing yet. NULL without check. */
Mesos__V1__CheckStatusInfo *task_checks_nothing_yet(const Mesos__V1__TaskInfo *task, struct arena *arena);

#endif
