/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks: their roles, whether they want offers, what changes when they come, go, suppress and revive. */
#include <assert.h>
#include <string.h>

#include "drf.h"

static struct str
key_of(const mesos_framework_t *number)
{
    return str_n(number, sizeof(*number));
}

struct framework *
framework_find(struct drf *drf, mesos_framework_t number)
{
    return map_get(&drf->frameworks, key_of(&number));
}

struct client *
framework_client(const struct framework *framework, const char *role)
{
    for (uint32_t i = 0; i < framework->client_count; i++)
        if (strcmp(framework->clients[i]->role->name, role) == 0)
            return framework->clients[i];
    return NULL;
}

/* All of it may be offered whatever others refused. */
static void
framework_refresh(struct drf *drf, struct framework *framework)
{
    for (uint32_t i = 0; i < framework->client_count; i++)
        client_set_fresh(drf, framework->clients[i], true);
    allocate_soon(drf, NULL);
}

static void
client_want(struct client *client)
{
    sorter_set_wanting(client, client->framework->active && client->subscribed && !client->suppressed);
}

void
client_set_fresh(struct drf *drf, struct client *client, bool fresh)
{
    if (client->fresh == fresh)
        return;
    client->fresh = fresh;
    drf->fresh_count += fresh ? 1 : (uint32_t)-1;
}

static struct client *
client_new(struct drf *drf, struct framework *framework, const char *role)
{
    struct client *client = xcalloc(1, sizeof(*client));
    client->framework = framework;
    client->role = role_get(drf, role);
    framework->clients =
        xreallocarray(framework->clients, framework->client_count + 1, sizeof(*framework->clients));
    framework->clients[framework->client_count++] = client;
    sorter_add_client(client);
    return client;
}

static void
client_free(struct drf *drf, struct client *client)
{
    struct framework *framework = client->framework;
    assert(client->uses == 0);
    uint32_t at = 0;
    while (framework->clients[at] != client)
        at++;
    framework->clients[at] = framework->clients[--framework->client_count];
    client_set_fresh(drf, client, false);
    filters_drop_client(drf, client);
    wishes_drop_client(drf, client);
    sorter_remove_client(client);
    role_put(drf, client->role);
    free(client);
}

void
client_used(struct drf *drf, struct client *client, int change)
{
    client->uses += (uint32_t)change;
    if (client->uses == 0 && !client->subscribed)
        client_free(drf, client);
}

static bool
named(const char *role, const char *const *roles, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(role, roles[i]) == 0)
            return true;
    return false;
}

/* Brings clients, capabilities and wishes in line with what the master says. */
static void
framework_take(struct drf *drf, struct framework *framework, const struct mesos_allocator_framework *from)
{
    framework->active = from->active;
    framework->revocable = from->revocable;
    framework->shared = from->shared;
    framework->gpu = from->gpu;
    framework->refinement = from->reservation_refinement;
    for (uint32_t i = 0; i < from->role_count; i++) {
        struct client *client = framework_client(framework, from->roles[i]);
        if (!client)
            client = client_new(drf, framework, from->roles[i]);
        client->subscribed = true;
    }
    for (uint32_t i = framework->client_count; i-- > 0;) {
        struct client *client = framework->clients[i];
        client->subscribed = named(client->role->name, from->roles, from->role_count);
        bool was_suppressed = client->suppressed;
        client->suppressed = named(client->role->name, from->suppressed_roles, from->suppressed_role_count);
        if (was_suppressed && !client->suppressed)
            filters_drop_client(drf, client); /* as revive does */
        client_want(client);
        if (!client->subscribed) {
            filters_drop_client(drf, client);
            if (client->uses == 0)
                client_free(drf, client);
        }
    }
    wishes_take(drf, framework, from);
}

void
framework_add(void *instance, const struct mesos_allocator_framework *from, const struct mesos_allocator_use *used,
              size_t used_count)
{
    struct drf *drf = instance;
    struct framework *framework = xcalloc(1, sizeof(*framework));
    framework->number = from->framework;
    framework->id = xstrdup(from->id ? from->id : "");
    map_add(&drf->frameworks, key_of(&framework->number), framework);
    framework_take(drf, framework, from);
    agents_bind(drf, framework);
    for (size_t i = 0; i < used_count; i++) {
        struct agent *agent = agent_find(drf, used[i].agent);
        if (agent)
            agent_use(drf, agent, framework->number, used[i].resources, false);
    }
    if (framework->active)
        framework_refresh(drf, framework);
}

void
framework_update(void *instance, const struct mesos_allocator_framework *from)
{
    struct drf *drf = instance;
    struct framework *framework = framework_find(drf, from->framework);
    if (!framework)
        return;
    framework_take(drf, framework, from);
    /* Its capabilities may let it see more of an agent than when it refused. */
    for (uint32_t slot = 0; slot < drf->slot_count; slot++)
        if (drf->slots[slot])
            drf->slots[slot]->version++;
    allocate_again(drf);
}

void
framework_remove(void *instance, mesos_framework_t number)
{
    struct drf *drf = instance;
    struct framework *framework = framework_find(drf, number);
    if (!framework)
        return;
    agents_unbind(drf, framework);
    inverse_forget_framework(drf, number);
    while (framework->client_count)
        client_free(drf, framework->clients[framework->client_count - 1]);
    map_remove(&drf->frameworks, key_of(&framework->number));
    wishes_drop_framework(drf, framework);
    free(framework->clients);
    free(framework->id);
    free(framework);
}

void
framework_activate(void *instance, mesos_framework_t number)
{
    struct drf *drf = instance;
    struct framework *framework = framework_find(drf, number);
    if (!framework)
        return;
    framework->active = true;
    for (uint32_t i = 0; i < framework->client_count; i++)
        client_want(framework->clients[i]);
    framework_refresh(drf, framework);
}

void
framework_deactivate(void *instance, mesos_framework_t number)
{
    struct drf *drf = instance;
    struct framework *framework = framework_find(drf, number);
    if (!framework)
        return;
    framework->active = false;
    inverse_drop_filters(drf, number);
    for (uint32_t i = 0; i < framework->client_count; i++) {
        client_want(framework->clients[i]);
        filters_drop_client(drf, framework->clients[i]); /* whoever comes back starts afresh */
    }
}

static void
set_suppressed(struct drf *drf, mesos_framework_t number, const char *const *roles, size_t count, bool suppressed)
{
    struct framework *framework = framework_find(drf, number);
    for (uint32_t i = 0; framework && i < framework->client_count; i++) {
        struct client *client = framework->clients[i];
        if (count && !named(client->role->name, roles, count))
            continue;
        client->suppressed = suppressed;
        client_want(client);
        if (suppressed)
            continue;
        filters_drop_client(drf, client);
        client_set_fresh(drf, client, true);
    }
}

void
framework_suppress(void *instance, mesos_framework_t framework, const char *const *roles, size_t count)
{
    set_suppressed(instance, framework, roles, count, true);
}

void
framework_revive(void *instance, mesos_framework_t framework, const char *const *roles, size_t count)
{
    set_suppressed(instance, framework, roles, count, false);
    inverse_drop_filters(instance, framework);
    allocate_soon(instance, NULL);
}

void
frameworks_free(struct drf *drf)
{
    struct framework *framework;
    map_foreach(framework, &drf->frameworks)
        framework_remove(drf, framework->number);
    map_fini(&drf->frameworks);
}
