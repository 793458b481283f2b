/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container: its processes are killed until none is left, isolators clean up in reverse order, the traces
 * in runtime_dir go, and whoever waits is told. Which processes are a container's is asked of /proc off the thread; one
 * reading serves all containers that are ending, because hundreds may end in one second.
 *
 * A container's processes are those below its first one, those of its session, and those whose environment names its
 * sandbox although their parents are gone. A pid alone proves nothing: a process that is younger than the container's
 * first one under the same pid is a stranger, and its session too.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "common/processes.h"
#include "native.h"

#define READ_EVERY_MS 20 /* at most so often, */
#define READ_SHARE 15 /* and at most this part of one processor: it may be a long list */
#define READ_SLOWLY_MS 1000 /* those that resist for so long, and every so often */

/* One container as the reading thread sees it: copies. */
struct target {
    char *id, *sandbox;
    bool kept; /* its processes carry its id */
    bool in_cgroup;
    pid_t pid;
    uint64_t not_before, not_after;
    unsigned left;
};

struct reading {
    struct native *native;
    struct cgroup_tree tree; /* native's, which holds it open */
    struct target *targets;
    size_t count;
    int status;
    int64_t cost_ms; /* processor time */
};

/* Is it one of the names, or what file_replace() had begun to put in its place when an agent died? */
static bool
is_among(const char *file, const char *const *names)
{
    for (; *names; names++) {
        size_t len = strlen(*names);
        if (strncmp(file, *names, len) == 0 && (!file[len] || (file[len] == '.' && strlen(file + len) == sizeof ".XXXXXX" - 1)))
            return true;
    }
    return false;
}

/* And the directory, when nothing else is in it. */
static void
forget_files(const char *directory, const char *const *names)
{
    DIR *dir = opendir(directory);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (is_among(entry->d_name, names))
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(directory);
}

void
runtime_forget(const struct container *container, bool all)
{
    static const char *const board_files[] = {"pid", "state", "socket", NULL};
    static const char *const files[] = {"pid", "state", "status", "environment", "config", "launch_info",
                                        "force_destroy_on_recovery", NULL};
    static const char *const last[] = {"termination", "standalone.marker", NULL};
    auto_free char *nested = xasprintf("%s/containers", container->runtime_dir);
    auto_free char *board = xasprintf("%s/io_switchboard", container->runtime_dir);
    forget_files(board, board_files);
    rmdir(nested);
    forget_files(container->runtime_dir, files);
    if (all)
        forget_files(container->runtime_dir, last);
}

static void
pack_termination(const struct container *container, struct buf *out)
{
    Mesos__Slave__ContainerTermination t = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    const Mesos__Slave__ContainerLimitation *limitation = container->limitation;
    t.has_status = container->has_status;
    t.status = container->status;
    if (limitation) {
        t.has_state = 1;
        t.state = MESOS__V1__TASK_STATE__TASK_FAILED;
        t.has_reason = limitation->has_reason;
        t.reason = limitation->reason;
        t.message = limitation->message;
        t.n_limited_resources = limitation->n_resources;
        t.limited_resources = limitation->resources;
    }
    size_t len = mesos__slave__container_termination__get_packed_size(&t);
    buf_added(out, mesos__slave__container_termination__pack(&t, (uint8_t *)buf_reserve(out, len)));
}

static void
tell(const struct native *native, struct list *list, struct mesos_bytes termination)
{
    while (!list_empty(list)) {
        struct owed *owed = list_first(list, struct owed, in_list);
        native->host->reply(native->host, owed->call, 0, termination);
        list_remove(&owed->in_list);
        free(owed);
    }
}

static void
tell_end(struct container *container)
{
    auto_buf struct buf packed = {0};
    pack_termination(container, &packed);
    struct mesos_bytes termination = {buf_data(&packed), packed.len};
    tell(container->native, &container->waits, termination);
    tell(container->native, &container->destroys, termination);
}

/* A record as the other checkpoints are: the length, then the bytes. */
static void
termination_keep(struct container *container, struct mesos_bytes packed)
{
    auto_free char *path = xasprintf("%s/termination", container->runtime_dir);
    auto_buf struct buf record = {0};
    struct err err = {0};
    uint32_t len = (uint32_t)packed.len;
    buf_append(&record, &len, sizeof len);
    buf_append(&record, packed.data, packed.len);
    if (file_replace(path, buf_data(&record), record.len, 0600, false, &err) < 0)
        MESOS_LOG(container->native->host, WARNING, "container %s: its termination is not written down: %s",
                  container->id, err.text);
    buf_append(&container->termination, packed.data, packed.len);
}

void
container_drop(struct container *container)
{
    struct container *child, *tmp;
    list_foreach_safe(child, tmp, &container->children, in_parent)
        container_drop(child);
    runtime_forget(container, true);
    container_free(container);
}

static bool
has_living_children(const struct container *container)
{
    const struct container *child;
    list_foreach(child, &container->children, in_parent)
    {
        if (child->state != STATE_ENDED)
            return true;
    }
    return false;
}

static void cleanup_next(struct container *container);

static void read_soon(struct native *native);

static void
forget(struct container *container)
{
    struct native *native = container->native;
    if (linux_remove(container) == -EBUSY) { /* the helper of an agent that crashed came late */
        list_push(&native->ending, &container->in_ending);
        read_soon(native);
        return;
    }
    struct container *parent = container->parent;
    void *logger;
    const struct mesos_container_logger_ops *ops = native->services->logger_ops(native->services->self, &logger);
    if (ops && ops->cleanup)
        ops->cleanup(logger, container->id);
    auto_buf struct buf packed = {0};
    pack_termination(container, &packed);
    struct mesos_bytes termination = {buf_data(&packed), packed.len};
    tell_end(container);
    if (container->kept && container->ran) {
        container->state = STATE_ENDED;
        termination_keep(container, termination);
        runtime_forget(container, false);
    } else {
        container_drop(container);
    }
    if (parent && parent->waits_for_children && !has_living_children(parent)) {
        parent->waits_for_children = false;
        cleanup_next(parent);
    }
}

static void
streams_over(struct container *container)
{
    provision_destroy(container, forget);
}

static void
on_cleaned(void *arg, int status, const char *error, struct mesos_bytes bytes)
{
    struct container *container = arg;
    if (status < 0)
        MESOS_LOG(container->native->host, ERROR, "container %s: an isolator does not clean up: %s", container->id, error);
    cleanup_next(container);
}

static void
cleanup_next(struct container *container)
{
    const struct mesos_containerizer_services *services = container->native->services;
    while (container->prepared > 0) {
        uint32_t i = --container->prepared;
        void *isolator;
        const struct mesos_isolator_ops *ops = services->isolator_ops(services->self, i, &isolator);
        if (!ops->cleanup || !container_isolated(container, i))
            continue;
        ops->cleanup(isolator, container->id, services->call_new(services->self, i, "cleanup", on_cleaned, container));
        return;
    }
    switchboard_end(container, streams_over);
}

/* Its processes are gone; its children go before it. */
static void
processes_gone(struct container *container)
{
    if (has_living_children(container))
        container->waits_for_children = true;
    else
        cleanup_next(container);
}

/* Whose is this process, whose parent is gone? Its environment is read only when it is young enough to be anybody's. */
static void
claim_orphan(const struct reading *reading, const struct process *p, size_t at, bool *const *members)
{
    bool young = false;
    for (size_t i = 0; i < reading->count; i++)
        young = young || (!reading->targets[i].in_cgroup && p->start_time >= reading->targets[i].not_before);
    auto_free char *sandbox = young ? process_environment(p->pid, "MESOS_SANDBOX") : NULL;
    auto_free char *id = young ? process_environment(p->pid, "MESOS_CONTAINER_ID") : NULL;
    for (size_t i = 0; sandbox && *sandbox && i < reading->count; i++)
        members[i][at] = strcmp(sandbox, reading->targets[i].sandbox) == 0;
    for (size_t i = 0; id && i < reading->count; i++)
        members[i][at] = members[i][at] || (reading->targets[i].kept && strcmp(id, reading->targets[i].id) == 0);
}

static pid_t
root_of(const struct processes *all, const struct target *target)
{
    const struct process *p = processes_find(all, target->pid);
    if (!p)
        return target->pid; /* gone; what is left of its session still carries the number */
    return p->start_time >= target->not_before && p->start_time <= target->not_after ? target->pid : 0;
}

static void
kill_members(const struct processes *all, struct target *target, const bool *member)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct process *p = &all->items[i];
        if (!member[i] || p->state == 'Z' || p->state == 'X')
            continue;
        target->left++;
        kill(p->pid, SIGKILL);
    }
}

/* Those in control groups need no list: the kernel keeps theirs. False when there are others. */
static bool
kill_groups(struct reading *reading)
{
    bool all = true;
    for (size_t i = 0; i < reading->count; i++) {
        struct target *target = &reading->targets[i];
        int left = target->in_cgroup ? cgroup_kill(&reading->tree, target->id) : 0;
        target->left = left < 0 ? 1 : (unsigned)left; /* asked again soon */
        all = all && target->in_cgroup;
    }
    return all;
}

static void
look(struct reading *reading)
{
    struct processes all;
    if (kill_groups(reading))
        return;
    reading->status = processes_read(&all);
    if (reading->status < 0)
        return;
    auto_free bool **members = xcalloc(reading->count, sizeof *members);
    for (size_t i = 0; i < reading->count; i++)
        members[i] = xcalloc(all.count + 1, sizeof **members);
    for (size_t at = 0; at < all.count; at++) {
        const struct process *p = &all.items[at];
        if (p->parent == 1 && p->state != 'Z')
            claim_orphan(reading, p, at, members);
    }
    for (size_t i = 0; i < reading->count; i++) {
        struct target *target = &reading->targets[i];
        if (!target->in_cgroup) {
            processes_tree(&all, root_of(&all, target), members[i]);
            kill_members(&all, target, members[i]);
        }
        free(members[i]);
    }
    processes_fini(&all);
}

static int64_t
thread_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
reading_work(void *arg)
{
    struct reading *reading = arg;
    int64_t begin_us = thread_us();
    look(reading);
    reading->cost_ms = (thread_us() - begin_us) / 1000;
}

/* Who waits is told that it has ended, because nothing more can be done about it; what holds it is still looked after,
 * and cleaned up when the kernel lets go of it. */
static void
give_up(struct container *container)
{
    const struct mesos_host *host = container->native->host;
    MESOS_LOG(host, ERROR, "container %s: %u processes do not die within %lld ms", container->id, container->left,
              (long long)container->native->destroy_timeout_ms);
    host->count(host, "containerizer/mesos/container_destroy_errors", 1);
    container->given_up = true;
    tell_end(container);
}

static void
is_left(struct container *container, const struct target *target)
{
    const struct mesos_host *host = container->native->host;
    int64_t now = host->now_ms(host);
    container->left = target->left;
    if (target->left == 0 && container->exited) {
        list_remove(&container->in_ending);
        processes_gone(container);
    } else if (!container->given_up && now - container->ending_since_ms > container->native->destroy_timeout_ms) {
        give_up(container);
    }
}

static void
reading_done(void *arg)
{
    struct reading *reading = arg;
    struct native *native = reading->native;
    native->reading = false;
    linux_release(native);
    native->last_read_ms = native->host->now_ms(native->host);
    native->read_cost_ms = reading->cost_ms;
    for (size_t i = 0; i < reading->count; i++) {
        struct container *container = container_find(native, reading->targets[i].id);
        if (reading->status == 0 && container && !list_empty(&container->in_ending))
            is_left(container, &reading->targets[i]);
        free(reading->targets[i].id);
        free(reading->targets[i].sandbox);
    }
    free(reading->targets);
    free(reading);
    read_soon(native);
}

static void
read_now(void *arg)
{
    struct native *native = arg;
    struct reading *reading = xcalloc(1, sizeof *reading);
    struct container *container;
    native->read_timer = NULL;
    native->reading = true;
    reading->native = native;
    reading->tree = native->tree;
    reading->targets = xcalloc(map_count(&native->containers) + 1, sizeof *reading->targets);
    list_foreach(container, &native->ending, in_ending)
    {
        reading->targets[reading->count++] = (struct target){
            .id = xstrdup(container->id),
            .sandbox = xstrdup(container->sandbox),
            .kept = container->kept,
            .in_cgroup = container->in_cgroup,
            .pid = container->pid,
            .not_before = container->not_before,
            .not_after = container->not_after,
        };
    }
    linux_hold(native);
    native->host->offload(native->host, false, reading_work, reading_done, reading);
}

/* Those that resisted for a minute are looked at once a second, all others every few milliseconds. */
static int64_t
pause_ms(const struct native *native)
{
    const struct container *container;
    int64_t now = native->host->now_ms(native->host);
    int64_t often = native->read_cost_ms * READ_SHARE > READ_EVERY_MS ? native->read_cost_ms * READ_SHARE : READ_EVERY_MS;
    list_foreach(container, &native->ending, in_ending)
    {
        if (now - container->ending_since_ms < READ_SLOWLY_MS)
            return often;
    }
    return READ_SLOWLY_MS;
}

static void
read_soon(struct native *native)
{
    if (native->reading || native->read_timer || list_empty(&native->ending))
        return;
    int64_t wait = native->last_read_ms + pause_ms(native) - native->host->now_ms(native->host);
    native->read_timer = native->host->timer_start(native->host, wait > 0 ? wait : 0, read_now, native);
}

/* Those that have no process may be gone at once, and with one its own children. */
static void
children_destroy(struct container *container)
{
    struct container *child;
    bool again = true;
    while (again) {
        again = false;
        list_foreach(child, &container->children, in_parent)
        {
            if (child->state == STATE_ENDED || child->destroy_wanted || child->state == STATE_ENDING)
                continue;
            container_destroy(child);
            again = true;
            break;
        }
    }
}

/* Also called again when the first process has ended. */
void
end_begin(struct container *container)
{
    struct native *native = container->native;
    if (container->state != STATE_ENDING) {
        container->state = STATE_ENDING;
        container->ending_since_ms = native->host->now_ms(native->host);
        children_destroy(container);
        if (container->pid == 0 && !container->in_cgroup) { /* there never was a process */
            processes_gone(container);
            return;
        }
        if (!container->exited && container->pid > 0)
            kill(container->pid, SIGKILL); /* at once; the rest of its tree is found below */
        list_push(&native->ending, &container->in_ending);
    }
    read_soon(native);
}

void
end_stop(struct native *native)
{
    native->host->timer_stop(native->host, native->read_timer);
    native->read_timer = NULL;
}
