/* SPDX-License-Identifier: Apache-2.0 */
/* GET_TASKS, GET_EXECUTORS, GET_FRAMEWORKS, and GET_STATE, which is all three. Histories are shown beside what runs. */
#include "agent/operator.h"
#include "wire/writer.h"

enum list_of { LIVE, COMPLETED };

/* ---- tasks ---- */

enum { PENDING_TASKS = 1, QUEUED_TASKS = 2, LAUNCHED_TASKS = 3, TERMINATED_TASKS = 4, COMPLETED_TASKS = 5 };

/* Of an executor; PENDING_TASKS has none: orders are not kept waiting for anything before their executor has them. */
static const struct list *
tasks_of(const struct executor *executor, uint32_t number)
{
    return number == QUEUED_TASKS       ? &executor->queued
           : number == LAUNCHED_TASKS   ? &executor->launched
           : number == TERMINATED_TASKS ? &executor->terminated
           : number == COMPLETED_TASKS  ? &executor->completed
                                        : NULL;
}

static void
write_executor_tasks(struct writer *writer, const struct executor *executor, uint32_t number)
{
    const struct list *tasks = tasks_of(executor, number);
    const struct task *task;
    if (!tasks)
        return;
    auto_arena struct arena *arena = arena_new(0);
    list_foreach (task, tasks, node) {
        Mesos__V1__Task *message = task_message(task, arena);
        resources_upgrade(message->resources, message->n_resources, NULL, arena);
        writer_message(writer, number, NULL, message);
        arena_reset(arena);
    }
}

static void
write_framework_tasks(struct writer *writer, const struct framework *framework, uint32_t number)
{
    const struct executor *executor;
    map_foreach (executor, &framework->executors)
        write_executor_tasks(writer, executor, number);
    list_foreach (executor, &framework->completed, node)
        write_executor_tasks(writer, executor, number);
}

static void
write_task_list(struct writer *writer, const struct agent *agent, uint32_t number, const char *name)
{
    const struct framework *framework;
    writer_list(writer, name);
    map_foreach (framework, &agent->frameworks)
        write_framework_tasks(writer, framework, number);
    list_foreach (framework, &agent->completed, node)
        write_framework_tasks(writer, framework, number);
    writer_list_end(writer);
}

static void
write_tasks(struct writer *writer, const struct agent *agent)
{
    if (!writer->is_json) /* where Mesos puts them in bytes */
        write_task_list(writer, agent, COMPLETED_TASKS, NULL);
    write_task_list(writer, agent, PENDING_TASKS, "pending_tasks");
    write_task_list(writer, agent, QUEUED_TASKS, "queued_tasks");
    write_task_list(writer, agent, LAUNCHED_TASKS, "launched_tasks");
    write_task_list(writer, agent, TERMINATED_TASKS, "terminated_tasks");
    if (writer->is_json)
        write_task_list(writer, agent, COMPLETED_TASKS, "completed_tasks");
}

/* ---- executors ---- */

static void
write_executor(struct writer *writer, const struct executor *executor, enum list_of list)
{
    bool live = executor->state != EXECUTOR_TERMINATED;
    if (live != (list == LIVE))
        return;
    Mesos__V1__Agent__Response__GetExecutors__Executor shown =
        MESOS__V1__AGENT__RESPONSE__GET_EXECUTORS__EXECUTOR__INIT;
    auto_arena struct arena *arena = arena_new(0);
    shown.executor_info =
        message_unpack_trusted(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena);
    resources_upgrade(shown.executor_info->resources, shown.executor_info->n_resources, NULL, arena);
    writer_message(writer, list == LIVE ? 1 : 2, NULL, &shown);
}

static void
write_framework_executors(struct writer *writer, const struct framework *framework, enum list_of list)
{
    const struct executor *executor;
    map_foreach (executor, &framework->executors)
        write_executor(writer, executor, list);
    list_foreach (executor, &framework->completed, node)
        write_executor(writer, executor, list);
}

static void
write_executor_list(struct writer *writer, const struct agent *agent, enum list_of list, const char *name)
{
    const struct framework *framework;
    writer_list(writer, name);
    map_foreach (framework, &agent->frameworks)
        write_framework_executors(writer, framework, list);
    list_foreach (framework, &agent->completed, node)
        write_framework_executors(writer, framework, list);
    writer_list_end(writer);
}

static void
write_executors(struct writer *writer, const struct agent *agent)
{
    write_executor_list(writer, agent, LIVE, "executors");
    write_executor_list(writer, agent, COMPLETED, "completed_executors");
}

/* ---- frameworks ---- */

static void
write_framework(struct writer *writer, const struct framework *framework, uint32_t number)
{
    writer_begin(writer, number, NULL);
    writer_packed(writer, 1, "framework_info", &mesos__v1__framework_info__descriptor, packed_str(&framework->info));
    writer_end(writer);
}

static void
write_frameworks(struct writer *writer, const struct agent *agent)
{
    const struct framework *framework;
    writer_list(writer, "frameworks");
    map_foreach (framework, &agent->frameworks)
        write_framework(writer, framework, 1);
    writer_list_end(writer);
    writer_list(writer, "completed_frameworks");
    list_foreach (framework, &agent->completed, node)
        write_framework(writer, framework, 2);
    writer_list_end(writer);
}

/* ---- the calls ---- */

typedef void write_fn(struct writer *writer, const struct agent *agent);

static void
write_part(struct writer *writer, const struct agent *agent, uint32_t number, const char *name, write_fn *write)
{
    writer_begin(writer, number, name);
    write(writer, agent);
    writer_end(writer);
}

static void
write_state(struct writer *writer, const struct agent *agent)
{
    write_part(writer, agent, 1, "get_tasks", write_tasks);
    write_part(writer, agent, 2, "get_executors", write_executors);
    write_part(writer, agent, 3, "get_frameworks", write_frameworks);
}

static void
answer(struct operator_call *op, Mesos__V1__Agent__Response__Type type, const char *type_name, uint32_t number,
       const char *name, write_fn *write)
{
    auto_buf struct buf out = {0};
    struct writer writer = writer_on(&out, op->json);
    writer_open(&writer);
    writer_enum(&writer, 1, "type", (int)type, type_name);
    write_part(&writer, op->agent, number, name, write);
    writer_close(&writer);
    operator_reply_bytes(op->exchange, buf_str(&out), op->json);
}

void
operator_get_tasks(struct operator_call *op)
{
    answer(op, MESOS__V1__AGENT__RESPONSE__TYPE__GET_TASKS, "GET_TASKS", 13, "get_tasks", write_tasks);
}

void
operator_get_executors(struct operator_call *op)
{
    answer(op, MESOS__V1__AGENT__RESPONSE__TYPE__GET_EXECUTORS, "GET_EXECUTORS", 12, "get_executors",
           write_executors);
}

void
operator_get_frameworks(struct operator_call *op)
{
    answer(op, MESOS__V1__AGENT__RESPONSE__TYPE__GET_FRAMEWORKS, "GET_FRAMEWORKS", 11, "get_frameworks",
           write_frameworks);
}

void
operator_get_state(struct operator_call *op)
{
    answer(op, MESOS__V1__AGENT__RESPONSE__TYPE__GET_STATE, "GET_STATE", 9, "get_state", write_state);
}
