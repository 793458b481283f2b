/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/net_cls": class ids for tc. What it does is in ../cgroups/net_cls.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_net_cls, NULL};

CGROUPS_MODULE("cgroups/net_cls", "gives the traffic of containers class ids", subsystems, false)
