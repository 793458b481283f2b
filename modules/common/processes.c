/* SPDX-License-Identifier: Apache-2.0 */
/* Reads /proc. Processes come and go meanwhile: what has gone is left out, everything else is as of one instant each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "processes.h"

#define STAT_MAX 1024
#define ENVIRON_MAX (256 << 10)

/* The fields behind the last ')': the command name before it may hold anything. */
static int
parse_stat(const char *text, struct process *ret)
{
    const char *at = strrchr(text, ')');
    if (!at)
        return -EPROTO;
    int parent, session;
    unsigned long long user, system, start;
    long long child_user, child_system, resident;
    char state;
    int n = sscanf(at + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d %llu %*u %lld",
                   &state, &parent, &session, &user, &system, &child_user, &child_system, &start, &resident);
    if (n != 9)
        return -EPROTO;
    ret->state = state;
    ret->parent = parent;
    ret->session = session;
    ret->start_time = start;
    ret->user_ticks = user + (uint64_t)child_user;
    ret->system_ticks = system + (uint64_t)child_system;
    ret->resident_pages = resident > 0 ? (uint64_t)resident : 0;
    return 0;
}

static int
read_stat(int proc_fd, const char *name, struct process *ret)
{
    char path[64], text[STAT_MAX];
    snprintf(path, sizeof path, "%.20s/stat", name);
    auto_fd int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -ESRCH;
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return -ESRCH;
    text[n] = '\0';
    ret->pid = (pid_t)atoi(name);
    return parse_stat(text, ret);
}

int
process_read(pid_t pid, struct process *ret)
{
    char name[32];
    snprintf(name, sizeof name, "%d", (int)pid);
    auto_fd int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return proc_fd < 0 ? -errno : read_stat(proc_fd, name, ret);
}

static int
by_pid(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

int
processes_read(struct processes *ret)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return -errno;
    struct processes all = {NULL, 0};
    size_t cap = 0;
    for (const struct dirent *entry; (entry = readdir(proc)) != NULL;) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        if (all.count == cap) {
            cap = cap ? 2 * cap : 256;
            all.items = xreallocarray(all.items, cap, sizeof *all.items);
        }
        if (read_stat(dirfd(proc), entry->d_name, &all.items[all.count]) == 0)
            all.count++;
    }
    closedir(proc);
    if (all.count > 0)
        qsort(all.items, all.count, sizeof *all.items, by_pid);
    *ret = all;
    return 0;
}

void
processes_fini(struct processes *all)
{
    free(all->items);
    *all = (struct processes){NULL, 0};
}

const struct process *
processes_find(const struct processes *all, pid_t pid)
{
    const struct process key = {.pid = pid};
    return all->count ? bsearch(&key, all->items, all->count, sizeof key, by_pid) : NULL;
}

static bool
is_marked(const struct processes *all, const bool *member, pid_t pid)
{
    const struct process *p = processes_find(all, pid);
    return p && member[p - all->items];
}

size_t
processes_tree(const struct processes *all, pid_t root, bool *member)
{
    size_t marked = 0;
    for (size_t i = 0; i < all->count; i++) {
        /* root 0 would be the kernel's own threads */
        member[i] = member[i] || (root > 0 && (all->items[i].pid == root || all->items[i].session == root));
        marked += member[i];
    }
    for (bool more = marked > 0; more;) { /* until nobody joins: pids need not be in order of birth */
        more = false;
        for (size_t i = 0; i < all->count; i++) {
            const struct process *p = &all->items[i];
            if (member[i] || !(is_marked(all, member, p->parent) || is_marked(all, member, p->session)))
                continue;
            member[i] = more = true;
            marked++;
        }
    }
    return marked;
}

char *
process_environment(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    auto_free char *text = xmalloc(ENVIRON_MAX + 1);
    size_t len = 0, wanted = strlen(name);
    for (ssize_t n; len < ENVIRON_MAX && (n = read(fd, text + len, ENVIRON_MAX - len)) > 0;)
        len += (size_t)n;
    text[len] = '\0';
    for (size_t at = 0; at < len; at += strlen(text + at) + 1) {
        if (strncmp(text + at, name, wanted) == 0 && text[at + wanted] == '=')
            return xstrdup(text + at + wanted + 1);
    }
    return NULL;
}
