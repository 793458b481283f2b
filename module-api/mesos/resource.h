/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources as plain values: what the core and every module speak of when they say "2.5 cpus reserved for prod".
 * Both sides use these structs directly; libmesos-module lends the arithmetic on them (mesos/resources.h).
 */
#ifndef MESOS_RESOURCE_H
#define MESOS_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

enum mesos_value_type { /* numbers are those of mesos.v1.Value.Type */
    MESOS_VALUE_SCALAR = 0,
    MESOS_VALUE_RANGES = 1,
    MESOS_VALUE_SET = 2,
};

/* Both ends included, begin <= end. */
struct mesos_range {
    uint64_t begin, end;
};

/*
 * One resource. `identity` tells which resources may be added to each other: the packed mesos.v1.Resource with value,
 * allocation_info and (deprecated) role left out and reservations in their refined form; NULL with length 0 for the
 * plain unreserved case, so that the hot path compares two NULLs. name and role repeat what identity says, for speed.
 */
struct mesos_resource {
    const char *name; /* "cpus"; never NULL */
    const char *role; /* role of the innermost reservation, "*" when unreserved; never NULL */
    const char *allocation_role; /* role it is allocated to, NULL when not allocated */
    const void *identity;
    uint32_t identity_len;
    uint8_t type; /* enum mesos_value_type */
    uint8_t revocable; /* bool */
    uint8_t shared; /* bool */
    uint8_t has_disk; /* 0 plain; 1 of a disk source that can be divided; 2 whole: persistent volume, mount, block */
    int64_t scalar; /* thousandths: 2.5 cpus = 2500 */
    const struct mesos_range *ranges; /* sorted, not touching */
    uint32_t range_count;
    const char *const *items; /* set, sorted bytewise */
    uint32_t item_count;
    uint32_t shared_count; /* copies of a shared resource that this stands for; 1 else */
};

/* A borrowed run of resources; whoever made it owns everything that hangs on it. */
struct mesos_resources {
    size_t stride; /* sizeof(struct mesos_resource) where it was compiled */
    size_t count;
    const struct mesos_resource *items;
};

#endif
