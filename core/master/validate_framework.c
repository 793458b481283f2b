/* SPDX-License-Identifier: Apache-2.0 */
/* What a framework may say of itself. Pure checks with Mesos's texts; SUBSCRIBE and UPDATE_FRAMEWORK ask
 * them. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "host/kind_allocator.h"
#include "master/calls.h"
#include "model/role.h"
#include "wire/message.h"

/* Much that happens per role looks at every other one, and a message could name millions. */
enum { MAX_ROLES = 10000, MAX_QUANTITIES = 100 };

/* "{ a, b }" */
static void
put_set(struct buf *out, char *const *list, size_t count)
{
    buf_puts(out, "{ ");
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s%s", i ? ", " : "", list[i]);
    buf_puts(out, " }");
}

static int
duplicates_validate(const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    if (info->n_roles > MAX_ROLES)
        return err_set(err, -EINVAL, "'FrameworkInfo.roles' contains %zu items; at most %d are allowed",
                       info->n_roles, MAX_ROLES);
    auto_free char **twice = xcalloc(info->n_roles + 1, sizeof(*twice));
    struct map once = {0}, again = {0};
    size_t count = 0;
    for (size_t i = 0; i < info->n_roles; i++) {
        char *role = info->roles[i];
        if (map_set(&once, str_of(role), role) && !map_set(&again, str_of(role), role))
            twice[count++] = role;
    }
    map_fini(&once);
    map_fini(&again);
    if (!count)
        return 0;
    auto_buf struct buf text = {0};
    put_set(&text, twice, count);
    return err_set(err, -EINVAL, "'FrameworkInfo.roles' contains duplicate items: %s", buf_cstr(&text));
}

static int
roles_validate(const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    bool multi = framework_has_capability(info, MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE);
    bool has_role = info->role && info->role != mesos__v1__framework_info__role__default_value;
    struct err why;
    if (multi && has_role)
        return err_set(err, -EINVAL,
                       "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable");
    if (!multi && info->n_roles)
        return err_set(err, -EINVAL,
                       "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable");
    int rc = multi ? duplicates_validate(info, err) : 0;
    if (rc)
        return rc;
    for (size_t i = 0; multi && i < info->n_roles; i++)
        if (role_check(str_of(info->roles[i]), &why))
            return err_set(err, -EINVAL, "'FrameworkInfo.roles' contains invalid role: %s", why.text);
    if (!multi && has_role && role_check(str_of(info->role), &why))
        return err_set(err, -EINVAL, "'FrameworkInfo.role' is not a valid role: %s", why.text);
    return 0;
}

static int
whitelist_validate(const struct master *master, const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    uint32_t count;
    const char **roles = framework_info_roles(info, arena, &count);
    for (uint32_t i = 0; i < count && master->role_list; i++) {
        bool found = strcmp(roles[i], "*") == 0;
        for (size_t j = 0; j < master->role_list_count && !found; j++)
            found = strcmp(master->role_list[j], roles[i]) == 0;
        if (!found)
            return err_set(err, -EINVAL, "Role '%s' is not present in the master's --roles", roles[i]);
    }
    return 0;
}

static const char *
quantity_wrong(double value)
{
    switch (fpclassify(value)) {
    case FP_INFINITE:
        return "Infinite values not supported";
    case FP_NAN:
        return "NaN not supported";
    case FP_SUBNORMAL:
        return "Subnormal values not supported";
    default:
        return value < 0 ? "Negative values not supported" : NULL;
    }
}

static int
quantities_validate(const Mesos__V1__OfferFilters__ResourceQuantities *quantities, struct err *err)
{
    if (quantities->n_quantities == 0)
        return err_set(err, -EINVAL, "Resource quantities must contain at least one quantity");
    for (size_t i = 0; i < quantities->n_quantities; i++) {
        const char *name = quantities->quantities[i]->key;
        const Mesos__V1__Value__Scalar *scalar = quantities->quantities[i]->value;
        const char *wrong = scalar ? quantity_wrong(scalar->value) : NULL;
        if (wrong)
            return err_set(err, -EINVAL, "Invalid resource quantity for '%s': %s", name, wrong);
    }
    return 0;
}

static int
offer_filters_validate(const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    for (size_t i = 0; i < info->n_offer_filters; i++) {
        const Mesos__V1__OfferFilters *filters = info->offer_filters[i]->value;
        const Mesos__V1__OfferFilters__MinAllocatableResources *least =
            filters ? filters->min_allocatable_resources : NULL;
        if (least && least->n_quantities > MAX_QUANTITIES)
            return err_set(err, -EINVAL,
                           "'min_allocatable_resources' for role '%s' contains %zu items; at most %d are allowed",
                           info->offer_filters[i]->key, least->n_quantities, MAX_QUANTITIES);
        for (size_t j = 0; least && j < least->n_quantities; j++) {
            int rc = quantities_validate(least->quantities[j], err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int
timeout_validate(const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    double secs = info->failover_timeout;
    if (isnan(secs) || fabs(secs) * 1e9 > 9.223372036854775e18)
        return err_set(err, -EINVAL, "The framework failover_timeout (%g) is invalid", secs);
    return 0;
}

int
framework_info_check(const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    int rc = roles_validate(info, err);
    if (!rc && info->id && info->id->value[0])
        rc = id_check(str_of(info->id->value), NULL, err);
    if (!rc)
        rc = offer_filters_validate(info, err);
    if (!rc)
        rc = timeout_validate(info, err);
    return rc;
}

int
framework_info_validate(const struct master *master, const Mesos__V1__FrameworkInfo *info, struct err *err)
{
    int rc = framework_info_check(info, err);
    if (!rc)
        rc = whitelist_validate(master, info, err);
    if (!rc && !master->options->root_submissions && strcmp(info->user, "root") == 0)
        rc = err_set(err, -EINVAL,
                     "User 'root' is not allowed to run frameworks without --root_submissions set");
    return rc;
}

/* The roles of info as a set; the values are the roles. */
static void
roles_map(const Mesos__V1__FrameworkInfo *info, struct map *ret, struct arena *arena)
{
    uint32_t count;
    const char **roles = framework_info_roles(info, arena, &count);
    for (uint32_t i = 0; i < count; i++)
        map_set(ret, str_of(roles[i]), (void *)(uintptr_t)roles[i]);
}

int
suppressed_validate(const Mesos__V1__FrameworkInfo *info, char *const *suppressed, size_t count,
                    struct arena *arena, struct err *err)
{
    char **stray = arena_calloc(arena, count + 1, sizeof(*stray));
    size_t stray_count = 0;
    struct map own = {0};
    roles_map(info, &own, arena);
    for (size_t i = 0; i < count; i++)
        if (!map_get(&own, str_of(suppressed[i])))
            stray[stray_count++] = suppressed[i];
    map_fini(&own);
    if (!stray_count)
        return 0;
    auto_buf struct buf text = {0};
    put_set(&text, stray, stray_count);
    return err_set(err, -EINVAL, "Suppressed roles %s are not contained in the set of roles",
                   buf_cstr(&text));
}

int
constraints_roles_validate(const Mesos__V1__FrameworkInfo *info,
                           const Mesos__V1__Scheduler__OfferConstraints *constraints, struct arena *arena,
                           struct err *err)
{
    struct map own = {0};
    const char *stray = NULL;
    roles_map(info, &own, arena);
    for (size_t i = 0; i < constraints->n_role_constraints && !stray; i++)
        if (!map_get(&own, str_of(constraints->role_constraints[i]->key)))
            stray = constraints->role_constraints[i]->key;
    map_fini(&own);
    if (!stray)
        return 0;
    return err_set(
        err, -EINVAL,
        "Offer constraints specify `role_constraints` for a role '%s'not contained in the set of roles", stray);
}

int
wishes_validate(struct master *master, const Mesos__V1__FrameworkInfo *info, char *const *suppressed,
                size_t count, const Mesos__V1__Scheduler__OfferConstraints *constraints, struct arena *arena,
                struct err *err)
{
    auto_buf struct buf packed = {0};
    int rc = suppressed_validate(info, suppressed, count, arena, err);
    if (rc || !constraints)
        return rc;
    rc = constraints_roles_validate(info, constraints, arena, err);
    if (rc)
        return rc;
    /* What they say is for the allocator to judge: it is the one that will act on them. */
    message_pack(&packed, constraints);
    rc = allocator_check_constraints(master->allocator, (struct mesos_bytes){buf_data(&packed), packed.len}, err);
    if (rc)
        err_wrap(err, "Offer constraints are not valid");
    return rc;
}

int
framework_update_validate(const Mesos__V1__FrameworkInfo *from, const Mesos__V1__FrameworkInfo *to,
                          struct err *err)
{
    const char *before = from->principal ? from->principal : "", *after = to->principal ? to->principal : "";
    if (strcmp(before, after) != 0)
        return err_set(err, -EINVAL, "Changing framework's principal is not allowed.");
    if (strcmp(from->user, to->user) != 0)
        return err_set(err, -EINVAL,
                       "Updating 'FrameworkInfo.user' is unsupported; attempted to update from '%s' to '%s'",
                       from->user, to->user);
    bool was = from->has_checkpoint && from->checkpoint, is = to->has_checkpoint && to->checkpoint;
    if (was != is)
        return err_set(
            err, -EINVAL,
            "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '%s' to '%s'",
            was ? "true" : "false", is ? "true" : "false");
    return 0;
}
