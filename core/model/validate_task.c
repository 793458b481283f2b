/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and executors by themselves. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/role.h"
#include "model/validate.h"

int
resources_validate(const struct resources *r, struct err *err)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (strcmp(r->items[i].name, "gpus") == 0 && r->items[i].scalar % 1000 != 0)
            return err_set(err, -EINVAL, "Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer");
    return 0;
}

int
resources_validate_total(const struct resources *total, struct err *err)
{
    for (uint32_t i = 0; i < total->count; i++)
        for (uint32_t j = i + 1; j < total->count; j++)
            if (total->items[i].revocable != total->items[j].revocable &&
                strcmp(total->items[i].name, total->items[j].name) == 0)
                return err_set(err, -EINVAL,
                               "Task (and its executor, if exists) uses both revocable and non-revocable %s",
                               total->items[i].name);
    return 0;
}

static int
limit_validate(const Mesos__V1__TaskInfo__LimitsEntry *limit, const struct resources *resources, struct err *err)
{
    bool cpu = limit->key && strcmp(limit->key, "cpus") == 0, mem = limit->key && strcmp(limit->key, "mem") == 0;
    double value = limit->value ? limit->value->value : NAN;
    if (!cpu && !mem)
        return err_set(err, -EINVAL, "Resource limits are only supported for 'cpus' and 'mem', not for '%s'",
                       limit->key ? limit->key : "");
    if (isnan(value) || value * 1000 + 0.5 < (double)resources_scalar(resources, limit->key))
        return err_set(err, -EINVAL, "The %s limit must be greater than or equal to the %s request",
                       cpu ? "cpu" : "memory", cpu ? "cpu" : "memory");
    return 0;
}

static int
task_checks(const Mesos__V1__TaskInfo *task, struct err *err)
{
    if (task->kill_policy && task->kill_policy->grace_period && task->kill_policy->grace_period->nanoseconds < 0)
        return err_set(err, -EINVAL, "Task's 'kill_policy.grace_period' must be non-negative");
    if (task->max_completion_time && task->max_completion_time->nanoseconds < 0)
        return err_set(err, -EINVAL, "Task's `max_completion_time` must be non-negative");
    if (task->check && check_validate(task->check, err))
        return err_wrap(err, "Task uses invalid check");
    if (task->health_check && health_check_validate(task->health_check, err))
        return err_wrap(err, "Task uses invalid health check");
    return 0;
}

int
task_validate(const Mesos__V1__TaskInfo *task, const struct resources *resources, struct err *err)
{
    int rc = task_checks(task, err);
    if (rc)
        return rc;
    if (task->n_resources == 0)
        return err_set(err, -EINVAL, "Task uses no resources");
    if (resources_validate(resources, err))
        return err_wrap(err, "Task uses invalid resources");
    for (size_t i = 0; i < task->n_limits; i++)
        if ((rc = limit_validate(task->limits[i], resources, err)))
            return rc;
    if (task->command && command_validate(task->command, err))
        return err_wrap(err, "Task's `CommandInfo` is invalid");
    if (task->container && container_validate(task->container, err))
        return err_wrap(err, "Task's `ContainerInfo` is invalid");
    return 0;
}

int
task_validate_runner(const Mesos__V1__TaskInfo *task, struct err *err)
{
    if ((task->executor != NULL) == (task->command != NULL))
        return err_set(err, -EINVAL,
                       "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present");
    return 0;
}

static int
executor_type(const Mesos__V1__ExecutorInfo *executor, struct err *err)
{
    Mesos__V1__ExecutorInfo__Type type = executor->has_type ? executor->type : MESOS__V1__EXECUTOR_INFO__TYPE__UNKNOWN;
    const Mesos__V1__ContainerInfo *container = executor->container;
    if (type == MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM && !executor->command)
        return err_set(err, -EINVAL, "'ExecutorInfo.command' must be set for 'CUSTOM' executor");
    if (type != MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT)
        return 0;
    if (executor->command)
        return err_set(err, -EINVAL, "'ExecutorInfo.command' must not be set for 'DEFAULT' executor");
    if (container && container->type != MESOS__V1__CONTAINER_INFO__TYPE__MESOS)
        return err_set(err, -EINVAL, "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor");
    if (container && container->mesos && container->mesos->image)
        return err_set(err, -EINVAL, "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor");
    return 0;
}

static int
executor_resources(const Mesos__V1__ExecutorInfo *executor, struct err *err)
{
    auto_resources struct resources r = {0};
    int rc = resources_from_proto(&r, executor->resources, executor->n_resources, err);
    return rc ? rc : resources_validate(&r, err);
}

int
executor_validate(const Mesos__V1__ExecutorInfo *executor, const char *framework_id, struct err *err)
{
    int rc = executor_type(executor, err);
    if (rc == 0)
        rc = id_check(str_of(executor->executor_id->value), NULL, err);
    if (rc)
        return rc;
    if (!executor->framework_id)
        return err_set(err, -EINVAL, "'ExecutorInfo.framework_id' must be set");
    if (strcmp(executor->framework_id->value, framework_id) != 0)
        return err_set(err, -EINVAL, "ExecutorInfo has an invalid FrameworkID (Actual: %s vs Expected: %s)",
                       executor->framework_id->value, framework_id);
    if (executor->shutdown_grace_period && executor->shutdown_grace_period->nanoseconds < 0)
        return err_set(err, -EINVAL, "ExecutorInfo's 'shutdown_grace_period' must be non-negative");
    if (executor_resources(executor, err))
        return err_wrap(err, "Executor uses invalid resources");
    if (executor->command && command_validate(executor->command, err))
        return err_wrap(err, "Executor's `CommandInfo` is invalid");
    if (executor->container && container_validate(executor->container, err))
        return err_wrap(err, "Executor's `ContainerInfo` is invalid");
    return 0;
}
