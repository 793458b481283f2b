/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users to numbers, with supplementary groups. The system's databases may be far away, so they are asked off
 * the thread; answers are kept for a minute, because the same few users come hundreds of times.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include "native.h"

#define KEEP_MS (60 * 1000)
#define PASSWD_BYTES 65536
#define GROUPS_MAX 65536

struct lookup {
    struct native *native;
    char *container_id;
    void (*done)(struct container *container, const struct user *user, const char *error);
    char *name;
    struct user *found;
    int error; /* errno, 0 = no such user */
};

static void
user_free(struct user *user)
{
    if (!user)
        return;
    free(user->name);
    free(user->groups);
    free(user);
}

static void
lookup_work(void *arg)
{
    struct lookup *lookup = arg;
    auto_free char *buffer = xmalloc(PASSWD_BYTES);
    struct passwd entry, *found = NULL;
    lookup->error = getpwnam_r(lookup->name, &entry, buffer, PASSWD_BYTES, &found);
    if (!found)
        return;
    struct user *user = xcalloc(1, sizeof *user);
    user->name = xstrdup(lookup->name);
    user->uid = entry.pw_uid;
    user->gid = entry.pw_gid;
    int count = 32;
    _Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are kept as they come");
    user->groups = xcalloc((size_t)count, sizeof *user->groups);
    while (getgrouplist(lookup->name, entry.pw_gid, user->groups, &count) < 0 && count <= GROUPS_MAX)
        user->groups = xreallocarray(user->groups, (size_t)count, sizeof *user->groups);
    user->group_count = (size_t)count;
    lookup->found = user;
}

static void
lookup_done(void *arg)
{
    struct lookup *lookup = arg;
    struct native *native = lookup->native;
    struct container *container = container_find(native, lookup->container_id);
    auto_free char *error = NULL;
    if (!container) { /* stopped meanwhile */
        user_free(lookup->found);
    } else if (lookup->found) {
        lookup->found->until_ms = native->host->now_ms(native->host) + KEEP_MS;
        user_free(map_remove(&native->users, str_of(lookup->name)));
        map_add(&native->users, str_of(lookup->found->name), lookup->found);
    } else {
        error = lookup->error ? xasprintf("Failed to get user information for '%s': %s", lookup->name, strerror(lookup->error))
                              : xasprintf("No such user '%s'", lookup->name);
    }
    if (container)
        lookup->done(container, lookup->found, error);
    free(lookup->container_id);
    free(lookup->name);
    free(lookup);
}

void
user_find(struct container *container, const char *name,
          void (*done)(struct container *container, const struct user *user, const char *error))
{
    struct native *native = container->native;
    const struct user *known = name ? map_get(&native->users, str_of(name)) : NULL;
    if (!name) {
        done(container, NULL, NULL);
    } else if (known && known->until_ms > native->host->now_ms(native->host)) {
        done(container, known, NULL);
    } else {
        struct lookup *lookup = xcalloc(1, sizeof *lookup);
        lookup->native = native;
        lookup->container_id = xstrdup(container->id);
        lookup->done = done;
        lookup->name = xstrdup(name);
        native->host->offload(native->host, false, lookup_work, lookup_done, lookup);
    }
}

void
users_fini(struct native *native)
{
    struct user *user;
    map_foreach(user, &native->users)
        user_free(user);
    map_fini(&native->users);
}
