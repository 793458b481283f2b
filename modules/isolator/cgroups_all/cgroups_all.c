/* SPDX-License-Identifier: Apache-2.0 */
/* isolator "cgroups/all": everything that the kernel has. What it does is in ../cgroups/group.h. */
#include "isolator/cgroups/module.h"

static const struct subsystem *const subsystems[] = {
    &subsystem_blkio, &subsystem_cpu, &subsystem_cpuacct, &subsystem_cpuset,
    &subsystem_devices, &subsystem_hugetlb, &subsystem_io, &subsystem_memory,
    &subsystem_net_cls, &subsystem_net_prio, &subsystem_perf_event, &subsystem_pids,
    NULL,
};

CGROUPS_MODULE("cgroups/all", "everything that the kernel can do with cgroups", subsystems, true)
