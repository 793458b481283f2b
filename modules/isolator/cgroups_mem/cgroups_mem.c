/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/mem": limits of memory. What it does is in ../cgroups/memory.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_memory, NULL};

CGROUPS_MODULE("cgroups/mem", "limits the memory of containers and tells who exceeded it", subsystems, false)
