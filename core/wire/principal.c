/* SPDX-License-Identifier: Apache-2.0 */
/* See principal.h. Decides nothing about what anybody may do. */
#include "wire/principal.h"

#include <string.h>

static const char *
copied(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, str_of(text)) : NULL;
}

struct mesos_principal *
principal_copy(const struct mesos_principal *principal, struct arena *arena)
{
    if (!principal)
        return NULL;
    struct mesos_principal *copy = arena_alloc(arena, sizeof(*copy));
    struct mesos_claim *claims = arena_alloc(arena, (principal->claim_count + 1) * sizeof(*claims));
    for (size_t i = 0; i < principal->claim_count; i++)
        claims[i] = (struct mesos_claim){copied(arena, principal->claims[i].key), copied(arena, principal->claims[i].value)};
    *copy = (struct mesos_principal){.size = sizeof(*copy), .value = copied(arena, principal->value), .claims = claims,
                                     .claim_count = principal->claim_count};
    return copy;
}

static bool
same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool
principal_same(const struct mesos_principal *a, const struct mesos_principal *b)
{
    if (!a || !b)
        return a == b;
    if (!same_text(a->value, b->value) || a->claim_count != b->claim_count)
        return false;
    for (size_t i = 0; i < a->claim_count; i++)
        if (!same_text(a->claims[i].key, b->claims[i].key) || !same_text(a->claims[i].value, b->claims[i].value))
            return false;
    return true;
}
