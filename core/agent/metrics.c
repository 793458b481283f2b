/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's part of /metrics/snapshot: counters by name, gauges that look at the state when they are asked.
 */
#include "agent/state.h"

#include <errno.h>

void
agent_count(struct agent *agent, const char *metric)
{
    metric_inc(metrics_get(agent->daemon->metrics, metric));
}

static double
pull_registered(void *arg)
{
    const struct agent *agent = arg;
    return agent->state == AGENT_RUNNING;
}

static double
pull_uptime(void *arg)
{
    const struct agent *agent = arg;
    return daemon_uptime_secs(agent->daemon);
}

static double
pull_frameworks(void *arg)
{
    const struct agent *agent = arg;
    return (double)map_count(&agent->frameworks);
}

static double
pull_recovery_secs(void *arg)
{
    const struct agent *agent = arg;
    return agent->recovery_secs;
}

static double
count_executors(const struct agent *agent, enum executor_state state)
{
    const struct framework *framework;
    const struct executor *executor;
    double count = 0;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            count += executor->state == state;
    return count;
}

static double
pull_executors_registering(void *arg)
{
    return count_executors(arg, EXECUTOR_REGISTERING);
}
static double
pull_executors_running(void *arg)
{
    return count_executors(arg, EXECUTOR_RUNNING);
}
static double
pull_executors_terminating(void *arg)
{
    return count_executors(arg, EXECUTOR_TERMINATING);
}

static double
count_tasks(const struct agent *agent, task_state state)
{
    const struct framework *framework;
    const struct executor *executor;
    const struct task *task;
    double count = 0;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            map_foreach (task, &executor->tasks)
                count += task->place != TASK_TERMINATED && task->state == state;
    return count;
}

static double
pull_tasks_staging(void *arg)
{
    return count_tasks(arg, MESOS__V1__TASK_STATE__TASK_STAGING);
}
static double
pull_tasks_starting(void *arg)
{
    return count_tasks(arg, MESOS__V1__TASK_STATE__TASK_STARTING);
}
static double
pull_tasks_running(void *arg)
{
    return count_tasks(arg, MESOS__V1__TASK_STATE__TASK_RUNNING);
}
static double
pull_tasks_killing(void *arg)
{
    return count_tasks(arg, MESOS__V1__TASK_STATE__TASK_KILLING);
}

static double
resource_total(const struct agent *agent, const char *name)
{
    return (double)resources_scalar(&agent->total, name) / 1000;
}

static double
resource_used(const struct agent *agent, const char *name)
{
    const struct framework *framework;
    const struct executor *executor;
    int64_t used = 0;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            auto_resources struct resources sum = {0};
            executor_resources(executor, &sum);
            used += resources_scalar(&sum, name);
        }
    return (double)used / 1000;
}

static double
resource_percent(const struct agent *agent, const char *name)
{
    double total = resource_total(agent, name);
    return total > 0 ? resource_used(agent, name) / total : 0;
}

static double
revocable_scalar(const struct resources *r, const char *name)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].revocable && r->items[i].type == MESOS_VALUE_SCALAR && strcmp(r->items[i].name, name) == 0)
            sum += r->items[i].scalar;
    return (double)sum / 1000;
}

static double
revocable_total(const struct agent *agent, const char *name)
{
    return revocable_scalar(oversubscription_total(agent), name);
}

static double
revocable_used(const struct agent *agent, const char *name)
{
    const struct framework *framework;
    const struct executor *executor;
    double used = 0;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            auto_resources struct resources sum = {0};
            executor_resources(executor, &sum);
            used += revocable_scalar(&sum, name);
        }
    return used;
}

static double
revocable_percent(const struct agent *agent, const char *name)
{
    double total = revocable_total(agent, name);
    return total > 0 ? revocable_used(agent, name) / total : 0;
}

#define RESOURCE_PULLS(name)                                                                                 \
    static double pull_##name##_total(void *arg)                                                             \
    {                                                                                                        \
        return resource_total(arg, #name);                                                                   \
    }                                                                                                        \
    static double pull_##name##_used(void *arg)                                                              \
    {                                                                                                        \
        return resource_used(arg, #name);                                                                    \
    }                                                                                                        \
    static double pull_##name##_percent(void *arg)                                                           \
    {                                                                                                        \
        return resource_percent(arg, #name);                                                                 \
    }                                                                                                        \
    static double pull_##name##_revocable_total(void *arg)                                                   \
    {                                                                                                        \
        return revocable_total(arg, #name);                                                                  \
    }                                                                                                        \
    static double pull_##name##_revocable_used(void *arg)                                                    \
    {                                                                                                        \
        return revocable_used(arg, #name);                                                                   \
    }                                                                                                        \
    static double pull_##name##_revocable_percent(void *arg)                                                 \
    {                                                                                                        \
        return revocable_percent(arg, #name);                                                                \
    }
RESOURCE_PULLS(cpus)
RESOURCE_PULLS(gpus)
RESOURCE_PULLS(mem)
RESOURCE_PULLS(disk)

static const char *const counters[] = {
    "containerizer/fetcher/cache_size_total_bytes",
    "containerizer/fetcher/cache_size_used_bytes",
    "containerizer/fetcher/task_fetches_failed",
    "containerizer/fetcher/task_fetches_succeeded",
    "containerizer/mesos/container_destroy_errors",
    "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
    "containerizer/mesos/provisioner/remove_container_errors",
    "resource_provider_manager/events/disconnect",
    "resource_provider_manager/events/subscribe",
    "resource_provider_manager/subscribed",
    "slave/container_launch_errors",
    "slave/executors_preempted",
    "slave/executors_terminated",
    "slave/invalid_framework_messages",
    "slave/invalid_status_updates",
    "slave/recovery_errors",
    "slave/tasks_failed",
    "slave/tasks_finished",
    "slave/tasks_gone",
    "slave/tasks_killed",
    "slave/tasks_lost",
    "slave/valid_framework_messages",
    "slave/valid_status_updates",
};

static const struct pulled {
    const char *name;
    double (*fn)(void *arg);
} pulled[] = {{"slave/registered", pull_registered},
              {"slave/uptime_secs", pull_uptime},
              {"slave/frameworks_active", pull_frameworks},
              {"slave/recovery_time_secs", pull_recovery_secs},
              {"slave/executors_registering", pull_executors_registering},
              {"slave/executors_running", pull_executors_running},
              {"slave/executors_terminating", pull_executors_terminating},
              {"slave/tasks_staging", pull_tasks_staging},
              {"slave/tasks_starting", pull_tasks_starting},
              {"slave/tasks_running", pull_tasks_running},
              {"slave/tasks_killing", pull_tasks_killing},
#define RESOURCE_ROWS(name)                                                                                  \
    {"slave/" #name "_total", pull_##name##_total}, {"slave/" #name "_used", pull_##name##_used},            \
        {"slave/" #name "_percent", pull_##name##_percent},                                                  \
        {"slave/" #name "_revocable_total", pull_##name##_revocable_total},                                  \
        {"slave/" #name "_revocable_used", pull_##name##_revocable_used},                                    \
        {"slave/" #name "_revocable_percent", pull_##name##_revocable_percent},
              RESOURCE_ROWS(cpus) RESOURCE_ROWS(gpus) RESOURCE_ROWS(mem) RESOURCE_ROWS(disk)};

void
agent_metrics_add(struct agent *agent)
{
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        metrics_get(agent->daemon->metrics, counters[i]);
    for (size_t i = 0; i < ARRAY_LEN(pulled); i++)
        metrics_pull(agent->daemon->metrics, pulled[i].name, pulled[i].fn, agent);
}
