/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/cpu": shares and quotas of processor time. What it does is in ../cgroups/cpu.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_cpu, &subsystem_cpuacct, NULL};

CGROUPS_MODULE("cgroups/cpu", "gives containers their share of processor time, and a quota of it", subsystems, false)
