/* SPDX-License-Identifier: Apache-2.0 */
/* Judges results of checks and health checks. Used by the command and the default executor; kills nobody itself. */
#include "executor/task_checks.h"

#include <stdio.h>

#include "base/log.h"
#include "executor/check.h"

enum { NOTHING_YET = -1 };

struct task_checks {
    const Mesos__V1__TaskInfo *task;
    const struct task_checks_handler *handler;
    void *arg;
    struct loop *loop;
    struct check *check, *health;
    int check_value; /* NOTHING_YET, or exit status, HTTP status, connected */
    bool known, healthy; /* of the health check, once known */
    uint32_t failures; /* of the health check, in a row */
    int64_t grace_until_ns;
};

/* ---- check_status ---- */

static Mesos__V1__CheckStatusInfo *
check_status(const Mesos__V1__TaskInfo *task, int value, struct arena *arena)
{
    Mesos__V1__CheckStatusInfo *info = arena_alloc(arena, sizeof(*info));
    mesos__v1__check_status_info__init(info);
    info->has_type = true;
    info->type = task->check->type;
    if (info->type == MESOS__V1__CHECK_INFO__TYPE__COMMAND) {
        info->command = arena_alloc(arena, sizeof(*info->command));
        mesos__v1__check_status_info__command__init(info->command);
        info->command->has_exit_code = value != NOTHING_YET;
        info->command->exit_code = value == NOTHING_YET ? 0 : value;
    } else if (info->type == MESOS__V1__CHECK_INFO__TYPE__HTTP) {
        info->http = arena_alloc(arena, sizeof(*info->http));
        mesos__v1__check_status_info__http__init(info->http);
        info->http->has_status_code = value != NOTHING_YET;
        info->http->status_code = value == NOTHING_YET ? 0 : (uint32_t)value;
    } else if (info->type == MESOS__V1__CHECK_INFO__TYPE__TCP) {
        info->tcp = arena_alloc(arena, sizeof(*info->tcp));
        mesos__v1__check_status_info__tcp__init(info->tcp);
        info->tcp->has_succeeded = value != NOTHING_YET;
        info->tcp->succeeded = value == 1;
    }
    return info;
}

Mesos__V1__CheckStatusInfo *
task_checks_nothing_yet(const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    return task->check ? check_status(task, NOTHING_YET, arena) : NULL;
}

static void
tell(struct task_checks *checks, Mesos__V1__TaskStatus__Reason reason)
{
    auto_arena struct arena *arena = arena_new(512);
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    status.state = MESOS__V1__TASK_STATE__TASK_RUNNING;
    status.has_reason = true;
    status.reason = reason;
    status.has_healthy = checks->known;
    status.healthy = checks->healthy;
    if (checks->task->check)
        status.check_status = check_status(checks->task, checks->check_value, arena);
    checks->handler->on_status(&status, checks->arg);
}

/* ---- the check: its changes are told ---- */

static void
on_check(enum probe_word word, int value, const struct err *why, void *arg)
{
    struct task_checks *checks = arg;
    const char *id = checks->task->task_id->value;
    if (word != PROBE_VALUE) {
        log_warning("The check of task %s failed: %s", id, why->text);
        value = NOTHING_YET;
    }
    if (value == checks->check_value)
        return;
    checks->check_value = value;
    tell(checks, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_CHECK_STATUS_UPDATED);
}

/* ---- the health check ---- */

static bool
is_healthy(const struct task_checks *checks, int value)
{
    const Mesos__V1__HealthCheck *health = checks->task->health_check;
    if (health->http && (!health->has_type || health->type == MESOS__V1__HEALTH_CHECK__TYPE__HTTP))
        return value >= 200 && value < 400;
    if (health->tcp && health->has_type && health->type == MESOS__V1__HEALTH_CHECK__TYPE__TCP)
        return value == 1;
    return value == 0;
}

static void
on_success(struct task_checks *checks)
{
    bool news = !checks->known || !checks->healthy || checks->failures > 0;
    checks->failures = 0;
    checks->known = checks->healthy = true;
    if (!news)
        return;
    log_info("Task %s is healthy", checks->task->task_id->value);
    tell(checks, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
}

static void
on_failure(struct task_checks *checks, const char *why)
{
    const char *id = checks->task->task_id->value;
    if (!checks->known && loop_now_ns(checks->loop) <= checks->grace_until_ns) {
        log_info("The health check of task %s failed in its grace period, which is ignored: %s", id, why);
        return;
    }
    uint32_t limit = checks->task->health_check->consecutive_failures;
    checks->failures++;
    log_warning("The health check of task %s failed (%u in a row): %s", id, checks->failures, why);
    bool too_often = checks->failures >= limit;
    checks->known = true;
    checks->healthy = false;
    tell(checks, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
    if (too_often)
        checks->handler->on_unhealthy(checks->arg);
}

static void
on_health(enum probe_word word, int value, const struct err *why, void *arg)
{
    struct task_checks *checks = arg;
    char text[64];
    if (word == PROBE_UNKNOWN) {
        log_warning("The health of task %s is not known just now: %s", checks->task->task_id->value, why->text);
    } else if (word == PROBE_FAILED) {
        on_failure(checks, why->text);
    } else if (is_healthy(checks, value)) {
        on_success(checks);
    } else {
        snprintf(text, sizeof(text), "it gave %d", value);
        on_failure(checks, text);
    }
}

/* ---- life ---- */

static struct check *
begin(const struct probe_tools *tools, const struct check_plan *plan, int bad, const struct err *err,
      const char *what, probe_done_fn *on_result, struct task_checks *checks)
{
    if (!bad)
        return check_new(tools, plan, on_result, checks);
    log_error("The %s of task %s is not run: %s", what, checks->task->task_id->value, err->text);
    return NULL;
}

struct task_checks *
task_checks_new(const struct probe_tools *tools, const Mesos__V1__TaskInfo *task,
                const struct task_checks_handler *handler, void *arg)
{
    struct check_plan plan;
    struct err err = {0};
    int bad;
    if (!task->check && !task->health_check)
        return NULL;
    struct task_checks *checks = xcalloc(1, sizeof(*checks));
    checks->task = task;
    checks->handler = handler;
    checks->arg = arg;
    checks->loop = tools->loop;
    checks->check_value = NOTHING_YET;
    if (task->check) {
        bad = check_plan_check(task->check, &plan, &err);
        checks->check = begin(tools, &plan, bad, &err, "check", on_check, checks);
    }
    if (task->health_check) {
        bad = check_plan_health(task->health_check, &plan, &err);
        checks->health = begin(tools, &plan, bad, &err, "health check", on_health, checks);
        int64_t grace_ns = check_seconds_ns(task->health_check->grace_period_seconds);
        checks->grace_until_ns = grace_ns ? loop_now_ns(tools->loop) + grace_ns : INT64_MIN;
    }
    return checks;
}

void
task_checks_free(struct task_checks *checks)
{
    if (!checks)
        return;
    check_free(checks->check);
    check_free(checks->health);
    free(checks);
}

void
task_checks_pause(struct task_checks *checks)
{
    if (!checks)
        return;
    check_pause(checks->check);
    check_pause(checks->health);
}

void
task_checks_resume(struct task_checks *checks)
{
    if (!checks)
        return;
    check_resume(checks->check);
    check_resume(checks->health);
}

bool
task_checks_reap(struct task_checks *checks, pid_t pid, int status)
{
    return checks && (check_reap(checks->check, pid, status) || check_reap(checks->health, pid, status));
}
