/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/hugetlb": a group for each container, for somebody else to limit. What it does is in ../cgroups/plain.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_hugetlb, NULL};

CGROUPS_MODULE("cgroups/hugetlb", "puts containers into groups of the controller hugetlb", subsystems, false)
