/* SPDX-License-Identifier: Apache-2.0 */
/* See safe_path.h. By openat2(2): the kernel holds the rule while it walks, so nobody can change the way in between. */
#include "common/safe_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

static int
open_below(int root_fd, const char *path, uint64_t flags, enum safe_path_rule rule)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = RESOLVE_NO_MAGICLINKS |
                   (rule == SAFE_PATH_IN_ROOT ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS),
    };
    for (int tries = 0;; tries++) { /* EAGAIN: something was renamed meanwhile */
        int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN || tries == 64)
            return fd;
    }
}

/* Of a nested container it lies in its parent's sandbox, whose user may put a link in its place at any moment. */
static int
open_root(const char *root)
{
    int fd = file_open_trusted(root, O_PATH | O_DIRECTORY);
    errno = fd < 0 ? -fd : errno;
    return fd;
}

static const char *
relative(const char *path)
{
    while (*path == '/')
        path++;
    return *path ? path : ".";
}

static int
wrong(struct err *err, const char *root, const char *path)
{
    int code = errno;
    const char *why = code == ELOOP    ? "a symbolic link is on the way"
                      : code == EXDEV  ? "it leads out of it"
                      : code == EEXIST ? "a symbolic link to what is missing is on the way"
                                       : strerror(code);
    return err_set(err, -code, "'%s' in '%s': %s", path, root, why);
}

int
safe_path_open(const char *root, const char *path, enum safe_path_rule rule, struct err *err)
{
    auto_fd int root_fd = open_root(root);
    int fd = root_fd < 0 ? -1 : open_below(root_fd, relative(path), O_PATH, rule);
    return fd < 0 ? wrong(err, root, path) : fd;
}

/* Makes the last name of `path`; everything above it is there. */
static int
make_one(int root_fd, const char *path, enum safe_path_rule rule, enum safe_path_kind kind, const struct stat *owner)
{
    const char *name = strrchr(path, '/');
    auto_free char *above = name ? xstrndup(path, (size_t)(name - path)) : xstrdup(".");
    auto_fd int at = open_below(root_fd, above, O_PATH | O_DIRECTORY, rule);
    name = name ? name + 1 : path;
    if (at < 0)
        return -1;
    if (kind == SAFE_PATH_DIRECTORY) {
        if (mkdirat(at, name, 0755) < 0)
            return -1;
    } else {
        auto_fd int file = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (file < 0)
            return -1;
    }
    return geteuid() == 0 ? fchownat(at, name, owner->st_uid, owner->st_gid, AT_SYMLINK_NOFOLLOW) : 0;
}

/* Each longer beginning of the path in turn: a link in it may lead to where more is missing. */
static int
make_all(int root_fd, char *path, enum safe_path_rule rule, enum safe_path_kind kind, const struct stat *owner,
         bool *ret_made)
{
    *ret_made = false;
    for (char *end = path; end;) {
        end = strchr(end, '/');
        if (end)
            *end = '\0';
        if (*path && path[strlen(path) - 1] != '/') { /* "a//b" */
            auto_fd int there = open_below(root_fd, path, O_PATH, rule);
            *ret_made = false;
            if (there < 0 && (errno != ENOENT ||
                              make_one(root_fd, path, rule, end ? SAFE_PATH_DIRECTORY : kind, owner) < 0))
                return -1;
            *ret_made = there < 0;
        }
        if (end)
            *end++ = '/';
    }
    return 0;
}

int
safe_path_make(const char *root, const char *path, enum safe_path_rule rule, enum safe_path_kind kind,
               const struct stat *owner, bool *ret_made, struct err *err)
{
    struct stat root_stat;
    bool made;
    auto_fd int root_fd = open_root(root);
    if (root_fd < 0 || fstat(root_fd, &root_stat) < 0)
        return wrong(err, root, path);
    auto_free char *copy = xstrdup(relative(path));
    for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/';)
        copy[--len] = '\0';
    if (make_all(root_fd, copy, rule, kind, owner ? owner : &root_stat, &made) < 0)
        return wrong(err, root, path);
    if (ret_made)
        *ret_made = made;
    return 0;
}

bool
safe_path_is_inside(const char *path)
{
    struct str rest = str_of(path);
    if (!*path || *path == '/')
        return false;
    while (rest.len)
        if (str_is(str_cut(&rest, '/'), ".."))
            return false;
    return true;
}
