/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handle holds a container's network namespace by a bind mount named by the pid, where `ip netns` finds it; a link named
 * by the container's id tells whose it is. The link is made first and removed last: there is no handle without one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "port_mapping.h"

static char *
handle_path(pid_t pid)
{
    return xasprintf(HANDLES_DIR "/%d", (int)pid);
}

/* Shared, so that containers with a mount namespace of their own let go of a handle when the host does. */
static int
share(const char *directory, struct err *err)
{
    if (mount(NULL, directory, NULL, MS_SHARED | MS_REC, NULL) == 0)
        return 0;
    if (errno != EINVAL) /* else it is no mount point yet */
        return err_errno(err, "cannot share the mount at %s", directory);
    if (mount(directory, directory, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount(NULL, directory, NULL, MS_SHARED | MS_REC, NULL) < 0)
        return err_errno(err, "cannot mount %s on itself", directory);
    return 0;
}

int
handles_ready(const struct ground *ground, struct err *err)
{
    int rc = dir_make(HANDLES_DIR, 0755, err);
    if (rc == 0)
        rc = dir_make(ground->links_dir, 0755, err);
    return rc < 0 ? rc : share(HANDLES_DIR, err);
}

int
handle_open(pid_t pid, int *ret_ns_fd, struct err *err)
{
    auto_free char *path = handle_path(pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    *ret_ns_fd = fd;
    return 0;
}

int
handle_make(const struct ground *ground, const char *id, pid_t pid, int *ret_ns_fd, struct err *err)
{
    auto_free char *path = handle_path(pid), *link = xasprintf("%s/%s", ground->links_dir, id);
    auto_free char *source = xasprintf("/proc/%d/ns/net", (int)pid);
    umount2(path, MNT_DETACH); /* of an earlier process with this number, whose agent died */
    if (unlink(link) < 0 && errno != ENOENT)
        return err_errno(err, "cannot remove %s", link);
    if (symlink(path, link) < 0)
        return err_errno(err, "cannot link %s to %s", link, path);
    auto_fd int file = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
    if (file < 0)
        return err_errno(err, "cannot make %s", path);
    if (mount(source, path, NULL, MS_BIND, NULL) < 0)
        return err_errno(err, "cannot mount %s at %s", source, path);
    return handle_open(pid, ret_ns_fd, err);
}

void
handle_remove(const struct ground *ground, const char *id, pid_t pid)
{
    auto_free char *path = handle_path(pid), *link = xasprintf("%s/%s", ground->links_dir, id);
    char text[64];
    ssize_t len = readlink(link, text, sizeof text - 1);
    bool ours = len > 0 && str_eq(str_n(text, (size_t)len), str_of(path));
    if (ours) {
        umount2(path, MNT_DETACH);
        unlink(path);
    }
    unlink(link);
}
