/* SPDX-License-Identifier: Apache-2.0 */
/* See access.h. Decides of itself only whom executors may become. */
#include "agent/access.h"

#include "agent/containers.h"

struct mesos_object
framework_object(const struct framework *framework)
{
    return (struct mesos_object){
        .size = sizeof(struct mesos_object),
        .value = framework->user,
        .framework_info = {framework->info.data, framework->info.len},
        .framework_id = framework->id,
    };
}

struct mesos_object
executor_object(const struct executor *executor)
{
    struct mesos_object object = framework_object(executor->framework);
    object.value = executor->user;
    object.executor_info = (struct mesos_bytes){executor->info.data, executor->info.len};
    object.executor_id = executor->id;
    object.container = executor->container_id;
    return object;
}

struct mesos_object
task_object(const struct task *task, const char *user)
{
    struct mesos_object object = executor_object(task->executor);
    object.value = user && *user ? user : task->executor->framework->user;
    object.task = (struct mesos_bytes){task->task.data, task->task.len};
    return object;
}

struct mesos_object
container_object(const struct agent *agent, const char *id)
{
    const struct executor *executor = executor_of_container(agent, id);
    struct mesos_object object = {.size = sizeof(object)};
    if (executor)
        object = executor_object(executor);
    object.container = id;
    return object;
}

enum mesos_action
container_action(const char *id, enum mesos_action nested)
{
    if (strchr(id, '.'))
        return nested;
    switch (nested) {
    case MESOS_ACTION_LAUNCH_NESTED_CONTAINER:
        return MESOS_ACTION_LAUNCH_STANDALONE_CONTAINER;
    case MESOS_ACTION_KILL_NESTED_CONTAINER:
        return MESOS_ACTION_KILL_STANDALONE_CONTAINER;
    case MESOS_ACTION_WAIT_NESTED_CONTAINER:
        return MESOS_ACTION_WAIT_STANDALONE_CONTAINER;
    case MESOS_ACTION_REMOVE_NESTED_CONTAINER:
        return MESOS_ACTION_REMOVE_STANDALONE_CONTAINER;
    default:
        return nested;
    }
}

static bool
names(const struct task *task, const char *user)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__V1__Task *message = task_message(task, arena);
    const Mesos__V1__CommandInfo *check = message->health_check ? message->health_check->command : NULL;
    return (message->user && strcmp(message->user, user) == 0) || (check && check->user && strcmp(check->user, user) == 0) ||
           (task->check_user && strcmp(task->check_user, user) == 0);
}

bool
executor_may_become(const struct executor *executor, const char *user)
{
    const struct task *task;
    if (!executor)
        return false;
    if (!executor->agent->options->switch_user || strcmp(executor->user, user) == 0)
        return true;
    map_foreach (task, &executor->tasks)
        if (names(task, user))
            return true;
    return false;
}

void
agent_view_init(struct agent_view *view, const struct agent *agent, const struct http_exchange *exchange)
{
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    struct access *access = agent->daemon->access;
    view->frameworks = approver_new(access, principal, MESOS_ACTION_VIEW_FRAMEWORK);
    view->executors = approver_new(access, principal, MESOS_ACTION_VIEW_EXECUTOR);
    view->tasks = approver_new(access, principal, MESOS_ACTION_VIEW_TASK);
    view->roles = approver_new(access, principal, MESOS_ACTION_VIEW_ROLE);
}

void
agent_view_fini(struct agent_view *view)
{
    approver_free(view->frameworks);
    approver_free(view->executors);
    approver_free(view->tasks);
    approver_free(view->roles);
}

bool
agent_view_framework(const struct agent_view *view, const struct framework *framework)
{
    struct mesos_object object = framework_object(framework);
    return approver_allows(view->frameworks, &object);
}

bool
agent_view_executor(const struct agent_view *view, const struct executor *executor)
{
    struct mesos_object object = executor_object(executor);
    return approver_allows(view->executors, &object);
}

bool
agent_view_task(const struct agent_view *view, const struct task *task, const char *user)
{
    struct mesos_object object = task_object(task, user);
    return approver_allows(view->tasks, &object);
}

bool
agent_view_role(const struct agent_view *view, const char *role)
{
    return strcmp(role, "*") == 0 || approver_allows_value(view->roles, role);
}

static bool
is_seen(const struct mesos_resource *item, void *view)
{
    return agent_view_role(view, item->role);
}

void
agent_view_resources(const struct agent_view *view, const struct resources *from, struct resources *ret)
{
    resources_filter(ret, from, is_seen, (void *)(uintptr_t)view);
}
