/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cycle: which client is offered what of which agent. Soon cycles follow an event and look at the agents that it
 * concerns; the batch timer's looks at all. Offers are gathered first and given to the sink at the end, because the
 * master may call back while it takes them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "drf.h"
#include "fields.h"
#include "model/role.h"

struct look {
    struct drf *drf;
    struct agent *agent;
    int64_t now_ms;
    bool only_fresh; /* the others have refused */
    int64_t quiet_until_ms; /* when the first of the filters that hid something ends */
};

/* Has the identity more than one reservation? Field 13 of a packed Resource. */
static bool
refined(const struct mesos_resource *item)
{
    struct str identity = str_n(item->identity, item->identity_len);
    struct field field;
    unsigned reservations = 0;
    while (field_next(&identity, &field))
        reservations += field.number == 13;
    return reservations > 1;
}

/* Reserved things are for the role and those below it; some need a capability to be understood. */
static bool
may_have(const struct client *client, const struct mesos_resource *item)
{
    const struct framework *framework = client->framework;
    if (strcmp(item->role, "*") != 0 && !role_within(str_of(client->role->name), str_of(item->role)))
        return false;
    if ((item->revocable && !framework->revocable) || (item->shared && !framework->shared))
        return false;
    return framework->refinement || item->identity_len == 0 || !refined(item);
}

static bool
keep(const struct mesos_resource *item, void *arg)
{
    return may_have(arg, item);
}

static bool
has_all(const struct client *client, const struct resources *free_now)
{
    for (uint32_t i = 0; i < free_now->count; i++)
        if (!may_have(client, &free_now->items[i]))
            return false;
    return true;
}

void
allocate_part(const struct client *client, const struct resources *from, struct resources *ret)
{
    resources_filter(ret, from, keep, (void *)(uintptr_t)client);
}

static void
give(struct look *look, struct client *client, struct resources *available)
{
    struct drf *drf = look->drf;
    if (drf->offer_count == drf->offer_cap) {
        drf->offer_cap = drf->offer_cap ? drf->offer_cap * 2 : 16;
        drf->offers = xreallocarray(drf->offers, drf->offer_cap, sizeof(*drf->offers));
    }
    struct offer *offer = &drf->offers[drf->offer_count++];
    *offer = (struct offer){.framework = client->framework->number, .agent = look->agent->number};
    offer->role = role_get(drf, client->role->name);
    resources_allocate(available, client->role->name);
    resources_move(&offer->resources, available);
    agent_use(drf, look->agent, offer->framework, resources_view(&offer->resources), true);
}

/* True when the client was given something, so that the order has changed. */
static bool
offer_to(struct client *client, void *arg)
{
    struct look *look = arg;
    struct agent *agent = look->agent;
    if (look->only_fresh && !client->fresh)
        return false;
    if (agent->gpus && look->drf->filter_gpus && !client->framework->gpu)
        return false;
    if (client->constraints && !wishes_admit(client, agent))
        return false;
    if (filters_hide_agent(look->drf, client, agent, look->now_ms, &look->quiet_until_ms))
        return false;
    const struct resources *available = &agent->free;
    auto_resources struct resources part = {0};
    if (!has_all(client, available)) {
        resources_filter(&part, available, keep, client);
        available = &part;
        struct amounts amounts;
        amounts_of(look->drf, resources_view(&part), &amounts);
        if (!wishes_enough(look->drf, client, &amounts))
            return false;
    } else if (look->drf->own_minimums && !wishes_enough(look->drf, client, &agent->free_amounts)) {
        return false;
    }
    if (resources_empty(available) ||
        filters_hide(look->drf, client, agent, available, look->now_ms, &look->quiet_until_ms))
        return false;
    if (available == &agent->free)
        resources_copy(&part, available);
    give(look, client, &part);
    return true;
}

static void
look_at(struct drf *drf, struct agent *agent, int64_t now_ms)
{
    bool quiet = agent->quiet_epoch == drf->epoch && now_ms < agent->quiet_until_ms;
    if ((quiet && drf->fresh_count == 0) || !agent->active || !agent->listed)
        return;
    struct look look = {.drf = drf, .agent = agent, .now_ms = now_ms, .only_fresh = quiet};
    do {
        look.quiet_until_ms = look.only_fresh ? agent->quiet_until_ms : INT64_MAX;
        if (resources_empty(&agent->free) ||
            (!drf->own_minimums && !amounts_allocatable(drf, &drf->minimums, &agent->free_amounts)) ||
            !sorter_visit(&drf->root, offer_to, &look))
            break;
        look.only_fresh = false; /* what is left is another thing now */
    } while (true);
    agent->quiet_epoch = drf->epoch;
    agent->quiet_until_ms = look.quiet_until_ms;
}

/* Takes the gathered offers away first: the sink may lead to calls that gather no more but free agents. */
static void
deliver(struct drf *drf)
{
    struct offer *offers = drf->offers;
    uint32_t count = drf->offer_count;
    if (count == 0)
        return;
    drf->offers = NULL;
    drf->offer_count = drf->offer_cap = 0;
    for (uint32_t i = 0; i < count; i++) {
        drf->sink->offer(drf->sink->arg, offers[i].framework, offers[i].role->name, offers[i].agent,
                         resources_view(&offers[i].resources));
        role_put(drf, offers[i].role);
        resources_fini(&offers[i].resources);
    }
    drf->sink->offer(drf->sink->arg, 0, NULL, 0, (struct mesos_resources){sizeof(struct mesos_resource), 0, NULL});
    /* Keeps the array for the next cycle. */
    free(drf->offers);
    drf->offers = offers;
    drf->offer_cap = count;
}

static uint64_t
next_random(struct drf *drf)
{
    drf->seed ^= drf->seed << 13;
    drf->seed ^= drf->seed >> 7;
    drf->seed ^= drf->seed << 17;
    return drf->seed;
}

/* All agents, beginning anywhere, so that none is always first; neighbours stay neighbours, which the caches like. */
static void
look_at_all(struct drf *drf, int64_t now_ms)
{
    uint32_t first = drf->slot_count ? (uint32_t)(next_random(drf) % drf->slot_count) : 0;
    for (uint32_t i = 0; i < drf->slot_count; i++) {
        uint32_t slot = first + i < drf->slot_count ? first + i : first + i - drf->slot_count;
        if (drf->slots[slot])
            look_at(drf, drf->slots[slot], now_ms);
    }
}

/* All agents were looked at for them. */
static void
forget_fresh(struct drf *drf)
{
    struct framework *framework;
    if (drf->fresh_count == 0)
        return;
    map_foreach(framework, &drf->frameworks)
        for (uint32_t i = 0; i < framework->client_count; i++)
            client_set_fresh(drf, framework->clients[i], false);
}

/* The loop's clock stands still within a turn: this is for measuring, never for deciding. */
static int64_t
clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
cycle(struct drf *drf, bool everything)
{
    if (drf->paused)
        return;
    int64_t now_ms = drf->host->now_ms(drf->host), began_ns = clock_ns();
    sorter_refresh(drf);
    for (uint32_t i = 0; i < drf->waiting_count; i++) {
        struct agent *agent = drf->waiting[i];
        if (!agent)
            continue;
        agent->waiting = false;
        if (everything)
            continue;
        look_at(drf, agent, now_ms);
        inverse_look_at(drf, agent, now_ms);
    }
    drf->waiting_count = 0;
    if (everything) {
        drf->everything_waits = false;
        look_at_all(drf, now_ms);
        forget_fresh(drf);
        for (uint32_t slot = 0; drf->leaving_count && slot < drf->slot_count; slot++)
            if (drf->slots[slot])
                inverse_look_at(drf, drf->slots[slot], now_ms);
    }
    drf->host->count(drf->host, "allocator/mesos/allocation_runs", 1);
    drf->host->timing(drf->host, "allocator/mesos/allocation_run_ms", (double)(clock_ns() - began_ns) / 1e6);
    deliver(drf);
    inverse_deliver(drf);
}

static void
gauge(const struct drf *drf, const char *kind, const char *what, int64_t *told, int64_t now)
{
    char name[128];
    if (*told == now)
        return;
    *told = now;
    snprintf(name, sizeof(name), "allocator/mesos/resources/%s/%s", kind, what);
    drf->host->gauge(drf->host, name, (double)now / 1000);
}

/* What the cluster has and what of it is out; told with each batch, when it has changed. */
static void
tell_gauges(struct drf *drf)
{
    for (uint32_t i = 0; i < drf->kind_count; i++) {
        gauge(drf, drf->kinds[i], "total", &drf->told_total.of[i], drf->total.of[i]);
        gauge(drf, drf->kinds[i], "offered_or_allocated", &drf->told_used.of[i], drf->root.tree.used.of[i]);
    }
}

static void
tell_share(const struct drf *drf, const struct role *role, double share)
{
    auto_free char *name = xasprintf("allocator/mesos/roles/%s/shares/dominant", role->name);
    drf->host->gauge(drf->host, name, share);
}

static void
tell_filters(const struct drf *drf, const struct role *role, double count)
{
    auto_free char *name = xasprintf("allocator/mesos/offer_filters/roles/%s/active", role->name);
    drf->host->gauge(drf->host, name, count);
}

void
allocate_untell(const struct drf *drf, struct role *role)
{
    if (!role->told)
        return;
    tell_share(drf, role, NAN);
    tell_filters(drf, role, NAN);
    role->told = false;
}

/* Share and filters of each role that has frameworks, where they have changed. */
static void
tell_roles(struct drf *drf)
{
    struct role *role;
    struct framework *framework;
    map_foreach(role, &drf->roles) {
        role->filter_count = 0;
        role->used = false;
    }
    map_foreach(framework, &drf->frameworks)
        for (uint32_t i = 0; i < framework->client_count; i++) {
            framework->clients[i]->role->used = true;
            framework->clients[i]->role->filter_count += framework->clients[i]->filter_count;
        }
    map_foreach(role, &drf->roles) {
        if (!role->used) {
            allocate_untell(drf, role);
            continue;
        }
        if (!role->told || role->told_share != role->tree.share)
            tell_share(drf, role, role->tree.share);
        if (!role->told || role->told_filters != role->filter_count)
            tell_filters(drf, role, role->filter_count);
        role->told = true;
        role->told_share = role->tree.share;
        role->told_filters = role->filter_count;
    }
}

/* From when a cycle should have begun until now. */
static void
tell_latency(const struct drf *drf, int64_t since_ns)
{
    int64_t late_ns = clock_ns() - since_ns;
    drf->host->timing(drf->host, "allocator/mesos/allocation_run_latency_ms", late_ns > 0 ? (double)late_ns / 1e6 : 0);
}

static void
on_batch(void *arg)
{
    struct drf *drf = arg;
    drf->batch = drf->host->timer_start(drf->host, drf->interval_ms, on_batch, drf);
    tell_latency(drf, drf->batch_due_ns);
    drf->batch_due_ns = clock_ns() + drf->interval_ms * 1000000;
    cycle(drf, true);
    tell_gauges(drf);
    tell_roles(drf);
}

static void
on_soon(void *arg)
{
    struct drf *drf = arg;
    drf->soon = NULL;
    tell_latency(drf, drf->soon_since_ns);
    cycle(drf, drf->everything_waits);
}

void
allocate_start(struct drf *drf)
{
    static const char *const always[] = {"cpus", "disk", "mem"};
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        kind_find(drf, always[i]);
    for (size_t i = 0; i < KINDS_MAX; i++)
        drf->told_total.of[i] = drf->told_used.of[i] = -1; /* so that the first batch tells zeros too */
    drf->batch = drf->host->timer_start(drf->host, drf->interval_ms, on_batch, drf);
    drf->batch_due_ns = clock_ns() + drf->interval_ms * 1000000;
}

void
allocate_stop(struct drf *drf)
{
    if (drf->batch)
        drf->host->timer_stop(drf->host, drf->batch);
    if (drf->soon)
        drf->host->timer_stop(drf->host, drf->soon);
    drf->batch = drf->soon = NULL;
    free(drf->offers);
    free(drf->asks);
    free(drf->waiting);
    drf->waiting = NULL;
    drf->waiting_count = drf->waiting_cap = 0;
}

void
allocate_soon(struct drf *drf, struct agent *agent)
{
    if (!agent) {
        drf->everything_waits = true;
    } else if (!agent->waiting) {
        if (drf->waiting_count == drf->waiting_cap) {
            drf->waiting_cap = drf->waiting_cap ? drf->waiting_cap * 2 : 16;
            drf->waiting = xreallocarray(drf->waiting, drf->waiting_cap, sizeof(*drf->waiting));
        }
        drf->waiting[drf->waiting_count++] = agent;
        agent->waiting = true;
    }
    if (!drf->soon && !drf->paused) {
        drf->soon_since_ns = clock_ns();
        drf->soon = drf->host->timer_start(drf->host, 0, on_soon, drf);
    }
}

void
allocate_again(struct drf *drf)
{
    drf->epoch++;
    allocate_soon(drf, NULL);
}

void
allocate_forget(struct drf *drf, struct agent *agent)
{
    for (uint32_t i = 0; agent->waiting && i < drf->waiting_count; i++)
        if (drf->waiting[i] == agent)
            drf->waiting[i] = NULL;
}

void
allocate_pause(void *instance)
{
    struct drf *drf = instance;
    drf->paused = true;
}

void
allocate_resume(void *instance)
{
    struct drf *drf = instance;
    drf->paused = false;
    allocate_soon(drf, NULL);
}
