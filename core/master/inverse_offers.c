/* SPDX-License-Identifier: Apache-2.0 */
/* Inverse offers: made when the allocator asks for it, sent once per framework and cycle, answered, rescinded. */
#include "master/inverse_offers.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/state.h"

/* What one framework last answered about one agent. */
struct answer {
    struct list node;
    bool accepted;
    int64_t at_ns; /* wall clock */
    char framework_id[];
};

struct inverse_offer *
inverse_offer_find(const struct master *master, const char *id)
{
    return map_get(&master->inverse_offers, str_of(id));
}

Mesos__V1__InverseOffer *
inverse_offer_shown(const struct inverse_offer *offer, struct arena *arena)
{
    Mesos__V1__InverseOffer *to = arena_alloc(arena, sizeof(*to));
    mesos__v1__inverse_offer__init(to);
    to->id = arena_alloc(arena, sizeof(*to->id));
    mesos__v1__offer_id__init(to->id);
    to->id->value = (char *)(uintptr_t)offer->id;
    to->url = agent_url(offer->agent, arena);
    to->framework_id = offer->framework->info->id;
    to->agent_id = arena_alloc(arena, sizeof(*to->agent_id));
    mesos__v1__agent_id__init(to->agent_id);
    to->agent_id->value = offer->agent->id;
    to->unavailability = agent_unavailability(offer->agent, arena);
    return to;
}

static void
unlink_offer(struct inverse_offer *offer)
{
    loop_timer_stop(&offer->timeout);
    list_remove(&offer->framework_node);
    list_remove(&offer->agent_node);
    map_remove(&offer->framework->master->inverse_offers, str_of(offer->id));
    free(offer);
}

/* It goes without an answer. */
static void
end(struct inverse_offer *offer, bool tell)
{
    struct framework *framework = offer->framework;
    if (tell && offer->sent) {
        Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
        Mesos__V1__Scheduler__Event__RescindInverseOffer rescind =
            MESOS__V1__SCHEDULER__EVENT__RESCIND_INVERSE_OFFER__INIT;
        Mesos__V1__OfferID id = MESOS__V1__OFFER_ID__INIT;
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND_INVERSE_OFFER;
        event.rescind_inverse_offer = &rescind;
        rescind.inverse_offer_id = &id;
        id.value = offer->id;
        framework_send(framework, &event);
    }
    allocator_update_inverse_offer(framework->master->allocator, framework->number, offer->agent->number, -1);
    unlink_offer(offer);
}

static void
on_timeout(void *arg)
{
    struct inverse_offer *offer = arg;
    log_info("inverse offer timeout offer=%s framework=%s", offer->id, offer->framework->id);
    end(offer, true);
}

static void
make(struct framework *framework, struct agent *agent)
{
    struct master *master = framework->master;
    char id[80];
    size_t len = (size_t)snprintf(id, sizeof(id), "%s-O%llu", master->id, (unsigned long long)master->next_offer++);
    struct inverse_offer *offer = xcalloc(1, sizeof(*offer) + len + 1);
    memcpy(offer->id, id, len + 1);
    offer->framework = framework;
    offer->agent = agent;
    loop_timer_init(&offer->timeout, master->loop, on_timeout, offer);
    if (master->options->offer_timeout_ns > 0)
        loop_timer_start_ns(&offer->timeout, master->options->offer_timeout_ns);
    list_push(&framework->inverse_offers, &offer->framework_node);
    list_push(&agent->inverse_offers, &offer->agent_node);
    map_add(&master->inverse_offers, str_of(offer->id), offer);
    if (list_empty(&framework->fresh_inverse_node))
        list_push(&master->fresh_inverse, &framework->fresh_inverse_node);
}

static void
send_fresh(struct framework *framework)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__InverseOffers offers = MESOS__V1__SCHEDULER__EVENT__INVERSE_OFFERS__INIT;
    struct arena *arena = framework->master->arena;
    struct inverse_offer *offer;
    size_t room = 0;
    list_foreach (offer, &framework->inverse_offers, framework_node)
        room += !offer->sent;
    offers.inverse_offers = arena_calloc(arena, room + 1, sizeof(*offers.inverse_offers));
    list_foreach (offer, &framework->inverse_offers, framework_node) {
        if (offer->sent)
            continue;
        offer->sent = true;
        offers.inverse_offers[offers.n_inverse_offers++] = inverse_offer_shown(offer, arena);
    }
    if (offers.n_inverse_offers) {
        event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__INVERSE_OFFERS;
        event.inverse_offers = &offers;
        log_info("inverse offer framework=%s offers=%zu", framework->id, offers.n_inverse_offers);
        framework_send(framework, &event);
    }
    master_arena_reset(framework->master);
}

void
on_inverse_offer(void *arg, mesos_framework_t number, mesos_agent_t agent_number)
{
    struct master *master = arg;
    struct framework *framework, *next;
    if (agent_number) {
        struct agent *agent = agent_by_number(master, agent_number);
        framework = framework_by_number(master, number);
        if (!framework || !agent || !framework->active || !agent->active || !agent->machine ||
            !agent->machine->window.planned)
            inverse_offer_refuse(master, number, agent_number);
        else
            make(framework, agent);
        return;
    }
    list_foreach_safe (framework, next, &master->fresh_inverse, fresh_inverse_node) {
        list_remove(&framework->fresh_inverse_node);
        send_fresh(framework);
    }
}

static void
note(struct agent *agent, const struct framework *framework, bool accepted)
{
    struct answer *answer, *next;
    size_t len = strlen(framework->id);
    list_foreach_safe (answer, next, &agent->inverse_answers, node)
        if (strcmp(answer->framework_id, framework->id) == 0) {
            list_remove(&answer->node);
            free(answer);
        }
    answer = xcalloc(1, sizeof(*answer) + len + 1);
    memcpy(answer->framework_id, framework->id, len);
    answer->accepted = accepted;
    answer->at_ns = (int64_t)(loop_wall_secs(agent->master->loop) * 1e9);
    list_push(&agent->inverse_answers, &answer->node);
}

void
inverse_offer_answer(struct inverse_offer *offer, bool accepted, double refuse_secs)
{
    struct framework *framework = offer->framework;
    struct agent *agent = offer->agent;
    log_info("inverse offer %s offer=%s framework=%s agent=%s", accepted ? "accepted" : "declined", offer->id,
             framework->id, agent->id);
    note(agent, framework, accepted);
    unlink_offer(offer);
    allocator_update_inverse_offer(framework->master->allocator, framework->number, agent->number, refuse_secs);
}

void
inverse_offers_rescind_agent(struct agent *agent)
{
    struct inverse_offer *offer, *next;
    list_foreach_safe (offer, next, &agent->inverse_offers, agent_node)
        end(offer, true);
}

void
inverse_offers_rescind_framework(struct framework *framework)
{
    struct inverse_offer *offer, *next;
    list_foreach_safe (offer, next, &framework->inverse_offers, framework_node)
        end(offer, true);
}

void
inverse_offers_drop_framework(struct framework *framework)
{
    struct inverse_offer *offer, *next;
    list_foreach_safe (offer, next, &framework->inverse_offers, framework_node)
        end(offer, false);
    list_remove(&framework->fresh_inverse_node);
}

void
inverse_offers_free(struct master *master)
{
    struct inverse_offer *offer;
    map_foreach (offer, &master->inverse_offers) {
        loop_timer_stop(&offer->timeout);
        free(offer);
    }
    map_fini(&master->inverse_offers);
}

void
inverse_answers_forget(struct agent *agent)
{
    struct answer *answer, *next;
    list_foreach_safe (answer, next, &agent->inverse_answers, node)
        free(answer);
    list_init(&agent->inverse_answers);
}

void
inverse_answers_forget_framework(struct framework *framework)
{
    struct agent *agent;
    struct answer *answer, *next;
    map_foreach (agent, &framework->master->agents)
        list_foreach_safe (answer, next, &agent->inverse_answers, node)
            if (strcmp(answer->framework_id, framework->id) == 0) {
                list_remove(&answer->node);
                free(answer);
            }
}

Mesos__V1__Allocator__InverseOfferStatus **
inverse_offer_statuses(const struct machine *machine, struct arena *arena, size_t *ret_count)
{
    typedef Mesos__V1__Allocator__InverseOfferStatus Status;
    const struct agent *agent;
    const struct answer *answer;
    size_t room = 0, count = 0;
    list_foreach (agent, &machine->agents, machine_node)
        list_foreach (answer, &agent->inverse_answers, node)
            room++;
    Status **list = arena_calloc(arena, room + 1, sizeof(*list));
    list_foreach (agent, &machine->agents, machine_node)
        list_foreach (answer, &agent->inverse_answers, node) {
            Status *status = arena_alloc(arena, sizeof(*status));
            mesos__v1__allocator__inverse_offer_status__init(status);
            status->status = answer->accepted ? MESOS__V1__ALLOCATOR__INVERSE_OFFER_STATUS__STATUS__ACCEPT
                                              : MESOS__V1__ALLOCATOR__INVERSE_OFFER_STATUS__STATUS__DECLINE;
            status->framework_id = arena_alloc(arena, sizeof(*status->framework_id));
            mesos__v1__framework_id__init(status->framework_id);
            status->framework_id->value = (char *)(uintptr_t)answer->framework_id;
            status->timestamp = arena_alloc(arena, sizeof(*status->timestamp));
            mesos__v1__time_info__init(status->timestamp);
            status->timestamp->nanoseconds = answer->at_ns;
            list[count++] = status;
        }
    *ret_count = count;
    return list;
}
