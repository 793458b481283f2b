/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fetch may use what of the cache, and who downloads it. A fetch that waits holds nothing, so none waits for another
 * in a circle.
 */
#include "agent/fetcher_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/file.h"

/* Waiters look again, now that a download has ended. */
static void
wake(struct fetcher_cache_entry *entry)
{
    struct list woken;
    list_init(&woken);
    while (!list_empty(&entry->waiting)) {
        struct list *node = entry->waiting.next;
        list_remove(node);
        list_push(&woken, node);
    }
    while (!list_empty(&woken)) {
        struct mesos_fetching *fetching = list_first(&woken, struct mesos_fetching, in_waiting);
        list_remove(&fetching->in_waiting);
        fetcher_begin(fetching);
    }
}

/* The download of an entry has ended; it is good when its file is there and there is room for what it really is. */
static void
settle_download(struct fetcher *fetcher, struct fetcher_cache_entry *entry, bool good)
{
    struct stat st;
    good = good && lstat(entry->path, &st) == 0 && S_ISREG(st.st_mode);
    entry->ready = true;
    if (!good || !fetcher_cache_reserve(&fetcher->cache, entry, (uint64_t)st.st_size))
        fetcher_cache_drop(&fetcher->cache, entry);
}

void
fetcher_settle(struct mesos_fetching *fetching, bool good)
{
    struct fetcher *fetcher = fetching->fetcher;
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        struct fetcher_cache_entry *entry = item->entry;
        if (!entry)
            continue;
        item->entry = NULL;
        if (item->downloads)
            settle_download(fetcher, entry, good);
        if (item->downloads)
            wake(entry);
        fetcher_cache_release(&fetcher->cache, entry);
    }
}

/* This fetch goes past the cache for the entry's items, and whoever waits for it looks again. */
static void
bypass(struct mesos_fetching *fetching, struct fetcher_cache_entry *entry)
{
    struct fetcher_cache *cache = &fetching->fetcher->cache;
    fetcher_cache_hold(entry);
    fetcher_cache_drop(cache, entry);
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        if (item->entry != entry)
            continue;
        item->entry = NULL;
        item->downloads = false;
        fetcher_cache_release(cache, entry);
    }
    wake(entry);
    fetcher_cache_release(cache, entry);
}

/* A line for each item, in the order of the items; what is missing or no number is a size that is not known. */
void
fetcher_take_sizes(struct mesos_fetching *fetching)
{
    struct str rest = buf_str(&fetching->sizes);
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        if (!item->downloads)
            continue;
        struct str line = str_cut(&rest, '\n');
        auto_free char *text = xstrndup(line.ptr, line.len);
        char *end;
        errno = 0;
        unsigned long long bytes = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno ||
            !fetcher_cache_reserve(&fetching->fetcher->cache, item->entry, bytes))
            bypass(fetching, item->entry);
    }
}

static bool
wants_cache(const struct mesos_fetching *fetching, const struct item *item)
{
    return fetching->cache_directory && item->uri->has_cache && item->uri->cache;
}

bool
fetcher_must_wait(struct mesos_fetching *fetching)
{
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        const struct item *item = &fetching->items[i];
        struct fetcher_cache_entry *entry =
            wants_cache(fetching, item)
                ? fetcher_cache_find(&fetching->fetcher->cache, fetching->user, item->uri->value)
                : NULL;
        if (entry && !entry->ready) {
            list_push(&entry->waiting, &fetching->in_waiting);
            return true;
        }
    }
    return false;
}

/* A file that somebody removed behind our back is not offered. */
static bool
is_there(const struct fetcher_cache_entry *entry)
{
    struct stat st;
    return lstat(entry->path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == entry->size_bytes;
}

/* The same URI twice in one command is fetched once, the second time
 * from the cache: items are worked in order. */
bool
fetcher_claim(struct mesos_fetching *fetching)
{
    struct fetcher_cache *cache = &fetching->fetcher->cache;
    bool downloads = false;
    for (size_t i = 0; i < fetching->command->n_uris; i++) {
        struct item *item = &fetching->items[i];
        if (!wants_cache(fetching, item))
            continue;
        item->entry = fetcher_cache_find(cache, fetching->user, item->uri->value);
        if (item->entry && item->entry->ready && !is_there(item->entry)) {
            fetcher_cache_drop(cache, item->entry);
            item->entry = NULL;
        }
        if (item->entry) {
            fetcher_cache_hold(item->entry);
            continue;
        }
        item->entry = fetcher_cache_add(cache, fetching->user, item->uri->value);
        item->downloads = downloads = true;
    }
    return downloads;
}

/* Under /tmp, which is the default, somebody else may have been there first. */
static int
check_ours(const char *directory, struct err *err)
{
    struct stat st;
    if (lstat(directory, &st) < 0)
        return err_errno(err, "cannot look at '%s'", directory);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return err_set(err, -EPERM, "--fetcher_cache_dir '%s' must be a directory that only the agent's user can write",
                       directory);
    return 0;
}

int
fetcher_make_directory(const char *directory, const char *user_name, const char *user_directory, struct err *err)
{
    char space[4096];
    struct passwd entry, *user = NULL;
    int rc = dir_make(directory, 0755, err);
    if (!rc)
        rc = check_ours(directory, err);
    if (rc)
        return rc;
    if (mkdir(user_directory, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make '%s'", user_directory);
    if (user_name && geteuid() == 0 &&
        (getpwnam_r(user_name, &entry, space, sizeof(space), &user) != 0 || !user))
        return err_set(err, -ENOENT, "no such user '%s'", user_name);
    auto_fd int fd = open(user_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0700) < 0 || (user && fchown(fd, user->pw_uid, user->pw_gid) < 0))
        return err_errno(err, "cannot give '%s' to its user", user_directory);
    return 0;
}
