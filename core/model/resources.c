/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of resources: copying, adding, subtracting, containing. Pure values, no protobuf and no text here, because
 * modules are lent exactly this file.
 *
 * What an item owns: one block that begins at `name` and holds role, allocation role and identity behind it; the
 * ranges; one block with the set's pointers and strings.
 */
#include "model/resources.h"

#include <assert.h>
#include <string.h>

#include "model/ranges.h"
#include "model/resources_item.h"

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Values of the two may be added: same thing, same reservations, same allocation. */
bool
resource_item_same(const struct mesos_resource *a, const struct mesos_resource *b)
{
    return a->type == b->type && a->identity_len == b->identity_len && strcmp(a->name, b->name) == 0 &&
           same_text(a->allocation_role, b->allocation_role) &&
           (a->identity_len == 0 || memcmp(a->identity, b->identity, a->identity_len) == 0);
}

bool
resource_item_empty(const struct mesos_resource *item)
{
    switch (item->type) {
    case MESOS_VALUE_SCALAR:
        return item->scalar <= 0;
    case MESOS_VALUE_RANGES:
        return item->range_count == 0;
    default:
        return item->item_count == 0;
    }
}

/* Counted as a whole: taken or left, never divided. */
static bool
item_whole(const struct mesos_resource *item)
{
    return item->has_disk == 2 || item->shared;
}

static void
item_fini(struct mesos_resource *item)
{
    free((void *)(uintptr_t)item->name);
    free((void *)(uintptr_t)item->ranges);
    free((void *)(uintptr_t)item->items);
}

/* Gives `to` a block of its own with the words of `from` and this allocation role. */
static void
item_copy_words(struct mesos_resource *to, const struct mesos_resource *from, const char *allocation_role)
{
    size_t name_len = strlen(from->name) + 1, role_len = strlen(from->role) + 1;
    size_t allocation_len = allocation_role ? strlen(allocation_role) + 1 : 0;
    char *block = xmalloc(name_len + role_len + allocation_len + from->identity_len);
    char *role = block + name_len, *allocation = role + role_len, *identity = allocation + allocation_len;
    memcpy(block, from->name, name_len);
    memcpy(role, from->role, role_len);
    if (allocation_role)
        memcpy(allocation, allocation_role, allocation_len);
    if (from->identity_len)
        memcpy(identity, from->identity, from->identity_len);
    to->name = block;
    to->role = role;
    to->allocation_role = allocation_role ? allocation : NULL;
    to->identity = from->identity_len ? identity : NULL;
    to->identity_len = from->identity_len;
}

static struct mesos_resource
item_copy(const struct mesos_resource *from)
{
    struct mesos_resource to = *from;
    item_copy_words(&to, from, from->allocation_role);
    to.ranges = from->range_count ? xmemdup(from->ranges, from->range_count * sizeof(*from->ranges)) : NULL;
    to.items = from->item_count ? set_new(from->items, from->item_count, &to.item_count) : NULL;
    if (to.shared_count == 0)
        to.shared_count = 1;
    return to;
}

static void
append(struct resources *r, struct mesos_resource item)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->items = xreallocarray(r->items, r->cap, sizeof(*r->items));
    }
    r->items[r->count++] = item;
}

/* Removes one, keeping the order of the rest. */
static void
drop(struct resources *r, uint32_t at)
{
    item_fini(&r->items[at]);
    memmove(&r->items[at], &r->items[at + 1], (r->count - at - 1) * sizeof(*r->items));
    if (--r->count == 0) {
        free(r->items);
        *r = (struct resources){0};
    }
}

static void
set_ranges(struct mesos_resource *item, struct mesos_range *ranges, uint32_t count)
{
    free((void *)(uintptr_t)item->ranges);
    item->ranges = ranges;
    item->range_count = count;
}

static void
set_items(struct mesos_resource *item, const char **items, uint32_t count)
{
    free((void *)(uintptr_t)item->items);
    item->items = items;
    item->item_count = count;
}

static void
value_add(struct mesos_resource *to, const struct mesos_resource *more)
{
    uint32_t count;
    switch (to->type) {
    case MESOS_VALUE_SCALAR:
        if (__builtin_add_overflow(to->scalar, more->scalar, &to->scalar))
            to->scalar = INT64_MAX;
        break;
    case MESOS_VALUE_RANGES: {
        struct mesos_range *joined =
            ranges_join(to->ranges, to->range_count, more->ranges, more->range_count, &count);
        set_ranges(to, joined, count);
        break;
    }
    default: {
        const char **joined = set_join(to->items, to->item_count, more->items, more->item_count, &count);
        set_items(to, joined, count);
    }
    }
}

static void
value_subtract(struct mesos_resource *from, const struct mesos_resource *less)
{
    uint32_t count;
    switch (from->type) {
    case MESOS_VALUE_SCALAR:
        from->scalar = from->scalar > less->scalar ? from->scalar - less->scalar : 0;
        break;
    case MESOS_VALUE_RANGES: {
        struct mesos_range *left =
            ranges_minus(from->ranges, from->range_count, less->ranges, less->range_count, &count);
        set_ranges(from, left, count);
        break;
    }
    default: {
        const char **left = set_minus(from->items, from->item_count, less->items, less->item_count, &count);
        set_items(from, left, count);
    }
    }
}

bool
resource_item_contains(const struct mesos_resource *a, const struct mesos_resource *b)
{
    if (a->shared && a->shared_count < b->shared_count)
        return false;
    if (item_whole(a) && a->type == MESOS_VALUE_SCALAR)
        return a->scalar == b->scalar;
    switch (a->type) {
    case MESOS_VALUE_SCALAR:
        return a->scalar >= b->scalar;
    case MESOS_VALUE_RANGES:
        return ranges_contain(a->ranges, a->range_count, b->ranges, b->range_count);
    default:
        return set_contain(a->items, a->item_count, b->items, b->item_count);
    }
}

/* The item that `item` would be taken from or merged with, or -1. */
static ptrdiff_t
find(const struct resources *r, const struct mesos_resource *item)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (resource_item_same(&r->items[i], item) && (!item_whole(item) || r->items[i].scalar == item->scalar))
            return i;
    return -1;
}

static void
add_item(struct resources *r, const struct mesos_resource *item)
{
    if (resource_item_empty(item))
        return;
    ptrdiff_t at = find(r, item);
    if (at >= 0 && item->shared)
        r->items[at].shared_count += item->shared_count ? item->shared_count : 1;
    else if (at >= 0 && !item_whole(item))
        value_add(&r->items[at], item);
    else
        append(r, item_copy(item));
}

static void
subtract_item(struct resources *r, const struct mesos_resource *item)
{
    ptrdiff_t at = resource_item_empty(item) ? -1 : find(r, item);
    if (at < 0)
        return;
    struct mesos_resource *from = &r->items[at];
    if (item->shared && from->shared_count > item->shared_count) {
        from->shared_count -= item->shared_count;
        return;
    }
    if (!item_whole(item))
        value_subtract(from, item);
    if (item_whole(item) || resource_item_empty(from))
        drop(r, at);
}

static const struct mesos_resource *
view_at(struct mesos_resources view, size_t i)
{
    return (const struct mesos_resource *)((const char *)view.items + i * view.stride);
}

void
resources_fini(struct resources *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        item_fini(&r->items[i]);
    free(r->items);
    *r = (struct resources){0};
}

void
resources_copy(struct resources *to, const struct resources *from)
{
    struct resources copy = {0};
    if (from->count) {
        copy.items = xreallocarray(NULL, from->count, sizeof(*copy.items));
        copy.cap = copy.count = from->count;
    }
    for (uint32_t i = 0; i < from->count; i++)
        copy.items[i] = item_copy(&from->items[i]);
    resources_fini(to);
    *to = copy;
}

void
resources_move(struct resources *to, struct resources *from)
{
    if (to == from)
        return;
    resources_fini(to);
    *to = *from;
    *from = (struct resources){0};
}

void
resources_add_view(struct resources *r, struct mesos_resources other)
{
    for (size_t i = 0; i < other.count; i++)
        add_item(r, view_at(other, i));
}

void
resources_add(struct resources *r, const struct resources *other)
{
    resources_add_view(r, resources_view(other));
}

void
resources_subtract_view(struct resources *r, struct mesos_resources other)
{
    for (size_t i = 0; i < other.count; i++)
        subtract_item(r, view_at(other, i));
}

void
resources_subtract(struct resources *r, const struct resources *other)
{
    assert(resources_contains(r, other));
    resources_subtract_view(r, resources_view(other));
}

void
resources_subtract_most(struct resources *r, const struct resources *other)
{
    resources_subtract_view(r, resources_view(other));
}

/* No two items of the view would merge, so that each may be looked up by itself. */
static bool
view_merged(struct mesos_resources view)
{
    for (size_t i = 0; i < view.count; i++)
        for (size_t j = i + 1; j < view.count; j++)
            if (resource_item_same(view_at(view, i), view_at(view, j)))
                return false;
    return true;
}

static bool
contains_each(const struct resources *r, struct mesos_resources other)
{
    for (size_t i = 0; i < other.count; i++) {
        const struct mesos_resource *item = view_at(other, i);
        if (resource_item_empty(item))
            continue;
        ptrdiff_t at = find(r, item);
        if (at < 0 || !resource_item_contains(&r->items[at], item))
            return false;
    }
    return true;
}

/* Takes the items one after the other out of a copy: for the rare view that names a thing twice. */
static bool
contains_in_turn(const struct resources *r, struct mesos_resources other)
{
    auto_resources struct resources left = {0}, sum = {0};
    resources_copy(&left, r);
    resources_add_view(&sum, other);
    for (uint32_t i = 0; i < sum.count; i++) {
        ptrdiff_t at = find(&left, &sum.items[i]);
        if (at < 0 || !resource_item_contains(&left.items[at], &sum.items[i]))
            return false;
        subtract_item(&left, &sum.items[i]);
    }
    return true;
}

bool
resources_contains_view(const struct resources *r, struct mesos_resources other)
{
    return view_merged(other) ? contains_each(r, other) : contains_in_turn(r, other);
}

bool
resources_contains(const struct resources *r, const struct resources *other)
{
    return resources_contains_view(r, resources_view(other));
}

bool
resources_equal(const struct resources *a, const struct resources *b)
{
    return a->count == b->count && resources_contains(a, b) && resources_contains(b, a);
}

int64_t
resources_scalar(const struct resources *r, const char *name)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].type == MESOS_VALUE_SCALAR && strcmp(r->items[i].name, name) == 0 &&
            __builtin_add_overflow(sum, r->items[i].scalar, &sum))
            return INT64_MAX;
    return sum;
}

void
resources_allocate(struct resources *r, const char *role)
{
    struct resources result = {0};
    for (uint32_t i = 0; i < r->count; i++) {
        struct mesos_resource *item = &r->items[i];
        const char *block = item->name;
        item_copy_words(item, item, role);
        free((void *)(uintptr_t)block);
        ptrdiff_t at = item_whole(item) && !item->shared ? -1 : find(&result, item);
        if (at < 0) {
            append(&result, *item);
            continue;
        }
        add_item(&result, item);
        item_fini(item);
    }
    free(r->items);
    *r = result;
}

void
resources_filter(struct resources *ret, const struct resources *r,
                 bool (*keep)(const struct mesos_resource *item, void *arg), void *arg)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (keep(&r->items[i], arg))
            add_item(ret, &r->items[i]);
}

static bool
reserved_to(const struct mesos_resource *item, void *arg)
{
    return strcmp(item->role, arg) == 0;
}

void
resources_reserved(struct resources *ret, const struct resources *r, const char *role)
{
    resources_filter(ret, r, reserved_to, (void *)(uintptr_t)role);
}

void
resources_unreserved(struct resources *ret, const struct resources *r)
{
    resources_reserved(ret, r, "*");
}
