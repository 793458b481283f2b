/* SPDX-License-Identifier: Apache-2.0 */
/* GET /roles: roles that somebody subscribes to or is reserved for, their parents, and what they hold. */
#include <stdlib.h>
#include <string.h>

#include "master/http.h"
#include "model/role.h"

static void
add_role(struct map *roles, struct str role, struct arena *arena)
{
    while (role.len) {
        if (!map_get(roles, role)) {
            char *copy = arena_strdup(arena, role);
            map_add(roles, str_of(copy), copy);
        }
        while (role.len && role.ptr[role.len - 1] != '/')
            role.len--;
        if (role.len)
            role.len--;
    }
}

static void
collect_roles(const struct master *master, struct map *roles, struct arena *arena)
{
    const struct framework *framework;
    auto_resources struct resources total = {0};
    map_foreach (framework, &master->frameworks) {
        for (uint32_t i = 0; i < framework->role_count; i++)
            add_role(roles, str_of(framework->roles[i]), arena);
    }
    sheets_sum(&master->agent_sheets, &total);
    for (uint32_t i = 0; i < total.count; i++)
        if (strcmp(total.items[i].role, "*") != 0)
            add_role(roles, str_of(total.items[i].role), arena);
}

struct choice {
    const char *role;
    bool reserved; /* by reservation, not by allocation */
};

static bool
belongs(const struct mesos_resource *item, void *arg)
{
    const struct choice *choice = arg;
    const char *role = choice->reserved ? item->role : item->allocation_role;
    if (choice->reserved && strcmp(role, "*") == 0)
        return false;
    return role && role_within(str_of(role), str_of(choice->role));
}

/* {"cpus":1.0,"ports":1001.0}: ranges are counted. */
static void
json_quantities(struct json *json, const char *key, const struct resources *r)
{
    json_key(json, key);
    json_object(json);
    for (uint32_t i = 0; i < r->count; i++) {
        double sum = 0;
        bool before = false;
        for (uint32_t j = 0; j < i; j++)
            before |= strcmp(r->items[j].name, r->items[i].name) == 0;
        for (uint32_t j = i; j < r->count && !before; j++) {
            if (strcmp(r->items[j].name, r->items[i].name) != 0)
                continue;
            sum += (double)r->items[j].scalar / 1000 + r->items[j].item_count;
            for (uint32_t k = 0; k < r->items[j].range_count; k++)
                sum += (double)(r->items[j].ranges[k].end - r->items[j].ranges[k].begin + 1);
        }
        if (!before) {
            json_key_str(json, str_of(r->items[i].name));
            json_double(json, sum);
        }
    }
    json_object_end(json);
}

bool
roles_next_weight(struct str *rest, struct str *ret_role, double *ret_weight)
{
    while (rest->len) {
        struct str pair = str_cut(rest, ','), name = str_trim(str_cut(&pair, '='));
        if (str_to_double(str_trim(pair), ret_weight) == 0 && *ret_weight > 0) {
            *ret_role = name;
            return true;
        }
    }
    return false;
}

static double
weight_of(const struct master *master, const char *role)
{
    struct str rest = str_of(master->weights), name;
    double weight;
    while (roles_next_weight(&rest, &name, &weight))
        if (str_is(name, role))
            return weight;
    return 1;
}

/* What is there altogether: summed up once, not for each role. */
struct sums {
    struct resources used, offered, total;
};

static void
sum_up(const struct master *master, struct sums *ret)
{
    const struct framework *framework;
    map_foreach (framework, &master->frameworks) {
        framework_used(framework, &ret->used);
        framework_offered(framework, &ret->offered);
    }
    sheets_sum(&master->agent_sheets, &ret->total);
}

static void
json_role(struct json *json, const struct master *master, struct sight *sight, const struct sums *sums, const char *role)
{
    struct choice choice = {role, false}, reservation = {role, true};
    auto_resources struct resources used = {0}, offered = {0}, reserved = {0}, sum = {0};
    const struct framework *framework;
    resources_filter(&used, &sums->used, belongs, &choice);
    resources_filter(&offered, &sums->offered, belongs, &choice);
    resources_filter(&reserved, &sums->total, belongs, &reservation);
    resources_copy(&sum, &used);
    resources_add(&sum, &offered);
    json_object(json);
    json_key_text(json, "name", role);
    json_key_double(json, "weight", weight_of(master, role));
    json_key(json, "quota");
    json_object(json);
    json_key_text(json, "role", role);
    json_key(json, "guarantee");
    json_raw(json, STR_LIT("{}"));
    json_key(json, "limit");
    json_raw(json, STR_LIT("{}"));
    json_quantities(json, "consumed", &used);
    json_object_end(json);
    json_quantities(json, "resources", &sum);
    json_quantities(json, "allocated", &used);
    json_quantities(json, "offered", &offered);
    json_quantities(json, "reserved", &reserved);
    json_key(json, "frameworks");
    json_array(json);
    map_foreach (framework, &master->frameworks) {
        if (framework_has_role(framework, role) && sight_framework(sight, framework))
            json_text(json, framework->id);
    }
    json_array_end(json);
    json_object_end(json);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of all roles, sorted. */
static const char **
sorted_roles(const struct master *master, struct arena *arena, size_t *ret_count)
{
    struct map roles = {0};
    size_t count = 0;
    const char *role;
    collect_roles(master, &roles, arena);
    const char **sorted = arena_calloc(arena, map_count(&roles) + 1, sizeof(*sorted));
    map_foreach (role, &roles)
        sorted[count++] = role;
    map_fini(&roles);
    qsort(sorted, count, sizeof(*sorted), by_name);
    *ret_count = count;
    return sorted;
}

static void
sums_fini(struct sums *sums)
{
    resources_fini(&sums->used);
    resources_fini(&sums->offered);
    resources_fini(&sums->total);
}

void
roles_each(const struct master *master, struct sight *sight,
           void (*fn)(const char *role, double weight, const struct resources *held, void *arg), void *arg)
{
    auto_arena struct arena *arena = arena_new(0);
    struct sums sums = {0};
    size_t count;
    const char **roles = sorted_roles(master, arena, &count);
    sum_up(master, &sums);
    for (size_t i = 0; i < count; i++) {
        struct choice choice = {roles[i], false};
        auto_resources struct resources held = {0};
        if (!sight_role(sight, roles[i]))
            continue;
        resources_filter(&held, &sums.used, belongs, &choice);
        resources_filter(&held, &sums.offered, belongs, &choice);
        fn(roles[i], weight_of(master, roles[i]), &held, arg);
    }
    sums_fini(&sums);
}

void
http_roles(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    auto_sight struct sight *sight = sight_of(master, exchange);
    auto_buf struct buf out = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct json json = json_on(&out);
    struct sums sums = {0};
    size_t count;
    const char **roles = sorted_roles(master, arena, &count);
    sum_up(master, &sums);
    json_object(&json);
    json_key(&json, "roles");
    json_array(&json);
    for (size_t i = 0; i < count; i++)
        if (sight_role(sight, roles[i]))
            json_role(&json, master, sight, &sums, roles[i]);
    sums_fini(&sums);
    json_array_end(&json);
    json_object_end(&json);
    reply_json(exchange, buf_str(&out));
}
