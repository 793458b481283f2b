/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that are disabled. Mesos compares a rule with the path as it was sent, so that /master/state stays open when /state
 * is disabled; here a rule is about the endpoint, under each of its names, the older one with ".json" included.
 */
#include <errno.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "daemon/firewall_inside.h"

enum { PATHS_MAX = 10000 };

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

static int
add_path(struct firewall *firewall, const char *path, struct err *err)
{
    if (!path || path[0] != '/' || !path[1])
        return err_set(err, -EINVAL, "'%.100s' is no path of an endpoint: write e.g. /files/browse", path ? path : "(not a text)");
    path = arena_strdup(firewall->arena, str_of(path));
    map_set(&firewall->paths, firewall_plain(str_of(path)), firewall);
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
    if (map_get(&firewall->paths, firewall_plain(path)) || (own && map_get(&firewall->paths, firewall_plain(str_of(route)))))
        return true;
    buf_printf(&full, "/%s%s", actor, route);
    return map_get(&firewall->paths, firewall_plain(buf_str(&full))) != NULL;
}
