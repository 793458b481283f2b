/* SPDX-License-Identifier: Apache-2.0 */
/* GET_ROLES and GET_WEIGHTS: roles that somebody subscribes to or is reserved for, and the weights that were given. */
#include "master/http.h"
#include "master/operator.h"

struct role_list {
    const struct master *master;
    struct sight *sight;
    struct arena *arena;
    Mesos__V1__Role **items;
    size_t count, cap;
};

static int
by_name(const void *a, const void *b)
{
    Mesos__V1__Resource *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Sums of scalars by name: who they are reserved for does not matter here. */
static void
show_quantities(Mesos__V1__Role *role, const struct resources *held, struct arena *arena)
{
    role->resources = arena_calloc(arena, (size_t)held->count + 1, sizeof(*role->resources));
    for (uint32_t i = 0; i < held->count; i++) {
        const struct mesos_resource *item = &held->items[i];
        bool known = item->type != MESOS_VALUE_SCALAR;
        for (size_t j = 0; j < role->n_resources && !known; j++)
            known = strcmp(role->resources[j]->name, item->name) == 0;
        if (known)
            continue;
        Mesos__V1__Resource *sum = arena_alloc(arena, sizeof(*sum));
        mesos__v1__resource__init(sum);
        sum->name = arena_strdup(arena, str_of(item->name));
        sum->type = MESOS__V1__VALUE__TYPE__SCALAR;
        sum->scalar = arena_alloc(arena, sizeof(*sum->scalar));
        mesos__v1__value__scalar__init(sum->scalar);
        sum->scalar->value = (double)resources_scalar(held, item->name) / 1000;
        role->resources[role->n_resources++] = sum;
    }
    if (role->n_resources)
        qsort(role->resources, role->n_resources, sizeof(*role->resources), by_name);
}

static void
show_frameworks(Mesos__V1__Role *role, const struct master *master, struct sight *sight, struct arena *arena)
{
    struct framework *framework;
    size_t count = 0;
    map_foreach (framework, &master->frameworks)
        count += framework_has_role(framework, role->name);
    role->frameworks = arena_calloc(arena, count + 1, sizeof(*role->frameworks));
    map_foreach (framework, &master->frameworks) {
        if (framework_has_role(framework, role->name) && sight_framework(sight, framework))
            role->frameworks[role->n_frameworks++] = framework->info->id;
    }
}

static void
add_role(const char *name, double weight, const struct resources *held, void *arg)
{
    struct role_list *list = arg;
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        Mesos__V1__Role **grown = arena_calloc(list->arena, cap, sizeof(*grown));
        if (list->count)
            memcpy(grown, list->items, list->count * sizeof(*grown));
        list->items = grown;
        list->cap = cap;
    }
    Mesos__V1__Role *role = arena_alloc(list->arena, sizeof(*role));
    mesos__v1__role__init(role);
    role->name = arena_strdup(list->arena, str_of(name));
    role->weight = weight;
    show_frameworks(role, list->master, list->sight, list->arena);
    show_quantities(role, held, list->arena);
    list->items[list->count++] = role;
}

void
operator_get_roles(struct operator_call *op)
{
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetRoles body = MESOS__V1__MASTER__RESPONSE__GET_ROLES__INIT;
    auto_sight struct sight *sight = sight_of(op->master, op->exchange);
    struct role_list list = {.master = op->master, .sight = sight, .arena = op->arena};
    roles_each(op->master, sight, add_role, &list);
    body.n_roles = list.count;
    body.roles = list.items;
    response.get_roles = &body;
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_ROLES);
}

static int
by_role(const void *a, const void *b)
{
    Mesos__V1__WeightInfo *const *x = a, *const *y = b;
    return strcmp((*x)->role, (*y)->role);
}

void
operator_get_weights(struct operator_call *op)
{
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetWeights body = MESOS__V1__MASTER__RESPONSE__GET_WEIGHTS__INIT;
    struct str rest = str_of(op->master->weights), role;
    size_t most = 1;
    double weight;
    auto_sight struct sight *sight = sight_of(op->master, op->exchange);
    for (size_t i = 0; i < rest.len; i++)
        most += rest.ptr[i] == ',';
    body.weight_infos = arena_calloc(op->arena, most, sizeof(*body.weight_infos));
    while (roles_next_weight(&rest, &role, &weight)) {
        Mesos__V1__WeightInfo *info = arena_alloc(op->arena, sizeof(*info));
        mesos__v1__weight_info__init(info);
        info->role = arena_strdup(op->arena, role);
        info->weight = weight;
        if (!sight_role(sight, info->role))
            continue;
        body.weight_infos[body.n_weight_infos++] = info;
    }
    if (body.n_weight_infos) {
        qsort(body.weight_infos, body.n_weight_infos, sizeof(*body.weight_infos), by_role);
        response.get_weights = &body; /* without weights Mesos leaves the member out */
    }
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_WEIGHTS);
}
