/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for paths that no route has, with the name that was meant: looked for once, when a daemon has all of its routes. */
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "daemon/firewall_inside.h"
#include "daemon/routes.h"

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
    const char *name = arena_strdup(paths->arena, firewall_plain(buf_str(&path)));
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
