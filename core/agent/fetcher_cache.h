/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fetcher keeps for later: one file per user and URI below --fetcher_cache_dir, and the account of their sizes.
 * Files that nobody uses go when room is needed, the least recently used first. Used by fetcher.c on the loop; files are
 * removed off the thread, written by mesos-fetcher.
 */
#ifndef AGENT_FETCHER_CACHE_H
#define AGENT_FETCHER_CACHE_H

#include <stdint.h>
#include "base/list.h"
#include "base/map.h"
#include "loop/loop.h"

struct fetcher_cache {
    struct loop *loop;
    char *directory;
    uint64_t capacity_bytes, used_bytes;
    uint64_t next; /* number of the next file */
    struct map entries; /* by user and URI */
    struct list by_use; /* struct fetcher_cache_entry.in_use_order, the least recently used first */
};

struct fetcher_cache_entry {
    struct list in_use_order;
    char *key;
    char *name; /* of the file, in the user's directory */
    char *path;
    uint64_t size_bytes; /* what the account holds for it */
    unsigned users; /* fetches that hold it: it stays */
    bool ready; /* false: somebody is downloading it */
    bool dropped; /* no longer found; goes with its last user */
    struct list waiting; /* fetcher.c's, for the download's end */
};

/* Names of files begin with a number from first_number on, so that those of an earlier run are not met. */
void fetcher_cache_init(struct fetcher_cache *cache, struct loop *loop, const char *directory, uint64_t capacity_bytes,
                        uint64_t first_number);
/* No entry may have a user. Files stay. */
void fetcher_cache_fini(struct fetcher_cache *cache);
/* Where a user's files are; to be freed. user NULL = the agent's own. */
char *fetcher_cache_directory(const struct fetcher_cache *cache, const char *user);
/* The entry, now the most recently used, or NULL. */
struct fetcher_cache_entry *fetcher_cache_find(struct fetcher_cache *cache, const char *user, const char *uri);
/* A new one that is not ready, with one user and no room yet. There must be none of that user and URI. */
struct fetcher_cache_entry *fetcher_cache_add(struct fetcher_cache *cache, const char *user, const char *uri);
/* Sets what the account holds for it, evicting others where needed. false = there is no room; nothing has changed. */
bool fetcher_cache_reserve(struct fetcher_cache *cache, struct fetcher_cache_entry *entry, uint64_t bytes);
static inline void
fetcher_cache_hold(struct fetcher_cache_entry *entry)
{
    entry->users++;
}
/* Gives one use back. */
void fetcher_cache_release(struct fetcher_cache *cache, struct fetcher_cache_entry *entry);
/* Nobody finds it any more; its file goes with its last user. */
void fetcher_cache_drop(struct fetcher_cache *cache, struct fetcher_cache_entry *entry);
/* Blocking: removes what an earlier run left, which is what bears our names, and nothing else. */
void fetcher_cache_wipe(const char *directory);

#endif
