/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/pids": a group for each container, for somebody else to limit. What it does is in ../cgroups/plain.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_pids, NULL};

CGROUPS_MODULE("cgroups/pids", "puts containers into groups of the controller pids", subsystems, false)
