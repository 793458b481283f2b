/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable run of bytes that is appended at the end and consumed at the front (cheaply: an offset moves).
 * The owner is whoever embeds it. Zero-initialised (`struct buf b = {0}`) is empty and valid.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *base; /* allocation, or NULL */
    size_t start; /* first live byte */
    size_t len; /* live bytes */
    size_t cap; /* bytes allocated */
};

void buf_fini(struct buf *buf);
#define auto_buf __attribute__((cleanup(buf_fini)))

static inline char *
buf_data(const struct buf *buf)
{
    return buf->base ? buf->base + buf->start : NULL; /* adding even nothing to NULL is undefined */
}
static inline struct str
buf_str(const struct buf *buf)
{
    return str_n(buf->base ? buf->base + buf->start : "", buf->len);
}
void buf_clear(struct buf *buf); /* keeps the allocation */
/* Makes room for `more` bytes after the live ones and returns where they go; buf_added() then counts them in. */
char *buf_reserve(struct buf *buf, size_t more);
static inline void
buf_added(struct buf *buf, size_t n)
{
    buf->len += n;
}
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_str(struct buf *buf, struct str s);
void buf_puts(struct buf *buf, const char *s);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Drops n bytes at the front. n <= len. */
void buf_consume(struct buf *buf, size_t n);
/* Ends the bytes with a NUL (not counted in len), returns them, empties buf; the caller frees. */
char *buf_take(struct buf *buf);
/* The bytes as a C string that buf still owns; valid until the next change. */
const char *buf_cstr(struct buf *buf);
/* Gives memory back when nothing is live and the allocation is larger than keep bytes. */
void buf_shrink(struct buf *buf, size_t keep);

#endif
