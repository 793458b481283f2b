/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers that containers are only put into, so that somebody else may account or limit by them. */
#include "group.h"

const struct subsystem subsystem_cpuset = {.name = "cpuset", .v2 = "cpuset"}; /* cpus and mems: cgroup_create */
const struct subsystem subsystem_hugetlb = {.name = "hugetlb", .v2 = "hugetlb"};
const struct subsystem subsystem_io = {.name = "io", .v2 = "io", .only_v2 = true};
const struct subsystem subsystem_net_prio = {.name = "net_prio"};
const struct subsystem subsystem_pids = {.name = "pids", .v2 = "pids"};
