/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed slices of bytes, not NUL-terminated, and the small text questions that every room asks.
 * A struct str never owns; whoever made the bytes outlives it.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define STR_LIT(s) ((struct str){(s), sizeof(s) - 1})
/* For printf("%.*s", STR_ARG(x)). */
#define STR_ARG(s) (int)(s).len, ((s).ptr ? (s).ptr : "")

static inline struct str
str_of(const char *s)
{
    return (struct str){s, s ? strlen(s) : 0};
}
static inline struct str
str_n(const void *p, size_t len)
{
    return (struct str){(const char *)p, len};
}
static inline bool
str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool
str_is(struct str a, const char *b)
{
    return str_eq(a, str_of(b));
}
bool str_ieq(struct str a, struct str b); /* ASCII case ignored */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Index of the first c, or -1. */
ptrdiff_t str_find(struct str s, char c);
/* Cuts s at the first sep: returns what is before it and leaves the rest in *s (empty when sep is not there). */
struct str str_cut(struct str *s, char sep);
struct str str_trim(struct str s); /* spaces, tabs, CR, LF at both ends */
char *str_dup(struct str s); /* NUL-terminated copy; the caller frees */
int str_cmp(struct str a, struct str b); /* bytewise order: <0, 0, >0 */

/* Whole-string number parsers: no sign for u64, no spaces, no trailing bytes. -EINVAL or -ERANGE. */
int str_to_u64(struct str s, uint64_t *ret);
int str_to_i64(struct str s, int64_t *ret);
/* Finite decimal numbers only ("nan", "inf", hex are refused). */
int str_to_double(struct str s, double *ret);

/* The name among `names` (count of them) that a person most likely meant, or NULL when none is near. */
const char *str_nearest(const char *word, const char *const *names, size_t count);

/* Compares secrets in a time that depends on the lengths only. */
bool str_eq_secret(struct str a, struct str b);

#endif
