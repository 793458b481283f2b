/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking, each time --container_ports_watch_interval is over: which processes are a container's, and on
 * which ports they listen. The work is another thread's, which sees nothing but its scan; what was found goes
 * to check.c on the loop's.
 *
 * With the linux launcher a container's processes are those of its freezer cgroup, as in Mesos; with the
 * posix launcher, for which Mesos has no such isolator, those of its process tree and session.
 */
#include <stdlib.h>
#include <string.h>
#include "common/processes.h"
#include "network_ports.h"

struct scan {
    struct network_ports *ports;
    struct target *targets; /* nested ones before those that they are nested in */
    size_t count;
    int status;
};

/* ---- on the other thread ---- */

static void
on_pid(void *arg, pid_t pid)
{
    struct target *target = arg;
    target->pids = xreallocarray(target->pids, target->pid_count + 1, sizeof *target->pids);
    target->pids[target->pid_count++] = pid;
}

static int
by_number(const void *a, const void *b)
{
    const pid_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void
list_processes(const struct scan *scan, const struct processes *all, struct target *target)
{
    if (scan->ports->by_cgroup) {
        cgroup_pids(&scan->ports->freezer, target->id, on_pid, target);
    } else if (target->pid > 0 && processes_find(all, target->pid)) {
        auto_free bool *member = xcalloc(all->count + 1, sizeof *member);
        processes_tree(all, target->pid, member);
        for (size_t i = 0; i < all->count; i++)
            if (member[i])
                on_pid(target, all->items[i].pid);
    }
    if (target->pid_count)
        qsort(target->pids, target->pid_count, sizeof *target->pids, by_number);
}

/* A cgroup's processes are listed with those of the ones nested in it. */
static bool
is_nested_ones(const struct scan *scan, size_t index, pid_t pid)
{
    struct str id = str_of(scan->targets[index].id);
    for (size_t i = 0; i < index; i++) {
        const struct target *other = &scan->targets[i];
        if (str_starts(str_of(other->id), id) && other->id[id.len] == '.' && other->pid_count &&
            bsearch(&pid, other->pids, other->pid_count, sizeof pid, by_number))
            return true;
    }
    return false;
}

static void
scan_work(void *arg)
{
    struct scan *scan = arg;
    const struct network_ports *ports = scan->ports;
    struct listeners listeners;
    struct processes all = {0};
    scan->status = listeners_read(&listeners, ports->has_isolated ? &ports->isolated : NULL);
    if (scan->status == 0 && listeners.count > 0 && !ports->by_cgroup)
        scan->status = processes_read(&all);
    for (size_t i = 0; i < scan->count && scan->status == 0 && listeners.count > 0; i++) {
        struct target *target = &scan->targets[i];
        list_processes(scan, &all, target);
        for (size_t j = 0; j < target->pid_count; j++)
            if (!is_nested_ones(scan, i, target->pids[j]))
                listeners_of(&listeners, target->pids[j], &target->ports, &target->port_count);
    }
    processes_fini(&all);
    listeners_fini(&listeners);
}

/* ---- on the loop ---- */

/* What the other thread reads as long as it looks. */
void
scan_forget(struct network_ports *ports)
{
    ports_fini(&ports->isolated);
    if (ports->by_cgroup)
        cgroup_tree_close(&ports->freezer);
}

static void
scan_done(void *arg)
{
    struct scan *scan = arg;
    struct network_ports *ports = scan->ports;
    if (scan->status < 0)
        MESOS_LOG(ports->host, ERROR, "cannot tell which ports are listened on: %s", strerror(-scan->status));
    for (size_t i = 0; i < scan->count; i++) {
        struct target *target = &scan->targets[i];
        if (!ports->stopped)
            container_check(ports, target);
        free(target->id);
        free(target->pids);
        free(target->ports);
    }
    free(scan->targets);
    free(scan);
    ports->looking = false;
    if (ports->stopped)
        scan_forget(ports);
    else
        scan_later(ports);
}

static size_t
depth(const char *id)
{
    size_t dots = 0;
    for (; *id; id++)
        dots += *id == '.';
    return dots;
}

static int
deepest_first(const void *a, const void *b)
{
    const struct target *left = a, *right = b;
    size_t l = depth(left->id), r = depth(right->id);
    return (l < r) - (l > r);
}

static void
look(void *arg)
{
    struct network_ports *ports = arg;
    const struct container *container;
    ports->timer = NULL;
    if (map_count(&ports->containers) == 0) {
        scan_later(ports);
        return;
    }
    struct scan *scan = xcalloc(1, sizeof *scan);
    scan->ports = ports;
    scan->targets = xcalloc(map_count(&ports->containers), sizeof *scan->targets);
    map_foreach (container, &ports->containers)
        scan->targets[scan->count++] = (struct target){.id = xstrdup(container->id), .pid = container->pid};
    qsort(scan->targets, scan->count, sizeof *scan->targets, deepest_first);
    ports->looking = true;
    ports->host->offload(ports->host, false, scan_work, scan_done, scan);
}

void
scan_later(struct network_ports *ports)
{
    ports->timer = ports->host->timer_start(ports->host, ports->interval_ms, look, ports);
}
