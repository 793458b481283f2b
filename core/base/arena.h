/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed all at once: a decoded message and everything that hangs on it lives in one arena.
 * Not for state that grows and shrinks.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena;

/* first_bytes: size of the first chunk (0 = 4 KiB); chunks double up to 1 MiB. */
struct arena *arena_new(size_t first_bytes);
void arena_free(struct arena *arena);
static inline void
arena_free_at(struct arena **at)
{
    arena_free(*at);
}
#define auto_arena __attribute__((cleanup(arena_free_at)))
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull)); /* aligned to 16, not cleared */
void *arena_calloc(struct arena *arena, size_t count, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *arena, struct str s); /* NUL-terminated */
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
size_t arena_bytes(const struct arena *arena); /* allocated from the system */
/* Empties it and keeps the first chunk, for reuse in a loop. */
void arena_reset(struct arena *arena);

#endif
