/* SPDX-License-Identifier: Apache-2.0 */
/* Checks and health checks of tasks. */
#include <errno.h>
#include <string.h>

#include "model/validate.h"

/* what: "check" or "health check". */
static int
check_command(const Mesos__V1__CommandInfo *command, const char *what, struct err *err)
{
    bool health = strcmp(what, "health check") == 0;
    if (!command)
        return err_set(err, -EINVAL, "Expecting 'command' to be set for COMMAND %s", what);
    if (!command->value)
        return err_set(err, -EINVAL, "Command %s must contain %s", what,
                       !command->has_shell || command->shell ? "'shell command'" : "'executable path'");
    int rc = command_validate(command, err);
    return rc ? err_wrap(err, "%s's `CommandInfo` is invalid", health ? "Health check" : "Check") : 0;
}

static int
check_path(const char *path, const char *what, struct err *err)
{
    if (path && path[0] != '/')
        return err_set(err, -EINVAL, "The path '%s' of HTTP %s must start with '/'", path, what);
    return 0;
}

/* Negative or not a number; unset ones hold their defaults. */
static int
check_seconds(double value, const char *name, struct err *err)
{
    return value >= 0 ? 0 : err_set(err, -EINVAL, "Expecting '%s' to be non-negative", name);
}

static int
check_kind(const Mesos__V1__CheckInfo *check, struct err *err)
{
    switch (check->type) {
    case MESOS__V1__CHECK_INFO__TYPE__COMMAND:
        return check_command(check->command ? check->command->command : NULL, "check", err);
    case MESOS__V1__CHECK_INFO__TYPE__HTTP:
        if (!check->http)
            return err_set(err, -EINVAL, "Expecting 'http' to be set for HTTP check");
        return check_path(check->http->path, "check", err);
    case MESOS__V1__CHECK_INFO__TYPE__TCP:
        return check->tcp ? 0 : err_set(err, -EINVAL, "Expecting 'tcp' to be set for TCP check");
    default:
        return err_set(err, -EINVAL, "'UNKNOWN' is not a valid check type");
    }
}

int
check_validate(const Mesos__V1__CheckInfo *check, struct err *err)
{
    if (!check->has_type)
        return err_set(err, -EINVAL, "CheckInfo must specify 'type'");
    int rc = check_kind(check, err);
    if (rc == 0)
        rc = check_seconds(check->delay_seconds, "delay_seconds", err);
    if (rc == 0)
        rc = check_seconds(check->interval_seconds, "interval_seconds", err);
    return rc ? rc : check_seconds(check->timeout_seconds, "timeout_seconds", err);
}

static int
health_http(const Mesos__V1__HealthCheck__HTTPCheckInfo *http, struct err *err)
{
    if (!http)
        return err_set(err, -EINVAL, "Expecting 'http' to be set for HTTP health check");
    if (http->scheme && strcmp(http->scheme, "http") != 0 && strcmp(http->scheme, "https") != 0)
        return err_set(err, -EINVAL, "Unsupported HTTP health check scheme: '%s'", http->scheme);
    return check_path(http->path, "health check", err);
}

static int
health_kind(const Mesos__V1__HealthCheck *check, struct err *err)
{
    switch (check->type) {
    case MESOS__V1__HEALTH_CHECK__TYPE__COMMAND:
        return check_command(check->command, "health check", err);
    case MESOS__V1__HEALTH_CHECK__TYPE__HTTP:
        return health_http(check->http, err);
    case MESOS__V1__HEALTH_CHECK__TYPE__TCP:
        return check->tcp ? 0 : err_set(err, -EINVAL, "Expecting 'tcp' to be set for TCP health check");
    default:
        return err_set(err, -EINVAL, "'UNKNOWN' is not a valid health check type");
    }
}

int
health_check_validate(const Mesos__V1__HealthCheck *check, struct err *err)
{
    if (!check->has_type)
        return err_set(err, -EINVAL, "HealthCheck must specify 'type'");
    int rc = health_kind(check, err);
    if (rc == 0)
        rc = check_seconds(check->delay_seconds, "delay_seconds", err);
    if (rc == 0)
        rc = check_seconds(check->grace_period_seconds, "grace_period_seconds", err);
    if (rc == 0)
        rc = check_seconds(check->interval_seconds, "interval_seconds", err);
    return rc ? rc : check_seconds(check->timeout_seconds, "timeout_seconds", err);
}
