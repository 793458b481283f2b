/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why is a framework not offered an agent? The questions of a cycle (allocate.c) asked again in their order, of everything
 * and without giving anything away. Only called when somebody wants to know: cycles remember nothing for it.
 */
#include <errno.h>

#include "drf.h"
#include "model/role.h"

struct question {
    struct drf *drf;
    const struct framework *framework;
    bool (*tell)(void *arg, const struct mesos_allocator_explanation *explanation);
    void *arg;
    int64_t now_ms;
};

static bool
say(const struct question *question, const struct agent *agent, const char *role, enum mesos_offer_reason reason,
    const char *text)
{
    struct mesos_allocator_explanation explanation = {
        .size = sizeof(explanation),
        .agent = agent->number,
        .reason = reason,
        .role = role,
        .text = text,
        .offer = -1,
        .available = resources_view(&agent->free),
    };
    return question->tell(question->arg, &explanation);
}

static bool
say_filtered(const struct question *question, const struct agent *agent, const char *role,
             const struct filter *filter, const struct filter_note *note)
{
    struct mesos_allocator_explanation explanation = {
        .size = sizeof(explanation),
        .agent = agent->number,
        .reason = MESOS_OFFER_REASON_FILTERED,
        .role = role,
        .text = "The framework has refused these resources",
        .until_ms = filter->until_ms,
        .since_ms = note->since_ms,
        .offer = note->offer,
        .available = resources_view(&agent->free),
    };
    return question->tell(question->arg, &explanation);
}

/* Nothing, or too little, is left for the client of what is free. */
static bool
say_kept(const struct question *question, const struct agent *agent, const struct client *client,
         const struct resources *part)
{
    auto_buf struct buf text = {0};
    const char *role = client->role->name;
    bool reserved = false;
    for (uint32_t i = 0; i < agent->free.count && !reserved; i++) {
        const char *owner = agent->free.items[i].role;
        reserved = strcmp(owner, "*") != 0 && !role_within(str_of(role), str_of(owner));
    }
    buf_puts(&text, reserved ? "What is free is reserved for other roles"
                             : "What is free is revocable, shared or has refined reservations, and the framework lacks "
                               "the capability for it");
    if (!resources_empty(part))
        buf_puts(&text, "; the rest is less than is worth an offer");
    return say(question, agent, role,
               reserved ? MESOS_OFFER_REASON_RESERVED : MESOS_OFFER_REASON_CAPABILITY_MISSING, buf_cstr(&text));
}

static bool
ask_constraints(const struct question *question, const struct agent *agent, const struct client *client)
{
    auto_buf struct buf text = {0};
    constraints_why(client->constraints, buf_str(&agent->traits), &text);
    auto_free char *why = xasprintf("The framework's offer constraints exclude this agent: %s", buf_cstr(&text));
    return say(question, agent, client->role->name, MESOS_OFFER_REASON_OFFER_CONSTRAINTS, why);
}

static bool
ask_client(const struct question *question, const struct agent *agent, struct client *client)
{
    struct drf *drf = question->drf;
    const char *role = client->role->name;
    struct amounts amounts;
    auto_resources struct resources part = {0};
    if (client->suppressed)
        return say(question, agent, role, MESOS_OFFER_REASON_ROLE_SUPPRESSED,
                   "The framework has suppressed offers for this role");
    if (!wishes_admit(client, agent))
        return ask_constraints(question, agent, client);
    if (agent->gpus && drf->filter_gpus && !client->framework->gpu)
        return say(question, agent, role, MESOS_OFFER_REASON_GPUS_KEPT,
                   "The agent has GPUs and the framework lacks the capability GPU_RESOURCES");
    if (!wishes_enough(drf, client, &agent->free_amounts))
        return say(question, agent, role, MESOS_OFFER_REASON_BELOW_MINIMUM,
                   client->minimums ? "What is free is less than the framework's own min_allocatable_resources"
                                    : "What is free is less than the master's min_allocatable_resources");
    allocate_part(client, &agent->free, &part);
    amounts_of(drf, resources_view(&part), &amounts);
    if (resources_empty(&part) || !wishes_enough(drf, client, &amounts))
        return say_kept(question, agent, client, &part);
    struct filter_note note;
    const struct filter *filter = filters_look(drf, client, agent, &part, question->now_ms, &note);
    if (filter)
        return say_filtered(question, agent, role, filter, &note);
    return say(question, agent, role, MESOS_OFFER_REASON_OFFERABLE,
               "Nothing stands in the way: a coming allocation cycle may offer it");
}

static bool
ask_agent(const struct question *question, const struct agent *agent)
{
    bool any = false;
    if (!question->framework->active)
        return say(question, agent, NULL, MESOS_OFFER_REASON_FRAMEWORK_INACTIVE, "The framework is not active");
    if (!agent->active)
        return say(question, agent, NULL, MESOS_OFFER_REASON_AGENT_INACTIVE, "The agent is not active");
    if (!agent->listed)
        return say(question, agent, NULL, MESOS_OFFER_REASON_NOT_WHITELISTED,
                   "The agent's host name is not in the master's whitelist");
    if (question->drf->paused)
        return say(question, agent, NULL, MESOS_OFFER_REASON_ALLOCATION_PAUSED,
                   "The master waits for agents to come back before it offers anything");
    if (resources_empty(&agent->free))
        return say(question, agent, NULL, MESOS_OFFER_REASON_IN_USE, "Nothing is free on this agent");
    for (uint32_t i = 0; i < question->framework->client_count; i++) {
        struct client *client = question->framework->clients[i];
        if (!client->subscribed)
            continue;
        any = true;
        if (!ask_client(question, agent, client))
            return false;
    }
    return any || say(question, agent, NULL, MESOS_OFFER_REASON_FRAMEWORK_INACTIVE,
                      "The framework is subscribed to no role");
}

int
explain(void *instance, mesos_framework_t number, mesos_agent_t agent_number,
        bool (*tell)(void *arg, const struct mesos_allocator_explanation *explanation), void *arg)
{
    struct drf *drf = instance;
    struct question question = {.drf = drf, .tell = tell, .arg = arg, .now_ms = drf->host->now_ms(drf->host)};
    struct agent *agent = agent_number ? agent_find(drf, agent_number) : NULL;
    question.framework = framework_find(drf, number);
    if (!question.framework || (agent_number && !agent))
        return -ENOENT;
    if (agent) {
        ask_agent(&question, agent);
        return 0;
    }
    for (uint32_t slot = 0; slot < drf->slot_count; slot++)
        if (drf->slots[slot] && !ask_agent(&question, drf->slots[slot]))
            break;
    return 0;
}
