/* SPDX-License-Identifier: Apache-2.0 */
/* Executors that frameworks bring along: known from their first task until the agent says that they exited.
 */
#include <stdio.h>
#include <string.h>

#include "host/kind_allocator.h"
#include "master/marks.h"
#include "wire/secrets.h"

struct executor *
executor_find(const struct framework *framework, const struct agent *agent, const char *id)
{
    char text[320];
    int len = snprintf(text, sizeof(text), "%u %s", agent->number, id);
    if (len >= 0 && (size_t)len < sizeof(text))
        return map_get(&framework->executors, str_n(text, (size_t)len));
    auto_free char *key = xasprintf("%u %s", agent->number, id); /* agents may bring ids of any length */
    return map_get(&framework->executors, str_of(key));
}

/* For views, and to compare others with: neither needs secrets. */
static void
keep_info(struct executor *executor, const Mesos__V1__ExecutorInfo *info)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__V1__ExecutorInfo *shown = secrets_hidden(info, arena);
    executor->info_len = mesos__v1__executor_info__get_packed_size(shown);
    executor->info = xmalloc(executor->info_len + 1);
    mesos__v1__executor_info__pack(shown, executor->info);
}

struct executor *
executor_add(struct framework *framework, struct agent *agent, const Mesos__V1__ExecutorInfo *info,
             struct resources *resources)
{
    size_t key_size = strlen(info->executor_id->value) + 16;
    struct executor *executor = xcalloc(1, sizeof(*executor) + key_size);
    snprintf(executor->key, key_size, "%u %s", agent->number, info->executor_id->value);
    executor->framework = framework;
    executor->agent = agent;
    executor->id = xstrdup(info->executor_id->value);
    if (info->command && info->command->user && *info->command->user)
        executor->user = xstrdup(info->command->user);
    keep_info(executor, info);
    resources_move(&executor->resources, resources);
    scalars_add(framework->master->used_scalars, &executor->resources, 1);
    list_push(&agent->executors, &executor->agent_node);
    map_add(&framework->executors, str_of(executor->key), executor);
    sheets_add(&framework->executor_sheets, &executor->record);
    agent_touch(agent);
    return executor;
}

void
executor_remove(struct executor *executor, bool recover)
{
    struct framework *framework = executor->framework;
    struct task *task;
    list_foreach (task, &executor->agent->tasks, agent_node) {
        if (task->executor == executor)
            task->executor = NULL;
    }
    scalars_add(framework->master->used_scalars, &executor->resources, -1);
    if (recover && !resources_empty(&executor->resources))
        allocator_recover_resources(framework->master->allocator, framework->number, executor->agent->number,
                                    resources_view(&executor->resources), -1);
    record_remove(&executor->record);
    agent_touch(executor->agent);
    agent_drain_check(executor->agent);
    map_remove(&framework->executors, str_of(executor->key));
    list_remove(&executor->agent_node);
    executor_free(executor);
}

void
executor_free(struct executor *executor)
{
    resources_fini(&executor->resources);
    free(executor->user);
    free(executor->info);
    free(executor->id);
    free(executor);
}
