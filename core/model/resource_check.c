/* SPDX-License-Identifier: Apache-2.0 */
/* Whether one Resource of a message makes sense: shape, value, role, reservations, disk. Texts as Mesos answers. */
#include <errno.h>
#include <math.h>

#include "model/resources.h"
#include "model/role.h"

static int
check_scalar(const Mesos__V1__Resource *item, struct err *err)
{
    if (!item->scalar || item->ranges || item->set)
        return err_set(err, -EINVAL, "Invalid scalar resource");
    double value = item->scalar->value;
    if (value < 0)
        return err_set(err, -EINVAL, "Invalid scalar resource: value <= 0");
    if (!isfinite(value))
        return err_set(err, -EINVAL, "Invalid scalar resource: %s not supported", isnan(value) ? "NaN" : "Infinite values");
    if (value > RESOURCE_SCALAR_MAX)
        return err_set(err, -EINVAL, "Invalid scalar resource: value > %.0f", RESOURCE_SCALAR_MAX);
    return 0;
}

static int
range_order(const void *a, const void *b)
{
    const Mesos__V1__Value__Range *x = *(Mesos__V1__Value__Range *const *)a, *y = *(Mesos__V1__Value__Range *const *)b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int
check_ranges(const Mesos__V1__Resource *item, struct err *err)
{
    if (item->scalar || !item->ranges || item->set)
        return err_set(err, -EINVAL, "Invalid ranges resource");
    size_t count = item->ranges->n_range;
    for (size_t i = 0; i < count; i++)
        if (item->ranges->range[i]->begin > item->ranges->range[i]->end)
            return err_set(err, -EINVAL, "Invalid ranges resource: begin > end");
    if (count < 2)
        return 0;
    auto_free Mesos__V1__Value__Range **sorted = xmemdup(item->ranges->range, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), range_order);
    for (size_t i = 1; i < count; i++)
        if (sorted[i]->begin <= sorted[i - 1]->end)
            return err_set(err, -EINVAL, "Invalid ranges resource: overlapping ranges");
    return 0;
}

static int
text_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
check_set(const Mesos__V1__Resource *item, struct err *err)
{
    if (item->scalar || item->ranges || !item->set)
        return err_set(err, -EINVAL, "Invalid set resource");
    size_t count = item->set->n_item;
    if (count < 2)
        return 0;
    auto_free char **sorted = xmemdup(item->set->item, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), text_order);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i], sorted[i - 1]) == 0)
            return err_set(err, -EINVAL, "Invalid set resource: duplicated elements");
    return 0;
}

static int
check_value(const Mesos__V1__Resource *item, struct err *err)
{
    switch (item->type) {
    case MESOS__V1__VALUE__TYPE__SCALAR:
        return check_scalar(item, err);
    case MESOS__V1__VALUE__TYPE__RANGES:
        return check_ranges(item, err);
    case MESOS__V1__VALUE__TYPE__SET:
        return check_set(item, err);
    default:
        return err_set(err, -EINVAL, "Unsupported resource type");
    }
}

static int
check_disk(const Mesos__V1__Resource *item, struct err *err)
{
    if (item->disk && strcmp(item->name, "disk") != 0)
        return err_set(err, -EINVAL, "DiskInfo should not be set for %s resource", item->name);
    if (item->disk && item->disk->source &&
        item->disk->source->type == MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__UNKNOWN)
        return err_set(err, -EINVAL, "Unsupported 'DiskInfo.Source.Type' in 'disk' resource");
    if (item->shared && strcmp(item->name, "disk") != 0)
        return err_set(err, -EINVAL, "Resource %s cannot be shared", item->name);
    if (item->shared && (!item->disk || !item->disk->persistence))
        return err_set(err, -EINVAL, "Only persistent volumes can be shared");
    return 0;
}

static bool
names_role(const Mesos__V1__Resource *item)
{
    return item->role && strcmp(item->role, "*") != 0;
}

/* Before refinement: one role and perhaps who reserved it. */
static int
check_old_reservation(const Mesos__V1__Resource *item, struct err *err)
{
    int rc = item->role ? role_check(str_of(item->role), err) : 0;
    if (rc)
        return rc;
    if (item->reservation && !names_role(item))
        return err_set(err, -EINVAL, "Invalid reservation: role \"*\" cannot be dynamically reserved");
    if (item->reservation && (item->reservation->has_type || item->reservation->role))
        return err_set(err, -EINVAL,
                       "Invalid reservation: 'Resource.ReservationInfo.type' and 'role' belong to 'Resource.reservations'");
    return 0;
}

static int
check_reservation(const Mesos__V1__Resource *item, size_t at, struct err *err)
{
    const Mesos__V1__Resource__ReservationInfo *one = item->reservations[at];
    const char *role = one->role ? one->role : "";
    if (!one->has_type || one->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__UNKNOWN)
        return err_set(err, -EINVAL, "Invalid reservation: type must be STATIC or DYNAMIC");
    int rc = role_check(str_of(role), err);
    if (rc)
        return err_wrap(err, "Invalid reservation role");
    if (strcmp(role, "*") == 0)
        return err_set(err, -EINVAL, "Invalid reservation: role \"*\" cannot be reserved");
    if (at == 0)
        return 0;
    const char *above = item->reservations[at - 1]->role;
    if (one->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC)
        return err_set(err, -EINVAL, "Invalid refined reservation: A refined reservation cannot be STATIC");
    if (strcmp(role, above) == 0 || !role_within(str_of(role), str_of(above)))
        return err_set(err, -EINVAL, "Invalid refined reservation: role '%s' is not a refinement of '%s'", role, above);
    return 0;
}

static int
check_reservations(const Mesos__V1__Resource *item, struct err *err)
{
    if (item->n_reservations == 0)
        return check_old_reservation(item, err);
    if (names_role(item))
        return err_set(err, -EINVAL, "'Resource.role' must not be set together with 'Resource.reservations'");
    if (item->reservation)
        return err_set(err, -EINVAL, "'Resource.reservation' must not be set together with 'Resource.reservations'");
    for (size_t i = 0; i < item->n_reservations; i++) {
        int rc = check_reservation(item, i, err);
        if (rc)
            return rc;
    }
    return 0;
}

int
resource_check(const Mesos__V1__Resource *item, struct err *err)
{
    if (!item->name || !*item->name)
        return err_set(err, -EINVAL, "Empty resource name");
    int rc = check_value(item, err);
    if (rc == 0)
        rc = check_disk(item, err);
    if (rc == 0 && item->allocation_info && item->allocation_info->role)
        rc = role_check(str_of(item->allocation_info->role), err);
    return rc ? rc : check_reservations(item, err);
}
