/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an isolator answers to prepare, put together piece by piece. Texts are copied. Used by isolators, each for one
 * call at a time: launch_info_init, wishes, launch_info_reply (which also ends it).
 */
#ifndef MODULES_COMMON_LAUNCH_INFO_H
#define MODULES_COMMON_LAUNCH_INFO_H

#include "base/arena.h"
#include "mesos/isolator.h"
#include "mesos/slave/containerizer.pb-c.h"

struct launch_info {
    struct arena *arena;
    Mesos__Slave__ContainerLaunchInfo message; /* fields that have no function here are set by hand */
    struct launch_info_lists *lists; /* how long the lists may get */
    bool any; /* something is wished */
};

void launch_info_init(struct launch_info *info);
void launch_info_fini(struct launch_info *info);
void launch_info_clone(struct launch_info *info, int namespaces); /* one CLONE_NEW... */
void launch_info_enter(struct launch_info *info, int namespaces);
/* type and options may be NULL. */
void launch_info_mount(struct launch_info *info, const char *source, const char *target, const char *type,
                       uint32_t flags, const char *options);
void launch_info_mask(struct launch_info *info, const char *path);
/* task: of the program of a command task that has a root file system of its own, not of its executor. */
void launch_info_group(struct launch_info *info, uint32_t gid, bool task);
void launch_info_variable(struct launch_info *info, const char *name, const char *value);
/* The same for the task of a command executor. */
void launch_info_task_variable(struct launch_info *info, const char *name, const char *value);
/* File operations. A link at `link` that says `text`. */
void launch_info_symlink(struct launch_info *info, const char *text, const char *link);
void launch_info_rename(struct launch_info *info, const char *from, const char *to);
void launch_info_then_mount(struct launch_info *info, const char *source, const char *target, const char *type,
                            uint32_t flags, const char *options);
/* Answers: status below 0 with what was said to host->fail, else the wishes. Ends it. */
void launch_info_reply(struct launch_info *info, const struct mesos_host *host, struct mesos_call *call, int status);

/* The container's configuration, or NULL after host->fail. Free: mesos__slave__container_config__free_unpacked. */
Mesos__Slave__ContainerConfig *container_config(const struct mesos_isolator_container *container,
                                                const struct mesos_host *host);

#endif
