/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of a container and the change of its root. Called by the launch helper in a mount namespace of its own.
 *
 * The new root's content is somebody else's, and so is what earlier containers left in the volumes that are mounted into
 * it: every path below it is looked up with openat2 as if the new root were / already, so that no link leads out of it. Below
 * the sandbox, which is the task's user's, no link is followed.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROPAGATION (MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE)
/* What a bind mount does not take over at once, but by a second call. */
#define LATER (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
#define MOUNTINFO_MAX (16u << 20)

/* ---- names ---- */

/* What of the path is below the directory, beginning with '/' or empty; NULL when it is not below. */
static const char *
below(const char *directory, const char *path)
{
    size_t len = directory ? strlen(directory) : 0;
    if (len == 0 || strncmp(path, directory, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path + len;
}

/* Where a path is looked up from, and how. */
struct way {
    int fd; /* -1 = as usual */
    uint64_t resolve;
    const char *rest; /* of the path */
};

static struct way
way_of(const struct launch *launch, const char *path)
{
    const char *rest = below(launch->root, path);
    if (rest)
        return (struct way){launch->root_fd, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, rest};
    rest = below(launch->sandbox, path);
    if (rest)
        return (struct way){launch->sandbox_fd, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, rest};
    return (struct way){-1, 0, path};
}

static int
open_way(const struct way *way, const char *rest)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = way->resolve};
    while (*rest == '/' && way->fd >= 0)
        rest++;
    return way->fd < 0 ? open(rest, O_PATH | O_CLOEXEC)
                       : (int)syscall(SYS_openat2, way->fd, *rest ? rest : ".", &how, sizeof how);
}

static int
open_path(const struct launch *launch, const char *path)
{
    struct way way = way_of(launch, path);
    return open_way(&way, way.rest);
}

/* A name of `path` for the kernel. *ret_fd must stay open as long as it is used; -1 = there is none. */
static const char *
place(const struct launch *launch, const char *path, char *text, size_t size, int *ret_fd)
{
    struct way way = way_of(launch, path);
    *ret_fd = -1;
    if (way.fd < 0)
        return path;
    *ret_fd = open_way(&way, way.rest);
    if (*ret_fd < 0)
        return NULL;
    snprintf(text, size, "/proc/self/fd/%d", *ret_fd);
    return text;
}

/* The directory above what `path` names, and the last name in it. */
static int
open_above(const struct launch *launch, const char *path, const char **ret_name)
{
    char above[PATH_MAX];
    struct way way = way_of(launch, path);
    const char *slash = strrchr(way.rest, '/');
    size_t len = slash ? (size_t)(slash - way.rest) : 0;
    if (!slash || !slash[1] || len >= sizeof above - 1) {
        errno = EINVAL;
        return -1;
    }
    memcpy(above, way.rest, len);
    above[len] = '\0';
    *ret_name = slash + 1;
    return open_way(&way, len > 0 ? above : "/");
}

/* The directory in whose ways a container's paths begin: nothing above it is its. */
static size_t
begin_of(const struct launch *launch, const char *path)
{
    return (size_t)(way_of(launch, path).rest - path);
}

static int
make_one(const struct launch *launch, const char *path)
{
    const char *name;
    int above = open_above(launch, path, &name);
    if (above < 0)
        return -1;
    int rc = mkdirat(above, name, 0755), reason = errno;
    close(above);
    errno = reason;
    return rc;
}

void
make_directory(const struct launch *launch, const char *path, bool all)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 0 || len >= sizeof part)
        fail("Failed to create directory '%s': not a path", path);
    size_t begin = all ? begin_of(launch, path) + 1 : len;
    for (size_t at = begin; at <= len; at++) {
        if (at < len && path[at] != '/')
            continue;
        memcpy(part, path, at);
        part[at] = '\0';
        if (part[at - 1] == '/')
            continue;
        if (make_one(launch, part) < 0 && !(errno == EEXIST && all))
            fail("Failed to create directory '%s': %s", part, strerror(errno));
    }
}

static const char *
second(const char *strings, size_t len)
{
    size_t first = strlen(strings) + 1;
    if (first >= len)
        fail("mesos-containerizer: the description of the container is malformed");
    return strings + first;
}

void
make_link(const struct launch *launch, const char *strings, size_t len)
{
    const char *target = second(strings, len), *name;
    int above = open_above(launch, target, &name);
    if (above < 0 || symlinkat(strings, above, name) < 0)
        fail("Failed to create the symbolic link '%s' -> '%s': %s", target, strings, strerror(errno));
    close(above);
}

/* Another file system cannot take a name over: the file is copied, with its owner and mode, and its first name removed. */
static int
move_file(int from, const char *from_name, int to, const char *to_name)
{
    struct stat is;
    char piece[16384];
    ssize_t n = -1;
    int source = openat(from, from_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (source < 0 || fstat(source, &is) < 0 || !S_ISREG(is.st_mode))
        return -1;
    int target = openat(to, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target < 0)
        return -1;
    while ((n = read(source, piece, sizeof piece)) > 0) {
        for (ssize_t at = 0, more; at < n; at += more) {
            more = write(target, piece + at, (size_t)(n - at));
            if (more < 0)
                return -1;
        }
    }
    explicit_bzero(piece, sizeof piece);
    if (n < 0 || fchown(target, is.st_uid, is.st_gid) < 0 || fchmod(target, is.st_mode & 07777) < 0)
        return -1;
    close(target);
    close(source);
    return unlinkat(from, from_name, 0);
}

void
make_renamed(const struct launch *launch, const char *strings, size_t len)
{
    const char *target = second(strings, len), *from_name, *name;
    int from = open_above(launch, strings, &from_name);
    int above = open_above(launch, target, &name);
    int rc = from < 0 || above < 0 ? -1 : renameat(from, from_name, above, name);
    if (rc < 0 && from >= 0 && above >= 0 && errno == EXDEV)
        rc = move_file(from, from_name, above, name);
    if (rc < 0)
        fail("Failed to rename '%s' to '%s': %s", strings, target, strerror(errno));
    close(from);
    close(above);
}

/* ---- mounts ---- */

void
mounts_enter(uint32_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/ns/mnt", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
        fail("Failed to enter the mount namespace of process %u: %s", pid, strerror(errno));
    close(fd);
}

/* mountinfo writes blanks and their like as \ooo. */
static void
unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool
is_within(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strcmp(directory, "/") == 0 || (strncmp(path, directory, len) == 0 && (path[len] == '/' || !path[len]));
}

/* The mount point that `source` lies on, out of the text of mountinfo whose lines were cut. */
static const char *
mount_of(char *const *points, size_t count, const char *source)
{
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (is_within(source, points[i]) && (!best || strlen(points[i]) >= strlen(best)))
            best = points[i];
    }
    return best;
}

/* Field 5 of a line of mountinfo; the fields behind it hold "shared:" when it is. */
static char *
mount_point(char *line, bool *ret_shared)
{
    char *save = NULL, *point = NULL;
    int field = 0;
    *ret_shared = false;
    for (char *word = strtok_r(line, " ", &save); word && strcmp(word, "-") != 0; word = strtok_r(NULL, " ", &save)) {
        if (++field == 5)
            point = word;
        *ret_shared = *ret_shared || strncmp(word, "shared:", 7) == 0;
    }
    if (point)
        unescape(point);
    return point;
}

static void
slave_but(const char *sources, size_t len)
{
    char *text = read_small("/proc/self/mountinfo", MOUNTINFO_MAX), *save = NULL;
    size_t lines = 1, count = 0;
    for (const char *at = text; at && *at; at++)
        lines += *at == '\n';
    char **points = allocate(lines * sizeof *points);
    bool *shared = allocate(lines * sizeof *shared), is_shared;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line && count < lines; line = strtok_r(NULL, "\n", &save)) {
        char *point = mount_point(line, &is_shared);
        if (!point)
            continue;
        shared[count] = is_shared;
        points[count++] = point;
    }
    for (const char *at = sources; at < sources + len; at += strlen(at) + 1) {
        const char *on = mount_of(points, count, at);
        for (size_t i = 0; on && i < count; i++)
            shared[i] = shared[i] && strcmp(points[i], on) != 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (shared[i] && mount(NULL, points[i], NULL, MS_SLAVE, NULL) < 0 && errno != EINVAL && errno != ENOENT)
            fail("Failed to mark '%s' as slave: %s", points[i], strerror(errno));
    }
    free(shared);
    free(points);
    free(text);
}

void
mounts_slave(const char *sources, size_t len)
{
    if (len > 1)
        slave_but(sources, len);
    else if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        fail("Failed to mark '/' as slave recursively: %s", strerror(errno));
}

static void
remount(const struct launch *launch, const char *target, unsigned long flags)
{
    char text[64];
    int fd;
    struct statvfs now;
    const char *path = place(launch, target, text, sizeof text, &fd);
    unsigned long kept = path && statvfs(path, &now) == 0 ? now.f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY) : 0;
    if (!path || mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | (flags & LATER) | kept, NULL) < 0)
        fail("Failed to remount '%s': %s", target, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* An empty file; that it is there already is fine. */
static void
make_file(const struct launch *launch, const char *path)
{
    const char *name;
    int above = open_above(launch, path, &name);
    int fd = above < 0 ? -1 : openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 && errno != EEXIST)
        fail("Failed to create the mount point '%s': %s", path, strerror(errno));
    close(fd);
    close(above);
}

/* A target that is missing becomes what its source is. */
static void
make_target(const struct launch *launch, const char *source, const char *target, unsigned long flags)
{
    struct stat st;
    int fd = open_path(launch, target);
    bool missing = fd < 0 && errno == ENOENT;
    if (fd >= 0)
        close(fd);
    if (!missing)
        return;
    int source_fd = source && (flags & MS_BIND) ? open_path(launch, source) : -1;
    bool is_file = source_fd >= 0 && fstat(source_fd, &st) == 0 && !S_ISDIR(st.st_mode);
    if (source_fd >= 0)
        close(source_fd);
    if (!is_file) {
        make_directory(launch, target, true);
        return;
    }
    char above[PATH_MAX];
    const char *slash = strrchr(target, '/');
    size_t len = (size_t)(slash - target);
    if (len >= sizeof above)
        fail("Failed to create the mount point '%s': its path is too long", target);
    memcpy(above, target, len);
    above[len] = '\0';
    if (len > begin_of(launch, target))
        make_directory(launch, above, true);
    make_file(launch, target);
}

static void
mount_at(const struct launch *launch, const char *source, const char *target, const char *type, unsigned long flags,
         const char *options)
{
    char target_text[64], source_text[64];
    int target_fd, source_fd = -1;
    const char *to = place(launch, target, target_text, sizeof target_text, &target_fd);
    const char *from = source && (flags & MS_BIND) ? place(launch, source, source_text, sizeof source_text, &source_fd)
                                                   : source;
    if (!to || (source && !from) || mount(from, to, type, flags & MS_BIND ? flags & ~(unsigned long)LATER : flags, options) < 0)
        fail("Failed to mount '%s' at '%s': %s", source ? source : type ? type : "nothing", target, strerror(errno));
    if (target_fd >= 0)
        close(target_fd);
    if (source_fd >= 0)
        close(source_fd);
    if ((flags & MS_BIND) && (flags & LATER) && !(flags & MS_REMOUNT))
        remount(launch, target, flags);
}

static const char *
string_at(const char *bytes, size_t len, uint32_t offset)
{
    if (offset == UINT32_MAX)
        return NULL;
    if (offset >= len - sizeof(struct launch_mount))
        fail("mesos-containerizer: the description of the container is malformed");
    return bytes + sizeof(struct launch_mount) + offset;
}

void
mount_one(const struct launch *launch, const char *bytes, size_t len)
{
    struct launch_mount head;
    if (len <= sizeof head)
        fail("mesos-containerizer: the description of the container is malformed");
    memcpy(&head, bytes, sizeof head);
    const char *source = string_at(bytes, len, head.source), *target = string_at(bytes, len, head.target);
    const char *type = string_at(bytes, len, head.type), *options = string_at(bytes, len, head.options);
    unsigned long flags = (unsigned long)head.flags;
    make_target(launch, source, target, flags);
    mount_at(launch, source, target, type, flags & PROPAGATION && flags & MS_BIND ? flags & ~(unsigned long)PROPAGATION : flags,
             options);
    if ((flags & MS_BIND) && (flags & PROPAGATION)) /* the kernel takes them one after the other */
        mount_at(launch, NULL, target, NULL, flags & (PROPAGATION | MS_REC), NULL);
}

/* ---- the new root ---- */

/* The new root must be a mount of its own; what is mounted into it later then is found below it. */
void
root_prepare(struct launch *launch, const char *root)
{
    if (mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0)
        fail("Failed to bind the root file system '%s' to itself: %s", root, strerror(errno));
    launch->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (launch->root_fd < 0)
        fail("Failed to open the root file system '%s': %s", root, strerror(errno));
    launch->root = root;
}

void
sandbox_open(struct launch *launch, const char *sandbox)
{
    launch->sandbox = sandbox;
    launch->sandbox_fd = open(sandbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (launch->sandbox_fd < 0)
        fail("Failed to open the sandbox '%s': %s", sandbox, strerror(errno));
}

/* The old root is stacked below the new one and then let go. Before that it is cut off from the host's mounts: its end
 * must not be seen there. */
void
root_change(struct launch *launch, const char *root)
{
    if (chdir(root) < 0)
        fail("Failed to chdir to the root file system '%s': %s", root, strerror(errno));
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        fail("Failed to pivot to the root file system '%s': %s", root, strerror(errno));
    if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        fail("Failed to leave the host's root file system: %s", strerror(errno));
    close(old);
    if (launch->root)
        close(launch->root_fd);
    if (launch->sandbox)
        close(launch->sandbox_fd); /* it would lead out of the new root whoever may look into /proc/<us>/fd */
    launch->root = launch->sandbox = NULL;
    launch->root_fd = launch->sandbox_fd = -1;
}

void
mask(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return; /* nothing to be seen */
    if (S_ISDIR(st.st_mode) ? mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, "size=0") < 0
                            : mount("/dev/null", path, NULL, MS_BIND, NULL) < 0)
        fail("Failed to mask '%s': %s", path, strerror(errno));
}
