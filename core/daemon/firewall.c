/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that are disabled. Mesos compares a rule with the path as it was sent, so that /master/state stays open when /state
 * is disabled; here a rule is about the endpoint, under each of its names, the older one with ".json" included.
 */
#include "daemon/firewall.h"

#include <errno.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "daemon/routes.h"

enum { PATHS_MAX = 10000 };

struct firewall {
    struct map paths;
    struct arena *arena;
};

/* Only known members: a slip of the pen would open what was meant to be closed. */
static int
only(json_t *object, const char *member, struct err *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return err_set(err, -EINVAL, "an object with '%s' is wanted", member);
    json_object_foreach (object, key, value)
        if (strcmp(key, member) != 0)
            return err_set(err, -EINVAL, "unknown member '%.100s': only '%s' is known", key, member);
    return 0;
}

/* /state.json is /state. */
static struct str
plain(struct str path)
{
    return str_n(path.ptr, path.len - (str_ends(path, STR_LIT(".json")) ? 5 : 0));
}

static int
add_path(struct firewall *firewall, const char *path, struct err *err)
{
    if (!path || path[0] != '/' || !path[1])
        return err_set(err, -EINVAL, "'%.100s' is no path of an endpoint: write e.g. /files/browse", path ? path : "(not a text)");
    path = arena_strdup(firewall->arena, str_of(path));
    map_set(&firewall->paths, plain(str_of(path)), firewall);
    return 0;
}

static int
fill(struct firewall *firewall, json_t *root, struct err *err)
{
    json_t *rule, *paths;
    if (only(root, "disabled_endpoints", err) < 0)
        return -EINVAL;
    rule = json_object_get(root, "disabled_endpoints");
    if (!rule)
        return 0;
    if (only(rule, "paths", err) < 0)
        return -EINVAL;
    paths = json_object_get(rule, "paths");
    if (paths && (!json_is_array(paths) || json_array_size(paths) > PATHS_MAX))
        return err_set(err, -EINVAL, "'paths' is no array of at most %d paths", PATHS_MAX);
    for (size_t i = 0; paths && i < json_array_size(paths); i++)
        if (add_path(firewall, json_string_value(json_array_get(paths, i)), err) < 0)
            return -EINVAL;
    return 0;
}

struct firewall *
firewall_new(const char *json, struct err *err)
{
    json_error_t why;
    json_t *root = json_loads(json ? json : "{}", JSON_REJECT_DUPLICATES, &why);
    struct firewall *firewall;
    int status;
    if (!root) {
        err_set(err, -EINVAL, "line %d, column %d: %s", why.line, why.column, why.text);
        return NULL;
    }
    firewall = xcalloc(1, sizeof(*firewall));
    firewall->arena = arena_new(0);
    status = fill(firewall, root, err);
    json_decref(root);
    if (status == 0)
        return firewall;
    firewall_free(firewall);
    return NULL;
}

void
firewall_free(struct firewall *firewall)
{
    if (!firewall)
        return;
    map_fini(&firewall->paths);
    arena_free(firewall->arena);
    free(firewall);
}

bool
firewall_stops(const struct firewall *firewall, struct str path, const char *actor, const char *route, bool own)
{
    auto_buf struct buf full = {0};
    if (!firewall || !map_count(&firewall->paths))
        return false;
    if (map_get(&firewall->paths, plain(path)) || (own && map_get(&firewall->paths, plain(str_of(route)))))
        return true;
    buf_printf(&full, "/%s%s", actor, route);
    return map_get(&firewall->paths, plain(buf_str(&full))) != NULL;
}

/* ---- rules for nothing ---- */

enum { NAMES_MAX = 1000 };

/* Every path that there is, and what is near to one that is not. */
struct paths {
    struct arena *arena;
    const char *own;
    struct map known; /* path -> struct route */
    const char *names[NAMES_MAX];
    size_t count;
};

static void
know(struct paths *paths, const char *actor, const struct route *route)
{
    auto_buf struct buf path = {0};
    buf_printf(&path, "%s%s%s", *actor ? "/" : "", actor, route->path);
    const char *name = arena_strdup(paths->arena, plain(buf_str(&path)));
    map_set(&paths->known, str_of(name), (void *)(uintptr_t)route);
    if (paths->count < NAMES_MAX)
        paths->names[paths->count++] = name;
}

static void
on_route(const char *actor, const struct route *route, void *arg)
{
    struct paths *paths = arg;
    if (strcmp(actor, paths->own) == 0)
        know(paths, "", route);
    know(paths, actor, route);
}

/* Some actors answer for all that is below them, as /help does. */
static bool
is_there(const struct paths *paths, struct str path)
{
    const char *end = memchr(path.ptr + 1, '/', path.len - 1);
    const struct route *actor = end ? map_get(&paths->known, str_n(path.ptr, (size_t)(end - path.ptr))) : NULL;
    return map_get(&paths->known, path) || (actor && !*actor->path);
}

void
firewall_tell(const struct firewall *firewall, const struct router *router, const char *own)
{
    struct paths paths = {.own = own};
    const struct map_entry *rule;
    uint32_t at = 0;
    if (!firewall || !map_count(&firewall->paths))
        return;
    paths.arena = arena_new(0);
    router_each(router, on_route, &paths);
    while ((rule = map_next(&firewall->paths, &at)) != NULL) {
        if (is_there(&paths, rule->key))
            continue;
        auto_free char *word = str_dup(rule->key);
        const char *nearest = str_nearest(word, paths.names, paths.count);
        log_warning("firewall_rules: there is no endpoint '%s' here%s%s%s", word, nearest ? "; the nearest is '" : "",
                    nearest ? nearest : "", nearest ? "'" : "");
    }
    map_fini(&paths.known);
    arena_free(paths.arena);
}
