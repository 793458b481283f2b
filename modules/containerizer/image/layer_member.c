/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a layer's archive, each made by hand from a descriptor of its parent that the kernel has resolved inside the
 * target and nowhere else: a link in the archive leads, at most, to another place in the same layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "containerizer/image/layer_inside.h"

enum { XATTR_MAX = 64 * 1024 };

const char *
layer_opaque_name(void)
{
    return geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

int
layer_refuse(const char *path, const char *why, struct err *err)
{
    return err_set(err, -EBADMSG, "the archive is refused: '%.*s' %s", LAYER_NAME_SHOWN, path, why);
}

static int
failed(const char *path, const char *doing, struct err *err)
{
    return err_errno(err, "cannot %s '%.*s'", doing, LAYER_NAME_SHOWN, path);
}

/* ---- places ---- */

char *
layer_clean(const char *path)
{
    struct str rest = str_of(path);
    char *out = xmalloc(rest.len + 1), *at = out;
    unsigned depth = 0;
    while (rest.len > 0) {
        struct str step = str_cut(&rest, '/');
        if (step.len == 0 || str_is(step, "."))
            continue;
        if (str_is(step, "..") || ++depth > LAYER_DEPTH_MAX || step.len > 255) {
            free(out);
            return NULL;
        }
        if (at > out)
            *at++ = '/';
        memcpy(at, step.ptr, step.len);
        at += step.len;
    }
    *at = '\0';
    return out;
}

static int
open_inside(int root_fd, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    return (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof how);
}

/* A path through links of the layer is followed as it would be inside; it must not lead deeper than any path may. */
static int
open_through_links(int root_fd, const char *path)
{
    char link[64], real[8192];
    auto_fd int fd = open_inside(root_fd, path, O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
    if (fd < 0)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, real, sizeof real);
    unsigned depth = 0;
    for (ssize_t i = 0; i < n; i++)
        depth += real[i] == '/';
    if (n <= 0 || n > 4000 || depth > LAYER_DEPTH_MAX + 64) {
        errno = ELOOP;
        return -1;
    }
    return take_fd(&fd);
}

static int
open_directory(int root_fd, const char *path)
{
    int fd = open_inside(root_fd, path, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    return fd < 0 && errno == ELOOP ? open_through_links(root_fd, path) : fd;
}

/* Makes what is missing of a directory's path. A descriptor or -1. */
static int
make_directory(int root_fd, const char *path)
{
    int fd = open_directory(root_fd, path);
    if (fd >= 0 || errno != ENOENT || !*path)
        return fd;
    const char *slash = strrchr(path, '/');
    auto_free char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
    auto_fd int above_fd = make_directory(root_fd, above);
    if (above_fd < 0 || (mkdirat(above_fd, slash ? slash + 1 : path, 0755) < 0 && errno != EEXIST))
        return -1;
    return open_directory(root_fd, path);
}

static int
find_parent(struct extraction *x, struct member *m, struct err *err)
{
    const char *slash = strrchr(m->path, '/');
    m->base = slash ? slash + 1 : m->path;
    m->parent = slash ? xstrndup(m->path, (size_t)(slash - m->path)) : xstrdup("");
    if (x->parent_fd < 0 || strcmp(x->parent, m->parent) != 0) {
        int fd = make_directory(x->root_fd, m->parent);
        if (fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == EXDEV || errno == ENOENT || errno == EEXIST))
            return layer_refuse(m->path, "is in no directory of this layer", err);
        if (fd < 0)
            return failed(m->parent, "make directory", err);
        close_at(&x->parent_fd);
        x->parent_fd = fd;
        free(x->parent);
        x->parent = xstrdup(m->parent);
    }
    m->parent_fd = x->parent_fd;
    return 0;
}

/* A path of something that is in parent_fd, for the functions that know no other. */
static char *
real_path(const struct member *m)
{
    return xasprintf("/proc/self/fd/%d/%s", m->parent_fd, m->base);
}

static bool
is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* ---- members ---- */

static int
set_opaque(const struct member *m, int dir_fd, struct err *err)
{
    if (fsetxattr(dir_fd, layer_opaque_name(), "y", 1, 0) < 0)
        return failed(m->path, "mark as opaque", err);
    return 0;
}

/* Whatever is there makes place; *ret_hidden: it was a whiteout. keep_directory: one that is there stays (1 is returned). */
static int
make_place(const struct member *m, bool keep_directory, bool *ret_hidden, struct err *err)
{
    struct stat st;
    *ret_hidden = false;
    if (fstatat(m->parent_fd, m->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : failed(m->path, "look at", err);
    if (S_ISDIR(st.st_mode)) {
        if (keep_directory)
            return 1;
        auto_free char *path = real_path(m);
        return dir_remove(path, err);
    }
    *ret_hidden = is_whiteout(&st);
    return unlinkat(m->parent_fd, m->base, 0) < 0 ? failed(m->path, "replace", err) : 0;
}

static int
make_whiteout(const struct member *m, const char *name, struct err *err)
{
    struct stat st;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return layer_refuse(m->path, "hides nothing that has a name", err);
    if (fstatat(m->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISDIR(st.st_mode))
            return 0; /* the layer has it itself, or hides it already */
        auto_fd int dir = openat(m->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return dir < 0 ? failed(m->path, "open", err) : set_opaque(m, dir, err);
    }
    if (mknodat(m->parent_fd, name, S_IFCHR, makedev(0, 0)) < 0)
        return failed(m->path, "make the whiteout", err);
    return 0;
}

/* 1: it was one. */
static int
hide(const struct member *m, struct err *err)
{
    if (strncmp(m->base, ".wh.", 4) != 0)
        return 0;
    int rc = 0;
    if (strcmp(m->base, ".wh..wh..opq") == 0)
        rc = set_opaque(m, m->parent_fd, err);
    else if (strncmp(m->base, ".wh..wh.", 8) != 0) /* those are aufs's own files */
        rc = make_whiteout(m, m->base + 4, err);
    return rc < 0 ? rc : 1;
}

static void
member_times(const struct member *m, struct timespec ret[2])
{
    struct archive_entry *e = m->entry;
    ret[1] = (struct timespec){archive_entry_mtime(e), archive_entry_mtime_nsec(e)};
    ret[0] = archive_entry_atime_is_set(e) ? (struct timespec){archive_entry_atime(e), archive_entry_atime_nsec(e)} : ret[1];
}

static bool
is_kept_xattr(const char *name)
{
    return strcmp(name, "security.capability") == 0 ||
           (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

static int
set_xattrs(const struct extraction *x, const struct member *m, int fd, struct err *err)
{
    const char *name;
    const void *value;
    size_t len;
    archive_entry_xattr_reset(m->entry);
    while (archive_entry_xattr_next(m->entry, &name, &value, &len) == ARCHIVE_OK) {
        if (!is_kept_xattr(name) || len > XATTR_MAX || (!x->owners && strncmp(name, "user.", 5) != 0))
            continue;
        if (fsetxattr(fd, name, value, len, 0) < 0 && errno != ENOTSUP)
            return failed(m->path, "set an extended attribute of", err);
    }
    return 0;
}

static int
owner(const struct member *m, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
    int64_t uid = archive_entry_uid(m->entry), gid = archive_entry_gid(m->entry);
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return layer_refuse(m->path, "belongs to a user or group that cannot be", err);
    *ret_uid = (uid_t)uid;
    *ret_gid = (gid_t)gid;
    return 0;
}

/* Owner before mode: changing the owner takes the setuid bit away. */
static int
finish_fd(const struct extraction *x, const struct member *m, int fd, struct err *err)
{
    uid_t uid;
    gid_t gid;
    mode_t mode = archive_entry_perm(m->entry) & 07777;
    if (x->kind == LAYER_FILES)
        return 0;
    int rc = owner(m, &uid, &gid, err);
    if (rc < 0)
        return rc;
    if (x->owners && fchown(fd, uid, gid) < 0)
        return failed(m->path, "set the owner of", err);
    if (fchmod(fd, mode) < 0)
        return failed(m->path, "set the mode of", err);
    return set_xattrs(x, m, fd, err);
}

static int
finish_name(const struct extraction *x, const struct member *m, bool mode, struct err *err)
{
    uid_t uid;
    gid_t gid;
    struct timespec times[2];
    int rc = owner(m, &uid, &gid, err);
    if (rc < 0)
        return rc;
    if (x->owners && fchownat(m->parent_fd, m->base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(m->path, "set the owner of", err);
    if (mode && fchmodat(m->parent_fd, m->base, archive_entry_perm(m->entry) & 07777, 0) < 0)
        return failed(m->path, "set the mode of", err);
    member_times(m, times);
    utimensat(m->parent_fd, m->base, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

static void
remember_times(struct extraction *x, const struct member *m)
{
    if (!archive_entry_mtime_is_set(m->entry))
        return;
    if (x->later_count == x->later_cap) {
        x->later_cap = x->later_cap ? x->later_cap * 2 : 64;
        x->later = xreallocarray(x->later, x->later_cap, sizeof *x->later);
    }
    struct later *later = &x->later[x->later_count++];
    later->path = xstrdup(m->path);
    member_times(m, later->times);
}

static int
make_dir(struct extraction *x, struct member *m, struct err *err)
{
    bool hidden = false;
    if (!*m->path) { /* the root itself */
        int rc = finish_fd(x, m, x->root_fd, err);
        if (rc == 0)
            remember_times(x, m);
        return rc;
    }
    int rc = make_place(m, true, &hidden, err);
    if (rc < 0)
        return rc;
    if (rc == 0 && mkdirat(m->parent_fd, m->base, 0700) < 0)
        return failed(m->path, "make directory", err);
    auto_fd int fd = openat(m->parent_fd, m->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(m->path, "open directory", err);
    rc = hidden ? set_opaque(m, fd, err) : 0;
    if (rc == 0)
        rc = finish_fd(x, m, fd, err);
    if (rc == 0)
        remember_times(x, m);
    return rc;
}

static int
write_at(int fd, const char *bytes, size_t len, la_int64_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
        offset += n;
    }
    return 0;
}

static int
write_data(struct extraction *x, const struct member *m, int fd, struct err *err)
{
    la_int64_t size = archive_entry_size(m->entry), end = 0;
    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t offset;
        int rc = archive_read_data_block(x->tar, &bytes, &len, &offset);
        if (rc == ARCHIVE_EOF)
            break;
        if (rc < ARCHIVE_WARN)
            return layer_archive_err(x->tar, err);
        if (offset < end || (uint64_t)offset + len > x->limits.bytes)
            return layer_refuse(m->path, "has its bytes in places where none can be", err);
        if ((rc = layer_room(x, len, err)) < 0)
            return rc;
        if (write_at(fd, bytes, len, offset) < 0)
            return failed(m->path, "write", err);
        end = offset + (la_int64_t)len;
    }
    if (size > end && ((uint64_t)size > x->limits.bytes || ftruncate(fd, size) < 0))
        return layer_refuse(m->path, "is larger than a layer may be", err);
    return 0;
}

static int
make_file(struct extraction *x, struct member *m, struct err *err)
{
    bool hidden;
    struct timespec times[2];
    int rc = make_place(m, false, &hidden, err);
    if (rc < 0)
        return rc;
    auto_fd int fd = openat(m->parent_fd, m->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(m->path, "make", err);
    rc = write_data(x, m, fd, err);
    if (rc == 0)
        rc = finish_fd(x, m, fd, err);
    member_times(m, times);
    if (rc == 0)
        futimens(fd, times);
    return rc;
}

/* A link that climbs above the root from where it is was not made by a system that had it there. */
static bool
climbs_out(const char *parent, const char *target)
{
    struct str rest = str_of(target);
    unsigned depth = *parent ? 1 : 0;
    if (*target == '/')
        return false; /* inside, that is the image's root */
    for (const char *at = parent; *at; at++)
        depth += *at == '/';
    while (rest.len > 0) {
        struct str step = str_cut(&rest, '/');
        if (str_is(step, "..")) {
            if (depth-- == 0)
                return true;
        } else if (step.len > 0 && !str_is(step, ".")) {
            depth++;
        }
    }
    return false;
}

static int
make_symlink(struct extraction *x, struct member *m, struct err *err)
{
    bool hidden;
    const char *target = archive_entry_symlink(m->entry);
    if (!target || !*target || strlen(target) >= 4096)
        return layer_refuse(m->path, "is a link to nothing", err);
    if (climbs_out(m->parent, target))
        return layer_refuse(m->path, "is a link that leads out of the root", err);
    int rc = make_place(m, false, &hidden, err);
    if (rc < 0)
        return rc;
    if (symlinkat(target, m->parent_fd, m->base) < 0)
        return failed(m->path, "make the link", err);
    return x->kind == LAYER_FILES ? 0 : finish_name(x, m, false, err);
}

static int
make_hardlink(struct extraction *x, struct member *m, struct err *err)
{
    bool hidden;
    struct stat st, own;
    auto_free char *target = layer_clean(archive_entry_hardlink(m->entry));
    if (!target || !*target)
        return layer_refuse(m->path, "is a hard link that leads out of the root", err);
    const char *slash = strrchr(target, '/');
    auto_free char *above = slash ? xstrndup(target, (size_t)(slash - target)) : xstrdup("");
    const char *base = slash ? slash + 1 : target;
    auto_fd int from = open_directory(x->root_fd, above);
    if (from < 0 || fstatat(from, base, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) || is_whiteout(&st))
        return layer_refuse(m->path, "is a hard link to what this layer does not have", err);
    if (fstatat(m->parent_fd, m->base, &own, AT_SYMLINK_NOFOLLOW) == 0 && own.st_ino == st.st_ino && own.st_dev == st.st_dev)
        return 0;
    int rc = make_place(m, false, &hidden, err);
    if (rc < 0)
        return rc;
    if (linkat(from, base, m->parent_fd, m->base, 0) < 0)
        return failed(m->path, "make the hard link", err);
    return 0;
}

/* Those that harm nobody, which every system has. */
static bool
is_allowed_device(mode_t type, dev_t device)
{
    static const struct {
        unsigned major, minor;
    } allowed[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}};
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
        if (type == AE_IFCHR && major(device) == allowed[i].major && minor(device) == allowed[i].minor)
            return true;
    return false;
}

static int
make_node(struct extraction *x, struct member *m, mode_t type, struct err *err)
{
    bool hidden;
    dev_t device = type == AE_IFIFO ? 0 : archive_entry_rdev(m->entry);
    if (type != AE_IFIFO && !is_allowed_device(type, device))
        return layer_refuse(m->path, "is a device that images may not have", err);
    if (type != AE_IFIFO && !x->owners)
        return 0; /* only root makes devices */
    int rc = make_place(m, false, &hidden, err);
    if (rc < 0)
        return rc;
    if (mknodat(m->parent_fd, m->base, (type == AE_IFIFO ? S_IFIFO : S_IFCHR) | 0600, device) < 0)
        return failed(m->path, "make the device", err);
    return finish_name(x, m, true, err);
}

int
layer_make_member(struct extraction *x, struct member *m, struct err *err)
{
    mode_t type = archive_entry_filetype(m->entry);
    bool link = archive_entry_hardlink(m->entry) != NULL;
    int rc;
    if (!*m->path && (link || type != AE_IFDIR))
        return layer_refuse("/", "is no directory", err);
    if (*m->path && (rc = find_parent(x, m, err)) < 0)
        return rc;
    if (*m->path && x->kind == LAYER_OF_IMAGE && (rc = hide(m, err)) != 0)
        return rc < 0 ? rc : 0;
    if (link)
        return make_hardlink(x, m, err);
    if (type == AE_IFDIR)
        return make_dir(x, m, err);
    if (type == AE_IFREG)
        return make_file(x, m, err);
    if (type == AE_IFLNK)
        return make_symlink(x, m, err);
    if (x->kind == LAYER_FILES)
        return layer_refuse(m->path, "is neither file, directory nor link", err);
    if (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO)
        return make_node(x, m, type, err);
    log_warning("'%.*s' of the archive is left out: it is a socket or of an unknown kind", LAYER_NAME_SHOWN, m->path);
    return 0;
}

void
layer_set_times(struct extraction *x)
{
    for (size_t i = x->later_count; i > 0; i--) {
        struct later *later = &x->later[i - 1];
        auto_fd int fd = open_inside(x->root_fd, later->path, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        if (fd >= 0)
            futimens(fd, later->times);
        free(later->path);
    }
    free(x->later);
}
