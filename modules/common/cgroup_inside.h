/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of cgroup.h share: control files below any directory. */
#ifndef COMMON_CGROUP_INSIDE_H
#define COMMON_CGROUP_INSIDE_H

#include <stddef.h>
#include <sys/types.h>

ssize_t cgroup_fd_read(int dir_fd, const char *path, char *text, size_t size);
int cgroup_fd_write(int dir_fd, const char *path, const char *text);
/* v2: lets children of the group at path have the controller; "" is nothing to do. */
int cgroup_fd_enable(int dir_fd, const char *path, const char *controller);
/* v1 cpuset: copies cpus and mems from the group above where path has none. */
int cgroup_fd_cpuset(int dir_fd, const char *path);

#endif
