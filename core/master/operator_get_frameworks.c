/* SPDX-License-Identifier: Apache-2.0 */
/* GET_FRAMEWORKS: frameworks with what they hold and are offered, and those that have ended. */
#include "master/http.h"
#include "master/operator.h"

typedef Mesos__V1__Master__Response__GetFrameworks__Framework Shown;

Mesos__V1__TimeInfo *
operator_time(double secs, struct arena *arena)
{
    Mesos__V1__TimeInfo *time = arena_alloc(arena, sizeof(*time));
    mesos__v1__time_info__init(time);
    time->nanoseconds = (int64_t)(secs * 1e9);
    return time;
}

static void
show_offers(Shown *shown, const struct framework *framework, struct arena *arena)
{
    struct offer *offer;
    size_t count = 0;
    list_foreach (offer, &framework->offers, framework_node)
        count++;
    if (!count)
        return;
    shown->offers = arena_calloc(arena, count, sizeof(*shown->offers));
    list_foreach (offer, &framework->offers, framework_node)
        shown->offers[shown->n_offers++] = offer_shown(offer, arena);
}

static void
show_inverse_offers(Shown *shown, const struct framework *framework, struct arena *arena)
{
    struct inverse_offer *offer;
    size_t count = 0;
    list_foreach (offer, &framework->inverse_offers, framework_node)
        count++;
    if (!count)
        return;
    shown->inverse_offers = arena_calloc(arena, count, sizeof(*shown->inverse_offers));
    list_foreach (offer, &framework->inverse_offers, framework_node)
        shown->inverse_offers[shown->n_inverse_offers++] = inverse_offer_shown(offer, arena);
}

static void
show_resources(Shown *shown, const struct framework *framework, struct arena *arena)
{
    auto_resources struct resources used = {0}, offered = {0};
    framework_used(framework, &used);
    framework_offered(framework, &offered);
    shown->allocated_resources = resources_to_proto(&used, true, arena, &shown->n_allocated_resources);
    shown->offered_resources = resources_to_proto(&offered, true, arena, &shown->n_offered_resources);
}

Shown *
operator_framework(const struct framework *framework, struct arena *arena)
{
    Shown *shown = arena_alloc(arena, sizeof(*shown));
    mesos__v1__master__response__get_frameworks__framework__init(shown);
    shown->framework_info = framework->info;
    shown->active = framework->active;
    shown->connected = framework->connected;
    shown->recovered = framework->recovered;
    shown->registered_time = operator_time(framework->registered_secs, arena);
    shown->reregistered_time = operator_time(
        framework->reregistered_secs > 0 ? framework->reregistered_secs : framework->registered_secs, arena);
    return shown;
}

static void
write_framework(struct writer *writer, uint32_t number, const struct framework *framework, struct arena *arena)
{
    Mesos__V1__Scheduler__OfferConstraints none = MESOS__V1__SCHEDULER__OFFER_CONSTRAINTS__INIT;
    Shown *shown = operator_framework(framework, arena);
    if (framework->completed) {
        shown->unregistered_time = operator_time(framework->unregistered_secs, arena);
    } else {
        show_offers(shown, framework, arena);
        show_inverse_offers(shown, framework, arena);
        show_resources(shown, framework, arena);
    }
    shown->offer_constraints = framework->constraints ? framework->constraints : &none;
    writer_message(writer, number, NULL, shown);
    arena_reset(arena);
}

void
operator_write_frameworks(struct writer *writer, struct master *master, struct sight *sight)
{
    const struct framework *framework;
    auto_arena struct arena *arena = arena_new(0);
    writer_list(writer, "frameworks");
    map_foreach (framework, &master->frameworks) {
        if (sight_framework(sight, framework))
            write_framework(writer, 1, framework, arena);
    }
    writer_list_end(writer);
    writer_list(writer, "completed_frameworks");
    list_foreach (framework, &master->completed, completed_node) {
        if (sight_framework(sight, framework))
            write_framework(writer, 2, framework, arena);
    }
    writer_list_end(writer);
}

void
operator_get_frameworks(struct operator_call *op)
{
    operator_answer_written(op, MESOS__V1__MASTER__RESPONSE__TYPE__GET_FRAMEWORKS, "GET_FRAMEWORKS", 11,
                            "get_frameworks", operator_write_frameworks);
}
