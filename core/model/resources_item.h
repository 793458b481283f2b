/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about single resources, and the view forms of the sums: for resources_*.c and for modules. */
#ifndef MODEL_RESOURCES_ITEM_H
#define MODEL_RESOURCES_ITEM_H

#include "model/resources.h"

/* Values of the two may be added: same thing, same reservations, same allocation. */
bool resource_item_same(const struct mesos_resource *a, const struct mesos_resource *b);
bool resource_item_empty(const struct mesos_resource *item);
/* The value of a holds the value of b; they are the same thing. */
bool resource_item_contains(const struct mesos_resource *a, const struct mesos_resource *b);
/* Subtracts what is there of other; nothing goes below zero. */
void resources_subtract_view(struct resources *r, struct mesos_resources other);

#endif
