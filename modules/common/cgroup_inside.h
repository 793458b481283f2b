/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of cgroup.h share: names of groups, and control files below any directory. */
#ifndef COMMON_CGROUP_INSIDE_H
#define COMMON_CGROUP_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "cgroup.h"

#define CGROUP_FILE_NAME_MAX 64 /* of a control file */
#define CGROUP_FILE_PATH_MAX (CGROUP_PATH_MAX + CGROUP_FILE_NAME_MAX + 8)

/* May a container have that name, `depth` containers below cgroups_root? The agent's own groups at depth 0 are none. */
bool cgroup_name_good(const char *name, size_t len, unsigned depth);

ssize_t cgroup_fd_read(int dir_fd, const char *path, char *text, size_t size);
int cgroup_fd_write(int dir_fd, const char *path, const char *text);
/* v2: lets children of the group at path have the controller; "" is nothing to do. */
int cgroup_fd_enable(int dir_fd, const char *path, const char *controller);
/* v1 cpuset: copies cpus and mems from the group above where path has none. */
int cgroup_fd_cpuset(int dir_fd, const char *path);

#endif
