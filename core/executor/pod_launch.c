/* SPDX-License-Identifier: Apache-2.0 */
/* How a task becomes a nested container: what is added to its command and container. Called by pod_task.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "executor/pod.h"
#include "wire/message.h"

static Mesos__V1__Environment__Variable *
variable_new(struct arena *arena, const char *name, const char *value)
{
    Mesos__V1__Environment__Variable *variable = arena_alloc(arena, sizeof(*variable));
    mesos__v1__environment__variable__init(variable);
    variable->name = arena_strdup(arena, str_of(name));
    variable->value = arena_strdup(arena, str_of(value));
    return variable;
}

static const char *
allocation_role(const Mesos__V1__TaskInfo *task)
{
    const Mesos__V1__Resource *first = task->n_resources ? task->resources[0] : NULL;
    return first && first->allocation_info ? first->allocation_info->role : NULL;
}

/* The task's own variables come first, as Mesos orders them. */
static Mesos__V1__CommandInfo *
command_for(const struct pod_task *task, struct arena *arena)
{
    Mesos__V1__CommandInfo *command = message_dup(task->task->command, arena);
    const Mesos__V1__Environment *own = command->environment;
    Mesos__V1__Environment *environment = arena_alloc(arena, sizeof(*environment));
    const char *role = allocation_role(task->task);
    bool has_id = false;
    size_t count = own ? own->n_variables : 0;
    mesos__v1__environment__init(environment);
    environment->variables = arena_calloc(arena, count + 3, sizeof(*environment->variables));
    for (size_t i = 0; i < count; i++)
        environment->variables[environment->n_variables++] = own->variables[i];
    for (size_t i = 0; i < count; i++)
        has_id = has_id || strcmp(own->variables[i]->name, "MESOS_TASK_ID") == 0;
    if (!has_id) /* monitoring agents look for it in every task */
        environment->variables[environment->n_variables++] =
            variable_new(arena, "MESOS_TASK_ID", task->task->task_id->value);
    if (task->pod->options.container_ip)
        environment->variables[environment->n_variables++] =
            variable_new(arena, "MESOS_CONTAINER_IP", task->pod->options.container_ip);
    if (role)
        environment->variables[environment->n_variables++] = variable_new(arena, "MESOS_ALLOCATION_ROLE", role);
    command->environment = environment;
    return command;
}

static bool
has_volume(const Mesos__V1__Resource *resource)
{
    return resource->disk && resource->disk->volume;
}

/* A disk of the task's is mounted in the pod; the task sees it by a volume of its parent's sandbox. */
static Mesos__V1__Volume *
parent_volume(const Mesos__V1__Volume *of, struct arena *arena)
{
    Mesos__V1__Volume *volume = arena_alloc(arena, sizeof(*volume));
    Mesos__V1__Volume__Source *source = arena_alloc(arena, sizeof(*source));
    Mesos__V1__Volume__Source__SandboxPath *path = arena_alloc(arena, sizeof(*path));
    mesos__v1__volume__init(volume);
    mesos__v1__volume__source__init(source);
    mesos__v1__volume__source__sandbox_path__init(path);
    path->has_type = true;
    path->type = MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__PARENT;
    path->path = of->container_path;
    source->has_type = true;
    source->type = MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH;
    source->sandbox_path = path;
    volume->mode = of->mode;
    volume->container_path = of->container_path;
    volume->source = source;
    return volume;
}

static Mesos__V1__ContainerInfo *
container_for(const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    size_t disks = 0, count;
    for (size_t i = 0; i < task->n_resources; i++)
        disks += has_volume(task->resources[i]);
    if (!disks)
        return task->container;
    Mesos__V1__ContainerInfo *container = arena_alloc(arena, sizeof(*container));
    if (task->container) {
        *container = *task->container;
    } else {
        mesos__v1__container_info__init(container);
        container->type = MESOS__V1__CONTAINER_INFO__TYPE__MESOS;
    }
    count = container->n_volumes;
    Mesos__V1__Volume **volumes = arena_calloc(arena, count + disks, sizeof(*volumes));
    for (size_t i = 0; i < count; i++)
        volumes[i] = container->volumes[i];
    for (size_t i = 0; i < task->n_resources; i++)
        if (has_volume(task->resources[i]))
            volumes[count++] = parent_volume(task->resources[i]->disk->volume, arena);
    container->volumes = volumes;
    container->n_volumes = count;
    return container;
}

/* The same map under another message has another generated type. */
static void
put_limits(Mesos__V1__Agent__Call__LaunchContainer *launch, const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    launch->limits = arena_calloc(arena, task->n_limits + 1, sizeof(*launch->limits));
    for (size_t i = 0; i < task->n_limits; i++) {
        Mesos__V1__Agent__Call__LaunchContainer__LimitsEntry *entry = arena_alloc(arena, sizeof(*entry));
        mesos__v1__agent__call__launch_container__limits_entry__init(entry);
        entry->key = task->limits[i]->key;
        entry->value = task->limits[i]->value;
        launch->limits[launch->n_limits++] = entry;
    }
}

struct agent_call *
pod_launch(struct pod_task *task, agent_call_done_fn *done)
{
    auto_arena struct arena *arena = arena_new(2048);
    Mesos__V1__Agent__Call call = MESOS__V1__AGENT__CALL__INIT;
    Mesos__V1__Agent__Call__LaunchContainer launch = MESOS__V1__AGENT__CALL__LAUNCH_CONTAINER__INIT;
    call.has_type = true;
    call.type = MESOS__V1__AGENT__CALL__TYPE__LAUNCH_CONTAINER;
    call.launch_container = &launch;
    launch.container_id = task->container_id;
    if (task->task->command)
        launch.command = command_for(task, arena);
    launch.container = container_for(task->task, arena);
    launch.resources = task->task->resources;
    launch.n_resources = task->task->n_resources;
    put_limits(&launch, task->task, arena);
    return agent_call_start(task->pod->loop, &task->pod->options.agent, &call, false, done, task);
}

/* Tasks may have put anything where the links are to be: no link of theirs is followed. */
void
pod_link_sandbox(const struct pod_task *task)
{
    const char *sandbox = task->pod->options.sandbox, *id = task->task->task_id->value;
    if (!sandbox || strchr(id, '/') || !strcmp(id, ".") || !strcmp(id, ".."))
        return;
    auto_fd int dir = open(sandbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || (mkdirat(dir, "tasks", 0755) && errno != EEXIST)) {
        log_warning("Cannot make the directory of task links: %s", strerror(errno));
        return;
    }
    auto_fd int tasks = openat(dir, "tasks", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_free char *target = xasprintf("%s/containers/%s", sandbox, task->container_id->value);
    if (tasks >= 0)
        unlinkat(tasks, id, 0);
    if (tasks < 0 || symlinkat(target, tasks, id))
        log_warning("Cannot link tasks/%s to its sandbox: %s", id, strerror(errno));
}
