/* SPDX-License-Identifier: Apache-2.0 */
/* See filesystem_linux.h. The sandbox is the task's, and this runs as root: no link in it is followed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mounts.h"
#include "common/safe_path.h"
#include "filesystem_linux.h"

static bool
is_used_by_another(const struct linux_isolator *isolator, const struct box *box, const struct persistent_volume *volume)
{
    struct box *other;
    map_foreach (other, &isolator->boxes)
        for (size_t i = 0; other != box && i < other->volumes.count; i++)
            if (strcmp(other->volumes.items[i].source, volume->source) == 0)
                return true;
    return false;
}

static bool
is_mounted(const char *target)
{
    struct mounts mounts;
    bool found = false;
    if (mounts_read(&mounts, NULL) < 0)
        return false;
    for (size_t i = 0; i < mounts.count; i++)
        found = found || strcmp(mounts.entries[i].target, target) == 0;
    mounts_fini(&mounts);
    return found;
}

/* Attached with its flags all at once: a running container never sees a read-only volume writable. */
static int
attach(const struct persistent_volume *volume, int target)
{
    auto_fd int tree = (int)syscall(SYS_open_tree, AT_FDCWD, volume->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    if (tree < 0)
        return -1;
    if (volume->read_only && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return -1;
    return (int)syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int
mount_one(const struct linux_isolator *isolator, const struct box *box, const struct persistent_volume *volume)
{
    const struct mesos_host *host = isolator->host;
    struct err err = {0};
    auto_free char *target = xasprintf("%s/%s", box->sandbox, volume->container_path);
    if (is_mounted(target)) /* before the agent was restarted */
        return 0;
    if (safe_path_make(box->sandbox, volume->container_path, SAFE_PATH_NO_LINKS, SAFE_PATH_DIRECTORY, NULL, NULL, &err) < 0)
        return host->fail(host, err.code, "Failed to create persistent volume mount point at '%s': %s", target, err.text);
    auto_fd int at = safe_path_open(box->sandbox, volume->container_path, SAFE_PATH_NO_LINKS, &err);
    if (at < 0)
        return host->fail(host, err.code, "Failed to create persistent volume mount point at '%s': %s", target, err.text);
    if (attach(volume, at) < 0)
        return host->fail(host, -errno, "Failed to mount persistent volume from '%s' to '%s': %s", volume->source, target,
                          strerror(errno));
    MESOS_LOG(host, INFO, "mounted '%s' to '%s' for a persistent volume of container %s", volume->source, target, box->id);
    return 0;
}

static int
unmount_one(const struct linux_isolator *isolator, const struct box *box, const struct persistent_volume *volume)
{
    const struct mesos_host *host = isolator->host;
    auto_free char *target = xasprintf("%s/%s", box->sandbox, volume->container_path);
    if (!is_mounted(target))
        return 0;
    if (umount2(target, UMOUNT_NOFOLLOW) < 0)
        return host->fail(host, -errno, "Failed to unmount unneeded persistent volume at '%s': %s", target, strerror(errno));
    if (rmdir(target) < 0)
        return host->fail(host, -errno, "Failed to remove persistent volume mount point at '%s': %s", target, strerror(errno));
    return 0;
}

static int
change(struct linux_isolator *isolator, struct box *box, const struct persistent_volumes *wanted, bool task_groups,
       struct volume_job *job)
{
    const struct mesos_host *host = isolator->host;
    struct stat owner;
    int rc = 0;
    if (stat(box->sandbox, &owner) < 0)
        return host->fail(host, -errno, "Failed to get ownership for '%s': %s", box->sandbox, strerror(errno));
    for (size_t i = 0; i < box->volumes.count && rc == 0; i++)
        if (!persistent_find(wanted, &box->volumes.items[i]))
            rc = unmount_one(isolator, box, &box->volumes.items[i]);
    for (size_t i = 0; i < wanted->count && rc == 0; i++) {
        if (persistent_find(&box->volumes, &wanted->items[i]))
            continue;
        rc = volume_job_own(job, &isolator->gids, &wanted->items[i], &owner,
                            is_used_by_another(isolator, box, &wanted->items[i]), task_groups);
        if (rc == 0)
            rc = mount_one(isolator, box, &wanted->items[i]);
    }
    return rc;
}

int
volumes_set(struct linux_isolator *isolator, struct box *box, struct persistent_volumes *wanted, bool task_groups,
            struct volume_job *job)
{
    int rc = wanted->count || box->volumes.count ? change(isolator, box, wanted, task_groups, job) : 0;
    if (rc == 0) {
        persistent_volumes_fini(&box->volumes);
        box->volumes = *wanted;
        *wanted = (struct persistent_volumes){0};
    }
    persistent_volumes_fini(wanted);
    return rc;
}
