/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/perf_event": samples of performance counters. What it does is in ../cgroups/perf_event.c. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {&subsystem_perf_event, NULL};

CGROUPS_MODULE("cgroups/perf_event", "samples performance counters of containers", subsystems, false)
