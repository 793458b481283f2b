/* SPDX-License-Identifier: Apache-2.0 */
/* What is below a directory of cgroups: which containers there are, who lives in one and in those nested in it, and the end of
 * them all. See cgroup.h; paths and files are cgroup.c's. */
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

#define WALK_DEPTH_MAX (2 * CGROUP_DEPTH_MAX + 2)
#define LIST_PIECE 4096
#define KILL_ROUNDS 8

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
        if (!is_group(entry) || strchr(entry->d_name, '.') || !cgroup_name_good(entry->d_name, len, depth) ||
            used + len + 2 > sizeof each->id)
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
    char list[CGROUP_FILE_PATH_MAX];
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
