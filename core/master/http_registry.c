/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /registrar(1)/registry: what the master would find in its registry after a failover, as the JSON of
 * mesos.internal.Registry. Written from the master's own state, which is never ahead of the store.
 */
#include "master/authorize.h"
#include "master/http.h"
#include "master/marks.h"
#include "mesos/mesos.pb-c.h"
#include "wire/message.h"

/* Whether all that it is reserved for may be seen. */
static bool
is_seen(struct sight *sight, const Mesos__V1__Resource *resource)
{
    bool seen = !resource->role || strcmp(resource->role, "*") == 0 || sight_role(sight, resource->role);
    for (size_t i = 0; seen && i < resource->n_reservations; i++)
        seen = !resource->reservations[i]->role || sight_role(sight, resource->reservations[i]->role);
    return seen;
}

static void
put_info(struct buf *text, struct sight *sight, struct str info)
{
    auto_arena struct arena *arena = arena_new(0);
    size_t count = 0;
    if (sight_roles(sight)) {
        message_transcode(text, &mesos__slave_info__descriptor, info);
        return;
    }
    Mesos__SlaveInfo *shown = message_unpack_trusted(&mesos__slave_info__descriptor, info, arena);
    for (size_t i = 0; i < shown->n_resources; i++)
        if (is_seen(sight, shown->resources[i]))
            shown->resources[count++] = shown->resources[i];
    shown->n_resources = count;
    message_to_json(text, shown);
}

static void
write_agent(struct json *json, const struct master *master, struct sight *sight, const char *id, struct str info)
{
    auto_buf struct buf text = {0};
    put_info(&text, sight, info);
    json_object(json);
    json_marks(json, marked_agent(master, id));
    json_key(json, "info");
    json_raw(json, buf_str(&text));
    json_object_end(json);
}

static void
write_agents(struct json *json, const struct master *master, struct sight *sight)
{
    const struct agent *agent;
    const struct recovered_agent *recovered;
    json_key(json, "slaves");
    json_object(json);
    json_key(json, "slaves");
    json_array(json);
    map_foreach (agent, &master->agents)
        write_agent(json, master, sight, agent->id, str_n(agent->info, agent->info_len));
    map_foreach (recovered, &master->recovered)
        write_agent(json, master, sight, recovered->id, str_n(recovered->info, recovered->info_len));
    json_array_end(json);
    json_object_end(json);
}

/* "unreachable" and "gone": members that are there only when somebody is in them. */
static void
write_lost(struct json *json, const struct master *master, const char *key, const struct map *agents)
{
    const struct lost_agent *lost;
    if (map_count(agents) == 0)
        return;
    json_key(json, key);
    json_object(json);
    json_key(json, "slaves");
    json_array(json);
    map_foreach (lost, agents) {
        json_object(json);
        json_key(json, "id");
        json_object(json);
        json_key_text(json, "value", lost->id);
        json_object_end(json);
        if (agents == &master->unreachable)
            json_marks(json, marked_agent(master, lost->id));
        json_key(json, "timestamp");
        json_object(json);
        json_key_int(json, "nanoseconds", lost->since_ns);
        json_object_end(json);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void
write_machine(const struct machine *machine, void *arg)
{
    struct json *json = arg;
    auto_buf struct buf text = {0};
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__MachineInfo info = MESOS__V1__MACHINE_INFO__INIT;
    if (machine->mode == MACHINE_UP)
        return;
    machine_info(machine, &info, arena);
    message_to_json(&text, &info);
    json_object(json);
    json_key(json, "info");
    json_raw(json, buf_str(&text));
    json_object_end(json);
}

/* "machines" and "schedules": those that are not up, and the one schedule that there is; each for those who may read it
 * elsewhere. */
static void
write_maintenance(struct json *json, struct master *master, struct http_exchange *exchange)
{
    const Schedule *schedule = maintenance_schedule(master->maintenance);
    auto_buf struct buf text = {0};
    if (schedule->n_windows == 0)
        return;
    if (may_look(master, exchange, MESOS_ACTION_GET_MAINTENANCE_STATUS)) {
        json_key(json, "machines");
        json_object(json);
        json_key(json, "machines");
        json_array(json);
        maintenance_each(master->maintenance, write_machine, json);
        json_array_end(json);
        json_object_end(json);
    }
    if (!may_look(master, exchange, MESOS_ACTION_GET_MAINTENANCE_SCHEDULE))
        return;
    message_to_json(&text, schedule);
    json_key(json, "schedules");
    json_array(json);
    json_raw(json, buf_str(&text));
    json_array_end(json);
}

static void
write_weights(struct json *json, const struct master *master, struct sight *sight)
{
    struct str rest = str_of(master->weights), role;
    double weight;
    bool any = false;
    while (roles_next_weight(&rest, &role, &weight)) {
        auto_free char *name = str_dup(role);
        if (!sight_role(sight, name))
            continue;
        if (!any) {
            json_key(json, "weights");
            json_array(json);
        }
        any = true;
        json_object(json);
        json_key(json, "info");
        http_write_weight(json, role, weight);
        json_object_end(json);
    }
    if (any)
        json_array_end(json);
}

void
http_registry(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_buf struct buf out = {0}, info = {0};
    struct json json = json_on(&out);
    message_transcode(&info, &mesos__v1__master_info__descriptor, str_n(master->info, master->info_len));
    json_object(&json);
    json_key(&json, "master");
    json_object(&json);
    json_key(&json, "info");
    json_raw(&json, buf_str(&info));
    json_object_end(&json);
    write_agents(&json, master, sight);
    write_lost(&json, master, "unreachable", &master->unreachable);
    write_lost(&json, master, "gone", &master->gone);
    write_maintenance(&json, master, exchange);
    write_weights(&json, master, sight);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
