/* SPDX-License-Identifier: Apache-2.0 */
/* Resources between messages and sums. Messages have been decoded by wire; nothing here allocates for their size. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/ranges.h"
#include "model/resources.h"
#include "model/resources_item.h"

typedef Mesos__V1__Resource__ReservationInfo ReservationInfo;

static bool
divisible(const Mesos__V1__Resource__DiskInfo *disk)
{
    return !disk->persistence &&
           (!disk->source || disk->source->type == MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__PATH ||
            (disk->source->type == MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__RAW && !disk->source->id));
}

static bool
names_role(const Mesos__V1__Resource *item)
{
    return item->role && strcmp(item->role, "*") != 0;
}

/* The packed form that tells what may be added to what: see mesos/resource.h. Length 0 for the plain case. */
static void *
identity_pack(const Mesos__V1__Resource *item, size_t *ret_len)
{
    *ret_len = 0;
    bool old = item->n_reservations == 0 && names_role(item);
    if (!old && !item->n_reservations && !item->disk && !item->revocable && !item->shared && !item->provider_id)
        return NULL;
    Mesos__V1__Resource bare = MESOS__V1__RESOURCE__INIT;
    ReservationInfo refined = MESOS__V1__RESOURCE__RESERVATION_INFO__INIT, *one = &refined;
    bare.name = item->name;
    bare.type = item->type;
    bare.disk = item->disk;
    bare.revocable = item->revocable;
    bare.shared = item->shared;
    bare.provider_id = item->provider_id;
    bare.n_reservations = item->n_reservations;
    bare.reservations = item->reservations;
    if (old) {
        if (item->reservation)
            refined = *item->reservation;
        refined.role = item->role;
        refined.has_type = true;
        refined.type = item->reservation ? MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC
                                         : MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC;
        bare.n_reservations = 1;
        bare.reservations = &one;
    }
    *ret_len = mesos__v1__resource__get_packed_size(&bare);
    void *identity = xmalloc(*ret_len);
    mesos__v1__resource__pack(&bare, identity);
    return identity;
}

static void
add_value(struct resources *to, struct mesos_resource *value, const Mesos__V1__Resource *item)
{
    auto_free struct mesos_range *ranges = NULL;
    auto_free const char **set = NULL;
    if (value->type == MESOS_VALUE_SCALAR) {
        value->scalar = llround(item->scalar->value * 1000);
    } else if (value->type == MESOS_VALUE_RANGES) {
        ranges = xreallocarray(NULL, item->ranges->n_range + 1, sizeof(*ranges));
        for (size_t i = 0; i < item->ranges->n_range; i++)
            ranges[i] = (struct mesos_range){item->ranges->range[i]->begin, item->ranges->range[i]->end};
        value->ranges = ranges;
        value->range_count = ranges_normalise(ranges, item->ranges->n_range);
    } else {
        set = set_new((const char *const *)item->set->item, item->set->n_item, &value->item_count);
        value->items = set;
    }
    resources_add_view(to, (struct mesos_resources){sizeof(*value), 1, value});
}

static void
add_checked(struct resources *to, const Mesos__V1__Resource *item)
{
    size_t identity_len;
    auto_free void *identity = identity_pack(item, &identity_len);
    struct mesos_resource value = {
        .name = item->name,
        .role = item->n_reservations ? item->reservations[item->n_reservations - 1]->role
                : names_role(item)   ? item->role
                                     : "*",
        .allocation_role = item->allocation_info ? item->allocation_info->role : NULL,
        .identity = identity,
        .identity_len = (uint32_t)identity_len,
        .type = (uint8_t)item->type,
        .revocable = item->revocable != NULL,
        .shared = item->shared != NULL,
        .has_disk = !item->disk ? 0 : divisible(item->disk) ? 1 : 2,
        .shared_count = 1,
    };
    add_value(to, &value, item);
}

/* Sums are quadratic in the number of different things, and no cluster has so many. */
static int
check_amount(Mesos__V1__Resource *const *items, size_t count, struct err *err)
{
    size_t ranges = 0, members = 0;
    for (size_t i = 0; i < count; i++) {
        ranges += items[i]->ranges ? items[i]->ranges->n_range : 0;
        members += items[i]->set ? items[i]->set->n_item : 0;
    }
    if (count > RESOURCES_MAX)
        return err_set(err, -EINVAL, "Too many resources: %zu, at most %d are taken", count, RESOURCES_MAX);
    if (ranges > RESOURCES_RANGES_MAX)
        return err_set(err, -EINVAL, "Too many ranges in resources: %zu, at most %d are taken", ranges,
                       RESOURCES_RANGES_MAX);
    if (members > RESOURCES_MAX)
        return err_set(err, -EINVAL, "Too many items of sets in resources: %zu, at most %d are taken", members,
                       RESOURCES_MAX);
    return 0;
}

int
resources_from_proto(struct resources *ret, Mesos__V1__Resource *const *items, size_t count, struct err *err)
{
    int rc = check_amount(items, count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct err why;
        if (resource_check(items[i], &why) == 0)
            continue;
        auto_buf struct buf text = {0};
        resource_format(&text, items[i]);
        return err_set(err, -EINVAL, "Resource '%.*s' is invalid: %s", STR_ARG(buf_str(&text)), why.text);
    }
    struct resources sum = {0};
    for (size_t i = 0; i < count; i++)
        add_checked(&sum, items[i]);
    resources_move(ret, &sum);
    return 0;
}

static void *
arena_give(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void
arena_keep(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

/* One reservation becomes role and reservation, as before refinement; more cannot be said that way and stay. */
static void
downgrade(Mesos__V1__Resource *item, struct arena *arena)
{
    if (item->n_reservations > 1)
        return;
    ReservationInfo *one = item->n_reservations ? item->reservations[0] : NULL;
    item->role = arena_strdup(arena, str_of(one ? one->role : "*"));
    item->n_reservations = 0;
    if (!one || one->type != MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC)
        return;
    one->role = NULL;
    one->has_type = false;
    item->reservation = one;
}

static void
put_value(Mesos__V1__Resource *to, const struct mesos_resource *from, struct arena *arena)
{
    if (from->type == MESOS_VALUE_SCALAR) {
        to->scalar = arena_alloc(arena, sizeof(*to->scalar));
        mesos__v1__value__scalar__init(to->scalar);
        to->scalar->value = (double)from->scalar / 1000;
    } else if (from->type == MESOS_VALUE_RANGES) {
        to->ranges = arena_alloc(arena, sizeof(*to->ranges));
        mesos__v1__value__ranges__init(to->ranges);
        to->ranges->n_range = from->range_count;
        to->ranges->range = arena_calloc(arena, (size_t)from->range_count + 1, sizeof(*to->ranges->range));
        for (uint32_t i = 0; i < from->range_count; i++) {
            Mesos__V1__Value__Range *range = arena_alloc(arena, sizeof(*range));
            mesos__v1__value__range__init(range);
            range->begin = from->ranges[i].begin;
            range->end = from->ranges[i].end;
            to->ranges->range[i] = range;
        }
    } else {
        to->set = arena_alloc(arena, sizeof(*to->set));
        mesos__v1__value__set__init(to->set);
        to->set->n_item = from->item_count;
        to->set->item = arena_calloc(arena, (size_t)from->item_count + 1, sizeof(*to->set->item));
        for (uint32_t i = 0; i < from->item_count; i++)
            to->set->item[i] = arena_strdup(arena, str_of(from->items[i]));
    }
}

static Mesos__V1__Resource *
item_to_proto(const struct mesos_resource *from, bool old_format, struct arena *arena)
{
    Mesos__V1__Resource *to = NULL;
    if (from->identity_len) {
        ProtobufCAllocator allocator = {arena_give, arena_keep, arena};
        to = mesos__v1__resource__unpack(&allocator, from->identity_len, from->identity);
    }
    if (!to) {
        to = arena_alloc(arena, sizeof(*to));
        mesos__v1__resource__init(to);
        to->name = arena_strdup(arena, str_of(from->name));
        to->type = (Mesos__V1__Value__Type)from->type;
    }
    put_value(to, from, arena);
    if (from->allocation_role) {
        to->allocation_info = arena_alloc(arena, sizeof(*to->allocation_info));
        mesos__v1__resource__allocation_info__init(to->allocation_info);
        to->allocation_info->role = arena_strdup(arena, str_of(from->allocation_role));
    }
    if (old_format)
        downgrade(to, arena);
    return to;
}

Mesos__V1__Resource **
resources_to_proto(const struct resources *r, bool old_format, struct arena *arena, size_t *ret_count)
{
    size_t total = 0, count = 0;
    for (uint32_t i = 0; i < r->count; i++)
        total += r->items[i].shared ? r->items[i].shared_count : 1;
    Mesos__V1__Resource **items = arena_calloc(arena, total + 1, sizeof(*items));
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t copies = r->items[i].shared ? r->items[i].shared_count : 1; copies; copies--)
            items[count++] = item_to_proto(&r->items[i], old_format, arena);
    *ret_count = count;
    return items;
}

void
resources_upgrade(Mesos__V1__Resource **items, size_t count, const char *role, struct arena *arena)
{
    for (size_t i = 0; i < count; i++) {
        Mesos__V1__Resource *item = items[i];
        if (role && !item->allocation_info) {
            item->allocation_info = arena_alloc(arena, sizeof(*item->allocation_info));
            mesos__v1__resource__allocation_info__init(item->allocation_info);
            item->allocation_info->role = arena_strdup(arena, str_of(role));
        }
        if (names_role(item) && !item->n_reservations) {
            ReservationInfo *one = item->reservation;
            bool dynamic = one != NULL;
            if (!one) {
                one = arena_alloc(arena, sizeof(*one));
                mesos__v1__resource__reservation_info__init(one);
            }
            one->has_type = true;
            one->type = dynamic ? MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC
                                : MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC;
            one->role = item->role;
            item->reservations = arena_alloc(arena, sizeof(one));
            item->reservations[0] = one;
            item->n_reservations = 1;
        }
        item->reservation = NULL;
        item->role = NULL;
    }
}
