/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's life: made, started, elected, recovered from the registry, leading, ended. What it does while
 * it leads is in the verbs; see state.h. leader.c follows another one, recover.c reads the registry's entries.
 */
#include "master/telemetry.h"
#include "master/login.h"
#include "master/master.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "host/kind_election.h"
#include "master/event_agent_lost.h"
#include "master/http.h"
#include "master/leader.h"
#include "master/marks.h"
#include "master/messages.h"
#include "master/records.h"
#include "master/throttle.h"
#include "wire/message.h"

void
master_fatal(struct master *master, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (master->ended)
        return;
    master->ended = true;
    master->leading = master->elected = false;
    if (master->setup.fatal)
        master->setup.fatal(master->setup.arg, text);
}

void
master_arena_reset(struct master *master)
{
    arena_reset(master->arena);
}

void
scalars_add(int64_t sums[SCALARS], const struct resources *r, int sign)
{
    static const char *const names[] = {
        [SCALAR_CPUS] = "cpus", [SCALAR_MEM] = "mem", [SCALAR_DISK] = "disk", [SCALAR_GPUS] = "gpus"};
    for (uint32_t i = 0; i < r->count; i++) {
        const struct mesos_resource *item = &r->items[i];
        for (size_t j = 0; j < ARRAY_LEN(names) && item->type == MESOS_VALUE_SCALAR; j++)
            if (strcmp(item->name, names[j]) == 0)
                sums[j + (item->revocable ? SCALAR_REVOCABLE : 0)] += sign * item->scalar;
    }
}

/* --roles=a,b: kept as a list. */
static void
parse_roles(struct master *master)
{
    struct str rest = str_of(master->options->roles);
    if (!master->options->roles)
        return;
    master->role_list = xcalloc(1, sizeof(*master->role_list));
    while (rest.len) {
        struct str role = str_trim(str_cut(&rest, ','));
        if (!role.len)
            continue;
        master->role_list =
            xreallocarray(master->role_list, master->role_list_count + 1, sizeof(*master->role_list));
        master->role_list[master->role_list_count++] = str_dup(role);
    }
}

struct master *
master_new(const struct master_setup *setup, struct err *err)
{
    if (!setup->loop || !setup->options || !setup->host || !setup->allocator || !setup->registry ||
        !setup->election) {
        err_set(err, -EINVAL,
                "A master needs a loop, options, a module host, an allocator, a registry and an election");
        return NULL;
    }
    struct master *master = xcalloc(1, sizeof(*master));
    master->setup = *setup;
    master->loop = setup->loop;
    master->options = setup->options;
    master->allocator = setup->allocator;
    master->election = setup->election;
    master->hostname = xstrdup(setup->hostname ? setup->hostname : "");
    master->arena = arena_new(64 << 10);
    list_init(&master->completed);
    list_init(&master->fresh);
    list_init(&master->subscribers);
    list_init(&master->refused);
    list_init(&master->listings);
    list_init(&master->mark_orders);
    list_init(&master->fresh_inverse);
    master->maintenance = maintenance_new(master);
    uuid_new(master->id);
    master->no_leader = "No leader elected";
    parse_roles(master);
    return master;
}

static void
on_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg)
{
    messages_handle(arg, from, to, name, body);
}

static void
on_exited(const struct upid *peer, void *arg)
{
    struct master *master = arg;
    char pid[400];
    struct agent *agent = map_get(&master->agents_by_pid, str_of(upid_format(peer, pid)));
    if (master->ended)
        return;
    if (agent)
        agent_disconnected(agent);
    frameworks_exited(master, peer);
    login_exited(master, peer);
}

static void
pack_info(struct master *master)
{
    /* No QUOTA_V2: there is no quota yet, and JSON schedulers that are older than that name refuse the whole
     * SUBSCRIBED. */
    static const Mesos__V1__MasterInfo__Capability__Type types[] = {
        MESOS__V1__MASTER_INFO__CAPABILITY__TYPE__AGENT_UPDATE,
        MESOS__V1__MASTER_INFO__CAPABILITY__TYPE__AGENT_DRAINING,
    };
    Mesos__V1__MasterInfo info = MESOS__V1__MASTER_INFO__INIT;
    Mesos__V1__Address address = MESOS__V1__ADDRESS__INIT;
    Mesos__V1__MasterInfo__Capability capabilities[ARRAY_LEN(types)], *list[ARRAY_LEN(types)];
    char ip[64], version[] = MESOS_PROTOCOL_VERSION;
    struct in_addr in = {0};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        mesos__v1__master_info__capability__init(&capabilities[i]);
        capabilities[i].has_type = true;
        capabilities[i].type = types[i];
        list[i] = &capabilities[i];
    }
    address_ip(&master->daemon->self, ip);
    inet_pton(AF_INET, ip, &in);
    info.id = master->id;
    info.ip = in.s_addr;
    info.port = address_port(&master->daemon->self);
    info.pid = master->pid;
    info.hostname = master->hostname;
    info.version = version;
    info.address = &address;
    address.hostname = master->hostname;
    address.ip = ip;
    address.port = address_port(&master->daemon->self);
    info.n_capabilities = ARRAY_LEN(types);
    info.capabilities = list;
    master->info_len = mesos__v1__master_info__get_packed_size(&info);
    master->info = xmalloc(master->info_len);
    mesos__v1__master_info__pack(&info, master->info);
}

static void
on_elected_recovered(void *arg)
{
    struct master *master = arg;
    master->leading = true;
    log_info("leading id=%s agents_awaited=%zu unreachable=%zu", master->id, map_count(&master->recovered),
             map_count(&master->unreachable));
    loop_timer_start_ns(&master->reregister, master->options->agent_reregister_timeout_ns);
    loop_timer_start_ns(&master->gc, master->options->registry_gc_interval_ns);
}

static void
on_fetched(void *arg)
{
    struct master *master = arg;
    if (master->ended)
        return;
    master->recovered_total = map_count(&master->recovered);
    lost_agents_sort(&master->unreachable);
    lost_agents_sort(&master->gone);
    maintenance_recovered(master->maintenance, master->maintenance_entries);
    maintenance_entries_free(master->maintenance_entries);
    master->maintenance_entries = NULL;
    registrar_put(master->registrar, MESOS_REGISTRY_MASTER, STR_LIT("info"),
                  str_n(master->info, master->info_len));
    registrar_commit(master->registrar, on_elected_recovered, master);
}

static void
on_elected(void *arg)
{
    struct master *master = arg;
    if (master->elected || master->ended)
        return;
    master->elected = master->led = true;
    master->elected_secs = loop_wall_secs(master->loop);
    log_info("elected id=%s pid=%s", master->id, master->pid);
    master->maintenance_entries = maintenance_entries_new();
    registrar_fetch(master->registrar, registry_entry_recover, on_fetched, master);
}

static void
on_lost(void *arg, const char *reason)
{
    master_fatal(arg, "Lost leadership: %s", reason ? reason : "no reason given");
}

static void
on_lapse(void *arg)
{
    master_fatal(arg, "Lost leadership: the lease has run out, another master may lead already; nothing more was sent");
}

/* Asked before any bytes leave. Who has been stopped for longer than the lease learns it here, before anything else. */
static bool
may_send(void *arg)
{
    struct master *master = arg;
    if (!master->led)
        return true;
    if (!master->lapsed && election_lease_until_ms(master->election) > loop_exact_ms(master->loop))
        return true;
    if (!master->lapsed && !master->ended)
        loop_timer_start(&master->lapse, 0); /* not from here: somebody is in the middle of sending */
    master->lapsed = true;
    return false;
}

static void
on_registry_failed(void *arg, const char *reason)
{
    master_fatal(arg, "%s", reason);
}

static struct registrar *
make_registrar(struct master *master)
{
    struct registrar_options options = {
        .loop = master->loop,
        .host = master->setup.host,
        .registry = master->setup.registry,
        .fetch_timeout_ms = master->options->registry_fetch_timeout_ns / 1000000,
        .store_timeout_ms = master->options->registry_store_timeout_ns / 1000000,
        .metrics = master->daemon->metrics,
        .failed = on_registry_failed,
        .arg = master,
    };
    return registrar_new(&options);
}

int
master_start(struct master *master, struct err *err)
{
    struct upid self = {.id = "master"};
    char pid[400];
    struct daemon_setup setup = {
        .actor = "master",
        .log_path = "/master/log",
        .listen = master->setup.listen,
        .listen_fd = master->setup.listen_fd,
        .advertise = master->setup.advertise,
        .conf = master->setup.set,
        .host = master->setup.host,
        .options = &master->options->common,
        .secure = master->setup.secure,
        .authorizer = master->setup.authorizer,
        .realms = master->setup.realms,
        .realm_count = master->setup.realm_count,
        .on_message = on_message,
        .on_exited = on_exited,
        .arg = master,
    };
    master->daemon = daemon_new(master->loop, &setup, err);
    if (!master->daemon)
        return err && err->code ? err->code : -EIO;
    self.address = master->daemon->self;
    master->views = views_new(master->loop, http_server_pages(master->daemon->http));
    views_ruled_by(master->views, master);
    sheets_init(&master->agent_sheets, master->views, &agent_records);
    sheets_init(&master->recovered_sheets, master->views, &recovered_records);
    master->pid = xstrdup(upid_format(&self, pid));
    master->start_secs = master->daemon->start_secs;
    pack_info(master);
    master_metrics_init(master);
    http_mount(master);
    if (master_telemetry_start(master, err) < 0)
        return err && err->code ? err->code : -EIO;
    firewall_tell(master->daemon->firewall, master->daemon->router, "master");
    loop_timer_init(&master->lapse, master->loop, on_lapse, master);
    if (election_has_lease(master->election))
        daemon_guard(master->daemon, may_send, master);
    loop_timer_init(&master->reregister, master->loop, agents_reregister_timeout, master);
    loop_timer_init(&master->gc, master->loop, unreachable_collect, master);
    loop_timer_init(&master->drain_check, master->loop, on_drain_check, master);
    master->logins = logins_new(master);
    master->registrar = make_registrar(master);
    offers_init(master);
    weights_start(master);
    master->throttle = throttle_new(master, master->setup.rate_limiter);
    whitelist_start(master);
    log_info("master id=%s pid=%s hostname=%s", master->id, master->pid, master->hostname);
    master->election_events = (struct mesos_election_events){sizeof(master->election_events), master,
                                                             leader_detected, on_elected, on_lost};
    election_detect(master->election, &master->election_events);
    election_contend(master->election, (struct mesos_bytes){master->info, master->info_len});
    return 0;
}

static void
free_maps(struct master *master)
{
    struct recovered_agent *recovered;
    struct lost_agent *lost;
    struct admission *admission;
    map_foreach (recovered, &master->recovered)
        recovered_agent_free(recovered);
    map_foreach (lost, &master->unreachable)
        lost_agent_free(lost);
    map_foreach (lost, &master->gone)
        lost_agent_free(lost);
    map_foreach (admission, &master->admissions)
        admission_free(admission);
    marks_free(master);
    map_fini(&master->recovered);
    map_fini(&master->unreachable);
    map_fini(&master->gone);
    map_fini(&master->admissions);
}

/* The allocator's instance outlives the master: with nothing left in it, it never calls the sink again. */
static void
empty_allocator(struct master *master)
{
    struct framework *framework;
    struct agent *agent;
    map_foreach (framework, &master->frameworks)
        allocator_deactivate_framework(master->allocator, framework->number);
    map_foreach (agent, &master->agents)
        allocator_remove_agent(master->allocator, agent->number);
    map_foreach (framework, &master->frameworks)
        allocator_remove_framework(master->allocator, framework->number);
}

/* Nothing is told to anybody. */
static void
free_cluster(struct master *master)
{
    struct framework *framework, *next;
    struct agent *agent;
    struct offer *offer;
    struct task *task;
    struct executor *executor;
    map_foreach (offer, &master->offers) {
        loop_timer_stop(&offer->timeout);
        resources_fini(&offer->resources);
        free(offer);
    }
    inverse_offers_free(master);
    map_foreach (framework, &master->frameworks) {
        if (framework->stream)
            http_exchange_on_gone(framework->stream, NULL, NULL);
        map_foreach (task, &framework->tasks)
            task_free(task);
        map_foreach (executor, &framework->executors)
            executor_free(executor);
        framework_free(framework);
    }
    list_foreach_safe (framework, next, &master->completed, completed_node)
        framework_free(framework);
    map_foreach (agent, &master->agents)
        agent_free(agent);
    map_fini(&master->offers);
    map_fini(&master->frameworks);
    map_fini(&master->completed_ids);
    map_fini(&master->agents);
    map_fini(&master->agents_by_pid);
    map_fini(&master->observers);
}

void
master_free(struct master *master)
{
    if (!master)
        return;
    master->ended = true;
    registrar_free(master->registrar);
    loop_timer_stop(&master->reregister);
    loop_timer_stop(&master->gc);
    loop_timer_stop(&master->drain_check);
    mark_orders_free(master);
    weights_stop(master);
    throttle_free(take(&master->throttle));
    logins_free(take(&master->logins));
    loop_timer_stop(&master->refused_soon);
    refused_flush(master);
    if (master->daemon) {
        empty_allocator(master);
        free_cluster(master);
    }
    free_maps(master);
    sheets_fini(&master->agent_sheets);
    sheets_fini(&master->recovered_sheets);
    summaries_free(master->summaries);
    listings_free(master);
    views_free(master->views);
    daemon_free(master->daemon);
    maintenance_free(master->maintenance);
    maintenance_entries_free(master->maintenance_entries);
    master_telemetry_stop(master);
    arena_free(master->arena);
    buf_fini(&master->out);
    buf_fini(&master->frame);
    for (size_t i = 0; i < master->role_list_count; i++)
        free((char *)(uintptr_t)master->role_list[i]);
    free(master->role_list);
    free(master->agents_by_number);
    free(master->frameworks_by_number);
    free(master->leader_hostname);
    free(master->hostname);
    free(master->pid);
    free(master->info);
    free(master);
}

struct metrics *
master_metrics(const struct master *master)
{
    return master->daemon->metrics;
}

void
master_reload(struct master *master, const char *why)
{
    reload_now(master->daemon->reload, why);
}

const char *
master_id(const struct master *master)
{
    return master->id;
}

bool
master_leading(const struct master *master)
{
    return master->leading;
}

void
master_describe(const struct master *master, char *out, size_t size)
{
    if (master->leading)
        snprintf(out, size, "leading: %zu agents, %zu frameworks", map_count(&master->agents), map_count(&master->frameworks));
    else if (master->elected)
        snprintf(out, size, "elected: reading the registry");
    else if (master->leader_hostname)
        snprintf(out, size, "waiting: %s:%u leads", master->leader_hostname, master->leader_port);
    else
        snprintf(out, size, "waiting: no leader is known");
}
