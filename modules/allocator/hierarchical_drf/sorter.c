/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who comes next: the tree of roles, with frameworks as leaves, each level kept in order of weighted dominant share.
 * A change moves one node per level to its new place; only a change of the cluster's total sorts everything.
 */
#include <assert.h>
#include <string.h>

#include "drf.h"

static bool
node_before(const struct node *a, const struct node *b)
{
    if (a->share != b->share)
        return a->share < b->share;
    if (a->offers != b->offers)
        return a->offers < b->offers;
    return strcmp(a->name, b->name) < 0;
}

static void
node_reckon(const struct drf *drf, struct node *node)
{
    double share = 0;
    for (uint32_t i = 0; i < drf->kind_count; i++) {
        if (drf->kind_excluded[i] || drf->total.of[i] <= 0)
            continue;
        double part = (double)node->used.of[i] / (double)drf->total.of[i];
        share = part > share ? part : share;
    }
    node->share = share / node->weight;
}

static uint32_t
order_find(const struct order *order, const struct node *node)
{
    uint32_t at = 0;
    while (order->nodes[at] != node)
        at++;
    return at;
}

/* The one node at `at` may stand wrong; the others are in order. */
static void
order_settle(struct order *order, uint32_t at)
{
    struct node **nodes = order->nodes, *node = nodes[at];
    for (; at > 0 && node_before(node, nodes[at - 1]); at--)
        nodes[at] = nodes[at - 1];
    for (; at + 1 < order->count && node_before(nodes[at + 1], node); at++)
        nodes[at] = nodes[at + 1];
    nodes[at] = node;
}

static void
order_add(struct order *order, struct node *node)
{
    if (order->count == order->cap) {
        order->cap = order->cap ? order->cap * 2 : 2;
        order->nodes = xreallocarray(order->nodes, order->cap, sizeof(*order->nodes));
    }
    order->nodes[order->count++] = node;
    order_settle(order, order->count - 1);
}

static void
order_remove(struct order *order, const struct node *node)
{
    uint32_t at = order_find(order, node);
    memmove(&order->nodes[at], &order->nodes[at + 1], (order->count - at - 1) * sizeof(*order->nodes));
    order->count--;
}

static int
node_compare(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    return node_before(x, y) ? -1 : node_before(y, x);
}

static struct role *
role_new(struct drf *drf, struct role *parent, const char *name)
{
    struct role *role = xcalloc(1, sizeof(*role));
    role->name = xstrdup(name);
    const char *slash = strrchr(role->name, '/');
    role->last = slash ? slash + 1 : role->name;
    role->parent = parent;
    role->tree = (struct node){.role = role, .name = role->last, .weight = 1};
    role->own = (struct node){.role = role, .name = ".", .weight = 1, .own = true};
    order_add(&role->below, &role->own);
    order_add(&parent->below, &role->tree);
    parent->refs++;
    map_add(&drf->roles, str_of(role->name), role);
    return role;
}

struct role *
role_get(struct drf *drf, const char *name)
{
    struct role *role = map_get(&drf->roles, str_of(name));
    if (!role) {
        const char *slash = strrchr(name, '/');
        auto_free char *above = slash ? xstrndup(name, slash - name) : NULL;
        struct role *parent = slash ? role_get(drf, above) : &drf->root;
        role = role_new(drf, parent, name);
        if (slash)
            role_put(drf, parent); /* role_new holds its own */
    }
    role->refs++;
    return role;
}

void
role_put(struct drf *drf, struct role *role)
{
    assert(role->refs > 0);
    if (--role->refs > 0 || role == &drf->root)
        return;
    struct role *parent = role->parent;
    allocate_untell(drf, role);
    order_remove(&parent->below, &role->tree);
    map_remove(&drf->roles, str_of(role->name));
    free(role->below.nodes);
    free(role->clients.nodes);
    free(role->name);
    free(role);
    role_put(drf, parent);
}

void
role_set_weight(struct drf *drf, const char *name, double weight)
{
    struct role *role = role_get(drf, name);
    if (role->weighted)
        role_put(drf, role);
    role->weighted = true;
    role->tree.weight = weight;
    node_reckon(drf, &role->tree);
    order_settle(&role->parent->below, order_find(&role->parent->below, &role->tree));
}

void
sorter_init(struct drf *drf)
{
    drf->root.name = xstrdup("");
    drf->root.refs = 1;
    drf->root.tree = (struct node){.role = &drf->root, .name = "", .weight = 1};
}

void
sorter_free(struct drf *drf)
{
    /* Only roles that are held by a weight are left when frameworks and agents are gone. */
    struct role *role;
    map_foreach(role, &drf->roles) {
        free(role->below.nodes);
        free(role->clients.nodes);
        free(role->name);
        free(role);
    }
    map_fini(&drf->roles);
    free(drf->root.below.nodes);
    free(drf->root.name);
}

void
sorter_add_client(struct client *client)
{
    client->node.name = client->framework->id;
    client->node.weight = 1;
    order_add(&client->role->clients, &client->node);
}

void
sorter_remove_client(struct client *client)
{
    sorter_set_wanting(client, false);
    order_remove(&client->role->clients, &client->node);
}

void
sorter_set_wanting(struct client *client, bool wanting)
{
    if (client->counted == wanting)
        return;
    uint32_t change = wanting ? 1 : (uint32_t)-1;
    client->counted = wanting;
    client->role->own.active += change;
    for (struct role *role = client->role; role; role = role->parent)
        role->tree.active += change;
}

static void
resettle(struct drf *drf, struct order *order, struct node *node)
{
    node_reckon(drf, node);
    order_settle(order, order_find(order, node));
}

static void
changed(struct drf *drf, struct client *client)
{
    if (drf->shares_stale)
        return; /* all of it is reckoned anew anyway */
    resettle(drf, &client->role->clients, &client->node);
    resettle(drf, &client->role->below, &client->role->own);
    for (struct role *role = client->role; role->parent; role = role->parent)
        resettle(drf, &role->parent->below, &role->tree);
}

void
sorter_allocated(struct drf *drf, struct client *client, const struct amounts *amounts, bool offered)
{
    amounts_add(&client->node.used, amounts);
    amounts_add(&client->role->own.used, amounts);
    client->node.offers += offered;
    client->role->own.offers += offered;
    for (struct role *role = client->role; role; role = role->parent) {
        amounts_add(&role->tree.used, amounts);
        role->tree.offers += offered;
    }
    changed(drf, client);
}

void
sorter_recovered(struct drf *drf, struct client *client, const struct amounts *amounts)
{
    amounts_subtract(&client->node.used, amounts);
    amounts_subtract(&client->role->own.used, amounts);
    for (struct role *role = client->role; role; role = role->parent)
        amounts_subtract(&role->tree.used, amounts);
    changed(drf, client);
}

static void
refresh_order(struct drf *drf, struct order *order)
{
    for (uint32_t i = 0; i < order->count; i++)
        node_reckon(drf, order->nodes[i]);
    if (order->count > 1)
        qsort(order->nodes, order->count, sizeof(*order->nodes), node_compare);
}

void
sorter_refresh(struct drf *drf)
{
    struct role *role;
    if (!drf->shares_stale)
        return;
    drf->shares_stale = false;
    refresh_order(drf, &drf->root.below);
    map_foreach(role, &drf->roles) {
        refresh_order(drf, &role->below);
        refresh_order(drf, &role->clients);
    }
}

static bool
visit_clients(struct role *role, bool (*fn)(struct client *client, void *arg), void *arg)
{
    for (uint32_t i = 0; i < role->clients.count; i++) {
        struct client *client = container_of(role->clients.nodes[i], struct client, node);
        if (client->counted && fn(client, arg))
            return true;
    }
    return false;
}

bool
sorter_visit(struct role *root, bool (*fn)(struct client *client, void *arg), void *arg)
{
    for (uint32_t i = 0; i < root->below.count; i++) {
        struct node *node = root->below.nodes[i];
        if (node->active == 0)
            continue;
        if (node->own ? visit_clients(root, fn, arg) : sorter_visit(node->role, fn, arg))
            return true;
    }
    return false;
}
