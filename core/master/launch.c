/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LAUNCH and LAUNCH_GROUP: each task is checked in Mesos's order, becomes known, and goes to the agent; one
 * that fails a check becomes a TASK_ERROR status and nothing else. Called by call_accept.c with what the
 * offers gave.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "master/authorize.h"
#include "master/calls.h"
#include "model/role.h"
#include "model/validate.h"
#include "wire/secrets.h"

#define REASON(name) MESOS__V1__TASK_STATUS__REASON__REASON_##name

void
refuse_task(struct framework *framework, const Mesos__V1__TaskInfo *task, Mesos__V1__TaskState state,
            int reason, const char *message, struct arena *arena)
{
    Mesos__V1__TaskStatus status;
    struct master *master = framework->master;
    task_status_init(&status, master, task->task_id->value, task->agent_id->value, state, reason, message,
                     arena);
    log_info("refuse task=%s framework=%s state=%s reason=\"%s\"", task->task_id->value, framework->id,
             task_state_name(state), message);
    master_metrics_terminal(master, (int)state, (int)status.source, reason);
    if (framework->metrics && framework->metrics->task_states[state])
        metric_inc(framework->metrics->task_states[state]);
    framework_send_status(framework, &status);
}

/* A launch being checked: sums are owned here until they move into task and executor. */
struct candidate {
    Mesos__V1__TaskInfo *info;
    struct resources resources;          /* of the task */
    struct resources executor_resources; /* of its executor when that is new */
    struct executor *executor;           /* that runs already */
};

static void
candidate_fini(struct candidate *candidate)
{
    resources_fini(&candidate->resources);
    resources_fini(&candidate->executor_resources);
}

/* Sums up a message's resources and upgrades them there. Errors show them as they came. */
static int
take_resources(struct resources *ret, Mesos__V1__Resource **items, size_t count, const char *role,
               struct arena *arena, struct err *err)
{
    bool mixed = false;
    int rc = resources_from_proto(ret, items, count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        mixed |= items[i]->allocation_info != NULL;
    resources_upgrade(items, count, role, arena);
    if (!mixed) {
        resources_allocate(ret, role);
        return 0;
    }
    resources_fini(ret);
    *ret = (struct resources){0};
    return resources_from_proto(ret, items, count, err);
}

static int
prepare(struct candidate *candidate, Mesos__V1__TaskInfo *info, const char *role, struct arena *arena,
        struct err *err)
{
    *candidate = (struct candidate){.info = info};
    Mesos__V1__ExecutorInfo *executor = info->executor;
    int rc = take_resources(&candidate->resources, info->resources, info->n_resources, role, arena, err);
    if (!rc && executor)
        rc = take_resources(&candidate->executor_resources, executor->resources, executor->n_resources, role,
                            arena, err);
    return rc;
}

static bool
same_bytes(const void *packed, size_t len, const ProtobufCMessage *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size != len)
        return false;
    unsigned char *bytes = arena_alloc(arena, size + 1);
    protobuf_c_message_pack(message, bytes);
    return memcmp(bytes, packed, size) == 0;
}

static bool
same_message(const ProtobufCMessage *a, const ProtobufCMessage *b, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(a);
    unsigned char *bytes = arena_alloc(arena, size + 1);
    protobuf_c_message_pack(a, bytes);
    return same_bytes(bytes, size, b, arena);
}

/* Both executors side by side: longer than a struct err holds. */
static void
put_incompatible(struct buf *text, const struct executor *known, const Mesos__V1__ExecutorInfo *info)
{
    static const char rule[] = "------------------------------------------------------------\n";
    Mesos__V1__ExecutorInfo *before = mesos__v1__executor_info__unpack(NULL, known->info_len, known->info);
    buf_puts(text, "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n");
    buf_puts(text, rule);
    buf_puts(text, "Existing ExecutorInfo:\n");
    if (before)
        message_to_text(text, &before->base);
    buf_putc(text, '\n');
    buf_puts(text, rule);
    buf_puts(text, "ExecutorInfo:\n");
    message_to_text(text, &info->base);
    buf_putc(text, '\n');
    buf_puts(text, rule);
    mesos__v1__executor_info__free_unpacked(before, NULL);
}

static int
check_identity(const struct candidate *candidate, const struct framework *framework,
               const struct agent *agent, struct err *err)
{
    const Mesos__V1__TaskInfo *info = candidate->info;
    int rc = id_check(str_of(info->task_id->value), NULL, err);
    if (rc)
        return rc;
    if (task_find(framework, info->task_id->value))
        return err_set(err, -EINVAL, "Task has duplicate ID: %s", info->task_id->value);
    if (strcmp(info->agent_id->value, agent->id) != 0)
        return err_set(err, -EINVAL, "Task uses invalid agent %s while agent %s is expected",
                       info->agent_id->value, agent->id);
    return 0;
}

/* text gets what is too long for err. */
static int
check_executor(struct candidate *candidate, struct framework *framework, struct agent *agent,
               const Mesos__V1__ExecutorInfo *executor, struct arena *arena, struct buf *text,
               struct err *err)
{
    int rc = executor_validate(executor, framework->id, err);
    if (rc)
        return rc;
    candidate->executor = executor_find(framework, agent, executor->executor_id->value);
    if (!candidate->executor)
        return 0;
    executor = secrets_hidden(executor, arena); /* as the known one is kept */
    if (!same_bytes(candidate->executor->info, candidate->executor->info_len, &executor->base, arena)) {
        put_incompatible(text, candidate->executor, executor);
        return -EINVAL;
    }
    resources_fini(&candidate->executor_resources);
    candidate->executor_resources = (struct resources){0};
    return 0;
}

static int
check_total(const struct resources *total, const struct resources *available, struct buf *text,
            struct err *err)
{
    int rc = resources_validate_total(total, err);
    if (rc)
        return rc;
    if (resources_contains(available, total))
        return 0;
    buf_puts(text, "Total resources ");
    resources_format(text, total);
    buf_puts(text, " required by task and its executor is more than available ");
    resources_format(text, available);
    return -EINVAL;
}

static int
check_task(struct candidate *candidate, struct framework *framework, struct agent *agent,
           const struct resources *available, struct arena *arena, struct buf *text, struct err *err)
{
    const Mesos__V1__TaskInfo *info = candidate->info;
    int rc = check_identity(candidate, framework, agent, err);
    if (!rc)
        rc = task_validate(info, &candidate->resources, err);
    if (!rc)
        rc = task_validate_runner(info, err);
    if (!rc && info->executor && info->executor->has_type &&
        info->executor->type != MESOS__V1__EXECUTOR_INFO__TYPE__CUSTOM)
        rc = err_set(err, -EINVAL, "'ExecutorInfo.type' must be 'CUSTOM'");
    if (!rc && info->executor)
        rc = check_executor(candidate, framework, agent, info->executor, arena, text, err);
    if (rc || !info->executor)
        return rc ? rc : check_total(&candidate->resources, available, text, err);
    auto_resources struct resources total = {0};
    resources_copy(&total, &candidate->resources);
    resources_add(&total, &candidate->executor_resources);
    return check_total(&total, available, text, err);
}

static void
resource_version(const struct agent *agent, Mesos__Internal__ResourceVersionUUID *version,
                 Mesos__V1__UUID *uuid)
{
    mesos__internal__resource_version_uuid__init(version);
    mesos__v1__uuid__init(uuid);
    uuid->value.len = UUID_BYTES;
    uuid->value.data = (uint8_t *)(uintptr_t)agent->resource_version;
    version->uuid = uuid;
}

static void
send_run_task(struct framework *framework, struct agent *agent, Mesos__V1__TaskInfo *info, bool new_executor)
{
    Mesos__Internal__RunTaskMessage message = MESOS__INTERNAL__RUN_TASK_MESSAGE__INIT;
    Mesos__Internal__ResourceVersionUUID version, *versions = &version;
    Mesos__V1__UUID uuid;
    message.framework = framework->info;
    message.task = info;
    message.pid = framework_pid(framework);
    message.has_launch_executor = true;
    message.launch_executor = new_executor;
    if (agent->has_resource_version) {
        resource_version(agent, &version, &uuid);
        message.n_resource_version_uuids = 1;
        message.resource_version_uuids = &versions;
    }
    agent_send(agent, "mesos.internal.RunTaskMessage", &message);
}

static void
launch(struct candidate *candidate, struct framework *framework, struct agent *agent,
       struct resources *available)
{
    Mesos__V1__TaskInfo *info = candidate->info;
    struct executor *executor = candidate->executor;
    bool new_executor = !executor;
    resources_subtract(available, &candidate->resources);
    if (info->executor && !executor) {
        resources_subtract(available, &candidate->executor_resources);
        executor = executor_add(framework, agent, info->executor, &candidate->executor_resources);
    }
    task_add(framework, agent, executor, info, &candidate->resources);
    log_info("launch task=%s framework=%s agent=%s", info->task_id->value, framework->id, agent->id);
    send_run_task(framework, agent, info, new_executor);
}

/* Health checks of before they had types say by their member what they are. */
static void
complete_health_check(Mesos__V1__TaskInfo *task)
{
    Mesos__V1__HealthCheck *check = task->health_check;
    if (!check || check->has_type || !check->command == !check->http)
        return;
    check->has_type = true;
    check->type = check->command ? MESOS__V1__HEALTH_CHECK__TYPE__COMMAND : MESOS__V1__HEALTH_CHECK__TYPE__HTTP;
}

static void
refuse_all(struct framework *framework, Mesos__V1__TaskInfo **tasks, size_t count, int reason,
           const char *message, struct arena *arena)
{
    for (size_t i = 0; i < count; i++)
        refuse_task(framework, tasks[i], MESOS__V1__TASK_STATE__TASK_ERROR, reason, message, arena);
}

void
launch_tasks(struct framework *framework, struct agent *agent, const char *role, struct resources *available,
             Mesos__V1__TaskInfo **tasks, size_t count, struct arena *arena)
{
    struct err err;
    size_t ready = 0;
    auto_free struct candidate *candidates = xcalloc(count + 1, sizeof(*candidates));
    for (size_t i = 0; i < count; i++) {
        if (tasks[i]->executor && !tasks[i]->executor->framework_id)
            tasks[i]->executor->framework_id = framework->info->id;
        complete_health_check(tasks[i]);
    }
    /* One resource that makes no sense refuses the operation as a whole. */
    for (; ready < count; ready++)
        if (prepare(&candidates[ready], tasks[ready], role, arena, &err))
            break;
    if (ready < count)
        refuse_all(framework, tasks, count, REASON(TASK_INVALID), err.text, arena);
    for (size_t i = 0; i < count && ready == count; i++) {
        auto_buf struct buf text = {0};
        if (authorize_task(framework, tasks[i], NULL, &text))
            refuse_task(framework, tasks[i], MESOS__V1__TASK_STATE__TASK_ERROR, REASON(TASK_UNAUTHORIZED),
                        buf_cstr(&text), arena);
        else if (check_task(&candidates[i], framework, agent, available, arena, &text, &err))
            refuse_task(framework, tasks[i], MESOS__V1__TASK_STATE__TASK_ERROR, REASON(TASK_INVALID),
                        text.len ? buf_cstr(&text) : err.text, arena);
        else
            launch(&candidates[i], framework, agent, available);
    }
    for (size_t i = 0; i <= ready && i < count; i++)
        candidate_fini(&candidates[i]);
}

/* What an executor of groups must have beside what every executor must. */
static int
check_group_executor(const struct candidate *candidates, size_t count,
                     const Mesos__V1__ExecutorInfo *executor, const struct framework *framework,
                     const struct candidate *first, struct arena *arena, struct err *err)
{
    const char *id = executor->executor_id->value;
    int rc = executor_validate(executor, framework->id, err);
    if (rc)
        return rc;
    if (!executor->has_type || executor->type == MESOS__V1__EXECUTOR_INFO__TYPE__UNKNOWN)
        return err_set(err, -EINVAL, "'ExecutorInfo.type' must be set");
    for (size_t i = 0; i < count; i++)
        if (candidates[i].info->executor &&
            !same_message(&candidates[i].info->executor->base, &executor->base, arena))
            return err_set(err, -EINVAL, "The `ExecutorInfo` of task '%s' is different from executor '%s'",
                           candidates[i].info->task_id->value, id);
    double cpus = (double)resources_scalar(&first->executor_resources, "cpus") / 1000;
    double mem = (double)resources_scalar(&first->executor_resources, "mem") / 1000;
    if (cpus < 0.01)
        return err_set(err, -EINVAL, "Executor '%s' uses less CPUs (%g) than the minimum required (0.01)", id,
                       cpus);
    if (mem < 32)
        return err_set(err, -EINVAL, "Executor '%s' uses less memory (%gMB) than the minimum required (32MB)",
                       id, mem);
    if (resources_scalar(&first->executor_resources, "disk") == 0)
        return err_set(err, -EINVAL, "Executor '%s' uses no disk", id);
    return 0;
}

/* A group stands or falls as one. `first` carries the executor's resources. */
static int
check_group(struct candidate *candidates, size_t count, struct candidate *first, struct framework *framework,
            struct agent *agent, const struct resources *available, const Mesos__V1__ExecutorInfo *executor,
            struct arena *arena, struct buf *text, struct err *err)
{
    auto_resources struct resources total = {0};
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        const Mesos__V1__TaskInfo *info = candidates[i].info;
        rc = check_identity(&candidates[i], framework, agent, err);
        if (!rc)
            rc = task_validate(info, &candidates[i].resources, err);
        for (size_t j = 0; j < i && !rc; j++)
            if (strcmp(candidates[j].info->task_id->value, info->task_id->value) == 0)
                rc = err_set(err, -EINVAL, "Task has duplicate ID: %s", info->task_id->value);
        if (rc) {
            err_wrap(err, "Task '%s' is invalid", info->task_id->value);
            return rc;
        }
        resources_add(&total, &candidates[i].resources);
    }
    if (!rc)
        rc = check_group_executor(candidates, count, executor, framework, first, arena, err);
    if (!rc)
        rc = check_executor(first, framework, agent, executor, arena, text, err);
    if (rc)
        return rc;
    resources_add(&total, &first->executor_resources);
    return check_total(&total, available, text, err);
}

/* One task that may not run keeps the whole group from it. */
static bool
refuse_unauthorized(struct framework *framework, const Mesos__V1__ExecutorInfo *executor, Mesos__V1__TaskInfo **tasks,
                    size_t count, struct arena *arena)
{
    auto_buf struct buf text = {0};
    for (size_t i = 0; i < count; i++)
        if (authorize_task(framework, tasks[i], executor, &text)) {
            refuse_all(framework, tasks, count, REASON(TASK_GROUP_UNAUTHORIZED), buf_cstr(&text), arena);
            return true;
        }
    return false;
}

static void
send_run_group(struct framework *framework, struct agent *agent, Mesos__V1__ExecutorInfo *executor,
               Mesos__V1__TaskInfo **tasks, size_t count, bool new_executor)
{
    Mesos__Internal__RunTaskGroupMessage message = MESOS__INTERNAL__RUN_TASK_GROUP_MESSAGE__INIT;
    Mesos__Internal__ResourceVersionUUID version, *versions = &version;
    Mesos__V1__TaskGroupInfo group = MESOS__V1__TASK_GROUP_INFO__INIT;
    Mesos__V1__UUID uuid;
    message.framework = framework->info;
    message.executor = executor;
    message.task_group = &group;
    group.n_tasks = count;
    group.tasks = tasks;
    message.has_launch_executor = true;
    message.launch_executor = new_executor;
    if (agent->has_resource_version) {
        resource_version(agent, &version, &uuid);
        message.n_resource_version_uuids = 1;
        message.resource_version_uuids = &versions;
    }
    agent_send(agent, "mesos.internal.RunTaskGroupMessage", &message);
}

static void
start_group(struct candidate *candidates, size_t count, struct candidate *first, struct framework *framework,
            struct agent *agent, struct resources *available, Mesos__V1__ExecutorInfo *executor,
            Mesos__V1__TaskInfo **tasks)
{
    struct executor *runner = first->executor;
    bool new_executor = !runner;
    if (!runner) {
        resources_subtract(available, &first->executor_resources);
        runner = executor_add(framework, agent, executor, &first->executor_resources);
    }
    for (size_t i = 0; i < count; i++) {
        resources_subtract(available, &candidates[i].resources);
        tasks[i]->executor = executor; /* told to everybody, the agent included */
        task_add(framework, agent, runner, tasks[i], &candidates[i].resources);
    }
    log_info("launch group executor=%s framework=%s agent=%s tasks=%zu", executor->executor_id->value,
             framework->id, agent->id, count);
    send_run_group(framework, agent, executor, tasks, count, new_executor);
}

void
launch_group(struct framework *framework, struct agent *agent, const char *role, struct resources *available,
             Mesos__V1__ExecutorInfo *executor, Mesos__V1__TaskInfo **tasks, size_t count,
             struct arena *arena)
{
    struct err err;
    auto_buf struct buf text = {0};
    Mesos__V1__TaskInfo shell = MESOS__V1__TASK_INFO__INIT;
    struct candidate first;
    size_t ready = 0;
    auto_free struct candidate *candidates = xcalloc(count + 1, sizeof(*candidates));
    shell.executor = executor;
    if (refuse_unauthorized(framework, executor, tasks, count, arena))
        return;
    int rc = prepare(&first, &shell, role, arena, &err);
    for (; ready < count && !rc; ready++)
        rc = prepare(&candidates[ready], tasks[ready], role, arena, &err);
    if (!rc)
        rc =
            check_group(candidates, count, &first, framework, agent, available, executor, arena, &text, &err);
    if (rc)
        refuse_all(framework, tasks, count, REASON(TASK_GROUP_INVALID), text.len ? buf_cstr(&text) : err.text,
                   arena);
    else if (count)
        start_group(candidates, count, &first, framework, agent, available, executor, tasks);
    for (size_t i = 0; i < ready; i++)
        candidate_fini(&candidates[i]);
    candidate_fini(&first);
}
