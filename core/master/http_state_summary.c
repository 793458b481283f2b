/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /state-summary: agents and frameworks with how many tasks of each state they have, and who runs where. What is
 * said of an agent itself stands on pages; the counts are made for each answer in one walk over the tasks.
 */
#include <string.h>

#include "master/http.h"

/* In the order in which they are shown. */
static const Mesos__V1__TaskState shown[] = {
    MESOS__V1__TASK_STATE__TASK_STAGING,  MESOS__V1__TASK_STATE__TASK_STARTING,
    MESOS__V1__TASK_STATE__TASK_RUNNING,  MESOS__V1__TASK_STATE__TASK_KILLING,
    MESOS__V1__TASK_STATE__TASK_FINISHED, MESOS__V1__TASK_STATE__TASK_KILLED,
    MESOS__V1__TASK_STATE__TASK_FAILED,   MESOS__V1__TASK_STATE__TASK_LOST,
    MESOS__V1__TASK_STATE__TASK_ERROR,    MESOS__V1__TASK_STATE__TASK_UNREACHABLE,
};

/* Of one agent or framework; others are ids of the other kind. */
struct summary {
    uint32_t states[TASK_STATES];
    const char **others;
    uint32_t count, cap;
    uint32_t latest; /* of a framework: the number of the agent that is being walked over */
};

struct counts {
    const struct master *master;
    struct sight *sight; /* what is not seen does not count */
    bool *hidden; /* by number: frameworks that are not seen */
    struct summary *agents, *frameworks; /* by number */
    struct arena *arena;
};

static void
add_other(struct summary *summary, const char *id, struct arena *arena)
{
    if (summary->count == summary->cap) {
        uint32_t cap = summary->cap ? 2 * summary->cap : 4;
        const char **grown = arena_calloc(arena, cap, sizeof(*grown));
        if (summary->count)
            memcpy(grown, summary->others, summary->count * sizeof(*grown));
        summary->others = grown;
        summary->cap = cap;
    }
    summary->others[summary->count++] = id;
}

static void
count_agent(struct counts *counts, const struct agent *agent)
{
    struct summary *mine = &counts->agents[agent->number];
    const struct task *task;
    list_foreach (task, &agent->tasks, agent_node) {
        struct summary *theirs = &counts->frameworks[task->framework->number];
        if (counts->hidden[task->framework->number] || !sight_task(counts->sight, task))
            continue;
        mine->states[task->state % TASK_STATES]++;
        theirs->states[task->state % TASK_STATES]++;
        if (theirs->latest == agent->number)
            continue;
        theirs->latest = agent->number;
        add_other(theirs, agent->id, counts->arena);
        add_other(mine, task->framework->id, counts->arena);
    }
}

static bool
has_other(const struct summary *summary, const char *id)
{
    for (uint32_t i = 0; i < summary->count; i++)
        if (summary->others[i] == id)
            return true;
    return false;
}

/* The agent of a task of the history is known by its id alone, and may be gone. */
static void
count_past(struct counts *counts, const struct task *task, struct map *gone)
{
    struct str id = task_agent_id(task);
    const struct framework *framework = task->framework;
    const struct agent *agent = map_get(&counts->master->agents, id);
    struct summary *theirs = &counts->frameworks[framework->number];
    if (!sight_task(counts->sight, task))
        return;
    theirs->states[task->state % TASK_STATES]++;
    if (!agent) {
        if (map_get(gone, id))
            return;
        const char *copy = arena_strdup(counts->arena, id);
        map_add(gone, str_of(copy), (void *)(uintptr_t)copy);
        add_other(theirs, copy, counts->arena);
        return;
    }
    struct summary *mine = &counts->agents[agent->number];
    mine->states[task->state % TASK_STATES]++;
    if (has_other(mine, framework->id))
        return;
    add_other(mine, framework->id, counts->arena);
    add_other(theirs, agent->id, counts->arena);
}

static void
count_all(struct counts *counts)
{
    const struct master *master = counts->master;
    const struct agent *agent;
    const struct framework *framework;
    const struct task *task;
    map_foreach (framework, &master->frameworks)
        counts->hidden[framework->number] = !sight_framework(counts->sight, framework);
    map_foreach (agent, &master->agents)
        count_agent(counts, agent);
    map_foreach (framework, &master->frameworks) {
        struct map gone = {0};
        if (counts->hidden[framework->number])
            continue;
        map_foreach (task, &framework->unreachable)
            count_past(counts, task, &gone);
        list_foreach (task, &framework->done, agent_node)
            count_past(counts, task, &gone);
        map_fini(&gone);
    }
}

static void
json_summary(struct json *json, const struct summary *summary, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        json_key_int(json, task_state_name(shown[i]), summary->states[shown[i]]);
    json_key(json, key);
    json_array(json);
    for (uint32_t i = 0; i < summary->count; i++)
        json_text(json, summary->others[i]);
    json_array_end(json);
}

struct agents_json {
    struct json *json;
    const struct counts *counts;
};

/* text is ",{" and the agent's own members. */
static void
json_one_agent(const struct record *record, struct str text, void *arg)
{
    struct agents_json *all = arg;
    const struct agent *agent =
        (const struct agent *)(const void *)((const char *)record - offsetof(struct agent, record));
    json_object(all->json);
    buf_append(all->json->out, text.ptr + 2, text.len - 2);
    all->json->comma = true;
    json_summary(all->json, &all->counts->agents[agent->number], "framework_ids");
    json_object_end(all->json);
}

static void
answer_summary(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct json json = json_on(&out);
    struct counts counts = {.master = master, .sight = sight, .arena = arena};
    struct agents_json agents = {&json, &counts};
    const struct framework *framework;
    counts.agents = arena_calloc(arena, (size_t)master->next_agent_number + 1, sizeof(*counts.agents));
    counts.frameworks = arena_calloc(arena, (size_t)master->next_framework_number + 1, sizeof(*counts.frameworks));
    counts.hidden = arena_calloc(arena, (size_t)master->next_framework_number + 1, sizeof(*counts.hidden));
    count_all(&counts);
    json_object(&json);
    json_key_text(&json, "hostname", master->hostname);
    if (master->options->cluster)
        json_key_text(&json, "cluster", master->options->cluster);
    json_key(&json, "slaves");
    json_array(&json);
    sheets_each_text(&master->agent_sheets, VIEW_SUMMARY, json_one_agent, &agents);
    json_array_end(&json);
    json_key(&json, "frameworks");
    json_array(&json);
    map_foreach (framework, &master->frameworks) {
        if (counts.hidden[framework->number])
            continue;
        json_object(&json);
        json_framework_summary(&json, framework);
        json_summary(&json, &counts.frameworks[framework->number], "slave_ids");
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}

void
http_state_summary(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    views_await(master->views, VIEW_SUMMARY, exchange, answer_summary, master);
}
