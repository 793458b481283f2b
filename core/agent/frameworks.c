/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks that have, or had, executors on this agent. */
#include "agent/drain.h"

void
packed_set(struct packed *packed, struct str bytes)
{
    char *data = bytes.len ? xmemdup(bytes.ptr, bytes.len) : NULL;
    free(packed->data);
    packed->data = data;
    packed->len = (uint32_t)bytes.len;
}

void
packed_fini(struct packed *packed)
{
    free(packed->data);
    *packed = (struct packed){0};
}

struct framework *
framework_find(const struct agent *agent, struct str id)
{
    return map_get(&agent->frameworks, id);
}

bool
framework_sends(const struct framework *framework, const struct upid *from)
{
    const struct agent *agent = framework->agent;
    struct upid scheduler;
    if (agent->has_master && upid_eq(from, &agent->master))
        return true;
    return framework->pid && upid_parse(str_of(framework->pid), &scheduler, NULL) == 0 && scheduler.id[0] &&
           upid_eq(from, &scheduler);
}

struct framework *
framework_new(struct agent *agent, const Mesos__V1__FrameworkInfo *info, const char *pid)
{
    struct framework *framework = xcalloc(1, sizeof(*framework));
    framework->agent = agent;
    framework->id = xstrdup(info->id->value);
    list_init(&framework->node);
    list_init(&framework->completed);
    framework_update(framework, info, pid);
    map_add(&agent->frameworks, str_of(framework->id), framework);
    return framework;
}

/* A framework that was here before keeps its history. */
struct framework *
framework_back(struct agent *agent, const Mesos__V1__FrameworkInfo *info, const char *pid)
{
    struct framework *framework;
    list_foreach (framework, &agent->completed, node) {
        if (strcmp(framework->id, info->id->value) != 0)
            continue;
        list_remove(&framework->node);
        agent->completed_count--;
        framework->terminating = false;
        framework_update(framework, info, pid);
        map_add(&agent->frameworks, str_of(framework->id), framework);
        return framework;
    }
    return NULL;
}

void
framework_update(struct framework *framework, const Mesos__V1__FrameworkInfo *info, const char *pid)
{
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, info);
    packed_set(&framework->info, buf_str(&bytes));
    free(framework->user);
    framework->user = xstrdup(info->user);
    framework->checkpoint = info->has_checkpoint && info->checkpoint;
    framework->partition_aware = false;
    for (size_t i = 0; i < info->n_capabilities; i++)
        framework->partition_aware |=
            info->capabilities[i]->type == MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE;
    if (pid) {
        free(framework->pid);
        framework->pid = xstrdup(pid);
    }
}

void
framework_free(struct framework *framework)
{
    struct executor *executor, *tmp;
    if (!framework)
        return;
    map_foreach (executor, &framework->executors)
        executor_free(executor);
    map_fini(&framework->executors);
    list_foreach_safe (executor, tmp, &framework->completed, node) {
        list_remove(&executor->node);
        executor_free(executor);
    }
    packed_fini(&framework->info);
    free(framework->user);
    free(framework->pid);
    free(framework->id);
    free(framework);
}

struct task *
framework_task(const struct framework *framework, struct str task_id)
{
    /* A command task's executor bears its name. */
    struct executor *executor = executor_find(framework, task_id);
    struct task *task = executor ? map_get(&executor->tasks, task_id) : NULL;
    if (task)
        return task;
    map_foreach (executor, &framework->executors)
        if ((task = map_get(&executor->tasks, task_id)))
            return task;
    return NULL;
}

void
framework_settle(struct framework *framework)
{
    struct agent *agent = framework->agent;
    if (map_count(&framework->executors))
        return;
    log_info("framework %s has no executors left", framework->id);
    map_remove(&agent->frameworks, str_of(framework->id));
    if (agent->id)
        gc_schedule_framework(agent->gc, framework->id, 0);
    list_push(&agent->completed, &framework->node);
    if (++agent->completed_count > AGENT_MAX_COMPLETED_FRAMEWORKS) {
        struct framework *oldest = list_first(&agent->completed, struct framework, node);
        list_remove(&oldest->node);
        agent->completed_count--;
        framework_free(oldest);
    }
    drain_settle(agent);
    if (agent->state == AGENT_TERMINATING && !map_count(&agent->frameworks))
        loop_timer_start(&agent->leave, 100);
}

void
framework_shutdown(struct framework *framework)
{
    struct executor *executor;
    bool idle = !map_count(&framework->executors);
    framework->terminating = true;
    log_info("shutting down framework %s", framework->id);
    status_updates_forget(framework->agent->updates, str_of(framework->id));
    map_foreach (executor, &framework->executors) {
        if (executor->state == EXECUTOR_TERMINATED)
            executor_settle(executor);
        else
            executor_shutdown(executor);
    }
    if (idle)
        framework_settle(framework);
}
