/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/cpuset": a cpuset for each container, for somebody else to fill. What it does is in ../cgroups/plain.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_cpuset, NULL};

CGROUPS_MODULE("cgroups/cpuset", "puts containers into cpusets of their own", subsystems, false)
