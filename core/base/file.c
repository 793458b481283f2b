/* SPDX-License-Identifier: Apache-2.0 */
/* Whole-file work. Blocking: never call it on a loop's thread when the file can be large or the disk slow. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

/* Beyond this depth a directory is moved up before it is emptied, so that no tree exhausts descriptors or stack. */
enum { DEPTH_MAX = 64 };

int
file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t before = out->len;
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    for (;;) {
        size_t left = max - (out->len - before);
        size_t want = left < 65536 ? left + 1 : 65536;
        ssize_t n = read(fd, buf_reserve(out, want), want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            out->len = before;
            return err_errno(err, "cannot read %s", path);
        }
        if (n == 0)
            return 0;
        if ((size_t)n > left) {
            out->len = before;
            return err_set(err, -EFBIG, "%s is larger than %zu bytes", path, max);
        }
        buf_added(out, (size_t)n);
    }
}

static int
write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = fault("file_write") ? -1 : write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
sync_parent(const char *path)
{
    auto_free char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir ? 1 : 0] = '\0';
    auto_fd int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

int
file_replace(const char *path, const void *data, size_t len, mode_t mode, bool sync, struct err *err)
{
    auto_free char *temp = xasprintf("%s.XXXXXX", path);
    auto_fd int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot create a file beside %s", path);
    int rc = write_all(fd, data, len);
    if (!rc && fchmod(fd, mode) < 0)
        rc = -errno;
    if (!rc && sync && (fault("file_fsync") || fsync(fd) < 0))
        rc = -errno;
    if (!rc && (fault("file_rename") || rename(temp, path) < 0))
        rc = -errno;
    if (rc) {
        unlink(temp);
        errno = -rc;
        return err_errno(err, "cannot write %s", path);
    }
    if (sync && (rc = sync_parent(path)) != 0) {
        errno = -rc;
        return err_errno(err, "cannot make the directory of %s durable", path);
    }
    return 0;
}

/* Whether nobody else can have put the link `name`, of which `link` tells, into the directory. */
static bool
is_ours(int dir, const struct stat *link)
{
    struct stat st;
    uid_t we = geteuid();
    if (fstat(dir, &st) < 0 || (st.st_uid != 0 && st.st_uid != we))
        return false;
    return !(st.st_mode & (S_IWGRP | S_IWOTH)) || ((st.st_mode & S_ISVTX) && (link->st_uid == 0 || link->st_uid == we));
}

/* The next name of a path, below dir. */
static int
open_next(int dir, const char *name)
{
    struct stat st;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
        return fd;
    close(fd);
    if (is_ours(dir, &st))
        return openat(dir, name, O_PATH | O_CLOEXEC);
    errno = ELOOP;
    return -1;
}

int
file_open_trusted(const char *path, int flags)
{
    struct str rest = str_of(path);
    char text[32];
    int at = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0 && rest.len > 0) {
        auto_free char *name = str_dup(str_cut(&rest, '/'));
        if (!*name)
            continue;
        auto_fd int above = at;
        at = open_next(above, name);
        if (at < 0)
            return -errno;
    }
    if (at < 0)
        return -errno;
    auto_fd int found = at;
    snprintf(text, sizeof text, "/proc/self/fd/%d", found);
    int fd = open(text, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* From the far end: mostly only the last names are missing, and nobody wants a system call for each level above. */
static int
dir_make_below(char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    char *slash = strrchr(path, '/');
    if (errno != ENOENT || !slash || slash == path)
        return err_errno(err, "cannot create directory %s", path);
    *slash = '\0';
    int status = dir_make_below(path, mode, err);
    *slash = '/';
    if (!status && mkdir(path, mode) < 0 && errno != EEXIST)
        return err_errno(err, "cannot create directory %s", path);
    return status;
}

int
dir_make(const char *path, mode_t mode, struct err *err)
{
    auto_free char *copy = xstrdup(path);
    for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
        copy[len - 1] = '\0';
    int status = dir_make_below(copy, mode, err);
    if (status)
        return status;
    struct stat st;
    if (stat(path, &st) < 0)
        return err_errno(err, "cannot create directory %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "cannot create directory %s: a file of that name is in the way", path);
    return 0;
}

struct removal {
    int top_fd;
    unsigned moved; /* names given to directories that were moved up */
    bool again; /* the top has new entries */
};

static int remove_content(struct removal *removal, int dir_fd, unsigned depth);

static int
remove_entry(struct removal *removal, int dir_fd, const char *name, unsigned depth)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth > DEPTH_MAX) {
        char up[32];
        snprintf(up, sizeof(up), ".removing-%u", removal->moved++);
        removal->again = true;
        return renameat(dir_fd, name, removal->top_fd, up) == 0 || errno == EEXIST || errno == ENOTEMPTY ? 0 : -errno;
    }
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int rc = remove_content(removal, fd, depth + 1); /* closes fd */
    if (!rc && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && !removal->again)
        rc = -errno;
    return rc;
}

/* Takes dir_fd over. */
static int
remove_content(struct removal *removal, int dir_fd, unsigned depth)
{
    DIR *dir = fdopendir(dir_fd);
    int rc = 0;
    if (!dir) {
        close(dir_fd);
        return -errno;
    }
    struct dirent *e;
    while (!rc && (e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = remove_entry(removal, dirfd(dir), e->d_name, depth);
    closedir(dir);
    return rc;
}

int
dir_remove(const char *path, struct err *err)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    auto_fd int top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0)
        return errno == ENOENT ? 0 : err_errno(err, "cannot remove %s", path);
    struct removal removal = {.top_fd = top};
    int rc = 0;
    do {
        removal.again = false;
        int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = fd < 0 ? -errno : remove_content(&removal, fd, 0);
    } while (!rc && removal.again);
    if (!rc && rmdir(path) < 0 && errno != ENOENT)
        rc = -errno;
    if (rc) {
        errno = -rc;
        return err_errno(err, "cannot remove %s", path);
    }
    return 0;
}
