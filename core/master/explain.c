/* SPDX-License-Identifier: Apache-2.0 */
/* See explain.h. */
#include "master/explain.h"

#include <errno.h>
#include <string.h>

#include "host/kind_allocator.h"
#include "master/marks.h"
#include "wire/message.h"

typedef Mesos__V1__Master__Response__ExplainOffers Answer;
typedef Mesos__V1__Master__Response__ExplainOffers__Explanation Entry;

struct asking {
    struct master *master;
    struct sight *sight; /* of who asks */
    struct framework *framework;
    const char *role; /* NULL = all */
    Answer *answer;
    size_t cap;
    struct arena *arena;
    int64_t now_ms, now_ns; /* the loop's clock, the wall's */
};

/* NULL when there are too many. */
static Entry *
entry_new(struct asking *asking, const char *agent_id, enum mesos_offer_reason reason)
{
    Answer *answer = asking->answer;
    if (answer->n_explanations == EXPLANATIONS_MAX) {
        answer->has_truncated = answer->truncated = true;
        return NULL;
    }
    if (answer->n_explanations == asking->cap) {
        size_t cap = asking->cap ? asking->cap * 2 : 64;
        Entry **grown = arena_calloc(asking->arena, cap, sizeof(*grown));
        if (asking->cap)
            memcpy(grown, answer->explanations, asking->cap * sizeof(*grown));
        answer->explanations = grown;
        asking->cap = cap;
    }
    Entry *entry = arena_alloc(asking->arena, sizeof(*entry));
    mesos__v1__master__response__explain_offers__explanation__init(entry);
    entry->agent_id = arena_alloc(asking->arena, sizeof(*entry->agent_id));
    mesos__v1__agent_id__init(entry->agent_id);
    entry->agent_id->value = arena_strdup(asking->arena, str_of(agent_id));
    entry->has_reason = true;
    entry->reason = (Mesos__V1__Master__Response__ExplainOffers__Explanation__Reason)reason;
    answer->explanations[answer->n_explanations++] = entry;
    return entry;
}

static Mesos__V1__TimeInfo *
time_at(struct asking *asking, int64_t ns)
{
    Mesos__V1__TimeInfo *time = arena_alloc(asking->arena, sizeof(*time));
    mesos__v1__time_info__init(time);
    time->nanoseconds = ns;
    return time;
}

/* A time of the loop's clock, as the wall shows it. */
static Mesos__V1__TimeInfo *
wall_time(struct asking *asking, int64_t at_ms)
{
    return time_at(asking, asking->now_ns + (at_ms - asking->now_ms) * 1000000);
}

static Mesos__V1__OfferID *
offer_id(struct asking *asking, const char *value)
{
    Mesos__V1__OfferID *id = arena_alloc(asking->arena, sizeof(*id));
    mesos__v1__offer_id__init(id);
    id->value = arena_strdup(asking->arena, str_of(value));
    return id;
}

/* Nobody has anything free to offer: is it because it is offered? */
static void
tell_offers(struct asking *asking, const struct agent *agent, Entry *entry)
{
    const struct offer *offer, *own = NULL, *other = NULL;
    list_foreach (offer, &agent->offers, agent_node) {
        if (offer->framework == asking->framework)
            own = own ? own : offer;
        else
            other = other ? other : offer;
    }
    offer = own ? own : other;
    if (!offer)
        return;
    entry->offer_id = offer_id(asking, offer->id);
    if (own) {
        entry->reason = (Mesos__V1__Master__Response__ExplainOffers__Explanation__Reason)MESOS_OFFER_REASON_OFFERED;
        entry->message = arena_printf(asking->arena, "The framework has offer %s of it", own->id);
        return;
    }
    entry->reason =
        (Mesos__V1__Master__Response__ExplainOffers__Explanation__Reason)MESOS_OFFER_REASON_OFFERED_TO_OTHER;
    if (!sight_framework(asking->sight, other->framework)) {
        entry->offer_id = NULL;
        entry->message = arena_strdup(asking->arena, STR_LIT("Another framework has an offer of it"));
        return;
    }
    entry->other_framework_id = other->framework->info->id;
    entry->message = arena_printf(asking->arena, "Framework %s (%s) has offer %s of it", other->framework->id,
                                  other->framework->info->name, other->id);
}

/* It is there, and an operator does not want it to be offered. */
static void
tell_marked(struct asking *asking, const struct marks *marks, Entry *entry)
{
    bool drains = marks->state != MESOS__V1__DRAIN_STATE__UNKNOWN;
    enum mesos_offer_reason reason =
        drains ? MESOS_OFFER_REASON_AGENT_DRAINING : MESOS_OFFER_REASON_AGENT_DEACTIVATED;
    entry->reason = (Mesos__V1__Master__Response__ExplainOffers__Explanation__Reason)reason;
    entry->message = arena_printf(
        asking->arena, "An operator has %s, until it is reactivated",
        !drains                                           ? "deactivated the agent: nothing of it is offered"
        : marks->state == MESOS__V1__DRAIN_STATE__DRAINED ? "drained the agent: nothing of it is offered"
                                                          : "the agent drained of its tasks: nothing of it is offered");
}

static void
tell_inactive(struct asking *asking, const struct agent *agent, Entry *entry)
{
    const struct marked_agent *marked = marked_agent(agent->master, agent->id);
    if (agent->connected && marked && marked->marks.deactivated) {
        tell_marked(asking, &marked->marks, entry);
        return;
    }
    if (agent->connected)
        return;
    entry->since = wall_time(asking, agent->disconnected_ms);
    entry->message = arena_printf(asking->arena, "The agent is disconnected");
}

static void
tell_filter(struct asking *asking, const struct mesos_allocator_explanation *from, Entry *entry)
{
    double left = (double)(from->until_ms - asking->now_ms) / 1000;
    double ago = (double)(asking->now_ms - from->since_ms) / 1000;
    entry->until = wall_time(asking, from->until_ms);
    entry->since = wall_time(asking, from->since_ms);
    if (from->offer < 0) {
        entry->message = arena_printf(asking->arena, "%s, for %.1fs more", from->text, left);
        return;
    }
    auto_free char *id = xasprintf("%s-O%lld", asking->master->id, (long long)from->offer);
    entry->offer_id = offer_id(asking, id);
    entry->message = arena_printf(asking->arena, "The framework refused offer %s %.1fs ago, for %.1fs more", id,
                                  ago, left);
}

static bool
on_explanation(void *arg, const struct mesos_allocator_explanation *from)
{
    struct asking *asking = arg;
    const struct agent *agent = agent_by_number(asking->master, from->agent);
    if (!agent || (asking->role && from->role && strcmp(asking->role, from->role) != 0))
        return true;
    Entry *entry = entry_new(asking, agent->id, (enum mesos_offer_reason)from->reason);
    if (!entry)
        return false;
    entry->hostname = agent->hostname;
    if (from->role)
        entry->role = arena_strdup(asking->arena, str_of(from->role));
    entry->message = arena_strdup(asking->arena, str_of(from->text ? from->text : ""));
    if (from->available.count) {
        auto_buf struct buf text = {0};
        auto_resources struct resources available = {0}, seen = {0};
        resources_add_view(&available, from->available);
        resources_format(&text, sight_seen(asking->sight, &available, &seen));
        entry->free = arena_strdup(asking->arena, buf_str(&text));
    }
    if (from->reason == MESOS_OFFER_REASON_IN_USE || from->reason == MESOS_OFFER_REASON_BELOW_MINIMUM)
        tell_offers(asking, agent, entry);
    else if (from->reason == MESOS_OFFER_REASON_AGENT_INACTIVE)
        tell_inactive(asking, agent, entry);
    else if (from->reason == MESOS_OFFER_REASON_FILTERED)
        tell_filter(asking, from, entry);
    else if (from->reason == MESOS_OFFER_REASON_FRAMEWORK_INACTIVE && !asking->framework->connected)
        entry->message = arena_strdup(asking->arena, STR_LIT("The framework is not connected"));
    return true;
}

static bool
tell_recovered(struct asking *asking, const struct recovered_agent *agent)
{
    Entry *entry = entry_new(asking, agent->id, MESOS_OFFER_REASON_AGENT_RECOVERING);
    if (!entry)
        return false;
    const Mesos__SlaveInfo *info = MESSAGE_UNPACK(Mesos__SlaveInfo, mesos__slave_info,
                                                  str_n(agent->info, agent->info_len), asking->arena, NULL);
    entry->hostname = info ? info->hostname : NULL;
    entry->message = arena_strdup(
        asking->arena, STR_LIT("The agent has not come back since this master leads the cluster"));
    return true;
}

static bool
tell_unreachable(struct asking *asking, const struct lost_agent *agent)
{
    Entry *entry = entry_new(asking, agent->id, MESOS_OFFER_REASON_AGENT_UNREACHABLE);
    if (!entry)
        return false;
    entry->since = time_at(asking, agent->since_ns);
    entry->message = arena_strdup(asking->arena, STR_LIT("The agent is unreachable"));
    return true;
}

static int
explain_one(struct asking *asking, const char *id, struct err *err)
{
    struct master *master = asking->master;
    const struct agent *agent = agent_find(master, id);
    const struct recovered_agent *recovered = map_get(&master->recovered, str_of(id));
    const struct lost_agent *lost = map_get(&master->unreachable, str_of(id));
    if (agent)
        return allocator_explain(master->allocator, asking->framework->number, agent->number, on_explanation,
                                 asking);
    if (recovered)
        tell_recovered(asking, recovered);
    else if (lost)
        tell_unreachable(asking, lost);
    else
        return err_set(err, -ENOENT, "No agent found with specified ID");
    return 0;
}

static int
explain_all(struct asking *asking)
{
    struct master *master = asking->master;
    const struct recovered_agent *recovered;
    const struct lost_agent *lost;
    int rc = allocator_explain(master->allocator, asking->framework->number, 0, on_explanation, asking);
    if (rc)
        return rc;
    map_foreach (recovered, &master->recovered) {
        if (!tell_recovered(asking, recovered))
            return 0;
    }
    map_foreach (lost, &master->unreachable) {
        if (!tell_unreachable(asking, lost))
            return 0;
    }
    return 0;
}

Mesos__V1__Master__Response__ExplainOffers *
explain_offers(struct master *master, struct sight *sight, const char *framework_id, const char *agent_id,
               const char *role, struct arena *arena, struct err *err)
{
    struct asking asking = {.master = master, .role = role, .arena = arena};
    asking.sight = sight;
    asking.framework = framework_find(master, framework_id);
    if (asking.framework && !sight_framework(sight, asking.framework))
        asking.framework = NULL;
    asking.now_ms = loop_now_ms(master->loop);
    asking.now_ns = (int64_t)(loop_wall_secs(master->loop) * 1e9);
    if (!asking.framework) {
        bool ended = map_get(&master->completed_ids, str_of(framework_id)) != NULL;
        err_set(err, -ENOENT, ended ? "The framework with the specified ID has ended"
                                    : "No framework found with specified ID");
        return NULL;
    }
    if (role && !framework_has_role(asking.framework, role)) {
        err_set(err, -ENOENT, "The framework is not subscribed to role '%s'", role);
        return NULL;
    }
    asking.answer = arena_alloc(arena, sizeof(*asking.answer));
    mesos__v1__master__response__explain_offers__init(asking.answer);
    asking.answer->framework_id = asking.framework->info->id;
    int rc = agent_id ? explain_one(&asking, agent_id, err) : explain_all(&asking);
    if (rc == -ENOTSUP)
        err_set(err, rc, "The allocator '%s' does not explain what it offers", module_name(master->allocator));
    return rc ? NULL : asking.answer;
}

const char *
explain_reason_name(Mesos__V1__Master__Response__ExplainOffers__Explanation__Reason reason)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &mesos__v1__master__response__explain_offers__explanation__reason__descriptor, (int)reason);
    return value ? value->name : "UNKNOWN";
}
