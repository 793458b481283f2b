/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: their state, what they hold, and the history they go to. How they are kept is task_packed.c's; who sends what to
 * whom about a task is for the verbs to say.
 */
#include <string.h>

#include "host/kind_allocator.h"
#include "master/http.h"
#include "master/marks.h"
#include "master/subscribers.h"
#include "master/task_packed.h"
#include "wire/message.h"
#include "wire/secrets.h"

struct task *
task_find(const struct framework *framework, const char *id)
{
    return map_get(&framework->tasks, str_of(id));
}

const char *
task_state_name(Mesos__V1__TaskState state)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__task_state__descriptor, (int)state);
    return value ? value->name : "TASK_UNKNOWN";
}

static void
count(struct task *task, int by)
{
    struct framework *framework = task->framework;
    bool terminal = task_state_terminal((Mesos__V1__TaskState)task->state);
    if (!terminal)
        framework->master->m.tasks[task->state] += by;
    if (framework->metrics && framework->metrics->task_states[task->state] && (!terminal || by > 0))
        metric_add(framework->metrics->task_states[task->state], by);
}

static void
set_state(struct task *task, Mesos__V1__TaskState state)
{
    if (task->state == state)
        return;
    count(task, -1);
    task->state = (uint8_t)state;
    count(task, 1);
}

static struct task *
task_new(struct framework *framework, struct agent *agent, const Mesos__V1__Task *core,
         struct resources *resources)
{
    size_t id_len = strlen(core->task_id->value);
    auto_arena struct arena *arena = arena_new(256);
    struct task *task = xcalloc(1, sizeof(*task) + id_len + 1);
    memcpy(task->id, core->task_id->value, id_len);
    task->framework = framework;
    task->agent = agent;
    task->state = (uint8_t)core->state;
    if (core->user && *core->user && strcmp(core->user, framework->info->user) != 0)
        task->user = xstrdup(core->user);
    task_keep_core(task, secrets_hidden(core, arena));
    if (!task_state_terminal(core->state)) {
        resources_move(&task->resources, resources);
        scalars_add(framework->master->used_scalars, &task->resources, 1);
    }
    count(task, 1);
    list_push(&agent->tasks, &task->agent_node);
    map_add(&framework->tasks, str_of(task->id), task);
    sheets_add(&framework->task_sheets, &task->record);
    agent_touch(agent);
    return task;
}

struct task *
task_add(struct framework *framework, struct agent *agent, struct executor *executor,
         const Mesos__V1__TaskInfo *info, struct resources *resources)
{
    Mesos__V1__Task core = MESOS__V1__TASK__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    framework_id.value = framework->id;
    core.name = info->name;
    core.task_id = info->task_id;
    core.framework_id = &framework_id;
    core.executor_id = info->executor ? info->executor->executor_id : NULL;
    core.agent_id = info->agent_id;
    core.state = MESOS__V1__TASK_STATE__TASK_STAGING;
    core.n_resources = info->n_resources;
    core.resources = info->resources;
    core.labels = info->labels;
    core.discovery = info->discovery;
    core.container = info->container;
    core.health_check = info->health_check;
    core.kill_policy = info->kill_policy;
    core.n_limits = info->n_limits;
    const Mesos__V1__CommandInfo *command = info->command    ? info->command
                                            : info->executor ? info->executor->command
                                                             : NULL;
    core.user = command ? command->user : NULL;
    /* A map entry packs through its own descriptor, so the entries are made again rather than cast. */
    Mesos__V1__Task__LimitsEntry *entries = xcalloc(info->n_limits + 1, sizeof(*entries));
    auto_free Mesos__V1__Task__LimitsEntry **limits = xcalloc(info->n_limits + 1, sizeof(*limits));
    for (size_t i = 0; i < info->n_limits; i++) {
        mesos__v1__task__limits_entry__init(&entries[i]);
        entries[i].key = info->limits[i]->key;
        entries[i].value = info->limits[i]->value;
        limits[i] = &entries[i];
    }
    core.limits = limits;
    struct task *task = task_new(framework, agent, &core, resources);
    task->executor = executor;
    free(entries);
    subscribers_task_added(task);
    return task;
}

struct task *
task_adopt(struct framework *framework, struct agent *agent, const Mesos__V1__Task *from, struct err *err)
{
    auto_resources struct resources resources = {0};
    if (resources_from_proto(&resources, from->resources, from->n_resources, err))
        return NULL;
    if (framework->role_count == 1)
        for (uint32_t i = 0; i < resources.count; i++)
            if (!resources.items[i].allocation_role) {
                resources_allocate(&resources, framework->roles[0]);
                break;
            }
    Mesos__V1__Task core = *from;
    resources_upgrade(core.resources, core.n_resources, framework->role_count == 1 ? framework->roles[0] : NULL,
                      framework->master->arena);
    core.n_statuses = 0;
    core.has_status_update_state = false;
    core.has_status_update_uuid = false;
    struct task *task = task_new(framework, agent, &core, &resources);
    if (from->executor_id)
        task->executor = executor_find(framework, agent, from->executor_id->value);
    for (size_t i = 0; i < from->n_statuses; i++)
        task_keep_status(task, from->statuses[i], i && from->statuses[i]->state == from->statuses[i - 1]->state);
    if (from->has_status_update_state) {
        task->has_update = true;
        task->update_state = (uint8_t)from->status_update_state;
    }
    if (from->has_status_update_uuid && from->status_update_uuid.len == UUID_BYTES) {
        task->has_uuid = true;
        memcpy(task->update_uuid, from->status_update_uuid.data, UUID_BYTES);
    }
    subscribers_task_added(task);
    return task;
}

/* Gives back what the task holds. */
static void
release(struct task *task)
{
    struct master *master = task->framework->master;
    if (resources_empty(&task->resources))
        return;
    scalars_add(master->used_scalars, &task->resources, -1);
    if (task->agent)
        allocator_recover_resources(master->allocator, task->framework->number, task->agent->number,
                                    resources_view(&task->resources), -1);
    if (task->agent)
        agent_touch(task->agent);
    record_touch(&task->record);
    resources_fini(&task->resources);
    task->resources = (struct resources){0};
}

/* What checks say is told to subscribers though the state stays. */
static bool
is_check(const Mesos__V1__TaskStatus *status)
{
    return status->has_reason &&
           (status->reason == MESOS__V1__TASK_STATUS__REASON__REASON_TASK_CHECK_STATUS_UPDATED ||
            status->reason == MESOS__V1__TASK_STATUS__REASON__REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
}

void
task_update(struct task *task, const Mesos__V1__TaskStatus *status, Mesos__V1__TaskState latest,
            struct str uuid)
{
    struct master *master = task->framework->master;
    bool same = task->has_update ? task->update_state == status->state : false;
    bool ended = !task_state_terminal((Mesos__V1__TaskState)task->state) && task_state_terminal(latest);
    if (!task_state_terminal((Mesos__V1__TaskState)task->state))
        set_state(task, latest);
    task->has_update = true;
    task->update_state = (uint8_t)status->state;
    task->has_uuid = uuid.len == UUID_BYTES;
    task->acknowledged = false;
    if (task->has_uuid)
        memcpy(task->update_uuid, uuid.ptr, UUID_BYTES);
    task_keep_status(task, status, same);
    record_touch(&task->record);
    if (!same || is_check(status))
        subscribers_task_updated(task, status);
    if (ended) {
        master_metrics_terminal(master, (int)latest, status->has_source ? (int)status->source : 0,
                                status->has_reason ? (int)status->reason : -1);
        release(task);
    }
}

void
task_status_init(Mesos__V1__TaskStatus *status, struct master *master, const char *task_id,
                 const char *agent_id, Mesos__V1__TaskState state, int reason, const char *message,
                 struct arena *arena)
{
    mesos__v1__task_status__init(status);
    status->task_id = arena_alloc(arena, sizeof(*status->task_id));
    mesos__v1__task_id__init(status->task_id);
    status->task_id->value = arena_strdup(arena, str_of(task_id));
    if (agent_id) {
        status->agent_id = arena_alloc(arena, sizeof(*status->agent_id));
        mesos__v1__agent_id__init(status->agent_id);
        status->agent_id->value = arena_strdup(arena, str_of(agent_id));
    }
    status->state = state;
    status->has_source = true;
    status->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_MASTER;
    status->has_reason = reason >= 0;
    if (reason >= 0)
        status->reason = (Mesos__V1__TaskStatus__Reason)reason;
    status->message = message ? arena_strdup(arena, str_of(message)) : NULL;
    status->has_timestamp = true;
    status->timestamp = loop_wall_secs(master->loop);
}

void
task_status_of(Mesos__V1__TaskStatus *status, const struct task *task, Mesos__V1__TaskState state, int reason,
               const char *message, struct arena *arena)
{
    struct str executor = task_executor_id(task);
    const char *agent_id = arena_strdup(arena, task_agent_id(task));
    task_status_init(status, task->framework->master, task->id, agent_id, state, reason, message, arena);
    if (executor.len) {
        status->executor_id = arena_alloc(arena, sizeof(*status->executor_id));
        mesos__v1__executor_id__init(status->executor_id);
        status->executor_id->value = arena_strdup(arena, executor);
    }
}

static void
detach(struct task *task)
{
    release(task);
    list_remove(&task->agent_node);
    record_remove(&task->record);
    agent_touch(task->agent);
    agent_drain_check(task->agent);
    map_remove(&task->framework->tasks, str_of(task->id));
    task->agent = NULL;
    task->executor = NULL;
}

/* From the unreachable ones of its framework and of the agent that was lost. */
static void
leave_unreachable(struct task *task)
{
    map_remove(&task->framework->unreachable, str_of(task->id));
    list_remove(&task->agent_node);
    record_remove(&task->record);
}

void
task_complete(struct task *task)
{
    struct framework *framework = task->framework;
    int64_t max = framework->master->options->max_completed_tasks_per_framework;
    if (task->agent)
        detach(task);
    else
        leave_unreachable(task);
    if (!task_state_terminal((Mesos__V1__TaskState)task->state))
        count(task, -1);
    task->packed = xrealloc(task->packed, task->len);
    task->cap = task->len;
    list_push(&framework->done, &task->agent_node);
    sheets_add(&framework->done_sheets, &task->record);
    map_set(&framework->done_ids, str_of(task->id), task);
    framework->done_count++;
    while (framework->done_count > max) {
        struct task *oldest = list_first(&framework->done, struct task, agent_node);
        list_remove(&oldest->agent_node);
        record_remove(&oldest->record);
        if (map_get(&framework->done_ids, str_of(oldest->id)) == oldest)
            map_remove(&framework->done_ids, str_of(oldest->id));
        framework->done_count--;
        task_free(oldest);
    }
}

bool
task_was_acknowledged(const struct framework *framework, const char *id, struct str uuid)
{
    const struct task *task = map_get(&framework->tasks, str_of(id));
    if (!task)
        task = map_get(&framework->done_ids, str_of(id));
    return task && task->acknowledged && uuid.len == UUID_BYTES &&
           memcmp(task->update_uuid, uuid.ptr, UUID_BYTES) == 0;
}

void
task_forget_completed(struct framework *framework, const char *id)
{
    struct task *task = map_remove(&framework->done_ids, str_of(id));
    if (!task)
        return;
    list_remove(&task->agent_node);
    record_remove(&task->record);
    framework->done_count--;
    task_free(task);
}

static void
unreachable_remove(struct task *task)
{
    leave_unreachable(task);
    count(task, -1);
    task_free(task);
}

void
task_set_unreachable(struct task *task, struct lost_agent *lost)
{
    struct framework *framework = task->framework;
    size_t max = (size_t)framework->master->options->max_unreachable_tasks_per_framework;
    detach(task);
    struct task *former = map_get(&framework->unreachable, str_of(task->id));
    if (former)
        unreachable_remove(former);
    map_add(&framework->unreachable, str_of(task->id), task);
    list_push(&lost->tasks, &task->agent_node);
    sheets_add(&framework->unreachable_sheets, &task->record);
    while (map_count(&framework->unreachable) > max) {
        uint32_t at = 0;
        unreachable_remove(map_next(&framework->unreachable, &at)->value);
    }
}

void
task_forget(struct task *task)
{
    if (!task->agent) {
        unreachable_remove(task);
        return;
    }
    detach(task);
    count(task, -1);
    task_free(task);
}

void
task_free(struct task *task)
{
    if (!task)
        return;
    listings_forget(task->framework->master, task);
    resources_fini(&task->resources);
    free(task->user);
    free(task->packed);
    free(task);
}
