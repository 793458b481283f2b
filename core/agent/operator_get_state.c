/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET_TASKS, GET_EXECUTORS, GET_FRAMEWORKS, and GET_STATE, which is all three. Histories are shown beside what runs. Who may not
 * see a framework sees nothing of it, and of an executor that is hidden no task.
 */
#include "agent/access.h"
#include "agent/operator.h"
#include "wire/secrets.h"
#include "wire/writer.h"

enum list_of { LIVE, COMPLETED };

/* What is shown, and to whom. */
struct shown {
    const struct agent *agent;
    struct agent_view view;
};

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
write_executor_tasks(struct writer *writer, const struct executor *executor, uint32_t number, const struct agent_view *view)
{
    const struct list *tasks = tasks_of(executor, number);
    const struct task *task;
    if (!tasks || !agent_view_executor(view, executor))
        return;
    auto_arena struct arena *arena = arena_new(0);
    list_foreach (task, tasks, node) {
        Mesos__V1__Task *message = task_message(task, arena);
        if (agent_view_task(view, task, message->user)) {
            resources_upgrade(message->resources, message->n_resources, NULL, arena);
            writer_message(writer, number, NULL, message);
        }
        arena_reset(arena);
    }
}

static void
write_framework_tasks(struct writer *writer, const struct framework *framework, uint32_t number, const struct agent_view *view)
{
    const struct executor *executor;
    if (!agent_view_framework(view, framework))
        return;
    map_foreach (executor, &framework->executors)
        write_executor_tasks(writer, executor, number, view);
    list_foreach (executor, &framework->completed, node)
        write_executor_tasks(writer, executor, number, view);
}

static void
write_task_list(struct writer *writer, const struct shown *shown, uint32_t number, const char *name)
{
    const struct framework *framework;
    writer_list(writer, name);
    map_foreach (framework, &shown->agent->frameworks)
        write_framework_tasks(writer, framework, number, &shown->view);
    list_foreach (framework, &shown->agent->completed, node)
        write_framework_tasks(writer, framework, number, &shown->view);
    writer_list_end(writer);
}

static void
write_tasks(struct writer *writer, const struct shown *shown)
{
    if (!writer->is_json) /* where Mesos puts them in bytes */
        write_task_list(writer, shown, COMPLETED_TASKS, NULL);
    write_task_list(writer, shown, PENDING_TASKS, "pending_tasks");
    write_task_list(writer, shown, QUEUED_TASKS, "queued_tasks");
    write_task_list(writer, shown, LAUNCHED_TASKS, "launched_tasks");
    write_task_list(writer, shown, TERMINATED_TASKS, "terminated_tasks");
    if (writer->is_json)
        write_task_list(writer, shown, COMPLETED_TASKS, "completed_tasks");
}

/* ---- executors ---- */

static void
write_executor(struct writer *writer, const struct executor *executor, enum list_of list, const struct agent_view *view)
{
    bool live = executor->state != EXECUTOR_TERMINATED;
    if (live != (list == LIVE) || !agent_view_executor(view, executor))
        return;
    Mesos__V1__Agent__Response__GetExecutors__Executor one =
        MESOS__V1__AGENT__RESPONSE__GET_EXECUTORS__EXECUTOR__INIT;
    auto_arena struct arena *arena = arena_new(0);
    one.executor_info =
        message_unpack_trusted(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena);
    secrets_hide(one.executor_info);
    resources_upgrade(one.executor_info->resources, one.executor_info->n_resources, NULL, arena);
    writer_message(writer, list == LIVE ? 1 : 2, NULL, &one);
}

static void
write_framework_executors(struct writer *writer, const struct framework *framework, enum list_of list,
                          const struct agent_view *view)
{
    const struct executor *executor;
    if (!agent_view_framework(view, framework))
        return;
    map_foreach (executor, &framework->executors)
        write_executor(writer, executor, list, view);
    list_foreach (executor, &framework->completed, node)
        write_executor(writer, executor, list, view);
}

static void
write_executor_list(struct writer *writer, const struct shown *shown, enum list_of list, const char *name)
{
    const struct framework *framework;
    writer_list(writer, name);
    map_foreach (framework, &shown->agent->frameworks)
        write_framework_executors(writer, framework, list, &shown->view);
    list_foreach (framework, &shown->agent->completed, node)
        write_framework_executors(writer, framework, list, &shown->view);
    writer_list_end(writer);
}

static void
write_executors(struct writer *writer, const struct shown *shown)
{
    write_executor_list(writer, shown, LIVE, "executors");
    write_executor_list(writer, shown, COMPLETED, "completed_executors");
}

/* ---- frameworks ---- */

static void
write_framework(struct writer *writer, const struct framework *framework, uint32_t number, const struct agent_view *view)
{
    if (!agent_view_framework(view, framework))
        return;
    writer_begin(writer, number, NULL);
    writer_packed(writer, 1, "framework_info", &mesos__v1__framework_info__descriptor, packed_str(&framework->info));
    writer_end(writer);
}

static void
write_frameworks(struct writer *writer, const struct shown *shown)
{
    const struct framework *framework;
    writer_list(writer, "frameworks");
    map_foreach (framework, &shown->agent->frameworks)
        write_framework(writer, framework, 1, &shown->view);
    writer_list_end(writer);
    writer_list(writer, "completed_frameworks");
    list_foreach (framework, &shown->agent->completed, node)
        write_framework(writer, framework, 2, &shown->view);
    writer_list_end(writer);
}

/* ---- the calls ---- */

typedef void write_fn(struct writer *writer, const struct shown *shown);

static void
write_part(struct writer *writer, const struct shown *shown, uint32_t number, const char *name, write_fn *write)
{
    writer_begin(writer, number, name);
    write(writer, shown);
    writer_end(writer);
}

static void
write_state(struct writer *writer, const struct shown *shown)
{
    write_part(writer, shown, 1, "get_tasks", write_tasks);
    write_part(writer, shown, 2, "get_executors", write_executors);
    write_part(writer, shown, 3, "get_frameworks", write_frameworks);
}

static void
answer(struct operator_call *op, Mesos__V1__Agent__Response__Type type, const char *type_name, uint32_t number,
       const char *name, write_fn *write)
{
    auto_buf struct buf out = {0};
    struct writer writer = writer_on(&out, op->json);
    struct shown shown = {.agent = op->agent};
    agent_view_init(&shown.view, op->agent, op->exchange);
    writer_open(&writer);
    writer_enum(&writer, 1, "type", (int)type, type_name);
    write_part(&writer, &shown, number, name, write);
    writer_close(&writer);
    agent_view_fini(&shown.view);
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
