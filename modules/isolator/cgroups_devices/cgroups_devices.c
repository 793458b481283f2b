/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/devices": which devices may be opened. What it does is in ../cgroups/devices.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_devices, NULL};

CGROUPS_MODULE("cgroups/devices", "lets containers open only devices that are allowed", subsystems, false)
