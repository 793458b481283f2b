/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows a container that has a root file system of its own its cgroups, where programs look for them: below
 * /sys/fs/cgroup, one directory per hierarchy of v1. Read-only: what limits a task is not the task's to change. See group.h.
 */
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "common/packed.h"
#include "group.h"

/* Numbers of fields in ContainerLaunchInfo and what is in it. */
enum {
    INFO_CLONE_NAMESPACES = 4,
    INFO_MOUNTS = 17,
    INFO_FILE_OPERATIONS = 22,
    MOUNT_TARGET = 1,
    MOUNT_SOURCE = 2,
    MOUNT_FLAGS = 4,
    OPERATION_KIND = 1,
    OPERATION_SYMLINK = 2,
    KIND_SYMLINK = 1,
};

static void
put_mount(struct buf *info, const char *source, const char *target)
{
    auto_buf struct buf mount = {0};
    packed_bytes(&mount, MOUNT_TARGET, str_of(target));
    packed_bytes(&mount, MOUNT_SOURCE, str_of(source));
    packed_uint(&mount, MOUNT_FLAGS, MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
    packed_bytes(info, INFO_MOUNTS, buf_str(&mount));
}

static void
put_symlink(struct buf *info, const char *text, const char *link)
{
    auto_buf struct buf operation = {0}, symlink = {0};
    packed_bytes(&symlink, 1, str_of(text));
    packed_bytes(&symlink, 2, str_of(link));
    packed_uint(&operation, OPERATION_KIND, KIND_SYMLINK);
    packed_bytes(&operation, OPERATION_SYMLINK, buf_str(&symlink));
    packed_bytes(info, INFO_FILE_OPERATIONS, buf_str(&operation));
}

/* A hierarchy of several controllers is mounted under the name it has on the host, with a link for each of them. */
static void
put_part(struct buf *info, const struct part *part, const char *path, const char *rootfs)
{
    const char *slash = strrchr(part->tree.mount, '/'), *name = slash ? slash + 1 : part->tree.mount;
    auto_free char *source = xasprintf("%s/%s/%s", part->tree.mount, part->tree.root, path);
    auto_free char *target = xasprintf("%s/sys/fs/cgroup/%s", rootfs, name);
    auto_free char *link = xasprintf("%s/sys/fs/cgroup/%s", rootfs, part->subsystem->name);
    if (!part->same_tree)
        put_mount(info, source, target);
    if (strcmp(name, part->subsystem->name) != 0)
        put_symlink(info, name, link);
}

void
group_show(const struct group *group, const char *id, const char *rootfs, struct buf *launch_info)
{
    char path[CGROUP_PATH_MAX];
    if (!rootfs || group->part_count == 0 || group->parts[0].tree.version != 1 || cgroup_path(id, path) < 0)
        return;
    packed_uint(launch_info, INFO_CLONE_NAMESPACES, CLONE_NEWNS);
    for (unsigned i = 0; i < group->part_count; i++)
        put_part(launch_info, &group->parts[i], path, rootfs);
}
