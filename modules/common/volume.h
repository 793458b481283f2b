/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the volume isolators have in common: where a volume of a container shows up, and what Mesos says when it cannot.
 */
#ifndef MODULES_COMMON_VOLUME_H
#define MODULES_COMMON_VOLUME_H

#include "common/launch_info.h"
#include "base/err.h"

/* Whether `isolator` is one of the daemon's (the agent's --isolation, with what comes with its names). */
bool isolation_has(const struct mesos_host *host, const char *isolator);
/* 0, or -EINVAL after host->fail: launcher and isolator filesystem/linux are demanded by `who`. */
int needs_linux_filesystem(const struct mesos_host *host, const char *who);

/* The path of the host on which a volume with this container_path is mounted; the caller's. The mount point is made, a
 * directory or an empty file, unless it would lie in the host's own file system: then it must be there. Relative ones lie in the
 * sandbox, which a container with a rootfs sees at --sandbox_directory. NULL and err. */
char *volume_mount_point(const struct mesos_host *host, const struct mesos_isolator_container *container,
                         const char *container_path, bool directory, struct err *err);
/* MS_BIND with what the volume's mode wants. */
uint32_t volume_bind_flags(const Mesos__V1__Volume *volume);
/* The sandbox of a nested container's parent; the caller's. */
char *volume_parent_sandbox(const char *sandbox);

#endif
