/* SPDX-License-Identifier: Apache-2.0 */
/* The rest of a module cgroups/...: everything but its name and its subsystems. Included last, by each of them, once. */
#ifndef ISOLATOR_CGROUPS_MODULE_H
#define ISOLATOR_CGROUPS_MODULE_H

#include "isolator/cgroups/group.h"

static const struct mesos_isolator_ops cgroups_ops = {
    .supports_nesting = group_supports,
    .supports_standalone = group_supports,
    .initialize = group_initialize,
    .recover = group_recover,
    .prepare = group_prepare,
    .isolate = group_isolate,
    .update = group_update,
    .usage = group_usage,
    .status = group_status,
    .cleanup = group_cleanup,
};

/* subsystems_: a NULL-terminated array; all_: those of them that there are, instead of every one. */
#define CGROUPS_MODULE(name_, summary_, subsystems_, all_)                                                         \
    static int start(void *instance, const struct mesos_host *host)                                                \
    {                                                                                                              \
        return group_start(instance, host, name_, subsystems_, all_);                                              \
    }                                                                                                              \
    static const struct mesos_module module = {                                                                    \
        .abi = MESOS_ABI,                                                                                          \
        .size = sizeof(struct mesos_module),                                                                       \
        .host_size = sizeof(struct mesos_host),                                                                    \
        .ops_size = sizeof cgroups_ops,                                                                            \
        .kind = MESOS_KIND_ISOLATOR,                                                                               \
        .instance_size = sizeof(struct group),                                                                     \
        .name = name_,                                                                                             \
        .version = CMESOS_VERSION,                                                                                 \
        .author = "cmesos",                                                                                        \
        .summary = summary_,                                                                                       \
        .start = start,                                                                                            \
        .stop = group_stop,                                                                                        \
        .ops = &cgroups_ops,                                                                                       \
        .phase = MESOS_PHASE_CGROUPS,                                                                              \
    };                                                                                                             \
    MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);                                            \
    MESOS_EXPORT const struct mesos_module *const *mesos_modules(void)                                             \
    {                                                                                                              \
        static const struct mesos_module *const modules[] = {&module, NULL};                                       \
        return modules;                                                                                            \
    }

#endif
