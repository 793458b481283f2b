/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte-string keys to pointers, with a hash that is seeded at random per process, because keys come from outside.
 * Iteration is in order of insertion. The map owns neither keys nor values: a key is borrowed, usually from inside
 * its value, and must stay put while it is in the map. Zero-initialised is empty and valid.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_entry {
    struct str key;
    void *value; /* NULL marks a removed entry: values are never NULL */
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* in order of insertion, with holes */
    uint32_t *slots; /* open addressing, index + 1 into entries */
    uint32_t used; /* entries including holes */
    uint32_t count; /* live entries */
    uint32_t slot_mask;
};

void map_fini(struct map *map);
/* The value, or NULL. */
void *map_get(const struct map *map, struct str key);
/* Adds; the key must not be there (assert). */
void map_add(struct map *map, struct str key, void *value);
/* Adds or replaces; returns the former value or NULL. The key pointer is replaced too. */
void *map_set(struct map *map, struct str key, void *value);
/* Removes; returns the value or NULL. */
void *map_remove(struct map *map, struct str key);
static inline size_t
map_count(const struct map *map)
{
    return map->count;
}
/* The first live entry at or after index *at, leaving *at behind it; NULL at the end. Removal during iteration is
 * allowed (of any entry); adding is not. */
struct map_entry *map_next(const struct map *map, uint32_t *at);
/* `var` gets each value in turn, declared by the caller as a pointer. Nests (one per source line). */
#define map_foreach(var, map) map_foreach_as(var, map, map_it_on_line(__LINE__))
#define map_it_on_line(line) map_it_name(line)
#define map_it_name(line) map_it_##line
#define map_foreach_as(var, map, it)                                                                               \
    for (struct {                                                                                                  \
             uint32_t at;                                                                                          \
             struct map_entry *e;                                                                                  \
         } it = {0, NULL};                                                                                         \
         (it.e = map_next((map), &it.at)) != NULL && ((var) = it.e->value, 1);)

/* The process-wide seeded hash (SipHash-1-3) that maps use. */
uint64_t hash_bytes(const void *data, size_t len);

#endif
