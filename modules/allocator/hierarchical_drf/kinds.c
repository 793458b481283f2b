/* SPDX-License-Identifier: Apache-2.0 */
/* Scalar resources as arrays of amounts. Names get numbers as they appear; numbers are never given back. */
#include <string.h>

#include "drf.h"

int
kind_find(struct drf *drf, const char *name)
{
    return kind_number(drf, name, KINDS_MAX);
}

int
kind_number(struct drf *drf, const char *name, uint32_t max)
{
    for (uint32_t i = 0; i < drf->kind_count; i++)
        if (strcmp(drf->kinds[i], name) == 0)
            return (int)i;
    if (drf->kind_count >= max)
        return -1;
    drf->kinds[drf->kind_count] = xstrdup(name);
    return (int)drf->kind_count++;
}

void
amounts_of(struct drf *drf, struct mesos_resources view, struct amounts *ret)
{
    *ret = (struct amounts){0};
    for (size_t i = 0; i < view.count; i++) {
        const struct mesos_resource *item =
            (const struct mesos_resource *)((const char *)view.items + i * view.stride);
        int kind = item->type == MESOS_VALUE_SCALAR ? kind_find(drf, item->name) : -1;
        if (kind >= 0)
            ret->of[kind] += item->scalar;
    }
}

void
amounts_add(struct amounts *a, const struct amounts *b)
{
    for (size_t i = 0; i < KINDS_MAX; i++)
        a->of[i] += b->of[i];
}

void
amounts_subtract(struct amounts *a, const struct amounts *b)
{
    for (size_t i = 0; i < KINDS_MAX; i++)
        a->of[i] = a->of[i] > b->of[i] ? a->of[i] - b->of[i] : 0;
}

bool
amounts_zero(const struct amounts *a)
{
    for (size_t i = 0; i < KINDS_MAX; i++)
        if (a->of[i])
            return false;
    return true;
}

bool
amounts_allocatable(const struct drf *drf, const struct minimums *minimums, const struct amounts *a)
{
    for (uint32_t i = 0; i < minimums->count; i++) {
        bool enough = true;
        for (uint32_t kind = 0; kind < drf->kind_count && enough; kind++)
            enough = a->of[kind] >= minimums->items[i].least.of[kind];
        if (enough)
            return true;
    }
    return minimums->count == 0;
}
