/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timing of a check or a health check: the first probe after its delay, each next one an interval after the last
 * ended, none longer than its timeout. Knows nothing of what results mean (task_checks.h).
 */
#ifndef EXECUTOR_CHECK_H
#define EXECUTOR_CHECK_H

#include "executor/probe.h"

struct check;

struct check_plan {
    struct probe_target target;
    int64_t delay_ns, interval_ns, timeout_ns; /* timeout 0 = none */
};

/* -EINVAL names what is missing. The plan borrows from the message. */
int check_plan_check(const Mesos__V1__CheckInfo *info, struct check_plan *ret, struct err *err);
int check_plan_health(const Mesos__V1__HealthCheck *info, struct check_plan *ret, struct err *err);
/* Seconds of a message in ns: what is no number, negative or beyond 30 years is brought into range. */
int64_t check_seconds_ns(double secs);

/* tools are copied, what they point to is borrowed. on_result: never while paused. It may free the check. */
struct check *check_new(const struct probe_tools *tools, const struct check_plan *plan, probe_done_fn *on_result,
                        void *arg);
void check_free(struct check *check); /* NULL is fine */
void check_pause(struct check *check); /* drops the probe under way */
void check_resume(struct check *check); /* probes at once; harmless when not paused */
bool check_reap(struct check *check, pid_t pid, int status); /* true when the child was this check's */

#endif
