/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: their packed form, their state, what they hold, and the history they go to. Who sends what to whom
 * about a task is for the verbs to say.
 */
#include <string.h>

#include "host/kind_allocator.h"
#include "master/marks.h"
#include "master/subscribers.h"
#include "wire/message.h"

enum { FIELD_EXECUTOR_ID = 4, FIELD_AGENT_ID = 5, FIELD_STATE = 6, FIELD_UPDATE_STATE = 9 };
enum { TAG_STATUSES = 0x42, TAG_STATE = 0x30, TAG_UPDATE_STATE = 0x48, TAG_UPDATE_UUID = 0x52 };

struct task *
task_find(const struct framework *framework, const char *id)
{
    return map_get(&framework->tasks, str_of(id));
}

bool
task_state_terminal(Mesos__V1__TaskState state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
    case MESOS__V1__TASK_STATE__TASK_FAILED:
    case MESOS__V1__TASK_STATE__TASK_KILLED:
    case MESOS__V1__TASK_STATE__TASK_LOST:
    case MESOS__V1__TASK_STATE__TASK_ERROR:
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
    case MESOS__V1__TASK_STATE__TASK_GONE:
    case MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR:
        return true;
    default:
        return false;
    }
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

/* Grows by a quarter: most tasks see three statuses of the same size. */
static unsigned char *
packed_reserve(struct task *task, size_t more)
{
    size_t need = (size_t)task->len + more;
    if (need > task->cap) {
        task->cap = (uint32_t)(need + need / 4);
        task->packed = xrealloc(task->packed, task->cap);
    }
    return task->packed + task->len;
}

static size_t
put_varint(unsigned char *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (unsigned char)(value | 0x80);
    to[n++] = (unsigned char)value;
    return n;
}

static uint64_t
get_varint(const unsigned char *from, size_t *at)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte = from[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return value;
}

/* One entry per state: a repeated state replaces the last entry. */
static void
append_status(struct task *task, const Mesos__V1__TaskStatus *status, bool same_state)
{
    Mesos__V1__TaskStatus kept = *status;
    kept.has_data = false;
    kept.data.len = 0;
    size_t size = mesos__v1__task_status__get_packed_size(&kept);
    if (size > (1 << 20))
        return; /* the framework has it; history does without */
    if (same_state && task->last_status)
        task->len = task->last_status;
    if (task->len == task->core_len)
        task->first_status_time = status->timestamp;
    unsigned char *to = packed_reserve(task, size + 12);
    task->last_status = task->len;
    size_t n = 0;
    to[n++] = TAG_STATUSES;
    n += put_varint(to + n, size);
    mesos__v1__task_status__pack(&kept, to + n);
    task->len += (uint32_t)(n + size);
}

static struct task *
task_new(struct framework *framework, struct agent *agent, const Mesos__V1__Task *core,
         struct resources *resources)
{
    size_t id_len = strlen(core->task_id->value);
    struct task *task = xcalloc(1, sizeof(*task) + id_len + 1);
    memcpy(task->id, core->task_id->value, id_len);
    task->framework = framework;
    task->agent = agent;
    task->state = (uint8_t)core->state;
    if (core->user && *core->user && strcmp(core->user, framework->info->user) != 0)
        task->user = xstrdup(core->user);
    size_t size = mesos__v1__task__get_packed_size(core);
    mesos__v1__task__pack(core, packed_reserve(task, size));
    task->len = task->core_len = (uint32_t)size;
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
        append_status(task, from->statuses[i], i && from->statuses[i]->state == from->statuses[i - 1]->state);
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
    append_status(task, status, same);
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
    resources_fini(&task->resources);
    free(task->user);
    free(task->packed);
    free(task);
}

Mesos__V1__TaskStatus *
task_last_status(const struct task *task, struct arena *arena)
{
    if (!task->last_status)
        return NULL;
    const unsigned char *at = task->packed + task->last_status + 1, *end = task->packed + task->len;
    while (at < end && *at & 0x80)
        at++;
    at++;
    return MESSAGE_UNPACK(Mesos__V1__TaskStatus, mesos__v1__task_status, str_n(at, (size_t)(end - at)), arena,
                          NULL);
}

/* The first field of the core whose number is not below this one; fields of the core stand in order. */
static size_t
core_find(const struct task *task, unsigned number)
{
    size_t at = 0;
    while (at < task->core_len) {
        size_t start = at;
        uint64_t tag = get_varint(task->packed, &at);
        if (tag >> 3 >= number)
            return start;
        /* Only fields before status_update_state are passed: strings, messages and one enum. */
        uint64_t value = get_varint(task->packed, &at);
        if ((tag & 7) == 2)
            at += value;
    }
    return at;
}

/* The value of a field of the core that is an id. */
static struct str
core_id(const struct task *task, unsigned field)
{
    size_t at = core_find(task, field), end;
    if (at >= task->core_len || get_varint(task->packed, &at) >> 3 != field)
        return (struct str){"", 0};
    end = get_varint(task->packed, &at);
    end += at;
    if (at >= end || get_varint(task->packed, &at) >> 3 != 1)
        return (struct str){"", 0};
    size_t len = get_varint(task->packed, &at);
    return str_n((const char *)task->packed + at, len);
}

struct str
task_agent_id(const struct task *task)
{
    return core_id(task, FIELD_AGENT_ID);
}

struct str
task_executor_id(const struct task *task)
{
    return core_id(task, FIELD_EXECUTOR_ID);
}

void
task_pack(const struct task *task, struct buf *out)
{
    size_t state = core_find(task, FIELD_STATE), rest = core_find(task, FIELD_UPDATE_STATE);
    unsigned char *to = (unsigned char *)buf_reserve(out, task->len + 64);
    size_t n = state;
    memcpy(to, task->packed, n);
    to[n++] = TAG_STATE;
    n += put_varint(to + n, task->state);
    size_t resources = core_find(task, FIELD_STATE + 1);
    memcpy(to + n, task->packed + resources, rest - resources);
    n += rest - resources;
    memcpy(to + n, task->packed + task->core_len, task->len - task->core_len);
    n += task->len - task->core_len;
    if (task->has_update) {
        to[n++] = TAG_UPDATE_STATE;
        n += put_varint(to + n, task->update_state);
    }
    if (task->has_uuid) {
        to[n++] = TAG_UPDATE_UUID;
        n += put_varint(to + n, UUID_BYTES);
        memcpy(to + n, task->update_uuid, UUID_BYTES);
        n += UUID_BYTES;
    }
    memcpy(to + n, task->packed + rest, task->core_len - rest);
    buf_added(out, n + task->core_len - rest);
}

Mesos__V1__Task *
task_unpack(const struct task *task, struct arena *arena)
{
    auto_buf struct buf bytes = {0};
    task_pack(task, &bytes);
    return MESSAGE_UNPACK(Mesos__V1__Task, mesos__v1__task, buf_str(&bytes), arena, NULL);
}
