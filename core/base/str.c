/* SPDX-License-Identifier: Apache-2.0 */
/* The text questions of str.h. Nothing here owns or allocates, str_dup excepted. */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
str_ieq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool
str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_n(s.ptr, prefix.len), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
    if (suffix.len == 0)
        return true;
    return s.len >= suffix.len && str_eq(str_n(s.ptr + (s.len - suffix.len), suffix.len), suffix);
}

ptrdiff_t
str_find(struct str s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

struct str
str_cut(struct str *s, char sep)
{
    struct str head = *s;
    ptrdiff_t at = str_find(*s, sep);
    if (at < 0) {
        *s = str_n(s->len ? s->ptr + s->len : s->ptr, 0);
        return head;
    }
    head.len = (size_t)at;
    *s = str_n(s->ptr + at + 1, s->len - (size_t)at - 1);
    return head;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str
str_trim(struct str s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

char *
str_dup(struct str s)
{
    return xstrndup(s.ptr, s.len);
}

int
str_cmp(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

int
str_to_u64(struct str s, uint64_t *ret)
{
    uint64_t value = 0;
    if (s.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return -EINVAL;
    for (size_t i = 0; i < s.len; i++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
            return -ERANGE;
    *ret = value;
    return 0;
}

int
str_to_i64(struct str s, int64_t *ret)
{
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t value;
    int rc = str_to_u64(negative ? str_n(s.ptr + 1, s.len - 1) : s, &value);
    if (rc)
        return rc;
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

int
str_to_double(struct str s, double *ret)
{
    char text[512];
    if (s.len == 0 || s.len >= sizeof(text))
        return -EINVAL;
    for (size_t i = 0; i < s.len; i++)
        if (!(s.ptr[i] >= '0' && s.ptr[i] <= '9') && !memchr("-+.eE", s.ptr[i], 5))
            return -EINVAL;
    if (s.ptr[0] == '+')
        return -EINVAL;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    char *end;
    double value = strtod(text, &end);
    if (end != text + s.len)
        return -EINVAL;
    if (!isfinite(value))
        return -ERANGE;
    *ret = value;
    return 0;
}

/* Edits (insert, delete, replace, swap of neighbours) between two words; '-' and '_' and cases count as equal. */
static size_t
edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    enum { LONGEST = 64 };
    size_t rows[3][LONGEST + 1];
    if (a_len > LONGEST || b_len > LONGEST)
        return SIZE_MAX;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            char x = lower(a[i - 1] == '-' ? '_' : a[i - 1]), y = lower(b[j - 1] == '-' ? '_' : b[j - 1]);
            size_t best = last[j - 1] + (x != y);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_len];
}

const char *
str_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t len = strlen(word), best = len / 3 + 2; /* one slip in a short word, a third of a long one */
    if (len < 3)
        best = 2;
    for (size_t i = 0; i < count; i++) {
        size_t name_len = strlen(names[i]);
        size_t distance = edit_distance(word, len, names[i], name_len);
        if (distance >= name_len)
            continue;
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    for (size_t i = 0; !nearest && len >= 3 && i < count; i++)
        if (strncmp(word, names[i], len) == 0)
            nearest = names[i];
    return nearest;
}

bool
str_eq_secret(struct str a, struct str b)
{
    unsigned char differ = a.len != b.len;
    for (size_t i = 0; i < a.len; i++)
        differ |= (unsigned char)(a.ptr[i] ^ (b.len ? b.ptr[i % b.len] : 0));
    return differ == 0;
}
