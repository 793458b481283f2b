/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every executor was given and uses, in one message, for estimators and controllers of oversubscription. Each container's
 * own containerizer is asked; the answer is given when the last has answered.
 */
#include "agent/state.h"

struct part {
    struct usage_question *question;
    Mesos__V1__ResourceUsage__Executor *entry;
};

struct usage_question {
    struct list node; /* agent->usage_questions */
    struct agent *agent;
    struct arena *arena;
    Mesos__V1__ResourceUsage message;
    struct part *parts; /* one for each entry */
    size_t open;
    void (*done)(void *done_arg, int status, struct mesos_bytes usage);
    void *done_arg;
};

static void
question_free(struct usage_question *question)
{
    for (size_t i = 0; i < question->message.n_executors; i++)
        host_call_forget(question->agent->setup.host, &question->parts[i]);
    list_remove(&question->node);
    arena_free(question->arena);
    free(question);
}

static void
part_answered(struct usage_question *question)
{
    auto_buf struct buf bytes = {0};
    if (--question->open > 0)
        return;
    message_pack(&bytes, &question->message);
    void (*done)(void *, int, struct mesos_bytes) = question->done;
    void *done_arg = question->done_arg;
    question_free(question);
    done(done_arg, 0, (struct mesos_bytes){buf_str(&bytes).ptr, bytes.len});
}

static void
on_usage(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct part *part = arg;
    (void)error;
    if (!status)
        part->entry->statistics = message_unpack(&mesos__v1__resource_statistics__descriptor,
                                                 str_n(answer.data, answer.len), part->question->arena, NULL);
    part_answered(part->question);
}

static void
add_tasks(const struct executor *executor, Mesos__V1__ResourceUsage__Executor *entry, struct arena *arena)
{
    const struct list *lists[] = {&executor->queued, &executor->launched};
    const struct task *task;
    entry->tasks = arena_calloc(arena, map_count(&executor->tasks) + 1, sizeof(*entry->tasks));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_foreach (task, lists[i], node) {
            Mesos__V1__Task *message = task_message(task, arena);
            Mesos__V1__ResourceUsage__Executor__Task *to = arena_alloc(arena, sizeof(*to));
            mesos__v1__resource_usage__executor__task__init(to);
            to->name = message->name;
            to->id = message->task_id;
            to->labels = message->labels;
            to->resources = resources_to_proto(&task->resources, false, arena, &to->n_resources);
            entry->tasks[entry->n_tasks++] = to;
        }
}

static void
add_executor(struct usage_question *question, const struct executor *executor)
{
    struct arena *arena = question->arena;
    auto_resources struct resources allocated = {0};
    Mesos__V1__ResourceUsage__Executor *entry = arena_alloc(arena, sizeof(*entry));
    Mesos__V1__ContainerID *container_id = arena_alloc(arena, sizeof(*container_id));
    mesos__v1__resource_usage__executor__init(entry);
    mesos__v1__container_id__init(container_id);
    entry->executor_info =
        message_unpack(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena, NULL);
    if (!entry->executor_info)
        return;
    container_id->value = arena_strdup(arena, str_of(executor->container_id));
    entry->container_id = container_id;
    executor_resources(executor, &allocated);
    entry->allocated = resources_to_proto(&allocated, false, arena, &entry->n_allocated);
    add_tasks(executor, entry, arena);
    size_t at = question->message.n_executors++;
    question->message.executors[at] = entry;
    question->parts[at] = (struct part){question, entry};
    if (!executor->in_container)
        return;
    question->open++;
    containerizer_usage(question->agent->setup.containerizers[executor->containerizer], executor->container_id,
                        on_usage, &question->parts[at]);
}

void
usage_ask(struct agent *agent, void (*done)(void *done_arg, int status, struct mesos_bytes usage), void *done_arg)
{
    struct usage_question *question = xcalloc(1, sizeof(*question));
    const struct framework *framework;
    const struct executor *executor;
    size_t count = 0;
    question->agent = agent;
    question->arena = arena_new(4096);
    question->done = done;
    question->done_arg = done_arg;
    question->open = 1; /* for this function */
    mesos__v1__resource_usage__init(&question->message);
    list_push(&agent->usage_questions, &question->node);
    map_foreach (framework, &agent->frameworks)
        count += map_count(&framework->executors);
    question->message.executors = arena_calloc(question->arena, count + 1, sizeof(*question->message.executors));
    question->parts = arena_calloc(question->arena, count + 1, sizeof(*question->parts));
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (executor->state != EXECUTOR_TERMINATED)
                add_executor(question, executor);
    question->message.total =
        resources_to_proto(&agent->total, false, question->arena, &question->message.n_total);
    part_answered(question);
}

void
usage_forget(struct agent *agent)
{
    struct usage_question *question, *next;
    list_foreach_safe (question, next, &agent->usage_questions, node)
        question_free(question);
}
