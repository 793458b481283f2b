/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher's cache: entries, room, eviction. Knows nothing of downloads. */
#include "agent/fetcher_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"

/* A file's name ends in the URI's own, so that its suffix tells what it is; no more of it is needed. */
#define NAME_MAX_BYTES 120
#define OWN_USER       "agent.own"

void
fetcher_cache_init(struct fetcher_cache *cache, struct loop *loop, const char *directory, uint64_t capacity_bytes,
                   uint64_t first_number)
{
    *cache = (struct fetcher_cache){.loop = loop, .capacity_bytes = capacity_bytes, .next = first_number};
    cache->directory = xstrdup(directory);
    list_init(&cache->by_use);
}

static void
entry_free(struct fetcher_cache_entry *entry)
{
    list_remove(&entry->in_use_order);
    free(entry->key);
    free(entry->name);
    free(entry->path);
    free(entry);
}

void
fetcher_cache_fini(struct fetcher_cache *cache)
{
    struct fetcher_cache_entry *entry, *tmp;
    if (!cache->directory)
        return;
    list_foreach_safe (entry, tmp, &cache->by_use, in_use_order)
        entry_free(entry);
    map_fini(&cache->entries);
    free(cache->directory);
    *cache = (struct fetcher_cache){0};
}

char *
fetcher_cache_directory(const struct fetcher_cache *cache, const char *user)
{
    return xasprintf("%s/%s", cache->directory, user ? user : OWN_USER);
}

/* A newline is in no user's name. */
static char *
key_of(const char *user, const char *uri)
{
    return xasprintf("%s\n%s", user ? user : "", uri);
}

struct fetcher_cache_entry *
fetcher_cache_find(struct fetcher_cache *cache, const char *user, const char *uri)
{
    auto_free char *key = key_of(user, uri);
    struct fetcher_cache_entry *entry = map_get(&cache->entries, str_of(key));
    if (entry) {
        list_remove(&entry->in_use_order);
        list_push(&cache->by_use, &entry->in_use_order);
    }
    return entry;
}

static const char *
last_part(const char *uri)
{
    const char *slash = strrchr(uri, '/'), *part = slash ? slash + 1 : uri;
    size_t len = strlen(part);
    return len > NAME_MAX_BYTES ? part + len - NAME_MAX_BYTES : part;
}

struct fetcher_cache_entry *
fetcher_cache_add(struct fetcher_cache *cache, const char *user, const char *uri)
{
    struct fetcher_cache_entry *entry = xcalloc(1, sizeof(*entry));
    auto_free char *directory = fetcher_cache_directory(cache, user);
    entry->key = key_of(user, uri);
    entry->name = xasprintf("c%" PRIu64 "-%s", cache->next++, last_part(uri));
    entry->path = xasprintf("%s/%s", directory, entry->name);
    entry->users = 1;
    list_init(&entry->waiting);
    list_push(&cache->by_use, &entry->in_use_order);
    map_add(&cache->entries, str_of(entry->key), entry);
    return entry;
}

/* Whether dropping what nobody uses makes enough room. Nothing is dropped for a wish that cannot be met. */
static bool
room_can_be_made(const struct fetcher_cache *cache, uint64_t used_bytes, uint64_t bytes)
{
    struct fetcher_cache_entry *entry;
    uint64_t idle_bytes = 0;
    list_foreach (entry, &cache->by_use, in_use_order)
        idle_bytes += entry->users == 0 ? entry->size_bytes : 0;
    return bytes <= cache->capacity_bytes && used_bytes - idle_bytes <= cache->capacity_bytes - bytes;
}

bool
fetcher_cache_reserve(struct fetcher_cache *cache, struct fetcher_cache_entry *entry, uint64_t bytes)
{
    struct fetcher_cache_entry *old, *tmp;
    uint64_t others_bytes = cache->used_bytes - entry->size_bytes;
    if (!room_can_be_made(cache, others_bytes, bytes))
        return false;
    list_foreach_safe (old, tmp, &cache->by_use, in_use_order) {
        if (cache->used_bytes - entry->size_bytes + bytes <= cache->capacity_bytes)
            break;
        if (old->users == 0)
            fetcher_cache_drop(cache, old);
    }
    cache->used_bytes += bytes - entry->size_bytes;
    entry->size_bytes = bytes;
    return true;
}

static void
remove_file(void *path)
{
    if (unlink(path) < 0 && errno != ENOENT)
        log_warning("cannot remove '%s' from the fetcher's cache: %s", (const char *)path, strerror(errno));
}

static void
entry_end(struct fetcher_cache *cache, struct fetcher_cache_entry *entry)
{
    cache->used_bytes -= entry->size_bytes;
    loop_offload(cache->loop, cache, remove_file, free, take(&entry->path));
    entry_free(entry);
}

void
fetcher_cache_release(struct fetcher_cache *cache, struct fetcher_cache_entry *entry)
{
    if (--entry->users == 0 && entry->dropped)
        entry_end(cache, entry);
}

void
fetcher_cache_drop(struct fetcher_cache *cache, struct fetcher_cache_entry *entry)
{
    if (!entry->dropped)
        map_remove(&cache->entries, str_of(entry->key));
    entry->dropped = true;
    if (entry->users == 0)
        entry_end(cache, entry);
}

/* "c<digits>-...", also while it is being written. */
static bool
is_our_name(const char *name)
{
    size_t digits = name[0] == 'c' ? strspn(name + 1, "0123456789") : 0;
    return digits > 0 && name[1 + digits] == '-';
}

static void
wipe_user(int above, const char *user)
{
    int dir_fd = openat(above, user, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = dir_fd >= 0 ? fdopendir(dir_fd) : NULL;
    const struct dirent *file;
    if (!dir) {
        close_at(&dir_fd);
        return;
    }
    while ((file = readdir(dir)) != NULL)
        if (is_our_name(file->d_name) && unlinkat(dir_fd, file->d_name, 0) < 0)
            log_warning("cannot remove '%s' of user '%s' from the fetcher's cache: %s", file->d_name, user,
                        strerror(errno));
    closedir(dir);
    unlinkat(above, user, AT_REMOVEDIR); /* where something else is in it, it stays */
}

void
fetcher_cache_wipe(const char *directory)
{
    DIR *dir = opendir(directory);
    const struct dirent *user;
    if (!dir)
        return;
    while ((user = readdir(dir)) != NULL)
        if (strcmp(user->d_name, ".") != 0 && strcmp(user->d_name, "..") != 0)
            wipe_user(dirfd(dir), user->d_name);
    closedir(dir);
}
