/* SPDX-License-Identifier: Apache-2.0 */
/* One container's cgroup: its path, its files, its processes. See cgroup.h; trees are found in cgroup_tree.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "base/str.h"
#include "cgroup.h"
#include "cgroup_inside.h"

#define FILE_NAME_MAX 64 /* of a control file */
#define PATH_SIZE (CGROUP_PATH_MAX + FILE_NAME_MAX + 8)
#define WALK_DEPTH_MAX (2 * CGROUP_DEPTH_MAX + 2)
#define LIST_PIECE 4096
#define KILL_ROUNDS 8

static bool
is_name(const char *name, size_t len)
{
    if (len == 0 || len > 255)
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] == '/' || (unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return true;
}

/* Groups below cgroups_root that are the agent's own. */
static bool
is_reserved(const char *name, size_t len)
{
    return (len == 5 && memcmp(name, "slave", 5) == 0) || (len == 5 && memcmp(name, "agent", 5) == 0);
}

int
cgroup_path(const char *container_id, char ret[CGROUP_PATH_MAX])
{
    size_t used = 0;
    unsigned depth = 0;
    for (const char *at = container_id; at; depth++) {
        const char *dot = strchr(at, '.');
        size_t len = dot ? (size_t)(dot - at) : strlen(at);
        if (!is_name(at, len) || depth >= CGROUP_DEPTH_MAX || (depth == 0 && is_reserved(at, len)) ||
            used + len + sizeof "/mesos/" > CGROUP_PATH_MAX)
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
        if (!is_name(name.ptr, name.len) || str_find(name, '.') >= 0 || depth >= CGROUP_DEPTH_MAX ||
            (depth == 0 && is_reserved(name.ptr, name.len)))
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
    if (len > FILE_NAME_MAX)
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

/* Opens a directory for reading when there are others in it: the number of links tells. */
static DIR *
open_if_parent(int dir_fd, const char *name)
{
    struct stat st;
    auto_fd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || (fstat(fd, &st) == 0 && st.st_nlink == 2))
        return NULL;
    DIR *dir = fdopendir(fd);
    if (dir)
        take_fd(&fd);
    return dir;
}

static bool
is_group(const struct dirent *entry)
{
    return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

struct each {
    bool (*found)(void *arg, const char *container_id);
    void *arg;
    char id[CGROUP_PATH_MAX];
    int count;
    bool stopped;
};

static void
each_in(struct each *each, int dir_fd, const char *directory, size_t used, unsigned depth)
{
    DIR *dir = depth < CGROUP_DEPTH_MAX ? open_if_parent(dir_fd, directory) : NULL;
    if (!dir)
        return;
    for (const struct dirent *entry; !each->stopped && (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        char below[300];
        if (!is_group(entry) || strchr(entry->d_name, '.') || !is_name(entry->d_name, len) ||
            (depth == 0 && is_reserved(entry->d_name, len)) || used + len + 2 > sizeof each->id)
            continue;
        size_t dot = used > 0;
        if (dot)
            each->id[used] = '.';
        memcpy(each->id + used + dot, entry->d_name, len + 1);
        each->count++;
        each->stopped = each->found && !each->found(each->arg, each->id);
        snprintf(below, sizeof below, "%s/mesos", entry->d_name);
        if (!each->stopped)
            each_in(each, dirfd(dir), below, used + dot + len, depth + 1);
    }
    closedir(dir);
}

int
cgroup_each(const struct cgroup_tree *tree, bool (*found)(void *arg, const char *container_id), void *arg)
{
    struct each each = {.found = found, .arg = arg};
    each_in(&each, tree->fd, ".", 0, 0);
    return each.count;
}

/* Calls found for every number in a list of pids; -errno, or how many. */
static int
list_pids(int dir_fd, const char *path, void (*found)(void *arg, pid_t pid), void *arg)
{
    auto_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    char text[LIST_PIECE];
    uint64_t pid = 0;
    int count = 0;
    bool digits = false;
    for (ssize_t n; (n = read(fd, text, sizeof text)) != 0;) {
        if (n < 0)
            return -errno;
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9' && pid < INT32_MAX / 10) {
                pid = 10 * pid + (uint64_t)(text[i] - '0');
                digits = true;
                continue;
            }
            if (digits && pid > 0) { /* 0: of another pid namespace */
                count++;
                if (found)
                    found(arg, (pid_t)pid);
            }
            pid = 0;
            digits = false;
        }
    }
    return count;
}

/* The group at path and all below it. */
static int
walk_pids(int dir_fd, const char *path, const char *file, unsigned depth, void (*found)(void *arg, pid_t pid), void *arg)
{
    char list[PATH_SIZE];
    snprintf(list, sizeof list, "%s/%s", path, file);
    int count = list_pids(dir_fd, list, found, arg);
    if (count < 0 || depth >= WALK_DEPTH_MAX)
        return count;
    DIR *dir = open_if_parent(dir_fd, path);
    if (!dir)
        return count;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int below = is_group(entry) ? walk_pids(dirfd(dir), entry->d_name, file, depth + 1, found, arg) : 0;
        count += below > 0 ? below : 0;
    }
    closedir(dir);
    return count;
}

int
cgroup_pids(const struct cgroup_tree *tree, const char *container_id, void (*found)(void *arg, pid_t pid), void *arg)
{
    char path[CGROUP_PATH_MAX];
    int rc = cgroup_path(container_id, path);
    return rc < 0 ? rc : walk_pids(tree->fd, path, "cgroup.procs", 0, found, arg);
}

int
cgroup_tids(const struct cgroup_tree *tree, const char *container_id, void (*found)(void *arg, pid_t tid), void *arg)
{
    char path[CGROUP_PATH_MAX];
    int rc = cgroup_path(container_id, path);
    return rc < 0 ? rc : walk_pids(tree->fd, path, tree->version == 2 ? "cgroup.threads" : "tasks", 0, found, arg);
}

bool
cgroup_empty(const struct cgroup_tree *tree, const char *container_id)
{
    char text[256];
    uint64_t populated;
    if (tree->version == 1)
        return cgroup_pids(tree, container_id, NULL, NULL) <= 0;
    if (cgroup_read(tree, container_id, "cgroup.events", text, sizeof text) < 0)
        return true;
    return cgroup_key(text, "populated", &populated) == 0 && populated == 0;
}

int
cgroup_freeze(const struct cgroup_tree *tree, const char *container_id, bool frozen)
{
    if (tree->version == 2)
        return cgroup_write(tree, container_id, "cgroup.freeze", frozen ? "1" : "0");
    return tree->freezer ? cgroup_write(tree, container_id, "freezer.state", frozen ? "FROZEN" : "THAWED") : -ENOTSUP;
}

static void
kill_one(void *arg, pid_t pid)
{
    kill(pid, SIGKILL);
}

/* Frozen where that is possible: then a list that stays the same holds everybody who is there. */
static int
kill_listed(const struct cgroup_tree *tree, const char *container_id)
{
    bool frozen = cgroup_freeze(tree, container_id, true) == 0;
    int before = -1, count = 0;
    for (int i = 0; i < KILL_ROUNDS && count != before; i++) {
        before = count;
        count = cgroup_pids(tree, container_id, kill_one, NULL);
        if (count <= 0)
            break;
    }
    if (frozen)
        cgroup_freeze(tree, container_id, false);
    return count == -ENOENT || count == -ENODEV ? 0 : count;
}

int
cgroup_kill(const struct cgroup_tree *tree, const char *container_id)
{
    if (!cgroup_exists(tree, container_id) || cgroup_empty(tree, container_id))
        return 0;
    if (tree->version == 1)
        return kill_listed(tree, container_id);
    int rc = cgroup_write(tree, container_id, "cgroup.kill", "1");
    if (rc == -ENOENT)
        rc = kill_listed(tree, container_id); /* a kernel before 5.14 */
    return rc == -ENODEV ? 0 : rc < 0 ? rc : 1;
}

static int
remove_at(int dir_fd, const char *path, unsigned depth)
{
    if (unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    int rc = -errno;
    DIR *dir = rc == -EBUSY && depth < WALK_DEPTH_MAX ? open_if_parent(dir_fd, path) : NULL;
    if (!dir)
        return rc;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (is_group(entry))
            remove_at(dirfd(dir), entry->d_name, depth + 1);
    closedir(dir);
    return unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int
cgroup_remove(const struct cgroup_tree *tree, const char *container_id)
{
    char path[CGROUP_PATH_MAX];
    int rc = cgroup_path(container_id, path);
    return rc < 0 ? rc : remove_at(tree->fd, path, 0);
}

static int64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
cgroup_destroy(const struct cgroup_tree *tree, const char *container_id, int64_t timeout_ms)
{
    int64_t until = now_ms() + timeout_ms;
    for (long pause_ms = 1;; pause_ms = pause_ms < 50 ? 2 * pause_ms : 50) {
        int rc = cgroup_remove(tree, container_id);
        if (rc != -EBUSY)
            return rc;
        rc = cgroup_kill(tree, container_id);
        if (rc < 0)
            return rc;
        if (now_ms() >= until)
            return -ETIMEDOUT;
        nanosleep(&(struct timespec){0, pause_ms * 1000000}, NULL);
    }
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
