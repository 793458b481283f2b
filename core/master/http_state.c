/* SPDX-License-Identifier: Apache-2.0 */
/* GET /state: everything at once, for the web page and for tools that read nothing else. */
#include "master/http.h"

#include "conf/option.h"

static size_t
count_agents(const struct master *master, bool active)
{
    size_t count = 0;
    const struct agent *agent;
    map_foreach (agent, &master->agents)
        count += agent->active == active;
    return count;
}

static void
json_option(struct json *json, const struct master *master, const char *key, const char *name)
{
    const char *value = master->setup.set ? conf_value(master->setup.set, name, NULL) : NULL;
    if (value)
        json_key_text(json, key, value);
}

static void
json_head(struct json *json, const struct master *master)
{
    json_key_double(json, "start_time", master->start_secs);
    if (master->elected)
        json_key_double(json, "elected_time", master->elected_secs);
    json_key_text(json, "id", master->id);
    json_key_text(json, "pid", master->pid);
    json_key_text(json, "hostname", master->hostname);
    json_key(json, "capabilities");
    json_array(json);
    json_text(json, "AGENT_UPDATE");
    json_text(json, "AGENT_DRAINING");
    json_array_end(json);
    json_key_double(json, "activated_slaves", (double)count_agents(master, true));
    json_key_double(json, "deactivated_slaves", (double)count_agents(master, false));
    json_key_double(json, "unreachable_slaves", (double)map_count(&master->unreachable));
    json_key_text(json, "leader", master->pid);
    json_key(json, "leader_info");
    json_object(json);
    json_key_text(json, "id", master->id);
    json_key_text(json, "pid", master->pid);
    json_key_int(json, "port", address_port(&master->daemon->self));
    json_key_text(json, "hostname", master->hostname);
    json_object_end(json);
    if (master->options->cluster)
        json_key_text(json, "cluster", master->options->cluster);
    json_option(json, master, "log_dir", "log_dir");
    json_option(json, master, "external_log_file", "external_log_file");
    json_key(json, "flags");
    daemon_flags_object(master->setup.set, json);
}

static void
json_frameworks_of(struct json *json, const struct master *master, struct arena *arena)
{
    const struct framework *framework;
    json_key(json, "frameworks");
    json_array(json);
    map_foreach (framework, &master->frameworks)
        json_framework(json, framework, arena);
    json_array_end(json);
    json_key(json, "completed_frameworks");
    json_array(json);
    list_foreach (framework, &master->completed, completed_node)
        json_framework(json, framework, arena);
    json_array_end(json);
}

/* Both are always empty: tasks without framework are not kept. Readers expect them. */
static void
json_orphans(struct json *json, bool tasks)
{
    if (tasks) {
        json_key(json, "orphan_tasks");
        json_raw(json, STR_LIT("[]"));
    }
    json_key(json, "unregistered_frameworks");
    json_raw(json, STR_LIT("[]"));
}

void
http_state(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(64 << 10);
    struct json json = json_on(&out);
    const struct agent *agent;
    json_object(&json);
    daemon_version_members(&json);
    json_head(&json, master);
    json_key(&json, "slaves");
    json_array(&json);
    map_foreach (agent, &master->agents) {
        json_object(&json);
        json_agent(&json, agent, arena);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_recovered(&json, master, NULL, arena);
    json_frameworks_of(&json, master, arena);
    json_orphans(&json, true);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}

void
http_frameworks(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str id = http_param_get(request, "framework_id");
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(64 << 10);
    struct json json = json_on(&out);
    json_object(&json);
    if (!id.ptr) {
        json_frameworks_of(&json, master, arena);
    } else {
        const struct framework *one = map_get(&master->frameworks, id);
        const struct framework *done = map_get(&master->completed_ids, id);
        json_key(&json, "frameworks");
        json_array(&json);
        if (one)
            json_framework(&json, one, arena);
        json_array_end(&json);
        json_key(&json, "completed_frameworks");
        json_array(&json);
        if (done)
            json_framework(&json, done, arena);
        json_array_end(&json);
    }
    json_orphans(&json, false);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}

void
http_slaves(struct http_exchange *exchange, void *arg)
{
    const struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str id = http_param_get(request, "slave_id");
    auto_buf struct buf out = {0};
    auto_free char *only = id.ptr ? str_dup(id) : NULL;
    auto_arena struct arena *arena = arena_new(64 << 10);
    struct json json = json_on(&out);
    const struct agent *agent;
    json_object(&json);
    json_key(&json, "slaves");
    json_array(&json);
    map_foreach (agent, &master->agents) {
        if (only && !str_is(id, agent->id))
            continue;
        json_object(&json);
        json_agent(&json, agent, arena);
        json_agent_full(&json, agent, arena);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_recovered(&json, master, only, arena);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
