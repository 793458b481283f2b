/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/blkio": statistics of block devices. What it does is in ../cgroups/blkio.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_blkio, NULL};

CGROUPS_MODULE("cgroups/blkio", "counts what containers read from and write to block devices", subsystems, false)
