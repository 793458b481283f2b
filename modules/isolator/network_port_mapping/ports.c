/* SPDX-License-Identifier: Apache-2.0 */
/* Sums are made on a bitmap of all ports, which is small and leaves no case to get wrong. */
#include "ports.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct bitmap {
    uint8_t has[PORT_MAX + 1];
};

void
ports_fini(struct ports *ports)
{
    free(ports->items);
    *ports = (struct ports){0};
}

void
ports_copy(struct ports *to, const struct ports *from)
{
    to->count = from->count;
    to->items = xmalloc((from->count + 1) * sizeof *to->items);
    for (uint32_t i = 0; i < from->count; i++)
        to->items[i] = from->items[i];
}

static struct bitmap *
spread(const struct ports *ports)
{
    struct bitmap *map = xcalloc(1, sizeof *map);
    for (uint32_t i = 0; i < ports->count; i++)
        memset(map->has + ports->items[i].begin, 1, ports->items[i].end - ports->items[i].begin + 1);
    return map;
}

static void
gather(struct ports *ports, struct bitmap *map)
{
    uint32_t count = 0, filled = 0;
    for (uint32_t p = 0; p <= PORT_MAX; p++)
        count += map->has[p] && (p == 0 || !map->has[p - 1]);
    ports_fini(ports);
    ports->count = count;
    ports->items = xcalloc(count + 1, sizeof *ports->items);
    for (uint32_t p = 0; p <= PORT_MAX; p++) {
        if (!map->has[p])
            continue;
        if (p == 0 || !map->has[p - 1])
            ports->items[filled++].begin = p;
        ports->items[filled - 1].end = p;
    }
    free(map);
}

void
ports_add(struct ports *ports, uint64_t begin, uint64_t end)
{
    assert(begin <= end && end <= PORT_MAX);
    struct bitmap *map = spread(ports);
    memset(map->has + begin, 1, end - begin + 1);
    gather(ports, map);
}

void
ports_add_all(struct ports *ports, const struct ports *more)
{
    struct bitmap *map = spread(ports);
    for (uint32_t i = 0; i < more->count; i++)
        memset(map->has + more->items[i].begin, 1, more->items[i].end - more->items[i].begin + 1);
    gather(ports, map);
}

void
ports_subtract(struct ports *ports, const struct ports *less)
{
    struct bitmap *map = spread(ports);
    for (uint32_t i = 0; i < less->count; i++)
        memset(map->has + less->items[i].begin, 0, less->items[i].end - less->items[i].begin + 1);
    gather(ports, map);
}

uint32_t
ports_size(const struct ports *ports)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < ports->count; i++)
        size += (uint32_t)(ports->items[i].end - ports->items[i].begin + 1);
    return size;
}

static bool
within(const struct ports *all, const struct mesos_range *part)
{
    for (uint32_t i = 0; i < all->count; i++)
        if (all->items[i].begin <= part->begin && part->end <= all->items[i].end)
            return true;
    return false;
}

bool
ports_contain(const struct ports *all, const struct ports *part)
{
    for (uint32_t i = 0; i < part->count; i++)
        if (!within(all, &part->items[i]))
            return false;
    return true;
}

bool
ports_equal(const struct ports *a, const struct ports *b)
{
    return a->count == b->count && ports_contain(a, b) && ports_contain(b, a);
}

bool
ports_meet(const struct ports *a, const struct ports *b, struct mesos_range *ret)
{
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t k = 0; k < b->count; k++) {
            const struct mesos_range *x = &a->items[i], *y = &b->items[k];
            struct mesos_range common = {x->begin > y->begin ? x->begin : y->begin, x->end < y->end ? x->end : y->end};
            if (common.begin > common.end)
                continue;
            *ret = common;
            return true;
        }
    return false;
}

int
ports_of_resources(struct ports *ret, struct mesos_resources resources, const char *name, struct err *err)
{
    auto_ports struct ports none = {0};
    struct bitmap *map = spread(&none);
    for (size_t i = 0; i < resources.count; i++) {
        const struct mesos_resource *item =
            (const struct mesos_resource *)(const void *)((const char *)resources.items + i * resources.stride);
        if (strcmp(item->name, name) != 0 || item->type != MESOS_VALUE_RANGES)
            continue;
        for (uint32_t k = 0; k < item->range_count; k++) {
            if (item->ranges[k].end > PORT_MAX || item->ranges[k].begin > item->ranges[k].end) {
                free(map);
                return err_set(err, -EINVAL, "resource '%s' has %llu-%llu, which are no ports: 0 to 65535 are", name,
                               (unsigned long long)item->ranges[k].begin, (unsigned long long)item->ranges[k].end);
            }
            memset(map->has + item->ranges[k].begin, 1, item->ranges[k].end - item->ranges[k].begin + 1);
        }
    }
    gather(ret, map);
    return 0;
}

int
ports_parse(struct ports *ret, struct str text, struct err *err)
{
    auto_ports struct ports ports = {0};
    while (text.len > 0) {
        struct str range = str_cut(&text, ','), whole = range;
        struct str first = str_cut(&range, '-');
        uint64_t begin, end;
        if (str_to_u64(first, &begin) < 0 || str_to_u64(range, &end) < 0 || begin > end || end > PORT_MAX)
            return err_set(err, -EINVAL, "'%.*s' is no range of ports: write 31000-31003", STR_ARG(whole));
        ports_add(&ports, begin, end);
    }
    ports_fini(ret);
    *ret = ports;
    ports = (struct ports){0};
    return 0;
}

void
ports_format(struct buf *out, const struct ports *ports)
{
    for (uint32_t i = 0; i < ports->count; i++)
        buf_printf(out, "%s%llu-%llu", i ? "," : "", (unsigned long long)ports->items[i].begin,
                   (unsigned long long)ports->items[i].end);
}

void
ports_print(struct buf *out, const struct ports *ports)
{
    buf_putc(out, '[');
    for (uint32_t i = 0; i < ports->count; i++)
        buf_printf(out, "%s%llu-%llu", i ? ", " : "", (unsigned long long)ports->items[i].begin,
                   (unsigned long long)ports->items[i].end);
    buf_putc(out, ']');
}

/* The largest block that begins at begin and stays below `behind`. */
static uint32_t
block_size(uint32_t begin, uint32_t behind)
{
    uint32_t size = begin ? begin & -begin : PORT_MAX + 1;
    while (begin + size > behind)
        size /= 2;
    return size;
}

size_t
ports_blocks(const struct ports *ports, struct port_block **ret)
{
    size_t count = 0;
    struct port_block *blocks = xcalloc(ports->count * 32u + 1, sizeof *blocks); /* at most 2 * 15 of a range */
    for (uint32_t i = 0; i < ports->count; i++) {
        uint32_t begin = (uint32_t)ports->items[i].begin, behind = (uint32_t)ports->items[i].end + 1;
        while (begin < behind) {
            uint32_t size = block_size(begin, behind);
            blocks[count++] = (struct port_block){begin, size};
            begin += size;
        }
    }
    *ret = blocks;
    return count;
}

bool
ports_take(const struct ports *free, uint32_t size, struct mesos_range *ret)
{
    uint32_t step = size & -size; /* a power of two: its own size */
    for (uint32_t i = 0; size > 0 && i < free->count; i++) {
        uint32_t begin = ((uint32_t)free->items[i].begin + step - 1) / step * step;
        if ((uint64_t)begin + size - 1 > free->items[i].end)
            continue;
        *ret = (struct mesos_range){begin, begin + size - 1};
        return true;
    }
    return false;
}
