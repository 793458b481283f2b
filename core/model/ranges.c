/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals and sets: see ranges.h. Knows nothing of resources; must stay free of anything but base. */
#include "model/ranges.h"

#include <string.h>

#include "base/mem.h"

static int
range_order(const void *a, const void *b)
{
    const struct mesos_range *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* b begins inside a or right behind it. */
static bool
range_touches(const struct mesos_range *a, const struct mesos_range *b)
{
    return b->begin <= a->end || b->begin - 1 == a->end;
}

/* Joins what touches; sorted already. */
static uint32_t
coalesce(struct mesos_range *items, uint32_t count)
{
    uint32_t last = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (!range_touches(&items[last], &items[i]))
            items[++last] = items[i];
        else if (items[i].end > items[last].end)
            items[last].end = items[i].end;
    }
    return count ? last + 1 : 0;
}

uint32_t
ranges_normalise(struct mesos_range *items, uint32_t count)
{
    if (count > 1)
        qsort(items, count, sizeof(*items), range_order);
    return coalesce(items, count);
}

struct mesos_range *
ranges_join(const struct mesos_range *a, uint32_t a_count, const struct mesos_range *b, uint32_t b_count,
            uint32_t *ret_count)
{
    uint32_t count = 0;
    *ret_count = 0;
    if (a_count + b_count == 0)
        return NULL;
    struct mesos_range *joined = xreallocarray(NULL, (size_t)a_count + b_count, sizeof(*joined));
    while (a_count || b_count) {
        bool from_a = b_count == 0 || (a_count && a->begin <= b->begin);
        joined[count++] = from_a ? *a++ : *b++;
        *(from_a ? &a_count : &b_count) -= 1;
    }
    *ret_count = coalesce(joined, count);
    return joined;
}

struct mesos_range *
ranges_minus(const struct mesos_range *a, uint32_t a_count, const struct mesos_range *b, uint32_t b_count,
             uint32_t *ret_count)
{
    *ret_count = 0;
    if (a_count == 0)
        return NULL;
    /* Each interval of b splits at most one of a into two. */
    struct mesos_range *left = xreallocarray(NULL, (size_t)a_count + b_count, sizeof(*left));
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < a_count; i++) {
        uint64_t begin = a[i].begin;
        bool rest = true;
        while (at < b_count && b[at].end < begin)
            at++;
        for (uint32_t j = at; j < b_count && b[j].begin <= a[i].end; j++) {
            if (b[j].begin > begin)
                left[count++] = (struct mesos_range){begin, b[j].begin - 1};
            if (b[j].end >= a[i].end) {
                rest = false;
                break;
            }
            begin = b[j].end + 1;
        }
        if (rest)
            left[count++] = (struct mesos_range){begin, a[i].end};
    }
    if (count == 0) {
        free(left);
        return NULL;
    }
    *ret_count = count;
    return left;
}

bool
ranges_contain(const struct mesos_range *a, uint32_t a_count, const struct mesos_range *b, uint32_t b_count)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < b_count; i++) {
        while (at < a_count && a[at].end < b[i].begin)
            at++;
        if (at == a_count || a[at].begin > b[i].begin || a[at].end < b[i].end)
            return false;
    }
    return true;
}

static int
name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Copies strings that are sorted and unlike into one block. */
static const char **
set_pack(const char *const *items, uint32_t count)
{
    size_t size = count * sizeof(*items);
    for (uint32_t i = 0; i < count; i++)
        size += strlen(items[i]) + 1;
    const char **set = xmalloc(size);
    char *text = (char *)(set + count);
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(items[i]) + 1;
        memcpy(text, items[i], len);
        set[i] = text;
        text += len;
    }
    return set;
}

const char **
set_new(const char *const *items, uint32_t count, uint32_t *ret_count)
{
    *ret_count = 0;
    if (count == 0)
        return NULL;
    auto_free const char **sorted = xreallocarray(NULL, count, sizeof(*sorted));
    memcpy(sorted, items, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), name_order);
    uint32_t last = 0;
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(sorted[last], sorted[i]) != 0)
            sorted[++last] = sorted[i];
    *ret_count = last + 1;
    return set_pack(sorted, last + 1);
}

const char **
set_join(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count, uint32_t *ret_count)
{
    auto_free const char **all = xreallocarray(NULL, (size_t)a_count + b_count + 1, sizeof(*all));
    for (uint32_t i = 0; i < a_count; i++)
        all[i] = a[i];
    for (uint32_t i = 0; i < b_count; i++)
        all[a_count + i] = b[i];
    return set_new(all, a_count + b_count, ret_count);
}

static bool
set_has(const char *const *items, uint32_t count, const char *item)
{
    return count && bsearch(&item, items, count, sizeof(*items), name_order) != NULL;
}

const char **
set_minus(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count, uint32_t *ret_count)
{
    auto_free const char **left = xreallocarray(NULL, (size_t)a_count + 1, sizeof(*left));
    uint32_t count = 0;
    for (uint32_t i = 0; i < a_count; i++)
        if (!set_has(b, b_count, a[i]))
            left[count++] = a[i];
    return set_new(left, count, ret_count);
}

bool
set_contain(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count)
{
    for (uint32_t i = 0; i < b_count; i++)
        if (!set_has(a, a_count, b[i]))
            return false;
    return true;
}
