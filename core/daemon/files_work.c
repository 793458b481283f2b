/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at files below an attached directory. What a path means is decided by the kernel and checked afterwards on the
 * open descriptor: whatever symlinks say, nothing outside the attached directory is read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/files_work.h"

static void
fail(struct files_work *work, int status, char *error)
{
    work->status = status;
    work->error = error;
}

/* Where an open descriptor leads now. */
static bool
real_path(int fd, char out[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n <= 0)
        return false;
    out[n] = '\0';
    return true;
}

static bool
is_below(const char *path, const char *root)
{
    size_t len = strlen(root);
    if (strcmp(root, "/") == 0)
        return true;
    return strncmp(path, root, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Never through the magic links of /proc: another process's root may hold anything under names that look like ours. */
static int
open_path(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    return (int)fd;
}

/* Opens root/name without following anything out of root: a descriptor for O_PATH uses, or -ENOENT, -EACCES (outside),
 * -errno. */
static int
open_below(const char *root, const char *name)
{
    char real[PATH_MAX];
    auto_free char *path = name[0] ? xasprintf("%s/%s", root, name) : xstrdup(root);
    auto_fd int fd = open_path(path);
    if (fd < 0)
        return errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP ? -ENOENT : -errno;
    if (!real_path(fd, real))
        return -EIO;
    return is_below(real, root) ? take_fd(&fd) : -EACCES;
}

/* The same file again, for reading. */
static int
reopen(int fd, int flags)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return open(link, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* ---- browse ---- */

static char *
user_name(uid_t uid)
{
    struct passwd pw, *found = NULL;
    char text[4096];
    if (getpwuid_r(uid, &pw, text, sizeof(text), &found) == 0 && found)
        return xstrdup(pw.pw_name);
    return xasprintf("%u", (unsigned)uid);
}

static char *
group_name(gid_t gid)
{
    struct group gr, *found = NULL;
    char text[4096];
    if (getgrgid_r(gid, &gr, text, sizeof(text), &found) == 0 && found)
        return xstrdup(gr.gr_name);
    return xasprintf("%u", (unsigned)gid);
}

/* What a name in the directory is: a symlink that stays inside shows what it points to, another one itself. */
static bool
stat_entry(const struct files_work *work, int dir_fd, const char *name, struct stat *st)
{
    if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (!S_ISLNK(st->st_mode))
        return true;
    auto_free char *below = work->suffix[0] ? xasprintf("%s/%s", work->suffix, name) : xstrdup(name);
    auto_fd int fd = open_below(work->root, below);
    if (fd >= 0)
        return fstat(fd, st) == 0;
    return true;
}

static void
add_entry(struct files_work *work, const char *name, const struct stat *st)
{
    if (work->count % 64 == 0)
        work->entries = xreallocarray(work->entries, work->count + 64, sizeof(*work->entries));
    struct file_info *info = &work->entries[work->count++];
    *info = (struct file_info){.path = xasprintf("%s/%s", strcmp(work->path, "/") == 0 ? "" : work->path, name),
                               .uid = user_name(st->st_uid),
                               .gid = group_name(st->st_gid),
                               .size = (uint64_t)st->st_size,
                               .nlink = st->st_nlink,
                               .mtime_secs = (double)st->st_mtime,
                               .mode = st->st_mode};
}

static int
compare(const void *a, const void *b)
{
    const struct file_info *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void
browse(struct files_work *work, int path_fd)
{
    int fd = reopen(path_fd, O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    struct stat st;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        if (fd < 0 && errno != ENOTDIR)
            fail(work, 500, xasprintf("Failed to list '%s': %s.\n", work->path, strerror(errno)));
        return; /* a file has no entries */
    }
    while ((entry = readdir(dir)) && work->count < FILES_MAX_ENTRIES)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            stat_entry(work, dirfd(dir), entry->d_name, &st))
            add_entry(work, entry->d_name, &st);
    closedir(dir);
    if (work->count)
        qsort(work->entries, work->count, sizeof(*work->entries), compare);
}

/* ---- read ---- */

static void
read_bytes(struct files_work *work, int fd)
{
    uint64_t want = work->max_bytes;
    if (work->length >= 0 && (uint64_t)work->length < want)
        want = (uint64_t)work->length;
    while (want > 0) {
        ssize_t n = pread(fd, buf_reserve(&work->data, (size_t)want), (size_t)want,
                          (off_t)work->ret_offset + (off_t)work->data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail(work, 500, xasprintf("Failed to read '%s': %s.\n", work->path, strerror(errno)));
        if (n <= 0)
            return;
        buf_added(&work->data, (size_t)n);
        want -= (uint64_t)n;
    }
}

static void
read_file(struct files_work *work, int path_fd)
{
    struct stat st;
    if (fstat(path_fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        fail(work, 400, xstrdup(work->must_be_file ? "Cannot download a directory.\n" : "Cannot read a directory.\n"));
        return;
    }
    if (!S_ISREG(st.st_mode)) {
        fail(work, 400, xasprintf("'%s' is no regular file.\n", work->path));
        return;
    }
    work->size = (uint64_t)st.st_size;
    work->ret_offset = work->offset < 0 ? work->size : (uint64_t)work->offset;
    if (work->offset < 0 || work->ret_offset >= work->size)
        return;
    auto_fd int fd = reopen(path_fd, 0);
    if (fd < 0)
        fail(work, 500, xasprintf("Failed to open file at '%s': %s.\n", work->path, strerror(errno)));
    else
        read_bytes(work, fd);
}

void
files_work_run(struct files_work *work)
{
    work->status = 200;
    auto_fd int fd = open_below(work->root, work->suffix);
    if (fd == -ENOENT)
        work->status = 404;
    else if (fd < 0)
        fail(work, 400, xasprintf("'%s' is inaccessible.\n", work->path));
    else if (work->browse)
        browse(work, fd);
    else
        read_file(work, fd);
}

void
files_work_fini(struct files_work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        free(work->entries[i].path);
        free(work->entries[i].uid);
        free(work->entries[i].gid);
    }
    free(work->entries);
    buf_fini(&work->data);
    free(work->root);
    free(work->suffix);
    free(work->path);
    free(work->error);
}
