/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agents that were admitted: what is known of each, how they are reached and watched. Who is admitted or
 * lost is decided by message_register.c and event_agent_lost.c; nothing here writes the registry.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/event_agent_lost.h"
#include "master/login.h"
#include "master/marks.h"
#include "master/subscribers.h"
#include "wire/message.h"

struct agent *
agent_find(const struct master *master, const char *id)
{
    return map_get(&master->agents, str_of(id));
}

struct agent *
agent_speaking(const struct master *master, const char *id, const struct upid *from, const char *message)
{
    struct agent *agent = agent_find(master, id);
    char pid[400];
    if (!agent || upid_eq(&agent->upid, from))
        return agent;
    log_warning("drop %s of agent=%s: it is from %s and not from %s", message, id, upid_format(from, pid), agent->pid);
    return NULL;
}

struct agent *
agent_by_number(const struct master *master, mesos_agent_t number)
{
    return number < master->next_agent_number ? master->agents_by_number[number] : NULL;
}

double
agent_ping_timeout_secs(const struct master *master)
{
    return (double)master->options->agent_ping_timeout_ns / 1e9 *
           (double)master->options->max_agent_ping_timeouts;
}

int
agent_total(struct resources *ret, const Mesos__SlaveInfo *info, Mesos__V1__Resource *const *checkpointed,
            size_t count, struct arena *arena, struct err *err)
{
    auto_resources struct resources total = {0};
    int rc = resources_from_proto(&total, info->resources, info->n_resources, err);
    for (size_t i = 0; i < count && !rc; i++) {
        auto_resources struct resources before = {0}, after = {0};
        Mesos__V1__Resource *bare = resource_bare(checkpointed[i], arena), *item = checkpointed[i];
        if (!bare)
            continue;
        rc = resources_from_proto(&before, &bare, 1, err);
        if (!rc)
            rc = resources_from_proto(&after, &item, 1, err);
        if (!rc && resources_contains(&total, &before)) {
            resources_subtract(&total, &before);
            resources_add(&total, &after);
        }
    }
    if (!rc)
        resources_move(ret, &total);
    return rc;
}

static void
agent_take_news(struct agent *agent, const struct agent_news *news)
{
    char pid[400];
    upid_format(news->from, pid);
    free(agent->pid);
    free(agent->hostname);
    free(agent->version);
    free(agent->info);
    agent->upid = *news->from;
    agent->pid = xstrdup(pid);
    agent->hostname = xstrdup(news->info->hostname);
    agent->version = xstrdup(news->version ? news->version : "");
    agent->port = news->info->port;
    agent->plain = news->info->n_attributes == 0 && !news->info->domain;
    agent->info_len = mesos__slave_info__get_packed_size(news->info);
    agent->info = xmalloc(agent->info_len + 1);
    mesos__slave_info__pack(news->info, agent->info);
    agent->capabilities = 0;
    for (size_t i = 0; i < news->capability_count; i++)
        if ((unsigned)news->capabilities[i]->type < 64)
            agent->capabilities |= UINT64_C(1) << (unsigned)news->capabilities[i]->type;
    agent->has_resource_version = news->resource_version && news->resource_version->value.len == UUID_BYTES;
    if (agent->has_resource_version)
        memcpy(agent->resource_version, news->resource_version->value.data, UUID_BYTES);
}

static void
set_total(struct agent *agent, struct resources *total)
{
    struct master *master = agent->master;
    scalars_add(master->total_scalars, &agent->total, -1);
    resources_move(&agent->total, total);
    scalars_add(master->total_scalars, &agent->total, 1);
    agent_touch(agent);
}

void
agent_set_state(struct agent *agent, bool connected, bool active)
{
    struct master *master = agent->master;
    master->agents_connected += (uint32_t)connected - (uint32_t)agent->connected;
    master->agents_active += (uint32_t)active - (uint32_t)agent->active;
    agent->connected = connected;
    agent->active = active;
    agent_touch(agent);
}

void
recovered_agent_free(struct recovered_agent *recovered)
{
    if (!recovered)
        return;
    record_remove(&recovered->record);
    free(recovered->info);
    free(recovered);
}

static void on_ping(void *arg);

static void
number_agent(struct master *master, struct agent *agent)
{
    if (master->next_agent_number == 0)
        master->next_agent_number = 1; /* 0 ends a cycle of the allocator */
    if (master->next_agent_number >= master->agent_slots) {
        master->agent_slots = master->agent_slots ? master->agent_slots * 2 : 64;
        master->agents_by_number =
            xreallocarray(master->agents_by_number, master->agent_slots, sizeof(*master->agents_by_number));
    }
    master->agents_by_number[0] = NULL;
    agent->number = master->next_agent_number++;
    master->agents_by_number[agent->number] = agent;
}

struct agent *
agent_add(struct master *master, const struct agent_news *news, struct err *err)
{
    auto_resources struct resources total = {0};
    if (agent_total(&total, news->info, news->checkpointed, news->checkpointed_count, master->arena, err))
        return NULL;
    struct agent *agent = xcalloc(1, sizeof(*agent));
    agent->master = master;
    agent->id = xstrdup(news->info->id->value);
    agent_take_news(agent, news);
    set_total(agent, &total);
    number_agent(master, agent);
    list_init(&agent->tasks);
    list_init(&agent->executors);
    list_init(&agent->offers);
    list_init(&agent->inverse_offers);
    list_init(&agent->inverse_answers);
    agent_set_state(agent, true, !agent_is_deactivated(agent));
    agent->registered_secs = loop_wall_secs(master->loop);
    loop_timer_init(&agent->ping, master->loop, on_ping, agent);
    snprintf(agent->observer, sizeof(agent->observer), "slave-observer(%u)", ++master->next_observer);
    libprocess_spawn(master->daemon->libprocess, agent->observer);
    map_add(&master->agents, str_of(agent->id), agent);
    sheets_add(&master->agent_sheets, &agent->record);
    map_set(&master->agents_by_pid, str_of(agent->pid), agent);
    map_add(&master->observers, str_of(agent->observer), agent);
    libprocess_link(master->daemon->libprocess, &agent->upid);
    machine_agent_added(agent);
    subscribers_agent_added(agent);
    return agent;
}

/* Ephemeral ports are the agent's own to divide among its containers: no framework sees them. */
static bool
is_offered(const struct mesos_resource *item, void *arg)
{
    (void)arg;
    return strcmp(item->name, "ephemeral_ports") != 0;
}

/* offered: empty; holds what the view speaks of. */
static void
allocator_view(const struct agent *agent, struct resources *offered, struct mesos_allocator_agent *view)
{
    resources_filter(offered, &agent->total, is_offered, NULL);
    *view = (struct mesos_allocator_agent){
        .size = sizeof(*view),
        .agent = agent->number,
        .id = agent->id,
        .hostname = agent->hostname,
        .info = {agent->info, agent->info_len},
        .total = resources_view(offered),
        .active = agent->active,
    };
}

void
agent_announce(struct agent *agent)
{
    struct mesos_allocator_agent view;
    auto_resources struct resources offered = {0};
    struct mesos_allocator_use *used = NULL;
    size_t count = 0, cap = 0;
    struct task *task;
    struct executor *executor;
    list_foreach (task, &agent->tasks, agent_node)
        cap++;
    list_foreach (executor, &agent->executors, agent_node)
        cap++;
    used = xcalloc(cap + 1, sizeof(*used));
    list_foreach (task, &agent->tasks, agent_node) {
        if (!resources_empty(&task->resources))
            used[count++] = (struct mesos_allocator_use){
                sizeof(*used), agent->number, task->framework->number, resources_view(&task->resources)};
    }
    list_foreach (executor, &agent->executors, agent_node) {
        if (!resources_empty(&executor->resources))
            used[count++] =
                (struct mesos_allocator_use){sizeof(*used), agent->number, executor->framework->number,
                                             resources_view(&executor->resources)};
    }
    allocator_view(agent, &offered, &view);
    allocator_add_agent(agent->master->allocator, &view, used, count);
    free(used);
    if (agent->machine->window.planned)
        machine_agent_announced(agent);
}

int
agent_update(struct agent *agent, const struct agent_news *news, struct err *err)
{
    struct master *master = agent->master;
    auto_resources struct resources total = {0};
    if (agent_total(&total, news->info, news->checkpointed, news->checkpointed_count, master->arena, err))
        return err ? err->code : -EINVAL;
    bool moved = !upid_eq(&agent->upid, news->from);
    if (map_get(&master->agents_by_pid, str_of(agent->pid)) == agent)
        map_remove(&master->agents_by_pid, str_of(agent->pid));
    if (moved && !login_principal(master, &agent->upid))
        libprocess_unlink(master->daemon->libprocess, &agent->upid);
    agent_take_news(agent, news);
    map_set(&master->agents_by_pid, str_of(agent->pid), agent);
    libprocess_link(master->daemon->libprocess, &agent->upid);
    set_total(agent, &total);
    machine_agent_added(agent);
    agent_set_state(agent, true, !agent_is_deactivated(agent));
    return 0;
}

void
agent_reannounce(struct agent *agent)
{
    offers_rescind_agent(agent);
    allocator_remove_agent(agent->master->allocator, agent->number);
    agent_announce(agent);
}

static bool
is_firm(const struct mesos_resource *item, void *arg)
{
    (void)arg;
    return !item->revocable;
}

/* What is lent out may have become less: offers of it do not hold any more. Others stay. */
static void
rescind_revocable(struct agent *agent)
{
    struct offer *offer, *next;
    list_foreach_safe (offer, next, &agent->offers, agent_node) {
        bool revocable = false;
        for (uint32_t i = 0; i < offer->resources.count; i++)
            revocable |= offer->resources.items[i].revocable;
        if (revocable)
            offer_rescind(offer);
    }
}

void
agent_oversubscribe(struct agent *agent, const struct resources *revocable)
{
    struct mesos_allocator_agent view;
    auto_resources struct resources total = {0};
    auto_resources struct resources offered = {0};
    resources_filter(&total, &agent->total, is_firm, NULL);
    resources_add(&total, revocable);
    if (resources_equal(&total, &agent->total))
        return;
    set_total(agent, &total);
    allocator_view(agent, &offered, &view);
    allocator_update_agent(agent->master->allocator, &view);
    rescind_revocable(agent); /* after the allocator knows the new total: it must not offer the old one again */
}

void
agent_remove(struct agent *agent)
{
    struct master *master = agent->master;
    allocator_remove_agent(master->allocator, agent->number);
    master->agents_by_number[agent->number] = NULL;
    agent_set_state(agent, false, false);
    record_remove(&agent->record);
    map_remove(&master->agents, str_of(agent->id));
    if (map_get(&master->agents_by_pid, str_of(agent->pid)) == agent)
        map_remove(&master->agents_by_pid, str_of(agent->pid));
    map_remove(&master->observers, str_of(agent->observer));
    libprocess_terminate(master->daemon->libprocess, agent->observer);
    if (!login_principal(master, &agent->upid))
        libprocess_unlink(master->daemon->libprocess, &agent->upid);
    scalars_add(master->total_scalars, &agent->total, -1);
    machine_agent_removed(agent);
    subscribers_agent_removed(agent);
    agent_free(agent);
}

void
agent_free(struct agent *agent)
{
    if (!agent)
        return;
    loop_timer_stop(&agent->ping);
    inverse_answers_forget(agent);
    resources_fini(&agent->total);
    free(agent->id);
    free(agent->pid);
    free(agent->hostname);
    free(agent->version);
    free(agent->info);
    free(agent->loss);
    free(agent);
}

void
agent_send_to(struct master *master, const struct upid *to, const char *name, const void *message)
{
    buf_clear(&master->out);
    message_pack(&master->out, message);
    libprocess_send(master->daemon->libprocess, "master", to, name, buf_str(&master->out));
    buf_shrink(&master->out, 1 << 20);
}

void
agent_send(struct agent *agent, const char *name, const void *message)
{
    agent_send_to(agent->master, &agent->upid, name, message);
}

void
agent_shutdown(struct master *master, const struct upid *to, const char *reason)
{
    Mesos__Internal__ShutdownMessage message = MESOS__INTERNAL__SHUTDOWN_MESSAGE__INIT;
    auto_free char *text = xstrdup(reason);
    char pid[400];
    message.message = text;
    log_warning("refuse agent pid=%s reason=\"%s\"", upid_format(to, pid), reason);
    agent_send_to(master, to, "mesos.internal.ShutdownMessage", &message);
}

static void
ping(struct agent *agent)
{
    struct master *master = agent->master;
    Mesos__Internal__PingSlaveMessage message = MESOS__INTERNAL__PING_SLAVE_MESSAGE__INIT;
    message.connected = agent->connected;
    agent->ponged = false;
    buf_clear(&master->out);
    message_pack(&master->out, &message);
    libprocess_send(master->daemon->libprocess, agent->observer, &agent->upid,
                    "mesos.internal.PingSlaveMessage", buf_str(&master->out));
    loop_timer_start_ns(&agent->ping, master->options->agent_ping_timeout_ns);
}

static void
on_ping(void *arg)
{
    struct agent *agent = arg;
    struct master *master = agent->master;
    int64_t away_ms = agent->connected ? 0 : loop_now_ms(master->loop) - agent->disconnected_ms;
    agent->missed_pings = agent->ponged ? 0 : agent->missed_pings + 1;
    if (agent->missed_pings >= master->options->max_agent_ping_timeouts)
        agent_mark_unreachable(agent, "health check timed out");
    else if (away_ms >= master->options->agent_reregister_timeout_ns / 1000000)
        agent_mark_unreachable(agent, "agent did not re-register within the timeout");
    ping(agent);
}

void
agent_observe(struct agent *agent)
{
    agent->missed_pings = 0;
    ping(agent);
}

void
agent_pong(struct master *master, const struct upid *from, struct str observer)
{
    struct agent *agent = map_get(&master->observers, observer);
    if (!agent || !agent_speaking(master, agent->id, from, "pong"))
        return;
    agent->ponged = true;
    agent->missed_pings = 0;
    if (agent->doomed && agent->connected && !agent->leaving) {
        agent->doomed = false; /* it came back while it waited for its turn */
        metric_inc(master->m.slave_unreachable_canceled);
    }
    if (agent->leaving)
        log_verbose(1, "pong from an agent that is being marked unreachable agent=%s", agent->id);
}
