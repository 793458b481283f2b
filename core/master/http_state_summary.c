/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /state-summary: agents and frameworks with how many tasks of each state they have, and who runs where. What is
 * said of an agent itself stands on pages; the counts are made for each answer in one walk over what pages say of all tasks in
 * brief.
 */
#include <string.h>

#include "master/http.h"
#include "master/records.h"

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
    uint32_t latest; /* of an agent: the number of the last framework among others */
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

/* One framework's tasks. */
struct walk {
    struct counts *counts;
    const struct framework *framework;
    struct map gone; /* agents */
};

static void
count_on(struct walk *walk, const struct agent *agent, uint32_t state)
{
    struct counts *counts = walk->counts;
    struct summary *mine = &counts->agents[agent->number];
    mine->states[state]++;
    if (mine->latest == walk->framework->number)
        return;
    mine->latest = walk->framework->number;
    add_other(mine, walk->framework->id, counts->arena);
    add_other(&counts->frameworks[walk->framework->number], agent->id, counts->arena);
}

/* The agent of a task of the history may be gone. */
static void
count_gone(struct walk *walk, struct str id)
{
    struct counts *counts = walk->counts;
    if (map_get(&walk->gone, id))
        return;
    const char *copy = arena_strdup(counts->arena, id);
    map_add(&walk->gone, str_of(copy), (void *)(uintptr_t)copy);
    add_other(&counts->frameworks[walk->framework->number], copy, counts->arena);
}

static void
count_task(const struct record *record, struct str text, void *arg)
{
    struct walk *walk = arg;
    const struct master *master = walk->counts->master;
    struct task_brief brief;
    struct str id = str_n(text.ptr + sizeof(brief), text.len - sizeof(brief));
    (void)record;
    memcpy(&brief, text.ptr, sizeof(brief));
    const struct agent *agent = brief.agent ? agent_by_number(master, brief.agent) : map_get(&master->agents, id);
    walk->counts->frameworks[walk->framework->number].states[brief.state]++;
    if (agent)
        count_on(walk, agent, brief.state);
    else
        count_gone(walk, id);
}

static void
count_all(struct counts *counts)
{
    const struct framework *framework;
    map_foreach (framework, &counts->master->frameworks) {
        struct walk walk = {.counts = counts, .framework = framework};
        counts->hidden[framework->number] = !sight_framework(counts->sight, framework);
        if (counts->hidden[framework->number])
            continue;
        sheets_each_text(&framework->task_sheets, VIEW_SUMMARY, counts->sight, 1, count_task, &walk);
        sheets_each_text(&framework->unreachable_sheets, VIEW_SUMMARY, counts->sight, 1, count_task, &walk);
        sheets_each_text(&framework->done_sheets, VIEW_SUMMARY, counts->sight, 1, count_task, &walk);
        map_fini(&walk.gone);
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
    sheets_each_text(&master->agent_sheets, VIEW_SUMMARY, sight, 1, json_one_agent, &agents);
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
