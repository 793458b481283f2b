/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's directories, so that mounts in them behave: work_dir in a shared mount that is its own peer group (what the
 * agent mounts and unmounts there reaches containers that run, and nothing else does); runtime_dir/containers where device
 * nodes work. Both by a bind mount of the directory on itself, where it is not so already. Such a mount stays while containers
 * run, also without an agent, and goes when the last agent stops that has none.
 */
#include <errno.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "common/mounts.h"
#include "filesystem_linux.h"

static int
wrong(const struct mesos_host *host, const char *what, const char *path)
{
    return host->fail(host, -errno, "isolator 'filesystem/linux' cannot %s '%s': %s", what, path, strerror(errno));
}

/* It is in a peer group with a mount above itself: what is mounted here would show up there. */
static bool
has_peer_above(const struct mounts *mounts, const struct mount_entry *at, const char *path)
{
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount_entry *other = &mounts->entries[i];
        if (other->id != at->id && other->shared == at->shared && path_is_below(path, other->target))
            return true;
    }
    return false;
}

static int
make_shared(const struct mesos_host *host, const char *path)
{
    struct mounts mounts;
    struct err err = {0};
    if (mounts_read(&mounts, &err) < 0)
        return host->fail(host, err.code, "Failed to get mount table: %s", err.text);
    const struct mount_entry *at = mounts_of(&mounts, path);
    bool needed = !at || !at->shared || has_peer_above(&mounts, at, path);
    bool bound = at && strcmp(at->target, path) == 0;
    mounts_fini(&mounts);
    if (!needed)
        return 0;
    if (!bound && mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return wrong(host, "bind mount", path);
    if (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0 || mount(NULL, path, NULL, MS_SHARED, NULL) < 0)
        return wrong(host, "make a shared mount of", path);
    return 0;
}

static int
allow_devices(const struct mesos_host *host, const char *path)
{
    struct statvfs is;
    struct mount_entry at = {0};
    if (statvfs(path, &is) < 0)
        return wrong(host, "look at", path);
    if (!(is.f_flag & ST_NODEV))
        return 0;
    bool bound = mounts_find(path, &at, NULL) == 0 && strcmp(at.target, path) == 0;
    mount_entry_fini(&at);
    if (!bound && mount(path, path, NULL, MS_BIND, NULL) < 0)
        return wrong(host, "bind mount", path);
    unsigned long flags = MS_REMOUNT | MS_BIND | (is.f_flag & ST_NOSUID ? MS_NOSUID : 0) | (is.f_flag & ST_NOEXEC ? MS_NOEXEC : 0);
    if (mount(NULL, path, NULL, flags, NULL) < 0)
        return wrong(host, "allow devices in", path);
    return 0;
}

static char *
containers_directory(const struct mesos_host *host)
{
    return xasprintf("%s/containers", host->runtime_dir);
}

int
ground_make(const struct mesos_host *host)
{
    struct err err = {0};
    auto_free char *work = realpath(host->work_dir, NULL);
    if (!work)
        return wrong(host, "find", host->work_dir);
    int rc = make_shared(host, work);
    if (rc < 0)
        return rc;
    auto_free char *given = containers_directory(host);
    if (dir_make(given, 0755, &err) < 0)
        return host->fail(host, err.code, "Failed to create container's runtime dir at '%s': %s", given, err.text);
    auto_free char *containers = realpath(given, NULL);
    return containers ? allow_devices(host, containers) : wrong(host, "find", given);
}

/* A directory that is mounted on itself: where the mount's root is the directory in the mount above. */
static bool
is_self_bound(const struct mounts *mounts, const char *path)
{
    const struct mount_entry *at = mounts_of(mounts, path), *above = NULL;
    if (!at || strcmp(at->target, path) != 0)
        return false;
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->entries[i].id == at->parent)
            above = &mounts->entries[i];
    if (!above || !path_is_below(path, above->target))
        return false;
    const char *rest = path + (strcmp(above->target, "/") == 0 ? 0 : strlen(above->target));
    auto_free char *root = xasprintf("%s%s", strcmp(above->root, "/") == 0 ? "" : above->root, rest);
    return strcmp(root, at->root) == 0;
}

static void
unbind(const char *given)
{
    struct mounts mounts;
    auto_free char *path = realpath(given, NULL);
    if (!path || mounts_read(&mounts, NULL) < 0)
        return;
    if (is_self_bound(&mounts, path))
        umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    mounts_fini(&mounts);
}

void
ground_clear(const struct mesos_host *host)
{
    auto_free char *containers = containers_directory(host);
    unbind(containers);
    unbind(host->work_dir);
}
