/* SPDX-License-Identifier: Apache-2.0 */
/* Pages and ropes. A page's bytes are an allocation of their own, so that a buffer becomes one without a copy. */
#include "base/page.h"

#include <assert.h>

enum { SMALL_BYTES = 4 << 10 }; /* a run as short as this is copied: a reference costs as much */

struct page *
page_of(struct buf *buf)
{
    struct page *page = xcalloc(1, sizeof(*page));
    page->refs = 1;
    page->len = buf->len;
    if (buf->start || buf->cap - buf->len > buf->len / 8)
        page->bytes = xmemdup(buf->base ? buf_data(buf) : "", buf->len);
    else
        page->bytes = take(&buf->base);
    buf_fini(buf);
    return page;
}

struct page *
page_copy(struct str bytes)
{
    struct page *page = xcalloc(1, sizeof(*page));
    page->refs = 1;
    page->len = bytes.len;
    page->bytes = xmemdup(bytes.len ? bytes.ptr : "", bytes.len);
    return page;
}

struct page *
page_ref(struct page *page)
{
    page->refs++;
    return page;
}

void
page_unref(struct page *page)
{
    if (!page)
        return;
    assert(page->refs > 0);
    if (--page->refs)
        return;
    if (page->stale)
        page->stale->stale_bytes -= page->len;
    page_unref(page->packed);
    free(page->bytes);
    free(page);
}

void
page_retire(struct page *page, struct page_account *account)
{
    if (page && page->refs > 1 && !page->stale) {
        page->stale = account;
        account->stale_bytes += page->len;
    }
    page_unref(page);
}

void
page_forget_account(struct page *page)
{
    if (page->stale)
        page->stale->stale_bytes -= page->len;
    page->stale = NULL;
}

void
rope_fini(struct rope *rope)
{
    for (size_t i = 0; i < rope->count; i++)
        page_unref(rope->pieces[i].page);
    free(rope->pieces);
    buf_fini(&rope->tail);
    *rope = (struct rope){0};
}

static void
push(struct rope *rope, struct page *page, size_t from)
{
    if (rope->count == rope->cap) {
        rope->cap = rope->cap ? 2 * rope->cap : 16;
        rope->pieces = xreallocarray(rope->pieces, rope->cap, sizeof(*rope->pieces));
    }
    rope->pieces[rope->count++] = (struct rope_piece){page, from, page->len - from};
    rope->bytes += page->len - from;
}

void
rope_seal(struct rope *rope)
{
    if (rope->tail.len)
        push(rope, page_of(&rope->tail), 0);
}

void
rope_add(struct rope *rope, struct page *page, bool lead)
{
    size_t from = lead ? 0 : page->lead, len = page->len - from;
    if (len <= SMALL_BYTES) {
        buf_append(&rope->tail, page->bytes + from, len);
        return;
    }
    rope_seal(rope);
    push(rope, page_ref(page), from);
}

void
rope_add_piece(struct rope *rope, const struct rope_piece *piece)
{
    rope_seal(rope);
    push(rope, page_ref(piece->page), piece->from);
}

void
rope_insert(struct rope *rope, size_t at, struct str bytes)
{
    assert(at <= rope->count);
    rope_seal(rope);
    push(rope, page_copy(bytes), 0);
    struct rope_piece piece = rope->pieces[rope->count - 1];
    memmove(rope->pieces + at + 1, rope->pieces + at, (rope->count - 1 - at) * sizeof(piece));
    rope->pieces[at] = piece;
}

void
rope_copy(const struct rope *rope, struct buf *out)
{
    buf_reserve(out, rope_len(rope));
    for (size_t i = 0; i < rope->count; i++)
        buf_append(out, rope->pieces[i].page->bytes + rope->pieces[i].from, rope->pieces[i].len);
    buf_append_str(out, buf_str(&rope->tail));
}
