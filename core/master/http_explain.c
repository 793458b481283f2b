/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /explain?framework_id=...: why a framework is not offered more, agent by agent; agent_id and role narrow it. Ours:
 * Mesos has no such thing. And GET /allocator/offer_constraints_debug, which it has: what constraints exclude.
 */
#include <errno.h>
#include <string.h>

#include "host/kind_allocator.h"
#include "master/explain.h"
#include "master/http.h"

typedef Mesos__V1__Master__Response__ExplainOffers Answer;
typedef Mesos__V1__Master__Response__ExplainOffers__Explanation Entry;

static void
json_explanation(struct json *json, const Entry *entry)
{
    json_object(json);
    json_key_text(json, "agent_id", entry->agent_id->value);
    if (entry->hostname)
        json_key_text(json, "hostname", entry->hostname);
    if (entry->role)
        json_key_text(json, "role", entry->role);
    json_key_text(json, "reason", explain_reason_name(entry->reason));
    json_key_text(json, "message", entry->message);
    if (entry->until)
        json_key_double(json, "until", (double)entry->until->nanoseconds / 1e9);
    if (entry->since)
        json_key_double(json, "since", (double)entry->since->nanoseconds / 1e9);
    if (entry->offer_id)
        json_key_text(json, "offer_id", entry->offer_id->value);
    if (entry->other_framework_id)
        json_key_text(json, "other_framework_id", entry->other_framework_id->value);
    if (entry->free)
        json_key_text(json, "free", entry->free);
    json_object_end(json);
}

void
http_explain(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str framework = http_param_get(request, "framework_id"), agent = http_param_get(request, "agent_id");
    struct str role = http_param_get(request, "role");
    struct arena *arena = request->arena;
    auto_sight struct sight *sight = sight_of(master, exchange);
    struct err err = {0};
    if (!framework.len) {
        http_reply_text(exchange, 400, "Expecting 'framework_id' to be present in the query");
        return;
    }
    const Answer *answer = explain_offers(master, sight, arena_strdup(arena, framework),
                                          agent.ptr ? arena_strdup(arena, agent) : NULL,
                                          role.ptr ? arena_strdup(arena, role) : NULL, arena, &err);
    if (!answer) {
        http_reply_text(exchange, err.code == -ENOENT ? 404 : 501, "%s", err.text);
        return;
    }
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    json_key_text(&json, "framework_id", answer->framework_id->value);
    json_key(&json, "explanations");
    json_array(&json);
    for (size_t i = 0; i < answer->n_explanations; i++)
        json_explanation(&json, answer->explanations[i]);
    json_array_end(&json);
    json_key_bool(&json, "truncated", answer->truncated);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}

static bool
has_constraints(const struct framework *framework, const char *role)
{
    const Mesos__V1__Scheduler__OfferConstraints *constraints = framework->constraints;
    for (size_t i = 0; constraints && i < constraints->n_role_constraints; i++)
        if (strcmp(constraints->role_constraints[i]->key, role) == 0)
            return true;
    return false;
}

static void
json_filter_state(struct json *json, const struct framework *framework)
{
    const struct agent *agent;
    json_key_str(json, str_of(framework->id));
    json_object(json);
    json_key(json, "suppressed_roles");
    json_array(json);
    for (uint32_t i = 0; i < framework->role_count; i++)
        if (framework->suppressed[i])
            json_text(json, framework->roles[i]);
    json_array_end(json);
    json_key(json, "excluded_by_attribute_constraints");
    json_object(json);
    for (uint32_t i = 0; i < framework->role_count; i++) {
        const char *role = framework->roles[i];
        json_key_str(json, str_of(role));
        json_array(json);
        if (has_constraints(framework, role)) {
            map_foreach (agent, &framework->master->agents)
                if (allocator_excluded(framework->master->allocator, framework->number, role, agent->number))
                    json_text(json, agent->id);
        }
        json_array_end(json);
    }
    json_object_end(json);
    json_object_end(json);
}

void
http_offer_constraints_debug(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    const struct framework *framework;
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    json_key(&json, "frameworks");
    json_object(&json);
    map_foreach (framework, &master->frameworks) {
        if (sight_framework(sight, framework))
            json_filter_state(&json, framework);
    }
    json_object_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
