/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of ports: sorted ranges that do not touch, and the blocks of them that one comparison under a mask tells apart.
 * Used by the isolator network/port_mapping and its helper; knows neither network nor daemon.
 */
#ifndef PORT_MAPPING_PORTS_H
#define PORT_MAPPING_PORTS_H

#include <stdbool.h>
#include "base/buf.h"
#include "mesos/resource.h"

#define PORT_MAX 65535u

struct ports {
    struct mesos_range *items;
    uint32_t count;
};

/* size is a power of two and begin a multiple of it: port & ~(size - 1) == begin. */
struct port_block {
    uint32_t begin, size;
};

void ports_fini(struct ports *ports);
#define auto_ports __attribute__((cleanup(ports_fini)))
void ports_copy(struct ports *to, const struct ports *from); /* to is empty */
/* begin <= end <= PORT_MAX (assert). */
void ports_add(struct ports *ports, uint64_t begin, uint64_t end);
void ports_add_all(struct ports *ports, const struct ports *more);
void ports_subtract(struct ports *ports, const struct ports *less);
uint32_t ports_size(const struct ports *ports); /* how many ports */
bool ports_contain(const struct ports *all, const struct ports *part);
bool ports_equal(const struct ports *a, const struct ports *b);
/* Whether both have a port; *ret is what the first two ranges that meet have in common. */
bool ports_meet(const struct ports *a, const struct ports *b, struct mesos_range *ret);

/* All ranges of the resource `name`, whatever their roles. -EINVAL when one is no port. */
int ports_of_resources(struct ports *ret, struct mesos_resources resources, const char *name, struct err *err);
/* "31000-31003,31009-31009"; "" is none. */
int ports_parse(struct ports *ret, struct str text, struct err *err);
void ports_format(struct buf *out, const struct ports *ports); /* as ports_parse reads it */
void ports_print(struct buf *out, const struct ports *ports); /* as Mesos writes it: "[31000-31003, 31009-31009]" */

/* As few blocks as there can be; the caller frees. */
size_t ports_blocks(const struct ports *ports, struct port_block **ret);
/* The first `size` ports in a row of `free` that begin where they need the fewest blocks. false: there are none. */
bool ports_take(const struct ports *free, uint32_t size, struct mesos_range *ret);

#endif
