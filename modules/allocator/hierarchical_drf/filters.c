/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was refused is not offered again to the same framework in the same role while it is a part of what was refused.
 * Filters live in one pool; a client has a column of them by agent slot, so that the look-up is two array accesses.
 */
#include "drf.h"

enum { CHAIN_MAX = 16 }; /* filters of one client on one agent; beyond, the oldest goes */
static const double refuse_max_secs = 365.0 * 24 * 3600;

static struct filter *
at(const struct drf *drf, uint32_t index)
{
    return &drf->filters[index - 1];
}

static uint32_t
pool_take(struct drf *drf)
{
    uint32_t index = drf->free_filter;
    if (index) {
        drf->free_filter = at(drf, index)->next;
    } else {
        if (drf->filter_used == drf->filter_cap) {
            drf->filter_cap = drf->filter_cap ? drf->filter_cap * 2 : 64;
            drf->filters = xreallocarray(drf->filters, drf->filter_cap, sizeof(*drf->filters));
            drf->filter_notes = xreallocarray(drf->filter_notes, drf->filter_cap, sizeof(*drf->filter_notes));
        }
        index = ++drf->filter_used;
    }
    *at(drf, index) = (struct filter){0};
    return index;
}

/* Takes the filter that *link names out of its chain and frees it. */
static void
drop(struct drf *drf, struct client *client, uint32_t *link)
{
    uint32_t index = *link;
    struct filter *filter = at(drf, index);
    *link = filter->next;
    resources_fini(&filter->refused);
    filter->next = drf->free_filter;
    drf->free_filter = index;
    client->filter_count--;
}

static uint32_t *
chain(struct client *client, uint32_t slot)
{
    return slot < client->filters_cap ? &client->filters[slot] : NULL;
}

static void
drop_outdated(struct drf *drf, struct client *client, uint32_t *link, const struct resources *refused, int64_t now_ms,
              int64_t until_ms)
{
    uint32_t kept = 0;
    while (*link) {
        struct filter *filter = at(drf, *link);
        bool weaker = filter->until_ms <= until_ms && resources_contains(refused, &filter->refused);
        if (filter->until_ms <= now_ms || weaker || ++kept >= CHAIN_MAX)
            drop(drf, client, link);
        else
            link = &filter->next;
    }
}

void
filters_add(struct drf *drf, struct client *client, struct agent *agent, const struct resources *refused,
            double refuse_secs, int64_t offer)
{
    if (!(refuse_secs > 0) || resources_empty(refused))
        return;
    double ms = (refuse_secs < refuse_max_secs ? refuse_secs : refuse_max_secs) * 1000;
    /* A shorter one would be over before the batch that it is meant to survive. */
    int64_t now_ms = drf->host->now_ms(drf->host);
    int64_t until_ms = now_ms + (ms > (double)drf->interval_ms ? (int64_t)ms : drf->interval_ms);
    if (agent->slot >= client->filters_cap) {
        uint32_t cap = drf->slot_count;
        client->filters = xreallocarray(client->filters, cap, sizeof(*client->filters));
        memset(client->filters + client->filters_cap, 0, (cap - client->filters_cap) * sizeof(*client->filters));
        client->filters_cap = cap;
    }
    drop_outdated(drf, client, &client->filters[agent->slot], refused, now_ms, until_ms);
    uint32_t index = pool_take(drf);
    struct filter *filter = at(drf, index);
    resources_copy(&filter->refused, refused);
    filter->until_ms = until_ms;
    drf->filter_notes[index - 1] = (struct filter_note){now_ms, offer};
    filter->next = client->filters[agent->slot];
    client->filters[agent->slot] = index;
    client->filter_count++;
}

void
filters_drop_client(struct drf *drf, struct client *client)
{
    for (uint32_t slot = 0; slot < client->filters_cap && client->filter_count; slot++)
        while (client->filters[slot])
            drop(drf, client, &client->filters[slot]);
    free(client->filters);
    client->filters = NULL;
    client->filters_cap = 0;
}

void
filters_drop_slot(struct drf *drf, uint32_t slot)
{
    struct framework *framework;
    map_foreach(framework, &drf->frameworks)
        for (uint32_t i = 0; i < framework->client_count; i++) {
            uint32_t *link = chain(framework->clients[i], slot);
            while (link && *link)
                drop(drf, framework->clients[i], link);
        }
}

bool
filters_hide_agent(struct drf *drf, struct client *client, struct agent *agent, int64_t now_ms, int64_t *until_ms)
{
    uint32_t *link = chain(client, agent->slot);
    for (uint32_t index = link ? *link : 0; index; index = at(drf, index)->next) {
        const struct filter *filter = at(drf, index);
        if (filter->seen != agent->version || filter->until_ms <= now_ms)
            continue;
        if (filter->until_ms < *until_ms)
            *until_ms = filter->until_ms;
        return true;
    }
    return false;
}

bool
filters_hide(struct drf *drf, struct client *client, struct agent *agent, const struct resources *available,
             int64_t now_ms, int64_t *until_ms)
{
    uint32_t *link = chain(client, agent->slot);
    while (link && *link) {
        struct filter *filter = at(drf, *link);
        if (filter->until_ms <= now_ms) {
            drop(drf, client, link);
            continue;
        }
        if (resources_contains(&filter->refused, available)) {
            filter->seen = agent->version;
            if (filter->until_ms < *until_ms)
                *until_ms = filter->until_ms;
            return true;
        }
        link = &filter->next;
    }
    return false;
}

const struct filter *
filters_look(const struct drf *drf, const struct client *client, const struct agent *agent,
             const struct resources *available, int64_t now_ms, struct filter_note *ret_note)
{
    uint32_t index = agent->slot < client->filters_cap ? client->filters[agent->slot] : 0;
    for (; index; index = at(drf, index)->next) {
        const struct filter *filter = at(drf, index);
        if (filter->until_ms <= now_ms || !resources_contains(&filter->refused, available))
            continue;
        *ret_note = drf->filter_notes[index - 1];
        return filter;
    }
    return NULL;
}

void
filters_free(struct drf *drf)
{
    free(drf->filters);
    free(drf->filter_notes);
}
