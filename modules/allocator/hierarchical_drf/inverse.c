/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inverse offers: every framework that has something of an agent with a planned downtime is asked to make room, once at a
 * time, and again when what it answered with has expired. Called by the cycle after its offers were gathered, so that who
 * is offered something of such an agent just now is asked too.
 */
#include "drf.h"

static struct inverse *
find(const struct agent *agent, mesos_framework_t framework)
{
    for (uint32_t i = 0; i < agent->inverse_count; i++)
        if (agent->inverses[i].framework == framework)
            return &agent->inverses[i];
    return NULL;
}

static struct inverse *
get(struct agent *agent, mesos_framework_t framework)
{
    struct inverse *inverse = find(agent, framework);
    if (inverse)
        return inverse;
    agent->inverses = xreallocarray(agent->inverses, agent->inverse_count + 1, sizeof(*agent->inverses));
    inverse = &agent->inverses[agent->inverse_count++];
    *inverse = (struct inverse){.framework = framework};
    return inverse;
}

static void
gather(struct drf *drf, mesos_framework_t framework, mesos_agent_t agent)
{
    if (drf->ask_count == drf->ask_cap) {
        drf->ask_cap = drf->ask_cap ? drf->ask_cap * 2 : 16;
        drf->asks = xreallocarray(drf->asks, drf->ask_cap, sizeof(*drf->asks));
    }
    drf->asks[drf->ask_count++] = (struct ask){framework, agent};
}

void
inverse_look_at(struct drf *drf, struct agent *agent, int64_t now_ms)
{
    if (!agent->leaving || !agent->active)
        return;
    for (uint32_t i = 0; i < agent->use_count; i++) {
        const struct framework *framework = framework_find(drf, agent->uses[i].framework);
        if (!framework || !framework->active)
            continue;
        struct inverse *inverse = get(agent, framework->number);
        if (inverse->out || now_ms < inverse->until_ms)
            continue;
        inverse->out = true;
        gather(drf, framework->number, agent->number);
    }
}

/* Takes what was gathered away first, as the cycle does with offers. */
void
inverse_deliver(struct drf *drf)
{
    struct ask *asks = drf->asks;
    uint32_t count = drf->ask_count;
    if (count == 0)
        return;
    drf->asks = NULL;
    drf->ask_count = drf->ask_cap = 0;
    for (uint32_t i = 0; i < count; i++)
        drf->sink->inverse_offer(drf->sink->arg, asks[i].framework, asks[i].agent);
    drf->sink->inverse_offer(drf->sink->arg, 0, 0);
    free(asks);
}

void
inverse_forget_agent(struct drf *drf, struct agent *agent)
{
    drf->leaving_count -= agent->leaving;
    agent->leaving = false;
    free(agent->inverses);
    agent->inverses = NULL;
    agent->inverse_count = 0;
}

void
inverse_forget_framework(struct drf *drf, mesos_framework_t framework)
{
    for (uint32_t slot = 0; drf->leaving_count && slot < drf->slot_count; slot++) {
        struct agent *agent = drf->slots[slot];
        struct inverse *inverse = agent ? find(agent, framework) : NULL;
        if (inverse)
            *inverse = agent->inverses[--agent->inverse_count];
    }
}

void
inverse_drop_filters(struct drf *drf, mesos_framework_t framework)
{
    for (uint32_t slot = 0; drf->leaving_count && slot < drf->slot_count; slot++) {
        struct inverse *inverse = drf->slots[slot] ? find(drf->slots[slot], framework) : NULL;
        if (inverse)
            inverse->until_ms = 0;
    }
}

void
inverse_update_unavailability(void *instance, mesos_agent_t number, const struct mesos_unavailability *unavailability)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    if (!agent)
        return;
    inverse_forget_agent(drf, agent);
    if (unavailability && drf->sink->size > offsetof(struct mesos_allocator_sink, inverse_offer) &&
        drf->sink->inverse_offer) {
        agent->leaving = true;
        drf->leaving_count++;
    }
    allocate_soon(drf, agent);
}

void
inverse_update(void *instance, mesos_framework_t framework, mesos_agent_t number, double refuse_secs)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    struct inverse *inverse = agent ? find(agent, framework) : NULL;
    if (!inverse || !inverse->out)
        return;
    inverse->out = false;
    if (refuse_secs > 0)
        inverse->until_ms = drf->host->now_ms(drf->host) + (int64_t)(refuse_secs * 1000);
}
