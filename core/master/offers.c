/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers: made from what the allocator hands over, sent once per framework and cycle, taken away again. The
 * allocator is never called from inside its own call: what cannot be offered is given back in the next turn
 * of the loop.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/state.h"
#include "wire/message.h"

/* Resources that came for a framework or agent that may not be offered any more. */
struct refused_offer {
    struct list node;
    mesos_framework_t framework;
    mesos_agent_t agent;
    struct resources resources;
    bool inverse; /* an inverse offer, which is about no resources */
};

static void
refuse(struct master *master, mesos_framework_t framework, mesos_agent_t agent, const char *role,
       struct mesos_resources resources)
{
    struct refused_offer *refused = xcalloc(1, sizeof(*refused));
    refused->framework = framework;
    refused->agent = agent;
    resources_add_view(&refused->resources, resources);
    resources_allocate(&refused->resources, role);
    list_push(&master->refused, &refused->node);
    if (!loop_timer_running(&master->refused_soon))
        loop_timer_start(&master->refused_soon, 0);
}

void
inverse_offer_refuse(struct master *master, mesos_framework_t framework, mesos_agent_t agent)
{
    struct refused_offer *refused = xcalloc(1, sizeof(*refused));
    refused->framework = framework;
    refused->agent = agent;
    refused->inverse = true;
    list_push(&master->refused, &refused->node);
    if (!loop_timer_running(&master->refused_soon))
        loop_timer_start(&master->refused_soon, 0);
}

void
refused_flush(void *arg)
{
    struct master *master = arg;
    struct refused_offer *refused, *next;
    list_foreach_safe (refused, next, &master->refused, node) {
        list_remove(&refused->node);
        if (!master->ended && refused->inverse)
            allocator_update_inverse_offer(master->allocator, refused->framework, refused->agent, -1);
        else if (!master->ended)
            allocator_recover_resources(master->allocator, refused->framework, refused->agent,
                                        resources_view(&refused->resources), -1);
        resources_fini(&refused->resources);
        free(refused);
    }
}

struct offer *
offer_find(const struct master *master, const char *id)
{
    return map_get(&master->offers, str_of(id));
}

static void
on_timeout(void *arg)
{
    struct offer *offer = arg;
    log_info("offer timeout offer=%s framework=%s", offer->id, offer->framework->id);
    offer_rescind(offer);
}

static struct offer *
offer_new(struct framework *framework, struct agent *agent, const char *role,
          struct mesos_resources resources)
{
    struct master *master = framework->master;
    char id[80];
    uint64_t number = master->next_offer++;
    size_t id_len =
        (size_t)snprintf(id, sizeof(id), "%s-O%llu", master->id, (unsigned long long)number);
    size_t role_len = strlen(role);
    struct offer *offer = xcalloc(1, sizeof(*offer) + id_len + role_len + 2);
    memcpy(offer->id, id, id_len + 1);
    memcpy(offer->id + id_len + 1, role, role_len + 1);
    offer->number = number;
    offer->role = offer->id + id_len + 1;
    offer->framework = framework;
    offer->agent = agent;
    resources_add_view(&offer->resources, resources);
    resources_allocate(&offer->resources, role);
    loop_timer_init(&offer->timeout, master->loop, on_timeout, offer);
    if (master->options->offer_timeout_ns > 0)
        loop_timer_start_ns(&offer->timeout, master->options->offer_timeout_ns);
    list_push(&framework->offers, &offer->framework_node);
    list_push(&agent->offers, &offer->agent_node);
    map_add(&master->offers, str_of(offer->id), offer);
    sheets_add(&framework->offer_sheets, &offer->record);
    agent_touch(agent);
    return offer;
}

static void
fresh_add(struct framework *framework, struct offer *offer)
{
    if (framework->fresh_count == framework->fresh_cap) {
        framework->fresh_cap = framework->fresh_cap ? framework->fresh_cap * 2 : 16;
        framework->fresh = xreallocarray(framework->fresh, framework->fresh_cap, sizeof(*framework->fresh));
    }
    framework->fresh[framework->fresh_count++] = offer;
    if (list_empty(&framework->fresh_node))
        list_push(&framework->master->fresh, &framework->fresh_node);
}

Mesos__V1__URL *
agent_url(const struct agent *agent, struct arena *arena)
{
    char ip[64];
    Mesos__V1__URL *url = arena_alloc(arena, sizeof(*url));
    Mesos__V1__Address *address = arena_alloc(arena, sizeof(*address));
    mesos__v1__url__init(url);
    mesos__v1__address__init(address);
    url->scheme = arena_strdup(arena, STR_LIT("http"));
    url->address = address;
    url->path = arena_printf(arena, "/%s", agent->upid.id);
    address->hostname = arena_strdup(arena, str_of(agent->hostname));
    address->ip = arena_strdup(arena, str_of(address_ip(&agent->upid.address, ip)));
    address->port = address_port(&agent->upid.address);
    return url;
}

static void
offer_executors(Mesos__V1__Offer *to, const struct offer *offer, struct arena *arena)
{
    struct executor *executor;
    size_t count = 0;
    list_foreach (executor, &offer->agent->executors, agent_node)
        count += executor->framework == offer->framework;
    if (!count)
        return;
    to->executor_ids = arena_calloc(arena, count, sizeof(*to->executor_ids));
    list_foreach (executor, &offer->agent->executors, agent_node) {
        if (executor->framework != offer->framework)
            continue;
        Mesos__V1__ExecutorID *id = arena_alloc(arena, sizeof(*id));
        mesos__v1__executor_id__init(id);
        id->value = executor->id;
        to->executor_ids[to->n_executor_ids++] = id;
    }
}

/* The whole offer, with resources in the form of before or after refinement. */
static Mesos__V1__Offer *
offer_describe(const struct offer *offer, bool old_format, struct arena *arena)
{
    const struct agent *agent = offer->agent;
    Mesos__V1__Offer *to = arena_alloc(arena, sizeof(*to));
    mesos__v1__offer__init(to);
    to->id = arena_alloc(arena, sizeof(*to->id));
    mesos__v1__offer_id__init(to->id);
    to->id->value = (char *)(uintptr_t)offer->id;
    to->framework_id = offer->framework->info->id;
    to->agent_id = arena_alloc(arena, sizeof(*to->agent_id));
    mesos__v1__agent_id__init(to->agent_id);
    to->agent_id->value = agent->id;
    to->hostname = agent->hostname;
    to->url = agent_url(agent, arena);
    to->resources = resources_to_proto(&offer->resources, old_format, arena, &to->n_resources);
    if (!agent->plain) {
        Mesos__SlaveInfo *info = MESSAGE_UNPACK(Mesos__SlaveInfo, mesos__slave_info,
                                                str_n(agent->info, agent->info_len), arena, NULL);
        to->n_attributes = info ? info->n_attributes : 0;
        to->attributes = info ? info->attributes : NULL;
        to->domain = info ? info->domain : NULL;
    }
    offer_executors(to, offer, arena);
    to->unavailability = agent_unavailability(agent, arena);
    to->allocation_info = arena_alloc(arena, sizeof(*to->allocation_info));
    mesos__v1__resource__allocation_info__init(to->allocation_info);
    to->allocation_info->role = arena_strdup(arena, str_of(offer->role));
    return to;
}

Mesos__V1__Offer *
offer_shown(const struct offer *offer, struct arena *arena)
{
    return offer_describe(offer, false, arena);
}

static Mesos__V1__Offer *
offer_message(const struct offer *offer, struct arena *arena)
{
    const struct framework *framework = offer->framework;
    Mesos__V1__Offer *to = offer_describe(offer, !framework->refinement, arena);
    if (framework->multi_role)
        return to;
    /* A framework of before there were several roles compares whole resources: it sees what it knew then. */
    for (size_t i = 0; i < to->n_resources; i++)
        to->resources[i]->allocation_info = NULL;
    to->allocation_info = NULL;
    return to;
}

static void
send_fresh(struct framework *framework)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Offers offers = MESOS__V1__SCHEDULER__EVENT__OFFERS__INIT;
    struct arena *arena = framework->master->arena;
    size_t count = framework->fresh_count;
    Mesos__V1__Offer **list = arena_calloc(arena, count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = offer_message(framework->fresh[i], arena);
    framework->fresh_count = 0;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS;
    event.offers = &offers;
    offers.n_offers = count;
    offers.offers = list;
    if (framework->metrics)
        metric_add(framework->metrics->offers_sent, (double)count);
    log_info("offer framework=%s offers=%zu", framework->id, count);
    framework_send(framework, &event);
    master_arena_reset(framework->master);
}

static void
on_offer(void *arg, mesos_framework_t number, const char *role, mesos_agent_t agent_number,
         struct mesos_resources resources)
{
    struct master *master = arg;
    struct framework *framework, *next;
    if (agent_number) {
        struct agent *agent = agent_by_number(master, agent_number);
        framework = framework_by_number(master, number);
        if (!framework || !agent || !framework->active || !agent->active)
            refuse(master, number, agent_number, role, resources);
        else
            fresh_add(framework, offer_new(framework, agent, role, resources));
        return;
    }
    list_foreach_safe (framework, next, &master->fresh, fresh_node) {
        list_remove(&framework->fresh_node);
        if (framework->fresh_count)
            send_fresh(framework);
    }
}

void
offers_init(struct master *master)
{
    list_init(&master->fresh);
    list_init(&master->fresh_inverse);
    list_init(&master->refused);
    loop_timer_init(&master->refused_soon, master->loop, refused_flush, master);
    master->sink = (struct mesos_allocator_sink){sizeof(master->sink), master, on_offer, on_inverse_offer};
    allocator_initialize(master->allocator, &master->sink);
}

/* An offer may end before its cycle does: then it is not sent. */
static void
forget_fresh(struct offer *offer)
{
    struct framework *framework = offer->framework;
    for (uint32_t i = 0; i < framework->fresh_count; i++) {
        if (framework->fresh[i] == offer) {
            framework->fresh[i] = framework->fresh[--framework->fresh_count];
            return;
        }
    }
}

void
offer_take(struct offer *offer, struct resources *ret)
{
    struct master *master = offer->framework->master;
    forget_fresh(offer);
    loop_timer_stop(&offer->timeout);
    list_remove(&offer->framework_node);
    list_remove(&offer->agent_node);
    record_remove(&offer->record);
    agent_touch(offer->agent);
    map_remove(&master->offers, str_of(offer->id));
    resources_move(ret, &offer->resources);
    resources_fini(&offer->resources);
    free(offer);
}

void
offer_discard(struct offer *offer, double refuse_secs)
{
    struct framework *framework = offer->framework;
    struct agent *agent = offer->agent;
    auto_resources struct resources resources = {0};
    int64_t number = (int64_t)offer->number;
    offer_take(offer, &resources);
    if (refuse_secs > 0)
        allocator_decline(framework->master->allocator, framework->number, agent->number,
                          resources_view(&resources), refuse_secs, number);
    else
        allocator_recover_resources(framework->master->allocator, framework->number, agent->number,
                                    resources_view(&resources), refuse_secs);
}

void
offer_rescind(struct offer *offer)
{
    struct framework *framework = offer->framework;
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Rescind rescind = MESOS__V1__SCHEDULER__EVENT__RESCIND__INIT;
    Mesos__V1__OfferID id = MESOS__V1__OFFER_ID__INIT;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND;
    event.rescind = &rescind;
    rescind.offer_id = &id;
    id.value = offer->id;
    if (framework->metrics)
        metric_inc(framework->metrics->offers_rescinded);
    framework_send(framework, &event);
    offer_discard(offer, -1);
}

void
offers_rescind_agent(struct agent *agent)
{
    struct offer *offer, *next;
    list_foreach_safe (offer, next, &agent->offers, agent_node)
        offer_rescind(offer);
    inverse_offers_rescind_agent(agent);
}

void
offers_rescind_framework(struct framework *framework)
{
    struct offer *offer, *next;
    list_foreach_safe (offer, next, &framework->offers, framework_node)
        offer_rescind(offer);
    inverse_offers_rescind_framework(framework);
}

void
offers_drop_framework(struct framework *framework)
{
    struct offer *offer, *next;
    list_foreach_safe (offer, next, &framework->offers, framework_node)
        offer_discard(offer, -1);
    inverse_offers_drop_framework(framework);
}

double
filter_secs(const Mesos__V1__Filters *filters)
{
    double secs = filters ? filters->refuse_seconds : 5;
    const double year = 365.0 * 24 * 3600;
    if (isnan(secs) || secs < 0)
        return 5;
    return secs > year ? year : secs;
}
