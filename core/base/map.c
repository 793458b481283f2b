/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash map of map.h: entries lie in a dense array in order of insertion, slots hold places in it. A removed
 * entry stays as a hole until the next growth, so that removal never moves what an iteration looks at.
 */
#include "base/map.h"

#include <assert.h>
#include <sys/random.h>

static uint64_t hash_seed[2];

/* Before main, so that no thread can see a half-made seed. */
__attribute__((constructor)) static void
seed_hash(void)
{
    if (getrandom(hash_seed, sizeof(hash_seed), GRND_NONBLOCK) != sizeof(hash_seed)) {
        hash_seed[0] = (uint64_t)(uintptr_t)&hash_seed ^ (uint64_t)getpid();
        hash_seed[1] = ~hash_seed[0];
    }
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

uint64_t
hash_bytes(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t v[4] = {hash_seed[0] ^ 0x736f6d6570736575u, hash_seed[1] ^ 0x646f72616e646f6du,
                     hash_seed[0] ^ 0x6c7967656e657261u, hash_seed[1] ^ 0x7465646279746573u};
    uint64_t word, last = (uint64_t)len << 56;
    size_t whole = len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, p + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = whole; i < len; i++)
        last |= (uint64_t)p[i] << (8 * (i - whole));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint32_t
capacity(uint32_t slot_mask)
{
    return (slot_mask + 1) / 4 * 3;
}

/* Where `key` is, or NULL. */
static struct map_entry *
entry_find(const struct map *map, struct str key, uint64_t hash)
{
    if (!map->slots)
        return NULL;
    for (uint32_t at = (uint32_t)hash & map->slot_mask; map->slots[at]; at = (at + 1) & map->slot_mask) {
        struct map_entry *e = &map->entries[map->slots[at] - 1];
        if (e->value && e->hash == hash && str_eq(e->key, key))
            return e;
    }
    return NULL;
}

/* Drops the holes and makes room for at least half as many again. */
static void
rebuild(struct map *map)
{
    assert(map->count < UINT32_MAX / 4);
    uint32_t mask = 7, need = map->count + map->count / 2 + 1;
    while (capacity(mask) < need)
        mask = mask * 2 + 1;
    uint32_t live = 0;
    for (uint32_t i = 0; i < map->used; i++)
        if (map->entries[i].value)
            map->entries[live++] = map->entries[i];
    map->used = live;
    map->entries = xreallocarray(map->entries, capacity(mask), sizeof(*map->entries));
    free(map->slots);
    map->slots = xcalloc(mask + (size_t)1, sizeof(*map->slots));
    map->slot_mask = mask;
    for (uint32_t i = 0; i < live; i++) {
        uint32_t at = (uint32_t)map->entries[i].hash & mask;
        while (map->slots[at])
            at = (at + 1) & mask;
        map->slots[at] = i + 1;
    }
}

static void
entry_add(struct map *map, struct str key, void *value, uint64_t hash)
{
    if (!map->slots || map->used == capacity(map->slot_mask))
        rebuild(map);
    uint32_t at = (uint32_t)hash & map->slot_mask;
    while (map->slots[at])
        at = (at + 1) & map->slot_mask;
    map->entries[map->used++] = (struct map_entry){key, value, hash};
    map->slots[at] = map->used;
    map->count++;
}

void
map_fini(struct map *map)
{
    free(map->entries);
    free(map->slots);
    *map = (struct map){0};
}

void *
map_get(const struct map *map, struct str key)
{
    if (!map->count)
        return NULL;
    const struct map_entry *e = entry_find(map, key, hash_bytes(key.ptr, key.len));
    return e ? e->value : NULL;
}

void
map_add(struct map *map, struct str key, void *value)
{
    uint64_t hash = hash_bytes(key.ptr, key.len);
    assert(value && !entry_find(map, key, hash));
    entry_add(map, key, value, hash);
}

void *
map_set(struct map *map, struct str key, void *value)
{
    uint64_t hash = hash_bytes(key.ptr, key.len);
    struct map_entry *e = entry_find(map, key, hash);
    assert(value);
    if (!e) {
        entry_add(map, key, value, hash);
        return NULL;
    }
    void *former = e->value;
    e->key = key;
    e->value = value;
    return former;
}

void *
map_remove(struct map *map, struct str key)
{
    struct map_entry *e = map->count ? entry_find(map, key, hash_bytes(key.ptr, key.len)) : NULL;
    if (!e)
        return NULL;
    void *value = e->value;
    e->value = NULL;
    e->key = (struct str){NULL, 0};
    map->count--;
    return value;
}

struct map_entry *
map_next(const struct map *map, uint32_t *at)
{
    while (*at < map->used) {
        struct map_entry *e = &map->entries[(*at)++];
        if (e->value)
            return e;
    }
    return NULL;
}
