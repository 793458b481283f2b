/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are made once, never change, and are shared by count: what many answers send at the same time without a
 * copy. A rope is a row of runs of pages, with bytes of its own between them. One thread counts references.
 */
#ifndef BASE_PAGE_H
#define BASE_PAGE_H

#include "base/buf.h"

enum { PAGE_BYTES = 64 << 10 }; /* what makers aim at; a page may be smaller or larger */

/* What pages cost that were replaced and that an unfinished answer still holds. */
struct page_account {
    size_t stale_bytes;
};

struct page {
    uint32_t refs;
    struct page_account *stale; /* set once it was replaced */
    struct page *packed; /* its other form, without the lead, made by whoever needs one (HTTP: deflated); or NULL */
    uint32_t check; /* of what is in packed: a checksum */
    uint32_t lead; /* how many bytes at the start an answer may leave out: a separator */
    size_t len;
    char *bytes;
};

/* Takes what buf holds, leaving it empty. One reference. */
struct page *page_of(struct buf *buf);
/* A page of a copy of these bytes. One reference. */
struct page *page_copy(struct str bytes);
struct page *page_ref(struct page *page);
void page_unref(struct page *page); /* NULL is fine */
/* Gives the maker's reference up because the page was replaced: it counts in account for as long as others hold it.
 * The account outlives them. NULL page is fine. */
void page_retire(struct page *page, struct page_account *account);

/* The account is about to go: the page counts nowhere any more. */
void page_forget_account(struct page *page);

struct rope_piece {
    struct page *page;
    size_t from, len;
};

/* Zero-initialised is empty and valid. bytes: of the pieces. Bytes may be appended to tail at any time (by a JSON writer, say). */
struct rope {
    struct rope_piece *pieces;
    size_t count, cap, bytes; /* bytes: of the pieces */
    struct buf tail; /* own bytes behind the last piece */
};

void rope_fini(struct rope *rope);
#define auto_rope __attribute__((cleanup(rope_fini)))
/* The page's bytes, with or without its lead; refers to them, or copies where that is cheaper. */
void rope_add(struct rope *rope, struct page *page, bool lead);
/* One more reference to what is a piece of another rope. */
void rope_add_piece(struct rope *rope, const struct rope_piece *piece);
/* A copy of these bytes before the piece of that number (count = behind the last). */
void rope_insert(struct rope *rope, size_t at, struct str bytes);
/* Makes the tail a piece, so that the pieces are everything. */
void rope_seal(struct rope *rope);
static inline size_t
rope_len(const struct rope *rope)
{
    return rope->bytes + rope->tail.len;
}
/* All bytes in a row, for those who need them so. */
void rope_copy(const struct rope *rope, struct buf *out);

#endif
