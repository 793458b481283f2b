/* SPDX-License-Identifier: Apache-2.0 */
/* Growable bytes. Capacity doubles; what was consumed at the front is reused before more is allocated. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>

void
buf_fini(struct buf *buf)
{
    free(buf->base);
    *buf = (struct buf){0};
}

void
buf_clear(struct buf *buf)
{
    buf->start = buf->len = 0;
}

char *
buf_reserve(struct buf *buf, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(buf->len, more, &need))
        abort();
    if (buf->base && buf->cap - buf->start >= need)
        return buf->base + buf->start + buf->len;
    /* Moving the live bytes is cheap when at least as many were consumed as are left. */
    if (buf->base && buf->cap >= need && buf->start >= buf->len) {
        if (buf->len)
            memcpy(buf->base, buf->base + buf->start, buf->len);
        buf->start = 0;
        return buf->base + buf->len;
    }
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap < need && cap <= SIZE_MAX / 2)
        cap *= 2;
    if (cap < need)
        cap = need;
    if (buf->start) {
        char *fresh = xmalloc(cap);
        if (buf->len)
            memcpy(fresh, buf->base + buf->start, buf->len);
        free(buf->base);
        buf->base = fresh;
        buf->start = 0;
    } else {
        buf->base = xrealloc(buf->base, cap);
    }
    buf->cap = cap;
    return buf->base + buf->len;
}

void
buf_append(struct buf *buf, const void *data, size_t len)
{
    if (!len)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void
buf_append_str(struct buf *buf, struct str s)
{
    buf_append(buf, s.ptr, s.len);
}

void
buf_puts(struct buf *buf, const char *s)
{
    buf_append(buf, s, strlen(s));
}

void
buf_putc(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->len++;
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = buf->base ? buf->cap - buf->start - buf->len : 0;
    int n = vsnprintf(buf->base ? buf->base + buf->start + buf->len : NULL, room, fmt, ap);
    if (n < 0)
        abort();
    if ((size_t)n >= room)
        vsnprintf(buf_reserve(buf, (size_t)n + 1), (size_t)n + 1, fmt, again);
    buf->len += (size_t)n;
    va_end(again);
    va_end(ap);
}

void
buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->start += n;
    buf->len -= n;
    if (buf->len == 0)
        buf->start = 0;
}

char *
buf_take(struct buf *buf)
{
    buf_putc(buf, '\0');
    if (buf->start)
        memmove(buf->base, buf->base + buf->start, buf->len);
    char *bytes = buf->base;
    *buf = (struct buf){0};
    return bytes;
}

const char *
buf_cstr(struct buf *buf)
{
    *buf_reserve(buf, 1) = '\0';
    return buf->base + buf->start;
}

void
buf_shrink(struct buf *buf, size_t keep)
{
    if (buf->len == 0 && buf->cap > keep)
        buf_fini(buf);
}
