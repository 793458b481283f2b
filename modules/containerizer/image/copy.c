/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end that needs nothing of the kernel: a layer's files are copied upon those of the layers below. Hard links
 * within a layer stay links. Both trees are walked by descriptors that follow no link.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "containerizer/image/layer.h"
#include "containerizer/image/rootfs.h"

enum { XATTRS_MAX = 64 * 1024 };

/* A file with several names: where the first copy is. */
struct linked {
    struct {
        dev_t dev;
        ino_t ino;
    } key;
    char *path; /* below the target */
};

struct copying {
    int target_fd; /* its root */
    struct map links;
};

static int copy_tree(struct copying *c, int from, int to, const char *path, struct err *err);

static int
failed(const char *doing, const char *path, struct err *err)
{
    return err_errno(err, "cannot %s '/%.300s' of the image", doing, path);
}

static bool
is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool
is_opaque(int fd)
{
    char value[2];
    return fgetxattr(fd, layer_opaque_name(), value, sizeof value) == 1 && value[0] == 'y';
}

static int
remove_there(int to, const char *name, const char *path, struct err *err)
{
    if (unlinkat(to, name, 0) == 0 || errno == ENOENT)
        return 0;
    auto_free char *real = xasprintf("/proc/self/fd/%d/%s", to, name);
    return dir_remove(real, err) < 0 ? err_wrap(err, "cannot replace '/%.300s'", path) : 0;
}

static void
copy_xattrs(int from, int to)
{
    char names[XATTRS_MAX], value[XATTRS_MAX];
    ssize_t len = flistxattr(from, names, sizeof names);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1) {
        if (strncmp(name, "trusted.", 8) == 0 || strncmp(name, "user.overlay.", 13) == 0)
            continue;
        ssize_t n = fgetxattr(from, name, value, sizeof value);
        if (n >= 0 && fsetxattr(to, name, value, (size_t)n, 0) < 0)
            continue; /* a file system without them has none */
    }
}

static int
copy_attributes(int from, int to, const struct stat *st, const char *path, struct err *err)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (geteuid() == 0 && fchown(to, st->st_uid, st->st_gid) < 0)
        return failed("set the owner of", path, err);
    if (fchmod(to, st->st_mode & 07777) < 0)
        return failed("set the mode of", path, err);
    copy_xattrs(from, to);
    futimens(to, times);
    return 0;
}

static int
copy_range(int from, int to, off_t at, off_t end)
{
    char block[65536];
    if (lseek(from, at, SEEK_SET) < 0 || lseek(to, at, SEEK_SET) < 0)
        return -1;
    while (at < end) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)(end - at), 0);
        if (n < 0) {
            n = read(from, block, end - at < (off_t)sizeof block ? (size_t)(end - at) : sizeof block);
            for (ssize_t done = 0; done < n;) {
                ssize_t w = write(to, block + done, (size_t)(n - done));
                if (w <= 0)
                    return -1;
                done += w;
            }
        }
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        at += n;
    }
    return 0;
}

/* Shared where the file system can, holes left as holes. */
static int
copy_bytes(int from, int to, off_t size)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    for (off_t at = 0; at < size;) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (data < 0 || hole < 0) {
            data = at;
            hole = size;
        }
        if (copy_range(from, to, data, hole) < 0)
            return -1;
        at = hole;
    }
    return ftruncate(to, size);
}

static int
copy_file(int from_dir, int to, const char *name, const struct stat *st, const char *path, struct err *err)
{
    auto_fd int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return failed("open", path, err);
    auto_fd int copy = openat(to, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (copy < 0 || copy_bytes(from, copy, st->st_size) < 0)
        return failed("copy", path, err);
    return copy_attributes(from, copy, st, path, err);
}

static int
copy_special(int from_dir, int to, const char *name, const struct stat *st, const char *path, struct err *err)
{
    char target[4097];
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
        if (n < 0)
            return failed("read the link", path, err);
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0)
            return failed("make the link", path, err);
    } else if (mknodat(to, name, st->st_mode, st->st_rdev) < 0 || fchmodat(to, name, st->st_mode & 07777, 0) < 0) {
        return failed("make", path, err);
    }
    if (geteuid() == 0 && fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return failed("set the owner of", path, err);
    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

/* 1: it has been linked to its other name. */
static int
link_again(struct copying *c, int to, const char *name, const struct stat *st, const char *path, struct err *err)
{
    if (st->st_nlink < 2)
        return 0;
    struct linked *linked = xcalloc(1, sizeof *linked);
    linked->key.dev = st->st_dev;
    linked->key.ino = st->st_ino;
    const struct linked *first = map_get(&c->links, str_n(&linked->key, sizeof linked->key));
    if (!first) {
        linked->path = xstrdup(path);
        map_add(&c->links, str_n(&linked->key, sizeof linked->key), linked);
        return 0;
    }
    free(linked);
    /* Made by this run, of this layer: nobody has put a link in between. */
    return linkat(c->target_fd, first->path, to, name, 0) < 0 ? failed("make the hard link", path, err) : 1;
}

static int
copy_directory(struct copying *c, int from_dir, int to, const char *name, const struct stat *st, const char *path,
               struct err *err)
{
    struct stat there;
    auto_fd int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0)
        return failed("open", path, err);
    bool is_there = fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && (!S_ISDIR(there.st_mode) || is_opaque(from))) {
        int rc = remove_there(to, name, path, err);
        if (rc < 0)
            return rc;
    }
    if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
        return failed("make directory", path, err);
    auto_fd int copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (copy < 0)
        return failed("open", path, err);
    int rc = copy_tree(c, from, copy, path, err);
    return rc < 0 ? rc : copy_attributes(from, copy, st, path, err);
}

static int
copy_entry(struct copying *c, int from, int to, const char *name, const char *path, struct err *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return failed("look at", path, err);
    if (S_ISDIR(st.st_mode))
        return copy_directory(c, from, to, name, &st, path, err);
    int rc = remove_there(to, name, path, err);
    if (rc < 0 || is_whiteout(&st))
        return rc;
    rc = link_again(c, to, name, &st, path, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return S_ISREG(st.st_mode) ? copy_file(from, to, name, &st, path, err) : copy_special(from, to, name, &st, path, err);
}

static int
copy_tree(struct copying *c, int from, int to, const char *path, struct err *err)
{
    int own = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    int rc = 0;
    if (!dir) {
        close_at(&own);
        return failed("read directory", path, err);
    }
    for (const struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        auto_free char *below = *path ? xasprintf("%s/%s", path, entry->d_name) : xstrdup(entry->d_name);
        rc = copy_entry(c, from, to, entry->d_name, below, err);
    }
    closedir(dir);
    return rc;
}

int
layer_copy(const char *layer, const char *target, struct err *err)
{
    struct copying c = {0};
    struct stat st;
    struct linked *linked;
    auto_fd int from = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd int to = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || to < 0 || fstat(from, &st) < 0)
        return err_errno(err, "cannot open '%s'", from < 0 ? layer : target);
    c.target_fd = to;
    int rc = copy_tree(&c, from, to, "", err);
    if (rc == 0)
        rc = copy_attributes(from, to, &st, "", err);
    map_foreach(linked, &c.links)
    {
        free(linked->path);
        free(linked);
    }
    map_fini(&c.links);
    return rc;
}
