/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of cpu.c. */
#ifndef ISOLATOR_CGROUPS_CPU_H
#define ISOLATOR_CGROUPS_CPU_H

#include "group.h"

/* cpu.shares of v1, cpu.weight of v2. */
uint64_t cpu_shares(const struct wish *wish, bool low_priority, int version);
/* The microseconds of a period of 100 ms that so many cpus are. */
uint64_t cpu_quota_us(double cpus);

#endif
