/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator that draws lots: once per interval each agent's free resources go whole to one framework, chosen at
 * random among those that may have them. Unfair in the short run, fair in the long run, and short enough to read as the
 * first module. Built outside the tree: see Makefile. Contract: mesos/allocator.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <mesos/allocator.h>
#include <mesos/resources.h>

struct contestant { /* one role of one framework */
    struct contestant *next;
    mesos_framework_t framework;
    char *role;
    bool active, suppressed;
};

struct agent {
    struct agent *next;
    mesos_agent_t number;
    bool active;
    struct mesos_resource_sum total, used; /* neither is allocated to a role */
};

struct refusal { /* this agent is not offered to this framework until then */
    struct refusal *next;
    mesos_framework_t framework;
    mesos_agent_t agent;
    int64_t until_ms;
};

struct lottery {
    const struct mesos_host *host;
    struct mesos_allocator_sink sink;
    int64_t interval_ns; /* option */
    struct contestant *contestants;
    struct agent *agents;
    struct refusal *refusals;
    bool paused;
};

static void *
zeroed(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        abort();
    return p;
}

static uint32_t
draw(uint32_t count)
{
    uint32_t r = 0;
    if (getrandom(&r, sizeof r, 0) != sizeof r)
        r = (uint32_t)rand();
    return r % count;
}

static struct agent *
agent_find(struct lottery *lottery, mesos_agent_t number)
{
    struct agent *agent = lottery->agents;
    while (agent && agent->number != number)
        agent = agent->next;
    return agent;
}

/* Adds to or takes from a sum, whatever role the resources are allocated to. */
static void
book(struct mesos_resource_sum *sum, struct mesos_resources resources, bool add)
{
    struct mesos_resource_sum plain = {0};
    mesos_resource_sum_add(&plain, resources);
    mesos_resource_sum_allocate(&plain, NULL);
    if (add)
        mesos_resource_sum_add(sum, mesos_resource_sum_view(&plain));
    else
        mesos_resource_sum_subtract(sum, mesos_resource_sum_view(&plain));
    mesos_resource_sum_free(&plain);
}

/* What is free on the agent for that role: reservations are for their role and those below it. */
static void
free_for(const struct agent *agent, const char *role, struct mesos_resource_sum *ret)
{
    struct mesos_resource_sum rest = {0};
    mesos_resource_sum_add(&rest, mesos_resource_sum_view(&agent->total));
    mesos_resource_sum_subtract(&rest, mesos_resource_sum_view(&agent->used));
    for (uint32_t i = 0; i < rest.count; i++) {
        if (strcmp(rest.items[i].role, "*") == 0 || mesos_role_within(role, rest.items[i].role))
            mesos_resource_sum_add(ret, (struct mesos_resources){sizeof rest.items[i], 1, &rest.items[i]});
    }
    mesos_resource_sum_free(&rest);
}

static bool
refused(const struct lottery *lottery, mesos_framework_t framework, mesos_agent_t agent)
{
    int64_t now = lottery->host->now_ms(lottery->host);
    for (const struct refusal *r = lottery->refusals; r; r = r->next) {
        if (r->framework == framework && r->agent == agent && r->until_ms > now)
            return true;
    }
    return false;
}

static void
drop_refusals(struct lottery *lottery, mesos_framework_t framework, int64_t until_ms)
{
    for (struct refusal **at = &lottery->refusals, *r; (r = *at) != NULL;) {
        if (r->framework == framework || r->until_ms <= until_ms) {
            *at = r->next;
            free(r);
        } else {
            at = &r->next;
        }
    }
}

/* One lot per contestant; every ticket has the same chance without counting them first. */
static const struct contestant *
winner_of(const struct lottery *lottery, const struct agent *agent)
{
    const struct contestant *winner = NULL;
    uint32_t tickets = 0;
    for (const struct contestant *c = lottery->contestants; c; c = c->next) {
        if (c->active && !c->suppressed && !refused(lottery, c->framework, agent->number) && draw(++tickets) == 0)
            winner = c;
    }
    return winner;
}

static bool
raffle(struct lottery *lottery, struct agent *agent)
{
    const struct contestant *winner = agent->active ? winner_of(lottery, agent) : NULL;
    struct mesos_resource_sum prize = {0};
    if (winner)
        free_for(agent, winner->role, &prize);
    bool any = prize.count > 0;
    if (any) {
        book(&agent->used, mesos_resource_sum_view(&prize), true);
        mesos_resource_sum_allocate(&prize, winner->role);
        lottery->sink.offer(lottery->sink.arg, winner->framework, winner->role, agent->number,
                            mesos_resource_sum_view(&prize));
    }
    mesos_resource_sum_free(&prize);
    return any;
}

static void
on_interval(void *arg)
{
    struct lottery *lottery = arg;
    bool any = false;
    drop_refusals(lottery, 0, lottery->host->now_ms(lottery->host));
    for (struct agent *agent = lottery->agents; agent && !lottery->paused; agent = agent->next)
        any = raffle(lottery, agent) || any;
    if (any)
        lottery->sink.offer(lottery->sink.arg, 0, NULL, 0, (struct mesos_resources){sizeof(struct mesos_resource), 0, NULL});
    lottery->host->timer_start(lottery->host, lottery->interval_ns / 1000000, on_interval, lottery);
}

static void
initialize(void *instance, const struct mesos_allocator_sink *sink)
{
    struct lottery *lottery = instance;
    lottery->sink = *sink;
    lottery->host->timer_start(lottery->host, lottery->interval_ns / 1000000, on_interval, lottery);
}

static void
remove_framework(void *instance, mesos_framework_t framework)
{
    struct lottery *lottery = instance;
    for (struct contestant **at = &lottery->contestants, *c; (c = *at) != NULL;) {
        if (c->framework == framework) {
            *at = c->next;
            free(c->role);
            free(c);
        } else {
            at = &c->next;
        }
    }
    drop_refusals(lottery, framework, 0);
}

static bool
among(const char *role, const char *const *roles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(role, roles[i]) == 0)
            return true;
    }
    return count == 0;
}

static void
update_framework(void *instance, const struct mesos_allocator_framework *framework)
{
    struct lottery *lottery = instance;
    remove_framework(lottery, framework->framework);
    for (uint32_t i = 0; i < framework->role_count; i++) {
        struct contestant *c = zeroed(sizeof *c);
        c->framework = framework->framework;
        c->role = strdup(framework->roles[i]);
        c->active = framework->active;
        c->suppressed = framework->suppressed_role_count > 0 &&
                        among(c->role, framework->suppressed_roles, framework->suppressed_role_count);
        c->next = lottery->contestants;
        lottery->contestants = c;
    }
}

static void
add_used(struct lottery *lottery, const struct mesos_allocator_use *used, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct agent *agent = agent_find(lottery, used[i].agent);
        if (agent)
            book(&agent->used, used[i].resources, true);
    }
}

static void
add_framework(void *instance, const struct mesos_allocator_framework *framework, const struct mesos_allocator_use *used,
              size_t used_count)
{
    update_framework(instance, framework);
    add_used(instance, used, used_count);
}

static void
set_active(struct lottery *lottery, mesos_framework_t framework, bool active)
{
    for (struct contestant *c = lottery->contestants; c; c = c->next) {
        if (c->framework == framework)
            c->active = active;
    }
}

static void
activate_framework(void *instance, mesos_framework_t framework)
{
    set_active(instance, framework, true);
}

static void
deactivate_framework(void *instance, mesos_framework_t framework)
{
    set_active(instance, framework, false);
    drop_refusals(instance, framework, 0);
}

static void
update_agent(void *instance, const struct mesos_allocator_agent *from)
{
    struct agent *agent = agent_find(instance, from->agent);
    if (!agent)
        return;
    agent->active = from->active;
    mesos_resource_sum_free(&agent->total);
    mesos_resource_sum_add(&agent->total, from->total);
}

static void
add_agent(void *instance, const struct mesos_allocator_agent *from, const struct mesos_allocator_use *used,
          size_t used_count)
{
    struct lottery *lottery = instance;
    struct agent *agent = zeroed(sizeof *agent);
    agent->number = from->agent;
    agent->next = lottery->agents;
    lottery->agents = agent;
    update_agent(lottery, from);
    add_used(lottery, used, used_count);
}

static void
remove_agent(void *instance, mesos_agent_t number)
{
    struct lottery *lottery = instance;
    for (struct agent **at = &lottery->agents, *agent; (agent = *at) != NULL; at = &agent->next) {
        if (agent->number != number)
            continue;
        *at = agent->next;
        mesos_resource_sum_free(&agent->total);
        mesos_resource_sum_free(&agent->used);
        free(agent);
        return;
    }
}

static void
activate_agent(void *instance, mesos_agent_t number)
{
    struct agent *agent = agent_find(instance, number);
    if (agent)
        agent->active = true;
}

static void
deactivate_agent(void *instance, mesos_agent_t number)
{
    struct agent *agent = agent_find(instance, number);
    if (agent)
        agent->active = false;
}

static void
recover_resources(void *instance, mesos_framework_t framework, mesos_agent_t number, struct mesos_resources resources,
                  double refuse_secs)
{
    struct lottery *lottery = instance;
    struct agent *agent = agent_find(lottery, number);
    if (agent)
        book(&agent->used, resources, false);
    if (refuse_secs <= 0)
        return;
    struct refusal *r = zeroed(sizeof *r);
    r->framework = framework;
    r->agent = number;
    r->until_ms = lottery->host->now_ms(lottery->host) + (int64_t)((refuse_secs < 1e9 ? refuse_secs : 1e9) * 1000);
    r->next = lottery->refusals;
    lottery->refusals = r;
}

static void
set_suppressed(struct lottery *lottery, mesos_framework_t framework, const char *const *roles, size_t count, bool value)
{
    for (struct contestant *c = lottery->contestants; c; c = c->next) {
        if (c->framework == framework && among(c->role, roles, count))
            c->suppressed = value;
    }
}

static void
suppress(void *instance, mesos_framework_t framework, const char *const *roles, size_t count)
{
    set_suppressed(instance, framework, roles, count, true);
}

static void
revive(void *instance, mesos_framework_t framework, const char *const *roles, size_t count)
{
    set_suppressed(instance, framework, roles, count, false);
    drop_refusals(instance, framework, 0);
}

static void
pause_offers(void *instance)
{
    ((struct lottery *)instance)->paused = true;
}

static void
resume_offers(void *instance)
{
    ((struct lottery *)instance)->paused = false;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct lottery *lottery = instance;
    lottery->host = host;
    if (lottery->interval_ns == 0)
        lottery->interval_ns = 1000000000;
    if (lottery->interval_ns < 1000000)
        return host->fail(host, -EINVAL, "an interval of less than a millisecond leaves no time for anything else");
    MESOS_LOG(host, INFO, "lottery draws every %lld ms", (long long)(lottery->interval_ns / 1000000));
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct lottery *lottery = instance;
    while (lottery->contestants)
        remove_framework(lottery, lottery->contestants->framework);
    while (lottery->agents)
        remove_agent(lottery, lottery->agents->number);
    drop_refusals(lottery, 0, INT64_MAX);
    if (call)
        lottery->host->reply(lottery->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_allocator_ops ops = {
    .initialize = initialize,
    .add_framework = add_framework,
    .update_framework = update_framework,
    .remove_framework = remove_framework,
    .activate_framework = activate_framework,
    .deactivate_framework = deactivate_framework,
    .add_agent = add_agent,
    .update_agent = update_agent,
    .remove_agent = remove_agent,
    .activate_agent = activate_agent,
    .deactivate_agent = deactivate_agent,
    .recover_resources = recover_resources,
    .suppress = suppress,
    .revive = revive,
    .pause = pause_offers,
    .resume = resume_offers,
};

static const struct mesos_option options[] = {
    {"interval", MESOS_OPTION_DURATION, offsetof(struct lottery, interval_ns), NULL, "Time between two draws; default 1secs."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(ALLOCATOR, ops, struct lottery),
    .name = "org_example_lottery",
    .version = "1.0",
    .author = "Example Org",
    .summary = "gives each agent whole to a framework drawn by lot",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
