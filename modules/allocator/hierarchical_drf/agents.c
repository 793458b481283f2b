/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: what they have, who uses it, what comes back. Every change of what is free ends the agent's quiet. */
#include <errno.h>
#include <string.h>

#include "drf.h"

static struct str
key_of(const mesos_agent_t *number)
{
    return str_n(number, sizeof(*number));
}

struct agent *
agent_find(struct drf *drf, mesos_agent_t number)
{
    return map_get(&drf->agents, key_of(&number));
}

static void
wake(struct agent *agent)
{
    agent->version++;
    agent->quiet_until_ms = INT64_MIN;
}

static void
free_changed(struct drf *drf, struct agent *agent)
{
    resources_copy(&agent->free, &agent->total);
    resources_subtract_most(&agent->free, &agent->used);
    amounts_of(drf, resources_view(&agent->free), &agent->free_amounts);
    wake(agent);
}

/* What of the cluster's total this agent stands for. */
static void
count_total(struct drf *drf, struct agent *agent)
{
    struct amounts now;
    amounts_of(drf, resources_view(&agent->total), &now);
    if (memcmp(&now, &agent->counted, sizeof(now)) == 0)
        return;
    amounts_subtract(&drf->total, &agent->counted);
    amounts_add(&drf->total, &now);
    agent->counted = now;
    drf->shares_stale = true;
}

static void
set_total(struct drf *drf, struct agent *agent, struct mesos_resources total)
{
    resources_fini(&agent->total);
    resources_add_view(&agent->total, total);
    resources_allocate(&agent->total, NULL);
    agent->gpus = resources_scalar(&agent->total, "gpus") > 0;
    count_total(drf, agent);
    free_changed(drf, agent);
}

static void
set_traits(struct drf *drf, struct agent *agent, struct mesos_bytes info)
{
    auto_buf struct buf traits = {0};
    constraints_traits(&traits, str_n(info.data, info.len));
    if (str_eq(buf_str(&traits), buf_str(&agent->traits)))
        return;
    buf_clear(&agent->traits);
    buf_append_str(&agent->traits, buf_str(&traits));
    wishes_forget_slot(drf, agent->slot);
}

static bool
is_listed(const struct drf *drf, const struct agent *agent)
{
    return !drf->has_whitelist || map_get(&drf->whitelist, str_of(agent->hostname));
}

static struct use *
find_use(struct agent *agent, mesos_framework_t framework, const char *role)
{
    for (uint32_t i = 0; i < agent->use_count; i++)
        if (agent->uses[i].framework == framework && strcmp(agent->uses[i].role->name, role) == 0)
            return &agent->uses[i];
    return NULL;
}

static struct use *
add_use(struct drf *drf, struct agent *agent, mesos_framework_t number, const char *role)
{
    if (agent->use_count == agent->use_cap) {
        agent->use_cap = agent->use_cap ? agent->use_cap * 2 : 1;
        agent->uses = xreallocarray(agent->uses, agent->use_cap, sizeof(*agent->uses));
    }
    struct framework *framework = framework_find(drf, number);
    struct use *use = &agent->uses[agent->use_count++];
    *use = (struct use){.framework = number, .role = role_get(drf, role)};
    use->client = framework ? framework_client(framework, role) : NULL;
    if (use->client)
        client_used(drf, use->client, 1);
    return use;
}

static void
drop_use(struct drf *drf, struct agent *agent, struct use *use)
{
    struct client *client = use->client;
    if (client) {
        sorter_recovered(drf, client, &use->amounts);
        client_used(drf, client, -1);
    }
    role_put(drf, use->role);
    *use = agent->uses[--agent->use_count];
}

/* The items of one role at a time, so that each client is counted for its own. fn gets them without allocation. */
static void
each_role(struct drf *drf, struct mesos_resources resources,
          void (*fn)(struct drf *drf, void *arg, const char *role, const struct resources *part), void *arg)
{
    auto_resources struct resources all = {0};
    resources_add_view(&all, resources);
    for (uint32_t i = 0; i < all.count; i++) {
        const char *role = all.items[i].allocation_role;
        bool before = false;
        for (uint32_t j = 0; j < i && !before; j++)
            before = strcmp(role ? role : "*", all.items[j].allocation_role ? all.items[j].allocation_role : "*") == 0;
        if (before)
            continue;
        auto_resources struct resources part = {0};
        auto_free char *name = xstrdup(role ? role : "*");
        for (uint32_t j = i; j < all.count; j++) {
            const char *other = all.items[j].allocation_role ? all.items[j].allocation_role : "*";
            if (strcmp(other, name) == 0)
                resources_add_view(&part, (struct mesos_resources){sizeof(all.items[j]), 1, &all.items[j]});
        }
        resources_allocate(&part, NULL);
        fn(drf, arg, name, &part);
    }
}

struct change {
    struct agent *agent;
    mesos_framework_t framework;
    double refuse_secs;
    int64_t offer;
    bool offered;
};

static void
use_part(struct drf *drf, void *arg, const char *role, const struct resources *part)
{
    struct change *change = arg;
    struct use *use = find_use(change->agent, change->framework, role);
    struct amounts amounts;
    if (!use)
        use = add_use(drf, change->agent, change->framework, role);
    amounts_of(drf, resources_view(part), &amounts);
    amounts_add(&use->amounts, &amounts);
    if (use->client)
        sorter_allocated(drf, use->client, &amounts, change->offered);
    resources_add(&change->agent->used, part);
}

void
agent_use(struct drf *drf, struct agent *agent, mesos_framework_t framework, struct mesos_resources resources,
          bool offered)
{
    struct change change = {.agent = agent, .framework = framework, .offered = offered};
    each_role(drf, resources, use_part, &change);
    free_changed(drf, agent);
}

void
agents_bind(struct drf *drf, const struct framework *framework)
{
    for (uint32_t slot = 0; slot < drf->slot_count; slot++) {
        struct agent *agent = drf->slots[slot];
        for (uint32_t i = 0; agent && i < agent->use_count; i++) {
            struct use *use = &agent->uses[i];
            if (use->client || use->framework != framework->number)
                continue;
            use->client = framework_client(framework, use->role->name);
            if (!use->client)
                continue;
            client_used(drf, use->client, 1);
            sorter_allocated(drf, use->client, &use->amounts, false);
        }
    }
}

void
agents_unbind(struct drf *drf, const struct framework *framework)
{
    bool any = false;
    for (uint32_t i = 0; i < framework->client_count; i++)
        any = any || framework->clients[i]->uses;
    for (uint32_t slot = 0; any && slot < drf->slot_count; slot++) {
        struct agent *agent = drf->slots[slot];
        for (uint32_t i = 0; agent && i < agent->use_count; i++) {
            struct use *use = &agent->uses[i];
            struct client *client = use->framework == framework->number ? use->client : NULL;
            if (!client)
                continue;
            use->client = NULL;
            sorter_recovered(drf, client, &use->amounts);
            client_used(drf, client, -1);
        }
    }
}

static uint32_t
take_slot(struct drf *drf, struct agent *agent)
{
    uint32_t slot = drf->first_free; /* none below is free */
    while (slot < drf->slot_count && drf->slots[slot])
        slot++;
    drf->first_free = slot + 1;
    if (slot == drf->slot_count) {
        uint32_t count = drf->slot_count ? drf->slot_count * 2 : 16;
        drf->slots = xreallocarray(drf->slots, count, sizeof(*drf->slots));
        for (uint32_t i = drf->slot_count; i < count; i++)
            drf->slots[i] = NULL;
        drf->slot_count = count;
    }
    drf->slots[slot] = agent;
    return slot;
}

void
agent_add(void *instance, const struct mesos_allocator_agent *from, const struct mesos_allocator_use *used,
          size_t used_count)
{
    struct drf *drf = instance;
    struct agent *agent = xcalloc(1, sizeof(*agent));
    agent->number = from->agent;
    agent->id = xstrdup(from->id ? from->id : "");
    agent->hostname = xstrdup(from->hostname ? from->hostname : "");
    agent->active = from->active;
    agent->listed = is_listed(drf, agent);
    agent->slot = take_slot(drf, agent);
    map_add(&drf->agents, key_of(&agent->number), agent);
    set_traits(drf, agent, from->info);
    set_total(drf, agent, from->total);
    for (size_t i = 0; i < used_count; i++)
        agent_use(drf, agent, used[i].framework, used[i].resources, false);
    allocate_soon(drf, agent);
}

void
agent_update(void *instance, const struct mesos_allocator_agent *from)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, from->agent);
    if (!agent)
        return;
    agent->active = from->active;
    set_traits(drf, agent, from->info);
    set_total(drf, agent, from->total);
    allocate_soon(drf, agent);
}

void
agent_remove(void *instance, mesos_agent_t number)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    if (!agent)
        return;
    while (agent->use_count)
        drop_use(drf, agent, &agent->uses[agent->use_count - 1]);
    resources_fini(&agent->total);
    count_total(drf, agent);
    filters_drop_slot(drf, agent->slot);
    wishes_forget_slot(drf, agent->slot);
    allocate_forget(drf, agent);
    inverse_forget_agent(drf, agent);
    drf->slots[agent->slot] = NULL;
    if (agent->slot < drf->first_free)
        drf->first_free = agent->slot;
    map_remove(&drf->agents, key_of(&agent->number));
    resources_fini(&agent->used);
    resources_fini(&agent->free);
    buf_fini(&agent->traits);
    free(agent->uses);
    free(agent->id);
    free(agent->hostname);
    free(agent);
}

void
agent_activate(void *instance, mesos_agent_t number)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    if (!agent)
        return;
    agent->active = true;
    wake(agent);
    allocate_soon(drf, agent);
}

void
agent_deactivate(void *instance, mesos_agent_t number)
{
    struct agent *agent = agent_find(instance, number);
    if (agent)
        agent->active = false;
}

static void
recover_part(struct drf *drf, void *arg, const char *role, const struct resources *part)
{
    struct change *change = arg;
    struct agent *agent = change->agent;
    struct use *use = find_use(agent, change->framework, role);
    resources_subtract_most(&agent->used, part);
    if (use) {
        struct amounts amounts;
        amounts_of(drf, resources_view(part), &amounts);
        if (use->client)
            sorter_recovered(drf, use->client, &amounts);
        amounts_subtract(&use->amounts, &amounts);
        if (amounts_zero(&use->amounts))
            drop_use(drf, agent, use);
    }
    struct framework *framework = framework_find(drf, change->framework);
    struct client *client = framework ? framework_client(framework, role) : NULL;
    if (client && client->subscribed && change->refuse_secs > 0)
        filters_add(drf, client, agent, part, change->refuse_secs, change->offer);
}

void
agent_recover(void *instance, mesos_framework_t framework, mesos_agent_t number, struct mesos_resources resources,
              double refuse_secs)
{
    agent_decline(instance, framework, number, resources, refuse_secs, -1);
}

void
agent_decline(void *instance, mesos_framework_t framework, mesos_agent_t number, struct mesos_resources resources,
              double refuse_secs, int64_t offer)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    if (!agent)
        return;
    struct change change = {.agent = agent, .framework = framework, .refuse_secs = refuse_secs, .offer = offer};
    each_role(drf, resources, recover_part, &change);
    free_changed(drf, agent);
    /* Refused for no time at all: whoever does that would be asked again at once and for ever; the batch is soon enough. */
    if (refuse_secs < 0 || refuse_secs > 0)
        allocate_soon(drf, agent);
}

void
agent_update_allocation(void *instance, mesos_framework_t framework, mesos_agent_t number,
                        struct mesos_resources consumed, struct mesos_resources converted)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    if (!agent)
        return;
    auto_resources struct resources before = {0}, after = {0};
    resources_add_view(&before, consumed);
    resources_add_view(&after, converted);
    struct change change = {.agent = agent, .framework = framework, .refuse_secs = -1};
    each_role(drf, consumed, recover_part, &change);
    each_role(drf, converted, use_part, &change);
    resources_allocate(&before, NULL);
    resources_allocate(&after, NULL);
    resources_subtract_most(&agent->total, &before);
    resources_add(&agent->total, &after);
    count_total(drf, agent);
    free_changed(drf, agent);
}

int
agent_update_available(void *instance, mesos_agent_t number, struct mesos_resources consumed,
                       struct mesos_resources converted)
{
    struct drf *drf = instance;
    struct agent *agent = agent_find(drf, number);
    if (!agent)
        return drf->host->fail(drf->host, -ENOENT, "agent %u is not known", number);
    if (!resources_contains_view(&agent->free, consumed))
        return drf->host->fail(drf->host, -EAGAIN, "agent %s has not all of that free", agent->id);
    auto_resources struct resources before = {0};
    resources_add_view(&before, consumed);
    resources_subtract_most(&agent->total, &before);
    resources_add_view(&agent->total, converted);
    count_total(drf, agent);
    free_changed(drf, agent);
    allocate_soon(drf, agent);
    return 0;
}

static void
whitelist_clear(struct drf *drf)
{
    char *name;
    map_foreach(name, &drf->whitelist)
        free(name);
    map_fini(&drf->whitelist);
    drf->whitelist = (struct map){0};
}

void
agents_update_whitelist(void *instance, const char *const *hostnames, size_t count)
{
    struct drf *drf = instance;
    struct agent *agent;
    whitelist_clear(drf);
    drf->has_whitelist = hostnames != NULL;
    for (size_t i = 0; hostnames && i < count; i++) {
        if (map_get(&drf->whitelist, str_of(hostnames[i])))
            continue;
        char *name = xstrdup(hostnames[i]);
        map_add(&drf->whitelist, str_of(name), name);
    }
    map_foreach(agent, &drf->agents)
        agent->listed = is_listed(drf, agent);
    allocate_again(drf);
}

void
agents_free(struct drf *drf)
{
    struct agent *agent;
    map_foreach(agent, &drf->agents)
        agent_remove(drf, agent->number);
    map_fini(&drf->agents);
    whitelist_clear(drf);
    free(drf->slots);
}
