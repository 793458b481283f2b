/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/net_prio": a group for each container, for somebody else to fill. What it does is in ../cgroups/plain.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_net_prio, NULL};

CGROUPS_MODULE("cgroups/net_prio", "puts containers into groups of the controller net_prio", subsystems, false)
