/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that comes back with other resources or attributes under its old id: may it? equal and additive are the
 * rules of Apache Mesos (facts: its agent's compatibility checks). any asks only whether everything that lives on the
 * agent - tasks, executors, reservations, volumes - is still covered. Host name, port and domain stay the same
 * always: by these others know the agent. Called by recover_read.c; changes nothing.
 */
#include "agent/state.h"

#include <errno.h>
#include <string.h>

#define NEEDS_SHOWN 5

/* ---- what the agent was against what it is ---- */

static bool
range_held(const Mesos__V1__Value__Range *range, const Mesos__V1__Value__Ranges *in)
{
    for (size_t i = 0; i < in->n_range; i++)
        if (in->range[i]->begin <= range->begin && range->end <= in->range[i]->end)
            return true;
    return false;
}

/* Ranges may grow, everything else is the same or not. */
static bool
attribute_kept(const Mesos__V1__Attribute *then, const Mesos__V1__Attribute *now, bool additive)
{
    auto_buf struct buf a = {0}, b = {0};
    message_pack(&a, then);
    message_pack(&b, now);
    if (str_eq(buf_str(&a), buf_str(&b)))
        return true;
    if (!additive || strcmp(then->name, now->name) != 0 || !then->ranges || !now->ranges)
        return false;
    for (size_t i = 0; i < then->ranges->n_range; i++)
        if (!range_held(then->ranges->range[i], now->ranges))
            return false;
    return true;
}

static int
compare_attributes(const Mesos__SlaveInfo *then, const Mesos__SlaveInfo *now, bool additive, struct err *err)
{
    for (size_t i = 0; i < then->n_attributes; i++) {
        bool found = false;
        for (size_t j = 0; j < now->n_attributes && !found; j++)
            found = attribute_kept(then->attributes[i], now->attributes[j], additive);
        if (!found)
            return err_set(err, -EINVAL, "attribute %s is no longer the same", then->attributes[i]->name);
    }
    if (!additive && then->n_attributes != now->n_attributes)
        return err_set(err, -EINVAL, "there are new attributes");
    return 0;
}

static int
compare_resources(const struct agent *agent, const Mesos__SlaveInfo *then, bool additive, struct err *err)
{
    auto_resources struct resources before = {0};
    auto_buf struct buf a = {0}, b = {0};
    if (resources_from_proto(&before, then->resources, then->n_resources, err))
        return -EINVAL;
    if (additive ? resources_contains(&agent->total, &before) : resources_equal(&agent->total, &before))
        return 0;
    resources_format(&a, &before);
    resources_format(&b, &agent->total);
    return err_set(err, -EINVAL, "resources were %s and are now %s", buf_cstr(&a), buf_cstr(&b));
}

static bool
domain_same(const Mesos__V1__DomainInfo *then, const Mesos__V1__DomainInfo *now)
{
    auto_buf struct buf a = {0}, b = {0};
    if (!then || !now)
        return !then && !now;
    message_pack(&a, then);
    message_pack(&b, now);
    return str_eq(buf_str(&a), buf_str(&b));
}

int
reconfigure_compare(const struct agent *agent, const Mesos__SlaveInfo *then, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__SlaveInfo *now = agent_slave_info(agent, arena);
    const char *policy = agent->options->reconfiguration_policy ? agent->options->reconfiguration_policy : "equal";
    bool additive = strcmp(policy, "additive") == 0;
    if (strcmp(then->hostname, now->hostname) != 0)
        return err_set(err, -EINVAL, "hostname was %s and is now %s", then->hostname, now->hostname);
    if (then->port != now->port)
        return err_set(err, -EINVAL, "port was %d and is now %d", then->port, now->port);
    if (!domain_same(then->domain, now->domain) && (then->domain || !additive))
        return err_set(err, -EINVAL, "its domain (region and zone) is no longer the same");
    if (strcmp(policy, "any") == 0)
        return 0; /* reconfigure_covers decides */
    int status = compare_resources(agent, then, additive, err);
    return status ? status : compare_attributes(then, now, additive, err);
}

/* ---- what lives on the agent against what it has ---- */

struct covering {
    struct resources left;
    struct arena *arena;
    struct buf needs; /* who needs what, in words */
    size_t uncovered;
};

/* Takes the share out of what is left; else notes that `who` needs it. */
static void
cover(struct covering *covering, const struct resources *share, const char *who)
{
    if (resources_contains(&covering->left, share)) {
        resources_subtract(&covering->left, share);
        return;
    }
    if (covering->uncovered++ < NEEDS_SHOWN) {
        buf_printf(&covering->needs, "%s%s needs ", covering->needs.len ? "; " : "", who);
        resources_format(&covering->needs, share);
    }
}

/* Reserved or made a volume of: taken out with the checkpointed resources already. */
static void
cover_held(struct covering *covering, const struct resources *held, const char *who)
{
    auto_resources struct resources share = {0};
    size_t count;
    Mesos__V1__Resource **items = resources_to_proto(held, false, covering->arena, &count);
    for (size_t i = 0; i < count; i++) {
        items[i]->allocation_info = NULL;
        if (items[i]->revocable || resource_bare(items[i], covering->arena))
            continue;
        auto_resources struct resources one = {0};
        if (!resources_from_proto(&one, &items[i], 1, NULL))
            resources_add(&share, &one);
    }
    cover(covering, &share, who);
}

static void
cover_checkpointed(struct covering *covering, const struct agent *agent)
{
    size_t count;
    Mesos__V1__Resource **items = checkpointed_resources(agent, covering->arena, &count);
    for (size_t i = 0; i < count; i++) {
        auto_resources struct resources share = {0};
        const Mesos__V1__Resource__DiskInfo__Persistence *volume = items[i]->disk ? items[i]->disk->persistence : NULL;
        Mesos__V1__Resource *bare = resource_bare(items[i], covering->arena);
        if (!bare || resources_from_proto(&share, &bare, 1, NULL))
            continue;
        auto_free char *who = volume ? xasprintf("persistent volume %s", volume->id) : xstrdup("a reservation");
        cover(covering, &share, who);
    }
}

static void
cover_executor(struct covering *covering, const struct executor *executor)
{
    const struct list *lists[] = {&executor->queued, &executor->launched};
    const struct task *task;
    auto_free char *who = xasprintf("executor %s of framework %s", executor->id, executor->framework->id);
    if (!executor->generated)
        cover_held(covering, &executor->resources, who);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_foreach (task, lists[i], node) {
            auto_free char *name = xasprintf("task %s of framework %s", task->id, executor->framework->id);
            cover_held(covering, &task->resources, name);
        }
}

int
reconfigure_covers(const struct agent *agent, bool running, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    struct covering covering = {.arena = arena};
    const struct framework *framework;
    const struct executor *executor;
    const char *policy = agent->options->reconfiguration_policy;
    int status = 0;
    resources_copy(&covering.left, &agent->total);
    cover_checkpointed(&covering, agent);
    if (running && policy && strcmp(policy, "any") == 0)
        map_foreach (framework, &agent->frameworks)
            map_foreach (executor, &framework->executors)
                cover_executor(&covering, executor);
    if (covering.uncovered) {
        auto_buf struct buf now = {0};
        resources_format(&now, &agent->total);
        if (covering.uncovered > NEEDS_SHOWN)
            buf_printf(&covering.needs, "; and %zu more do", covering.uncovered - NEEDS_SHOWN);
        status = err_set(err, -EINVAL,
                         "the agent's resources are now %s, which does not cover what is on it: %s; give it more, or "
                         "end these first (with the resources of before)",
                         buf_cstr(&now), buf_cstr(&covering.needs));
    }
    resources_fini(&covering.left);
    buf_fini(&covering.needs);
    return status;
}
