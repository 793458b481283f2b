/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation in chunks that double. The arena itself lies in its first chunk, so that a small one is one malloc. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>

enum { ALIGN = 16, FIRST_BYTES = 4096, CHUNK_MAX_BYTES = 1 << 20 };

struct chunk {
    struct chunk *older;
    size_t size; /* of data */
    size_t used;
    char pad[8];
    char data[] __attribute__((aligned(ALIGN)));
};

struct arena {
    struct chunk *newest;
    size_t bytes;
    size_t next_size;
};

static inline size_t
round_up(size_t n)
{
    if (n > SIZE_MAX - ALIGN)
        abort();
    return (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

static struct chunk *
chunk_new(size_t size)
{
    struct chunk *chunk = xmalloc(sizeof(*chunk) + size);
    chunk->older = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

struct arena *
arena_new(size_t first_bytes)
{
    size_t head = round_up(sizeof(struct arena));
    size_t size = head + round_up(first_bytes ? first_bytes : FIRST_BYTES);
    struct chunk *chunk = chunk_new(size);
    struct arena *arena = (struct arena *)(void *)chunk->data;
    chunk->used = head;
    arena->newest = chunk;
    arena->bytes = sizeof(*chunk) + size;
    arena->next_size = size;
    return arena;
}

void
arena_free(struct arena *arena)
{
    struct chunk *chunk = arena ? arena->newest : NULL;
    while (chunk) {
        struct chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    size = round_up(size);
    struct chunk *chunk = arena->newest;
    if (size <= chunk->size - chunk->used) {
        void *p = chunk->data + chunk->used;
        chunk->used += size;
        return p;
    }
    if (arena->next_size < CHUNK_MAX_BYTES)
        arena->next_size *= 2;
    size_t chunk_size = size > arena->next_size ? size : arena->next_size;
    chunk = chunk_new(chunk_size);
    chunk->used = size;
    arena->bytes += sizeof(*chunk) + chunk_size;
    /* A big lump of its own goes behind the newest chunk when that one still has the more room. */
    struct chunk *newest = arena->newest;
    if (newest->size - newest->used > chunk->size - chunk->used) {
        chunk->older = newest->older;
        newest->older = chunk;
    } else {
        chunk->older = newest;
        arena->newest = chunk;
    }
    return chunk->data;
}

void *
arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

char *
arena_strdup(struct arena *arena, struct str s)
{
    char *p = arena_alloc(arena, s.len + 1);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return p;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    char *p = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

size_t
arena_bytes(const struct arena *arena)
{
    return arena->bytes;
}

void
arena_reset(struct arena *arena)
{
    struct chunk *chunk = arena->newest, *first = (struct chunk *)(void *)((char *)arena - offsetof(struct chunk, data));
    while (chunk) {
        struct chunk *older = chunk->older;
        if (chunk != first)
            free(chunk);
        chunk = older;
    }
    first->older = NULL;
    first->used = round_up(sizeof(*arena));
    arena->newest = first;
    arena->bytes = sizeof(*first) + first->size;
    arena->next_size = first->size;
}
