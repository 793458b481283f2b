/* SPDX-License-Identifier: Apache-2.0 */
/* GET /state: everything at once, for the web page and for tools that read nothing else. */
#include "master/http.h"

#include "conf/option.h"
#include "master/authorize.h"

static void
json_option(struct json *json, const struct master *master, const char *key, const char *name)
{
    const char *value = master->setup.set ? conf_value(master->setup.set, name, NULL) : NULL;
    if (value)
        json_key_text(json, key, value);
}

static void
json_head(struct json *json, const struct master *master, bool flags)
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
    json_key_double(json, "activated_slaves", master->agents_active);
    json_key_double(json, "deactivated_slaves", (double)(map_count(&master->agents) - master->agents_active));
    json_key_double(json, "unreachable_slaves", (double)map_count(&master->unreachable));
    json_key_text(json, "leader", master->pid);
    json_key(json, "leader_info");
    json_object(json);
    json_key_text(json, "id", master->id);
    json_key_text(json, "pid", master->pid);
    json_key_int(json, "port", address_port(&master->daemon->self));
    json_key_text(json, "hostname", master->hostname);
    json_object_end(json);
    if (!flags)
        return;
    if (master->options->cluster)
        json_key_text(json, "cluster", master->options->cluster);
    json_option(json, master, "log_dir", "log_dir");
    json_option(json, master, "external_log_file", "external_log_file");
    json_key(json, "flags");
    daemon_flags_object(master->setup.set, json);
}

static void
json_frameworks_of(struct json *json, const struct master *master, struct sight *sight, struct rope *rope)
{
    const struct framework *framework;
    json_key(json, "frameworks");
    json_array(json);
    map_foreach (framework, &master->frameworks) {
        if (sight_framework(sight, framework))
            json_framework(json, framework, sight, rope);
    }
    json_array_end(json);
    json_key(json, "completed_frameworks");
    json_array(json);
    list_foreach (framework, &master->completed, completed_node) {
        if (sight_framework(sight, framework))
            json_framework(json, framework, sight, rope);
    }
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

static void
answer_state(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_rope struct rope rope = {0};
    struct json json = json_on(&rope.tail);
    json_object(&json);
    daemon_version_members(&json);
    json_head(&json, master, may_look(master, exchange, MESOS_ACTION_VIEW_FLAGS));
    json_sheets(&json, "slaves", &master->agent_sheets, VIEW_STATE, sight, &rope);
    json_sheets(&json, "recovered_slaves", &master->recovered_sheets, VIEW_STATE, sight, &rope);
    json_frameworks_of(&json, master, sight, &rope);
    json_orphans(&json, true);
    json_object_end(&json);
    reply_json_rope(exchange, &rope);
}

void
http_state(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    views_await(master->views, VIEW_STATE, exchange, answer_state, master);
}

static void
json_framework_list(struct json *json, const char *key, const struct framework *only, struct sight *sight,
                    struct rope *rope)
{
    json_key(json, key);
    json_array(json);
    if (only && sight_framework(sight, only))
        json_framework(json, only, sight, rope);
    json_array_end(json);
}

static void
answer_frameworks(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    struct str id = http_param_get(http_exchange_request(exchange), "framework_id");
    auto_rope struct rope rope = {0};
    struct json json = json_on(&rope.tail);
    json_object(&json);
    if (!id.ptr) {
        json_frameworks_of(&json, master, sight, &rope);
    } else {
        json_framework_list(&json, "frameworks", map_get(&master->frameworks, id), sight, &rope);
        json_framework_list(&json, "completed_frameworks", map_get(&master->completed_ids, id), sight, &rope);
    }
    json_orphans(&json, false);
    json_object_end(&json);
    reply_json_rope(exchange, &rope);
}

void
http_frameworks(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    views_await(master->views, VIEW_STATE, exchange, answer_frameworks, master);
}

static void
answer_slaves(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_rope struct rope rope = {0};
    struct json json = json_on(&rope.tail);
    json_object(&json);
    json_sheets(&json, "slaves", &master->agent_sheets, VIEW_SLAVES, sight, &rope);
    json_sheets(&json, "recovered_slaves", &master->recovered_sheets, VIEW_SLAVES, sight, &rope);
    json_object_end(&json);
    reply_json_rope(exchange, &rope);
}

static void
answer_slave(struct http_exchange *exchange, struct master *master, struct str id)
{
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct json json = json_on(&out);
    const struct agent *agent = map_get(&master->agents, id);
    const struct recovered_agent *recovered = map_get(&master->recovered, id);
    json_object(&json);
    json_key(&json, "slaves");
    json_array(&json);
    if (agent) {
        json_object(&json);
        json_agent(&json, agent, sight, arena);
        json_agent_full(&json, agent, sight, arena);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_key(&json, "recovered_slaves");
    json_array(&json);
    if (recovered)
        json_recovered_agent(&json, recovered, arena);
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}

void
http_slaves(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    struct str id = http_param_get(http_exchange_request(exchange), "slave_id");
    if (id.ptr)
        answer_slave(exchange, master, id);
    else
        views_await(master->views, VIEW_SLAVES, exchange, answer_slaves, master);
}
