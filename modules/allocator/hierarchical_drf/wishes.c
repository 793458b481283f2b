/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What frameworks say of the offers that they want: constraints (which agents), and minimums of their own (how much is
 * worth an offer). Verdicts of constraints are remembered by agent, so that a cycle only looks them up.
 */
#include <errno.h>
#include <math.h>

#include "drf.h"
#include "fields.h"

enum { MINIMUMS_MAX = 100 }; /* alternatives of one role */

int
wishes_check(void *instance, struct mesos_bytes bytes)
{
    struct drf *drf = instance;
    struct constraints *constraints = NULL;
    struct err err = {0};
    if (constraints_new(&constraints, str_n(bytes.data, bytes.len), &drf->regex_limits, &err))
        return drf->host->fail(drf->host, -EINVAL, "%s", err.text);
    constraints_free(constraints);
    return 0;
}

static void
forget_verdicts(struct client *client)
{
    free(client->verdicts);
    client->verdicts = NULL;
    client->verdicts_cap = 0;
}

static void
take_constraints(struct drf *drf, struct framework *framework, struct mesos_bytes bytes)
{
    struct err err = {0};
    struct constraints *constraints = NULL, *before = framework->constraints;
    /* They passed wishes_check; should they not, offering nothing to none is no way out. */
    if (constraints_new(&constraints, str_n(bytes.data, bytes.len), &drf->regex_limits, &err))
        MESOS_LOG(drf->host, WARNING, "ignoring the offer constraints of framework %s: %s", framework->id, err.text);
    drf->constrained += (constraints != NULL) - (before != NULL);
    framework->constraints = constraints;
    for (uint32_t i = 0; i < framework->client_count; i++) {
        struct client *client = framework->clients[i];
        client->constraints = constraints_of(constraints, client->role->name);
        forget_verdicts(client);
    }
    constraints_free(before);
}

static void
drop_minimums(struct drf *drf, struct client *client)
{
    if (!client->minimums)
        return;
    drf->own_minimums--;
    free(client->minimums->items);
    free(client->minimums);
    client->minimums = NULL;
}

/* OfferFilters.ResourceQuantities: a map of names to Value.Scalar. */
static void
read_minimum(struct drf *drf, struct str from, struct minimum *ret)
{
    struct field field, scalar;
    *ret = (struct minimum){0};
    while (field_next(&from, &field)) {
        auto_free char *name = str_dup(field_find(field.data, 1));
        struct str value = field_find(field.data, 2);
        union {
            uint64_t bits;
            double number;
        } amount = {0};
        while (field_next(&value, &scalar))
            if (scalar.number == 1 && scalar.wire == FIELD_64)
                amount.bits = scalar.value;
        /* Frameworks choose these names: they leave room in the table for what agents have. */
        int kind = kind_number(drf, name, KINDS_MAX / 2);
        if (kind < 0 && amount.number > 0)
            ret->least.of[0] = INT64_MAX; /* of what no agent has: never */
        else if (amount.number > 0)
            ret->least.of[kind] = amount.number < RESOURCE_SCALAR_MAX ? (int64_t)llround(amount.number * 1000) : INT64_MAX;
    }
}

static void
take_minimums(struct drf *drf, struct client *client, struct str filters)
{
    struct field field;
    struct str from = field_find(filters, 1);
    drop_minimums(drf, client);
    if (!from.ptr)
        return; /* the role is named but says nothing of this */
    struct minimums *to = xcalloc(1, sizeof(*to));
    client->minimums = to;
    drf->own_minimums++;
    while (to->count < MINIMUMS_MAX && field_next(&from, &field)) {
        if (field.number != 1 || field.wire != FIELD_BYTES)
            continue;
        to->items = xreallocarray(to->items, to->count + 1, sizeof(*to->items));
        read_minimum(drf, field.data, &to->items[to->count++]);
    }
}

/* FrameworkInfo.offer_filters, field 13: a map of roles to OfferFilters. */
static void
take_offer_filters(struct drf *drf, struct framework *framework, struct str info)
{
    struct field field;
    for (uint32_t i = 0; i < framework->client_count; i++)
        drop_minimums(drf, framework->clients[i]);
    while (field_next(&info, &field)) {
        if (field.number != 13 || field.wire != FIELD_BYTES)
            continue;
        auto_free char *role = str_dup(field_find(field.data, 1));
        struct client *client = framework_client(framework, role);
        if (client)
            take_minimums(drf, client, field_find(field.data, 2));
    }
}

void
wishes_take(struct drf *drf, struct framework *framework, const struct mesos_allocator_framework *from)
{
    bool knows = from->size >= sizeof(*from); /* of a core that is older than constraints: none */
    take_constraints(drf, framework, knows ? from->constraints : (struct mesos_bytes){NULL, 0});
    take_offer_filters(drf, framework, str_n(from->info.data, from->info.len));
}

void
wishes_drop_client(struct drf *drf, struct client *client)
{
    forget_verdicts(client);
    drop_minimums(drf, client);
}

void
wishes_drop_framework(struct drf *drf, struct framework *framework)
{
    drf->constrained -= framework->constraints != NULL;
    constraints_free(framework->constraints);
    framework->constraints = NULL;
}

void
wishes_forget_slot(struct drf *drf, uint32_t slot)
{
    struct framework *framework;
    if (drf->constrained == 0)
        return;
    map_foreach(framework, &drf->frameworks)
        for (uint32_t i = 0; framework->constraints && i < framework->client_count; i++)
            if (slot < framework->clients[i]->verdicts_cap)
                framework->clients[i]->verdicts[slot] = VERDICT_UNKNOWN;
}

bool
wishes_admit(struct client *client, const struct agent *agent)
{
    if (!client->constraints)
        return true;
    if (agent->slot >= client->verdicts_cap) {
        uint32_t cap = client->verdicts_cap ? client->verdicts_cap : 16;
        while (cap <= agent->slot)
            cap *= 2;
        client->verdicts = xreallocarray(client->verdicts, cap, sizeof(*client->verdicts));
        memset(client->verdicts + client->verdicts_cap, VERDICT_UNKNOWN, cap - client->verdicts_cap);
        client->verdicts_cap = cap;
    }
    uint8_t *verdict = &client->verdicts[agent->slot];
    if (*verdict == VERDICT_UNKNOWN)
        *verdict = constraints_admit(client->constraints, buf_str(&agent->traits)) ? VERDICT_ADMITTED
                                                                                   : VERDICT_EXCLUDED;
    return *verdict == VERDICT_ADMITTED;
}

bool
wishes_excluded(void *instance, mesos_framework_t number, const char *role, mesos_agent_t agent_number)
{
    struct framework *framework = framework_find(instance, number);
    struct agent *agent = agent_find(instance, agent_number);
    struct client *client = framework && agent ? framework_client(framework, role) : NULL;
    return client && !wishes_admit(client, agent);
}

bool
wishes_enough(const struct drf *drf, const struct client *client, const struct amounts *amounts)
{
    return amounts_allocatable(drf, client->minimums ? client->minimums : &drf->minimums, amounts);
}
