/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on sorted runs of intervals and on sorted sets of strings: the values behind ranges and set resources.
 * Runs are normal when sorted and not touching. Results are new allocations of the caller's (NULL when empty); inputs
 * are never changed. Used by resources.c and by modules through libmesos-module.
 */
#ifndef MODEL_RANGES_H
#define MODEL_RANGES_H

#include <stdbool.h>
#include "mesos/resource.h"

/* Sorts and joins in place; returns how many are left. begin <= end in each. */
uint32_t ranges_normalise(struct mesos_range *items, uint32_t count);
struct mesos_range *ranges_join(const struct mesos_range *a, uint32_t a_count, const struct mesos_range *b,
                                uint32_t b_count, uint32_t *ret_count);
/* What of a is not in b. */
struct mesos_range *ranges_minus(const struct mesos_range *a, uint32_t a_count, const struct mesos_range *b,
                                 uint32_t b_count, uint32_t *ret_count);
bool ranges_contain(const struct mesos_range *a, uint32_t a_count, const struct mesos_range *b, uint32_t b_count);

/* A sorted set without doubles as one allocation: pointers, then the strings. Input in any order. */
const char **set_new(const char *const *items, uint32_t count, uint32_t *ret_count);
const char **set_join(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count,
                      uint32_t *ret_count);
const char **set_minus(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count,
                       uint32_t *ret_count);
bool set_contain(const char *const *a, uint32_t a_count, const char *const *b, uint32_t b_count);

#endif
