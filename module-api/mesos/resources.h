/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on resources for modules: link libmesos-module.a (its symbols stay hidden in the module). A sum owns what
 * its items point to; zeroed memory is an empty one. The rules are the core's own: things of equal identity and
 * allocation are merged, empty ones never stay, whole disks are not divided.
 */
#ifndef MESOS_RESOURCES_H
#define MESOS_RESOURCES_H

#include <stdbool.h>
#include "mesos/resource.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mesos_resource_sum {
    struct mesos_resource *items;
    uint32_t count, cap;
};

void mesos_resource_sum_free(struct mesos_resource_sum *sum); /* what hangs on it; it is empty then */
struct mesos_resources mesos_resource_sum_view(const struct mesos_resource_sum *sum); /* valid until the next change */
void mesos_resource_sum_add(struct mesos_resource_sum *sum, struct mesos_resources more);
/* What is there of less; nothing goes below zero. */
void mesos_resource_sum_subtract(struct mesos_resource_sum *sum, struct mesos_resources less);
bool mesos_resource_sum_contains(const struct mesos_resource_sum *sum, struct mesos_resources part);
int64_t mesos_resource_sum_scalar(const struct mesos_resource_sum *sum, const char *name); /* thousandths, all roles */
void mesos_resource_sum_allocate(struct mesos_resource_sum *sum, const char *role); /* NULL = not allocated */
/* role equals ancestor or lies below it: "a/b" in "a". */
bool mesos_role_within(const char *role, const char *ancestor);

#ifdef __cplusplus
}
#endif

#endif
