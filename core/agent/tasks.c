/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks as values: what is kept of each, in which of its executor's lists it stands. Nothing is sent from
 * here. */
#include "agent/state.h"

#include <errno.h>

#include "wire/secrets.h"

const char *
task_state_name(task_state state)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__task_state__descriptor, (int)state);
    return value ? value->name : "?";
}

/* The same map under another message has another generated type. */
static Mesos__V1__Task__LimitsEntry **
task_limits(const Mesos__V1__TaskInfo *info, struct arena *arena)
{
    Mesos__V1__Task__LimitsEntry **limits = arena_alloc(arena, (info->n_limits + 1) * sizeof(*limits));
    for (size_t i = 0; i < info->n_limits; i++) {
        limits[i] = arena_alloc(arena, sizeof(*limits[i]));
        mesos__v1__task__limits_entry__init(limits[i]);
        limits[i]->key = info->limits[i]->key;
        limits[i]->value = info->limits[i]->value;
    }
    return limits;
}

/* mesos.v1.Task of a TaskInfo, as checkpoints and the master want it. */
static void
task_describe(struct task *task, const Mesos__V1__TaskInfo *info, struct arena *arena)
{
    Mesos__V1__Task message = MESOS__V1__TASK__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    const struct executor *executor = task->executor;
    message.name = info->name;
    message.task_id = info->task_id;
    framework_id.value = executor->framework->id;
    message.framework_id = &framework_id;
    executor_id.value = executor->id;
    message.executor_id = executor->generated ? NULL : &executor_id;
    message.agent_id = info->agent_id;
    message.state = MESOS__V1__TASK_STATE__TASK_STAGING;
    message.resources = resources_to_proto(&task->resources, true, arena, &message.n_resources);
    message.labels = info->labels;
    message.discovery = info->discovery;
    message.container = info->container;
    message.health_check = info->health_check;
    message.kill_policy = info->kill_policy;
    message.limits = task_limits(info, arena);
    message.n_limits = info->n_limits;
    message.user = info->command && info->command->user        ? info->command->user
                   : info->executor && info->executor->command ? info->executor->command->user
                                                               : NULL;
    auto_buf struct buf bytes = {0};
    message_pack(&bytes, secrets_hidden(&message, arena));
    packed_set(&task->task, buf_str(&bytes));
}

static struct task *
task_make(struct executor *executor, const char *id, Mesos__V1__Resource *const *resources, size_t count,
          struct err *err)
{
    struct task *task = xcalloc(1, sizeof(*task));
    if (resources_from_proto(&task->resources, resources, count, err)) {
        resources_fini(&task->resources);
        free(task);
        return NULL;
    }
    task->executor = executor;
    task->id = xstrdup(id);
    task->state = MESOS__V1__TASK_STATE__TASK_STAGING;
    return task;
}

void
task_keep_check_user(struct task *task, const Mesos__V1__TaskInfo *info)
{
    if (info->check && info->check->command && info->check->command->command->user)
        task->check_user = xstrdup(info->check->command->command->user);
}

struct task *
task_new(struct executor *executor, const Mesos__V1__TaskInfo *info, struct err *err)
{
    struct task *task = task_make(executor, info->task_id->value, info->resources, info->n_resources, err);
    if (!task)
        return NULL;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    for (size_t i = 0; i < info->n_limits; i++)
        task_limit_set(task, info->limits[i]->key, info->limits[i]->value);
    message_pack(&bytes, info);
    packed_set(&task->info, buf_str(&bytes));
    task_keep_check_user(task, info);
    task_describe(task, info, arena);
    task->place = TASK_QUEUED;
    list_push(&executor->queued, &task->node);
    map_add(&executor->tasks, str_of(task->id), task);
    return task;
}

struct task *
task_recovered(struct executor *executor, const Mesos__V1__Task *checkpoint, struct err *err)
{
    struct task *task =
        task_make(executor, checkpoint->task_id->value, checkpoint->resources, checkpoint->n_resources, err);
    if (!task)
        return NULL;
    auto_buf struct buf bytes = {0};
    for (size_t i = 0; i < checkpoint->n_limits; i++)
        task_limit_set(task, checkpoint->limits[i]->key, checkpoint->limits[i]->value);
    message_pack(&bytes, checkpoint);
    packed_set(&task->task, buf_str(&bytes));
    task->place = TASK_LAUNCHED;
    list_push(&executor->launched, &task->node);
    map_add(&executor->tasks, str_of(task->id), task);
    return task;
}

void
task_free(struct task *task)
{
    if (!task)
        return;
    for (uint32_t i = 0; i < task->status_count; i++)
        packed_fini(&task->statuses[i]);
    free(task->statuses);
    free(task->check_user);
    packed_fini(&task->info);
    packed_fini(&task->task);
    packed_fini(&task->kill_policy);
    resources_fini(&task->resources);
    free(task->id);
    free(task);
}

void
task_move(struct task *task, enum task_place place)
{
    struct executor *executor = task->executor;
    struct list *to[] = {&executor->queued, &executor->launched, &executor->terminated, &executor->completed};
    list_remove(&task->node);
    task->place = place;
    list_push(to[place], &task->node);
    if (place != TASK_COMPLETED)
        return;
    map_remove(&executor->tasks, str_of(task->id));
    packed_fini(&task->info);
    if (++executor->completed_count > AGENT_MAX_COMPLETED_TASKS) {
        struct task *oldest = list_first(&executor->completed, struct task, node);
        list_remove(&oldest->node);
        executor->completed_count--;
        task_free(oldest);
    }
}

void
task_status_add(struct task *task, const Mesos__V1__TaskStatus *status)
{
    /* The bytes for the scheduler are no business of whoever looks at the agent. */
    Mesos__V1__TaskStatus kept = *status;
    auto_buf struct buf bytes = {0};
    kept.has_data = false;
    message_pack(&bytes, &kept);
    if (!task->status_count || task->state != status->state) {
        task->statuses = xreallocarray(task->statuses, task->status_count + 1, sizeof(*task->statuses));
        task->statuses[task->status_count++] = (struct packed){0};
    }
    packed_set(&task->statuses[task->status_count - 1], buf_str(&bytes));
    task->state = status->state;
    packed_fini(&task->info);
}

Mesos__V1__Task *
task_message(const struct task *task, struct arena *arena)
{
    Mesos__V1__Task *message =
        message_unpack(&mesos__v1__task__descriptor, packed_str(&task->task), arena, NULL);
    message->state = task->state;
    message->statuses = arena_alloc(arena, (task->status_count + 1) * sizeof(*message->statuses));
    message->n_statuses = 0;
    for (uint32_t i = 0; i < task->status_count; i++)
        message->statuses[message->n_statuses++] =
            message_unpack(&mesos__v1__task_status__descriptor, packed_str(&task->statuses[i]), arena, NULL);
    if (task->told) {
        message->has_status_update_state = true;
        message->status_update_state = task->told_state;
        message->has_status_update_uuid = true;
        message->status_update_uuid.data =
            memcpy(arena_alloc(arena, UUID_BYTES), task->told_uuid, UUID_BYTES);
        message->status_update_uuid.len = UUID_BYTES;
    }
    return message;
}

static const struct task *
ended_task(const struct executor *executor, struct str task_id)
{
    const struct task *task;
    list_foreach (task, &executor->completed, node)
        if (str_is(task_id, task->id))
            return task;
    return NULL;
}

const struct task *
framework_ended_task(const struct framework *framework, struct str task_id)
{
    const struct executor *executor;
    const struct task *task = NULL;
    map_foreach (executor, &framework->executors)
        if ((task = ended_task(executor, task_id)))
            return task;
    list_foreach (executor, &framework->completed, node)
        if ((task = ended_task(executor, task_id)))
            return task;
    return NULL;
}
