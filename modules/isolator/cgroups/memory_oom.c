/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens at a container's memory limit. v1 tells of OOM and of pressure through eventfds, v2 through changes of
 * memory.events.local. The kernel kills one process; a container that lost one is destroyed, with a limitation whose message
 * has the figures of that moment. See memory.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "base/units.h"
#include "common/cgroup_inside.h"
#include "common/packed.h"
#include "figures.h"
#include "memory.h"

#define LEVELS 3
#define REASON_CONTAINER_LIMITATION_MEMORY 8

static const char *const LEVEL_NAMES[LEVELS] = {"low", "medium", "critical"};

/* A container's state[] of this part. */
struct memory_watch {
    struct part *part;
    struct group_container *container;
    int oom_fd, level_fds[LEVELS]; /* v1; -1 = none */
    uint64_t levels[LEVELS]; /* signals so far */
    struct mesos_watch *watch;
    int wd; /* v2; -1 = none */
    uint64_t ooms; /* v2: as last seen */
    bool told;
};

/* ---- on the other thread ---- */

/* Has the kernel signal an eventfd; the descriptor, or a negative errno. */
static int
listen_on(struct part *part, const char *id, const char *file, const char *argument)
{
    char text[96];
    auto_fd int event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    auto_fd int file_fd = cgroup_open(&part->tree, id, file, O_RDONLY);
    if (event_fd < 0 || file_fd < 0)
        return event_fd < 0 ? -errno : file_fd;
    snprintf(text, sizeof text, "%d %d%s%s", event_fd, file_fd, *argument ? " " : "", argument);
    int rc = cgroup_write(&part->tree, id, "cgroup.event_control", text);
    return rc < 0 ? rc : take_fd(&event_fd);
}

static int
create_v1(struct part *part, struct job *job, struct memory_watch *watch)
{
    watch->oom_fd = listen_on(part, job->id, "memory.oom_control", "");
    if (watch->oom_fd < 0)
        return job_fail(job, part, watch->oom_fd, "Failed to listen for OOM events of", "memory.oom_control");
    for (int i = 0; i < LEVELS; i++)
        watch->level_fds[i] = listen_on(part, job->id, "memory.pressure_level", LEVEL_NAMES[i]);
    return 0;
}

/* The events of the container's own limit; those of nested ones are theirs. Kernels before 5.2 have only the sum. */
static const char *
events_file(const struct part *part, const char *id)
{
    auto_fd int fd = cgroup_open(&part->tree, id, "memory.events.local", O_RDONLY);
    return fd >= 0 ? "memory.events.local" : "memory.events";
}

static uint64_t
read_ooms(const struct part *part, const char *id)
{
    char text[512];
    uint64_t ooms = 0;
    if (cgroup_read(&part->tree, id, events_file(part, id), text, sizeof text) > 0)
        cgroup_key(text, "oom", &ooms);
    return ooms;
}

static int
create_v2(struct part *part, struct job *job, struct memory_watch *watch)
{
    const struct memory_options *options = part->state;
    char path[CGROUP_PATH_MAX];
    cgroup_path(job->id, path);
    auto_free char *file = xasprintf("%s/%s/%s/%s", part->tree.mount, part->tree.root, path, events_file(part, job->id));
    watch->ooms = read_ooms(part, job->id);
    watch->wd = inotify_add_watch(options->inotify_fd, file, IN_MODIFY);
    return watch->wd < 0 ? job_fail(job, part, -errno, "Failed to listen for OOM events of", "memory.events") : 0;
}

static void
watch_free(struct memory_watch *watch)
{
    close_at(&watch->oom_fd);
    for (int i = 0; i < LEVELS; i++)
        close_at(&watch->level_fds[i]);
    free(watch);
}

int
memory_watch_create(struct part *part, struct job *job)
{
    struct memory_watch *watch = xcalloc(1, sizeof *watch);
    watch->part = part;
    watch->oom_fd = watch->level_fds[0] = watch->level_fds[1] = watch->level_fds[2] = watch->wd = -1;
    int rc = part->tree.version == 1 ? create_v1(part, job, watch) : create_v2(part, job, watch);
    if (rc < 0)
        watch_free(watch);
    else
        job->made[part->index] = watch;
    return rc;
}

/* ---- on the loop ---- */

static void
append_limit(struct buf *message, const struct part *part, const char *id)
{
    uint64_t limit;
    char text[32];
    if (cgroup_read_u64(&part->tree, id, part->tree.version == 1 ? "memory.limit_in_bytes" : "memory.max", &limit) == 0)
        buf_printf(message, "Requested: %s ", limit == UINT64_MAX ? "unlimited" : bytes_format(limit, text));
}

/* The most it has used, and 0 when there is no telling. */
static uint64_t
append_most(struct buf *message, const struct part *part, const char *id)
{
    uint64_t most = 0;
    char text[32];
    int rc = part->tree.version == 1 ? cgroup_read_u64(&part->tree, id, "memory.max_usage_in_bytes", &most)
                                     : cgroup_read_u64(&part->tree, id, "memory.peak", &most);
    if (rc == -ENOENT && part->tree.version == 2)
        rc = cgroup_read_u64(&part->tree, id, "memory.current", &most);
    if (rc == 0)
        buf_printf(message, "Maximum Used: %s\n", bytes_format(most, text));
    return most;
}

/* Packed mesos.slave.ContainerLimitation: the resource mem in megabytes, the message, the reason. */
static void
limitation_pack(struct buf *out, struct str message, uint64_t most)
{
    auto_buf struct buf resource = {0}, scalar = {0};
    packed_double(&scalar, 1, (double)most / (1 << 20));
    packed_bytes(&resource, 1, STR_LIT("mem"));
    packed_uint(&resource, 2, MESOS_VALUE_SCALAR);
    packed_bytes(&resource, 3, buf_str(&scalar));
    packed_bytes(&resource, 6, STR_LIT("*"));
    packed_bytes(out, 1, buf_str(&resource));
    packed_bytes(out, 2, message);
    packed_uint(out, 3, REASON_CONTAINER_LIMITATION_MEMORY);
}

static void
oom(struct memory_watch *watch)
{
    const struct part *part = watch->part;
    const struct group *group = part->group;
    auto_buf struct buf message = {0}, limitation = {0};
    auto_free char *id = xstrdup(watch->container->id); /* the container may be gone when this returns */
    char stat[MEMORY_STAT_MAX];
    if (watch->told || !cgroup_exists(&part->tree, id))
        return; /* also signalled when the cgroup is removed */
    watch->told = true;
    buf_puts(&message, "Memory limit exceeded: ");
    append_limit(&message, part, id);
    uint64_t most = append_most(&message, part, id);
    if (cgroup_read(&part->tree, id, "memory.stat", stat, sizeof stat) > 0)
        buf_printf(&message, "\nMEMORY STATISTICS: \n%s\n", stat);
    limitation_pack(&limitation, buf_str(&message), most);
    MESOS_LOG(group->host, INFO, "OOM detected for container %s, which used %llu bytes", id, (unsigned long long)most);
    if (group->watcher.limited)
        group->watcher.limited(group->watcher.arg, id, (struct mesos_bytes){buf_data(&limitation), limitation.len});
}

static void
on_oom_event(int fd, int events, void *arg)
{
    uint64_t count;
    if (read(fd, &count, sizeof count) == sizeof count)
        oom(arg);
}

static struct memory_watch *
watch_of(const struct part *part, int wd)
{
    struct group_container *container;
    map_foreach (container, &part->group->containers) {
        struct memory_watch *watch = container->state[part->index];
        if (watch && watch->wd == wd)
            return watch;
    }
    return NULL;
}

/* v2: a control file of somebody's changed. */
static void
on_inotify(int fd, int events, void *arg)
{
    struct part *part = arg;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
        const struct inotify_event *event = (const void *)(buffer + at);
        struct memory_watch *watch = watch_of(part, event->wd);
        at += (ssize_t)sizeof *event + (ssize_t)event->len;
        if (!watch)
            continue;
        uint64_t ooms = read_ooms(part, watch->container->id);
        bool more = ooms > watch->ooms;
        watch->ooms = ooms;
        if (more)
            oom(watch);
    }
}

void
memory_watch_known(struct part *part, struct group_container *container, struct job *job)
{
    struct memory_watch *watch = job->made[part->index];
    const struct mesos_host *host = part->group->host;
    if (!watch)
        return;
    job->made[part->index] = NULL;
    watch->container = container;
    container->state[part->index] = watch;
    if (watch->oom_fd >= 0)
        watch->watch = host->watch_fd(host, watch->oom_fd, 1, on_oom_event, watch);
}

/* Reading an eventfd gives the number of signals since it was read last. */
void
memory_watch_ask(struct part *part, struct group_container *container, struct job *job)
{
    struct memory_watch *watch = container->state[part->index];
    for (int i = 0; watch && i < LEVELS; i++) {
        uint64_t more;
        if (watch->level_fds[i] < 0)
            continue;
        if (read(watch->level_fds[i], &more, sizeof more) == sizeof more)
            watch->levels[i] += more;
        packed_uint(&job->answer, FIGURE_MEM_LOW_PRESSURE_COUNTER + (unsigned)i, watch->levels[i]);
    }
}

void
memory_watch_gone(struct part *part, struct group_container *container)
{
    struct memory_watch *watch = container->state[part->index];
    const struct memory_options *options = part->state;
    if (!watch)
        return;
    container->state[part->index] = NULL;
    part->group->host->unwatch_fd(part->group->host, watch->watch);
    if (watch->wd >= 0)
        inotify_rm_watch(options->inotify_fd, watch->wd);
    watch_free(watch);
}

int
memory_watch_start(struct part *part, struct err *err)
{
    struct memory_options *options = part->state;
    char text[256];
    uint64_t disabled;
    options->inotify_fd = -1;
    if (part->tree.version == 2) {
        options->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (options->inotify_fd < 0)
            return err_errno(err, "cannot watch for OOM events");
        options->watch = part->group->host->watch_fd(part->group->host, options->inotify_fd, 1, on_inotify, part);
        return 0;
    }
    if (faccessat(part->tree.fd, "cgroup.event_control", F_OK, 0) < 0)
        return err_set(err, -ENOTSUP, "the kernel has no 'cgroup.event_control', by which it tells of OOM");
    /* Who waits for memory with the killer off may be the agent itself. */
    if (cgroup_fd_read(part->tree.fd, "memory.oom_control", text, sizeof text) > 0 &&
        cgroup_key(text, "oom_kill_disable", &disabled) == 0 && disabled &&
        cgroup_fd_write(part->tree.fd, "memory.oom_control", "0") < 0)
        return err_errno(err, "cannot enable the kernel's OOM killer for '%s/%s'", part->tree.mount, part->tree.root);
    return 0;
}

void
memory_watch_stop(struct part *part)
{
    struct memory_options *options = part->state;
    part->group->host->unwatch_fd(part->group->host, options->watch);
    options->watch = NULL;
    close_at(&options->inotify_fd);
    options->inotify_fd = -1;
}
