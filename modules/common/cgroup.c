/* SPDX-License-Identifier: Apache-2.0 */
/* One container's cgroup: its path and its control files. See cgroup.h; trees are found in cgroup_tree.c, and what is below a
 * container in cgroup_walk.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/str.h"
#include "cgroup.h"
#include "cgroup_inside.h"

#define PATH_SIZE CGROUP_FILE_PATH_MAX

/* Groups below cgroups_root that are the agent's own. */
static bool
is_reserved(const char *name, size_t len)
{
    return (len == 5 && memcmp(name, "slave", 5) == 0) || (len == 5 && memcmp(name, "agent", 5) == 0);
}

bool
cgroup_name_good(const char *name, size_t len, unsigned depth)
{
    if (len == 0 || len > 255 || depth >= CGROUP_DEPTH_MAX || (depth == 0 && is_reserved(name, len)))
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] == '/' || (unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return true;
}

int
cgroup_path(const char *container_id, char ret[CGROUP_PATH_MAX])
{
    size_t used = 0;
    unsigned depth = 0;
    for (const char *at = container_id; at; depth++) {
        const char *dot = strchr(at, '.');
        size_t len = dot ? (size_t)(dot - at) : strlen(at);
        if (!cgroup_name_good(at, len, depth) || used + len + sizeof "/mesos/" > CGROUP_PATH_MAX)
            return -EINVAL;
        if (depth > 0) {
            memcpy(ret + used, "/mesos/", 7);
            used += 7;
        }
        memcpy(ret + used, at, len);
        used += len;
        at = dot ? dot + 1 : NULL;
    }
    ret[used] = '\0';
    return depth > 0 ? 0 : -EINVAL;
}

int
cgroup_id(const char *path, char *ret)
{
    struct str rest = str_of(path);
    size_t used = 0;
    if (str_ends(rest, STR_LIT("/")))
        return -EINVAL;
    for (unsigned depth = 0; rest.len > 0; depth++) {
        struct str name = str_cut(&rest, '/');
        if (depth > 0) {
            if (!str_is(name, "mesos"))
                return -EINVAL;
            name = str_cut(&rest, '/');
            ret[used++] = '.';
        }
        if (!cgroup_name_good(name.ptr, name.len, depth) || str_find(name, '.') >= 0)
            return -EINVAL;
        memcpy(ret + used, name.ptr, name.len);
        used += name.len;
    }
    ret[used] = '\0';
    return used > 0 ? 0 : -EINVAL;
}

/* "<path of the container>/<file>", or the path alone. */
static int
path_of(const char *container_id, const char *file, char ret[PATH_SIZE])
{
    int rc = cgroup_path(container_id, ret);
    if (rc < 0 || !file)
        return rc;
    size_t used = strlen(ret), len = strlen(file);
    if (len > CGROUP_FILE_NAME_MAX)
        return -ENAMETOOLONG;
    ret[used] = '/';
    memcpy(ret + used + 1, file, len + 1);
    return 0;
}

ssize_t
cgroup_fd_read(int dir_fd, const char *path, char *text, size_t size)
{
    auto_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, text + len, size - len);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == size)
            return -EFBIG;
    }
    text[len] = '\0';
    return (ssize_t)len;
}

int
cgroup_fd_write(int dir_fd, const char *path, const char *text)
{
    auto_fd int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int
cgroup_fd_enable(int dir_fd, const char *path, const char *controller)
{
    char file[PATH_SIZE], word[40];
    if (!controller[0])
        return 0;
    snprintf(file, sizeof file, "%s%scgroup.subtree_control", path, *path ? "/" : "");
    snprintf(word, sizeof word, "+%s", controller);
    return cgroup_fd_write(dir_fd, file, word);
}

/* A v1 cpuset without cpus and mems takes no process. */
static int
copy_from_parent(int dir_fd, const char *path, const char *file)
{
    char own[PATH_SIZE], above[PATH_SIZE], text[4096];
    snprintf(own, sizeof own, "%s/%s", path, file);
    ssize_t n = cgroup_fd_read(dir_fd, own, text, sizeof text);
    if (n < 0)
        return (int)n;
    if (n > 1)
        return 0; /* has its own */
    const char *slash = strrchr(path, '/');
    snprintf(above, sizeof above, "%.*s%s%s", slash ? (int)(slash - path) : 0, path, slash ? "/" : "", file);
    if (!slash)
        snprintf(above, sizeof above, "%s", file);
    n = cgroup_fd_read(dir_fd, above, text, sizeof text);
    return n < 0 ? (int)n : cgroup_fd_write(dir_fd, own, text);
}

int
cgroup_fd_cpuset(int dir_fd, const char *path)
{
    int rc = copy_from_parent(dir_fd, path, "cpuset.cpus");
    return rc < 0 ? rc : copy_from_parent(dir_fd, path, "cpuset.mems");
}

/* One level; 0 = made, 1 = was there. */
static int
make_level(const struct cgroup_tree *tree, const char *path)
{
    int made = mkdirat(tree->fd, path, 0755), rc = 0;
    if (made < 0 && errno != EEXIST)
        return -errno;
    if (tree->version == 2)
        rc = cgroup_fd_enable(tree->fd, path, tree->controller);
    else if (tree->cpuset)
        rc = cgroup_fd_cpuset(tree->fd, path);
    return rc < 0 ? rc : made < 0;
}

static int
make_all_levels(const struct cgroup_tree *tree, const char *path)
{
    char part[CGROUP_PATH_MAX];
    int rc = 0;
    for (const char *end = path; *end && rc >= 0; ) {
        end = strchrnul(*end == '/' ? end + 1 : end, '/');
        memcpy(part, path, (size_t)(end - path));
        part[end - path] = '\0';
        rc = make_level(tree, part);
    }
    return rc;
}

int
cgroup_create(const struct cgroup_tree *tree, const char *container_id)
{
    char path[PATH_SIZE];
    int rc = cgroup_path(container_id, path);
    if (rc < 0)
        return rc;
    /* v2: those above must let the controller through, too; they may have been made for another one */
    rc = tree->version == 2 ? make_all_levels(tree, path) : make_level(tree, path);
    if (rc == -ENOENT)
        rc = make_all_levels(tree, path);
    if (rc < 0 || tree->version == 1)
        return rc;
    memcpy(path + strlen(path), "/leaf", 6);
    return mkdirat(tree->fd, path, 0755) < 0 && errno != EEXIST ? -errno : rc;
}

bool
cgroup_exists(const struct cgroup_tree *tree, const char *container_id)
{
    char path[CGROUP_PATH_MAX];
    return cgroup_path(container_id, path) == 0 && faccessat(tree->fd, path, F_OK, 0) == 0;
}

int
cgroup_assign(const struct cgroup_tree *tree, const char *container_id, pid_t pid)
{
    char path[PATH_SIZE], number[32];
    int rc = path_of(container_id, tree->version == 2 ? "leaf/cgroup.procs" : "cgroup.procs", path);
    if (rc < 0)
        return rc;
    snprintf(number, sizeof number, "%d", (int)pid);
    return cgroup_fd_write(tree->fd, path, number);
}

ssize_t
cgroup_read(const struct cgroup_tree *tree, const char *container_id, const char *file, char *text, size_t size)
{
    char path[PATH_SIZE];
    int rc = path_of(container_id, file, path);
    return rc < 0 ? rc : cgroup_fd_read(tree->fd, path, text, size);
}

int
cgroup_read_u64(const struct cgroup_tree *tree, const char *container_id, const char *file, uint64_t *ret)
{
    char text[64];
    ssize_t n = cgroup_read(tree, container_id, file, text, sizeof text);
    return n < 0 ? (int)n : cgroup_number(text, ret);
}

int
cgroup_write(const struct cgroup_tree *tree, const char *container_id, const char *file, const char *text)
{
    char path[PATH_SIZE];
    int rc = path_of(container_id, file, path);
    return rc < 0 ? rc : cgroup_fd_write(tree->fd, path, text);
}

int
cgroup_write_u64(const struct cgroup_tree *tree, const char *container_id, const char *file, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return cgroup_write(tree, container_id, file, text);
}

int
cgroup_open(const struct cgroup_tree *tree, const char *container_id, const char *file, int flags)
{
    char path[PATH_SIZE];
    int rc = path_of(container_id, file, path);
    if (rc < 0)
        return rc;
    int fd = openat(tree->fd, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int
cgroup_key(const char *text, const char *key, uint64_t *ret)
{
    struct str rest = str_of(text), name = str_of(key);
    while (rest.len > 0) {
        struct str line = str_cut(&rest, '\n');
        if (line.len <= name.len || !str_starts(line, name) || (line.ptr[name.len] != ' ' && line.ptr[name.len] != '\t'))
            continue;
        return str_to_u64(str_trim(str_n(line.ptr + name.len, line.len - name.len)), ret) < 0 ? -EINVAL : 0;
    }
    return -ENOENT;
}

int
cgroup_number(const char *text, uint64_t *ret)
{
    struct str value = str_trim(str_of(text));
    if (str_is(value, "max")) {
        *ret = UINT64_MAX;
        return 0;
    }
    return str_to_u64(value, ret) < 0 ? -EINVAL : 0;
}
