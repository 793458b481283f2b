/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and ownership. Allocation never fails: when the system refuses, the process aborts (its state is on disk).
 * Sizes that come from outside are capped by the caller before they reach these functions.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* Grows `ptr` to hold count * size bytes; aborts when the product overflows. */
void *xreallocarray(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t len) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t len) __attribute__((malloc, returns_nonnull));
/* A new string, owned by the caller. */
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((malloc, returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap) PRINTF_LIKE(1, 0) __attribute__((malloc, returns_nonnull));

/* auto_free char *p: freed when the scope ends. take(&p) hands ownership on and leaves NULL behind. */
static inline void
free_at(void *at)
{
    free(*(void **)at);
}
static inline void *
take_at(void *at)
{
    void *p = *(void **)at;
    *(void **)at = NULL;
    return p;
}
#define auto_free __attribute__((cleanup(free_at)))
#define take(at) ((__typeof__(*(at)))take_at(at))

/* auto_fd int fd = -1: closed when the scope ends. take_fd(&fd) hands it on and leaves -1 behind. */
static inline void
close_at(int *at)
{
    if (*at >= 0)
        close(*at);
}
static inline int
take_fd(int *at)
{
    int fd = *at;
    *at = -1;
    return fd;
}
#define auto_fd __attribute__((cleanup(close_at)))

#endif
