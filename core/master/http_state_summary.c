/* SPDX-License-Identifier: Apache-2.0 */
/* GET /state-summary: agents and frameworks with how many tasks of each state they have, and who runs where.
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

/* Who is on the other side: frameworks of an agent, agents of a framework; as sets of ids. */
struct summary {
    uint32_t states[TASK_STATES];
    struct map others; /* id -> id */
};

static void
count_task(struct summary *agent, struct summary *framework, const struct task *task, const char *agent_id)
{
    const char *framework_id = task->framework->id;
    framework->states[task->state % TASK_STATES]++;
    map_set(&framework->others, str_of(agent_id), (void *)(uintptr_t)agent_id);
    if (!agent)
        return;
    agent->states[task->state % TASK_STATES]++;
    map_set(&agent->others, str_of(framework_id), (void *)(uintptr_t)framework_id);
}

static void
json_summary(struct json *json, const struct summary *summary, const char *key)
{
    const char *id;
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        json_key_int(json, task_state_name(shown[i]), summary->states[shown[i]]);
    json_key(json, key);
    json_array(json);
    map_foreach (id, &summary->others)
        json_text(json, id);
    json_array_end(json);
}

/* The agent of a task of the history is only in its packed form. */
static void
count_past(struct map *agents, struct summary *framework, const struct task *task, struct arena *arena)
{
    const Mesos__V1__Task *past = task_unpack(task, arena);
    if (past)
        count_task(map_get(agents, str_of(past->agent_id->value)), framework, task, past->agent_id->value);
}

static void
count_framework(struct map *agents, struct summary *summary, const struct framework *framework,
                struct arena *arena)
{
    const struct task *task;
    map_foreach (task, &framework->tasks)
        count_task(map_get(agents, str_of(task->agent->id)), summary, task, task->agent->id);
    map_foreach (task, &framework->unreachable)
        count_past(agents, summary, task, arena);
    list_foreach (task, &framework->done, agent_node)
        count_past(agents, summary, task, arena);
}

static void
json_agents(struct json *json, const struct master *master, const struct map *agents, struct arena *arena)
{
    const struct agent *agent;
    json_key(json, "slaves");
    json_array(json);
    map_foreach (agent, &master->agents) {
        json_object(json);
        json_agent(json, agent, arena);
        json_summary(json, map_get(agents, str_of(agent->id)), "framework_ids");
        json_object_end(json);
    }
    json_array_end(json);
}

void
http_state_summary(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(64 << 10);
    struct json json = json_on(&out);
    const struct agent *agent;
    const struct framework *framework;
    struct map agents = {0};
    struct summary *summary;
    size_t at = 0;
    struct summary *frameworks = xcalloc(map_count(&master->frameworks) + 1, sizeof(*frameworks));
    map_foreach (agent, &master->agents)
        map_add(&agents, str_of(agent->id), xcalloc(1, sizeof(struct summary)));
    map_foreach (framework, &master->frameworks)
        count_framework(&agents, &frameworks[at++], framework, arena);
    json_object(&json);
    json_key_text(&json, "hostname", master->hostname);
    if (master->options->cluster)
        json_key_text(&json, "cluster", master->options->cluster);
    json_agents(&json, master, &agents, arena);
    json_key(&json, "frameworks");
    json_array(&json);
    at = 0;
    map_foreach (framework, &master->frameworks) {
        json_object(&json);
        json_framework_summary(&json, framework);
        json_summary(&json, &frameworks[at], "slave_ids");
        json_object_end(&json);
        map_fini(&frameworks[at++].others);
    }
    json_array_end(&json);
    json_object_end(&json);
    map_foreach (summary, &agents) {
        map_fini(&summary->others);
        free(summary);
    }
    map_fini(&agents);
    free(frameworks);
    reply_json(exchange, buf_str(&out));
}
