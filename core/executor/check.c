/* SPDX-License-Identifier: Apache-2.0 */
/* When a check's next probe runs and when it has taken too long. Owned by task_checks.c. */
#include "executor/check.h"

#include <errno.h>

enum { INTERVAL_MIN_MS = 10 }; /* a check without an interval must not take a processor for itself */

struct check {
    struct probe_tools tools;
    struct check_plan plan;
    probe_done_fn *on_result;
    void *arg;
    struct probe *probe; /* NULL = between two */
    bool paused;
    struct loop_timer next, timeout;
};

int64_t
check_seconds_ns(double secs)
{
    if (!(secs > 0))
        return 0;
    return secs > 1e9 ? 1000000000LL * 1000000000 : (int64_t)(secs * 1e9);
}

static int
command_target(const Mesos__V1__CommandInfo *command, struct probe_target *ret, struct err *err)
{
    if (!command || !command->value)
        return err_set(err, -EINVAL, "its command has no value");
    ret->type = MESOS__V1__CHECK_INFO__TYPE__COMMAND;
    ret->command = command;
    return 0;
}

static int
port_target(uint32_t port, struct probe_target *ret, struct err *err)
{
    if (port == 0 || port > 65535)
        return err_set(err, -EINVAL, "its port %u must be between 1 and 65535", port);
    ret->port = (uint16_t)port;
    return 0;
}

static int
check_target(const Mesos__V1__CheckInfo *info, struct probe_target *ret, struct err *err)
{
    if (info->has_type && info->type == MESOS__V1__CHECK_INFO__TYPE__COMMAND)
        return command_target(info->command ? info->command->command : NULL, ret, err);
    if (info->has_type && info->type == MESOS__V1__CHECK_INFO__TYPE__HTTP && info->http) {
        ret->type = info->type;
        ret->path = info->http->path;
        return port_target(info->http->port, ret, err);
    }
    if (info->has_type && info->type == MESOS__V1__CHECK_INFO__TYPE__TCP && info->tcp) {
        ret->type = info->type;
        return port_target(info->tcp->port, ret, err);
    }
    return err_set(err, -EINVAL, "it is neither of COMMAND, HTTP and TCP with its part of the message");
}

int
check_plan_check(const Mesos__V1__CheckInfo *info, struct check_plan *ret, struct err *err)
{
    struct check_plan plan = {{0}};
    int rc = check_target(info, &plan.target, err);
    if (rc)
        return rc;
    plan.delay_ns = check_seconds_ns(info->delay_seconds);
    plan.interval_ns = check_seconds_ns(info->interval_seconds);
    plan.timeout_ns = check_seconds_ns(info->timeout_seconds);
    *ret = plan;
    return 0;
}

static int
health_target(const Mesos__V1__HealthCheck *info, struct probe_target *ret, struct err *err)
{
    /* Schedulers older than `type` set the part alone. */
    Mesos__V1__HealthCheck__Type type = info->has_type ? info->type
                                        : info->command ? MESOS__V1__HEALTH_CHECK__TYPE__COMMAND
                                        : info->http    ? MESOS__V1__HEALTH_CHECK__TYPE__HTTP
                                                        : MESOS__V1__HEALTH_CHECK__TYPE__UNKNOWN;
    if (type == MESOS__V1__HEALTH_CHECK__TYPE__COMMAND)
        return command_target(info->command, ret, err);
    if (type == MESOS__V1__HEALTH_CHECK__TYPE__HTTP && info->http) {
        ret->type = MESOS__V1__CHECK_INFO__TYPE__HTTP;
        ret->scheme = info->http->scheme;
        ret->path = info->http->path;
        ret->ipv6 = info->http->protocol == MESOS__V1__NETWORK_INFO__PROTOCOL__IPv6;
        return port_target(info->http->port, ret, err);
    }
    if (type == MESOS__V1__HEALTH_CHECK__TYPE__TCP && info->tcp) {
        ret->type = MESOS__V1__CHECK_INFO__TYPE__TCP;
        ret->ipv6 = info->tcp->protocol == MESOS__V1__NETWORK_INFO__PROTOCOL__IPv6;
        return port_target(info->tcp->port, ret, err);
    }
    return err_set(err, -EINVAL, "it is neither of COMMAND, HTTP and TCP with its part of the message");
}

int
check_plan_health(const Mesos__V1__HealthCheck *info, struct check_plan *ret, struct err *err)
{
    struct check_plan plan = {{0}};
    int rc = health_target(info, &plan.target, err);
    if (rc)
        return rc;
    plan.delay_ns = check_seconds_ns(info->delay_seconds);
    plan.interval_ns = check_seconds_ns(info->interval_seconds);
    plan.timeout_ns = check_seconds_ns(info->timeout_seconds);
    *ret = plan;
    return 0;
}

/* ---- running ---- */

static void
ended(struct check *check, enum probe_word word, int value, const struct err *why)
{
    int64_t least_ns = INTERVAL_MIN_MS * 1000000LL;
    check->probe = NULL;
    loop_timer_stop(&check->timeout);
    loop_timer_start_ns(&check->next, check->plan.interval_ns > least_ns ? check->plan.interval_ns : least_ns);
    check->on_result(word, value, why, check->arg); /* last: it may free the check */
}

static void
on_done(enum probe_word word, int value, const struct err *why, void *arg)
{
    ended(arg, word, value, why);
}

static void
on_timeout(void *arg)
{
    struct check *check = arg;
    struct err why;
    err_set(&why, -ETIMEDOUT, "timed out after %.3g secs", (double)check->plan.timeout_ns / 1e9);
    probe_cancel(check->probe);
    ended(check, PROBE_FAILED, 0, &why);
}

static void
on_next(void *arg)
{
    struct check *check = arg;
    check->probe = probe_start(&check->tools, &check->plan.target, on_done, check);
    if (check->plan.timeout_ns)
        loop_timer_start_ns(&check->timeout, check->plan.timeout_ns);
}

struct check *
check_new(const struct probe_tools *tools, const struct check_plan *plan, probe_done_fn *on_result, void *arg)
{
    struct check *check = xcalloc(1, sizeof(*check));
    check->tools = *tools;
    check->plan = *plan;
    check->on_result = on_result;
    check->arg = arg;
    loop_timer_init(&check->next, tools->loop, on_next, check);
    loop_timer_init(&check->timeout, tools->loop, on_timeout, check);
    loop_timer_start_ns(&check->next, plan->delay_ns);
    return check;
}

void
check_pause(struct check *check)
{
    if (!check || check->paused)
        return;
    check->paused = true;
    loop_timer_stop(&check->next);
    loop_timer_stop(&check->timeout);
    probe_cancel(check->probe);
    check->probe = NULL;
}

void
check_resume(struct check *check)
{
    if (!check || !check->paused)
        return;
    check->paused = false;
    loop_timer_start(&check->next, 0);
}

void
check_free(struct check *check)
{
    check_pause(check);
    free(check);
}

bool
check_reap(struct check *check, pid_t pid, int status)
{
    return check && probe_reap(check->probe, pid, status);
}
