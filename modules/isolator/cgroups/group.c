/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's half of group.h: the table of containers and the members of the isolators' table. What touches cgroups is in
 * work.c, recovery in recover.c.
 */
#include <errno.h>
#include "base/units.h"
#include "group.h"
#include "work.h"

#define DESTROY_TIMEOUT_MAX_MS 55000 /* an isolator must have answered within a minute */

static void
reply(const struct group *group, struct mesos_call *call, int status, const struct buf *answer)
{
    group->host->reply(group->host, call, status,
                       answer ? (struct mesos_bytes){buf_data(answer), answer->len} : (struct mesos_bytes){NULL, 0});
}

static int
fail(const struct group *group, const struct err *err)
{
    return group->host->fail(group->host, err->code, "%s", err->text);
}

/* ---- jobs ---- */

struct job *
job_new(struct group *group, enum job_op op, const char *id, struct mesos_call *call)
{
    struct job *job = xcalloc(1, sizeof *job);
    list_init(&job->in_list);
    job->group = group;
    job->op = op;
    job->call = call;
    job->id = xstrdup(id);
    return job;
}

void
job_free(struct job *job)
{
    list_remove(&job->in_list);
    buf_fini(&job->answer);
    free(job->nested);
    free(job->id);
    free(job);
}

void
job_run(struct group *group, bool ordered, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    group->jobs++;
    group->host->offload(group->host, ordered, work, done, arg);
}

static void
parts_close(struct group *group)
{
    while (group->part_count > 0) {
        struct part *part = &group->parts[--group->part_count];
        if (part->subsystem->stop)
            part->subsystem->stop(part);
        cgroup_tree_close(&part->tree);
    }
}

static void
finish_stop(struct group *group)
{
    struct mesos_call *call = group->stop;
    group->stop = NULL;
    parts_close(group);
    if (call)
        reply(group, call, 0, NULL);
}

void
job_over(struct group *group)
{
    if (--group->jobs == 0 && group->stopped)
        finish_stop(group);
}

/* Answers and ends a job. */
static void
job_reply(struct job *job)
{
    struct group *group = job->group;
    if (job->call && !group->stopped) {
        if (job->status < 0)
            fail(group, &job->err);
        reply(group, job->call, job->status, &job->answer);
    } else if (job->status < 0 && !group->stopped) {
        MESOS_LOG(group->host, WARNING, "%s", job->err.text);
    }
    job_free(job);
    job_over(group);
}

static void
job_done(void *arg)
{
    job_reply(arg);
}

/* ---- containers ---- */

struct group_container *
group_container_new(struct group *group, const char *id)
{
    struct group_container *container = xcalloc(1, sizeof *container);
    container->id = xstrdup(id);
    map_add(&group->containers, str_of(container->id), container);
    return container;
}

void
group_container_free(struct group *group, struct group_container *container)
{
    for (unsigned i = 0; i < group->part_count; i++)
        if (group->parts[i].subsystem->gone)
            group->parts[i].subsystem->gone(&group->parts[i], container);
    map_remove(&group->containers, str_of(container->id));
    free(container->id);
    free(container);
}

/* The container itself, or the nearest above it that has cgroups of its own; NULL = none. */
static struct group_container *
owner_of(const struct group *group, const char *id)
{
    for (struct str at = str_of(id); at.len > 0;) {
        struct group_container *container = map_get(&group->containers, at);
        if (container)
            return container;
        while (at.len > 0 && at.ptr[at.len - 1] != '.')
            at.len--;
        at.len -= at.len > 0;
    }
    return NULL;
}

bool
group_supports(void *instance)
{
    return true;
}

void
group_initialize(void *instance, const struct mesos_isolator_watcher *watcher)
{
    struct group *group = instance;
    group->watcher = *watcher;
}

static void
prepare_done(void *arg)
{
    struct job *job = arg;
    struct group *group = job->group;
    struct group_container *container = map_get(&group->containers, str_of(job->id));
    for (unsigned i = 0; container && i < group->part_count; i++)
        if (group->parts[i].subsystem->known)
            group->parts[i].subsystem->known(&group->parts[i], container, job);
    job_reply(job);
}

static int
choose(struct group *group, struct group_container *container, struct job *job)
{
    int rc = 0;
    for (unsigned i = 0; i < group->part_count && rc == 0; i++)
        if (group->parts[i].subsystem->choose)
            rc = group->parts[i].subsystem->choose(&group->parts[i], container, job);
    return rc;
}

/* 0, or why this container cannot have cgroups of its own. */
static int
check(const struct group *group, const char *id)
{
    char path[CGROUP_PATH_MAX];
    const char *dot = strchr(id, '.');
    if (cgroup_path(id, path) < 0)
        return group->host->fail(group->host, -EINVAL, "container id '%.200s' cannot be the name of a cgroup", id);
    if (dot && strchr(dot + 1, '.'))
        return group->host->fail(group->host, -ENOTSUP,
                                 "container '%.200s' is nested in a nested one: only the first level may have cgroups of "
                                 "its own (share_cgroups false)", id);
    if (map_get(&group->containers, str_of(id)))
        return group->host->fail(group->host, -EEXIST, "Container %s has been prepared already", id);
    return 0;
}

void
group_prepare(void *instance, const struct mesos_isolator_container *info, struct mesos_call *call)
{
    struct group *group = instance;
    const char *id = info->container_id;
    const char *rootfs = info->size > offsetof(struct mesos_isolator_container, rootfs) ? info->rootfs : NULL;
    if (strchr(id, '.') && !wish_own_cgroups(info->config)) {
        const struct group_container *owner = owner_of(group, id);
        auto_buf struct buf answer = {0};
        if (owner)
            group_show(group, owner->id, rootfs, &answer);
        reply(group, call, 0, &answer);
        return;
    }
    int rc = check(group, id);
    if (rc < 0) {
        reply(group, call, rc, NULL);
        return;
    }
    struct group_container *container = group_container_new(group, id);
    struct job *job = job_new(group, JOB_PREPARE, id, call);
    wish_read(&container->wish, info->resources, info->config);
    container->command_task = job->command_task = config_is_command_task(info->config);
    job->wish = container->wish;
    group_show(group, id, rootfs, &job->answer);
    job->status = choose(group, container, job);
    if (job->status < 0) {
        group->jobs++;
        job_reply(job);
        return;
    }
    job_run(group, false, prepare_work, prepare_done, job);
}

void
group_isolate(void *instance, const char *id, pid_t pid, struct mesos_call *call)
{
    struct group *group = instance;
    const struct group_container *container = owner_of(group, id);
    if (!container) {
        reply(group, call, group->host->fail(group->host, -ENOENT, "Unknown container %s", id), NULL);
        return;
    }
    struct job *job = job_new(group, JOB_ISOLATE, container->id, call);
    job->pid = pid;
    job->nested = strcmp(container->id, id) != 0 ? xstrdup(id) : NULL;
    job->command_task = container->command_task;
    job->wish = container->wish;
    job_run(group, false, isolate_work, job_done, job);
}

void
group_update(void *instance, const char *id, struct mesos_resources requests, struct mesos_bytes limits,
             struct mesos_call *call)
{
    struct group *group = instance;
    struct group_container *container = map_get(&group->containers, str_of(id));
    if (!container) { /* nested ones live on what their parent has */
        reply(group, call, 0, NULL);
        return;
    }
    wish_read(&container->wish, requests, limits);
    struct job *job = job_new(group, JOB_UPDATE, id, call);
    job->wish = container->wish;
    job_run(group, true, update_work, job_done, job);
}

static void read_now(struct group *group);

static void
usage_done(void *arg)
{
    struct usage_batch *batch = arg;
    struct group *group = batch->group;
    group->reading = false;
    while (!list_empty(&batch->jobs)) {
        struct job *job = list_first(&batch->jobs, struct job, in_list);
        list_remove(&job->in_list);
        group->jobs++; /* the batch is counted, and each of them when it ends */
        job_reply(job);
    }
    free(batch);
    if (!group->stopped)
        read_now(group);
    job_over(group);
}

/* All that wait are read in one go: /monitor/statistics asks for every container at once. */
static void
read_now(struct group *group)
{
    if (group->reading || list_empty(&group->asking))
        return;
    struct usage_batch *batch = xcalloc(1, sizeof *batch);
    batch->group = group;
    list_init(&batch->jobs);
    while (!list_empty(&group->asking)) {
        struct list *node = group->asking.next;
        list_remove(node);
        list_push(&batch->jobs, node);
    }
    group->reading = true;
    job_run(group, false, usage_work, usage_done, batch);
}

void
group_usage(void *instance, const char *id, struct mesos_call *call)
{
    struct group *group = instance;
    struct group_container *container = map_get(&group->containers, str_of(id));
    if (!container) { /* what it uses is counted with its parent */
        reply(group, call, 0, NULL);
        return;
    }
    struct job *job = job_new(group, JOB_USAGE, id, call);
    job->wish = container->wish;
    for (unsigned i = 0; i < group->part_count; i++)
        if (group->parts[i].subsystem->ask)
            group->parts[i].subsystem->ask(&group->parts[i], container, job);
    list_push(&group->asking, &job->in_list);
    read_now(group);
}

void
group_status(void *instance, const char *id, struct mesos_call *call)
{
    struct group *group = instance;
    struct group_container *container = owner_of(group, id);
    auto_buf struct buf info = {0}, status = {0};
    for (unsigned i = 0; container && i < group->part_count; i++)
        if (group->parts[i].subsystem->status)
            group->parts[i].subsystem->status(&group->parts[i], container, &info);
    if (info.len > 0) {
        buf_putc(&status, 2 << 3 | 2); /* ContainerStatus.cgroup_info; its few bytes have a length of one byte */
        buf_putc(&status, (char)info.len);
        buf_append_str(&status, buf_str(&info));
    }
    reply(group, call, 0, &status);
}

void
group_destroy(struct group *group, const char *id, struct mesos_call *call)
{
    struct group_container *container = map_get(&group->containers, str_of(id));
    if (container)
        group_container_free(group, container);
    job_run(group, false, cleanup_work, job_done, job_new(group, JOB_CLEANUP, id, call));
}

void
group_cleanup(void *instance, const char *id, struct mesos_call *call)
{
    struct group *group = instance;
    if (strchr(id, '.') && !map_get(&group->containers, str_of(id)))
        reply(group, call, 0, NULL); /* it has none of its own */
    else
        group_destroy(group, id, call);
}

void
group_stop(void *instance, struct mesos_call *call)
{
    struct group *group = instance;
    struct group_container *container;
    group->stopped = true;
    map_foreach (container, &group->containers)
        group_container_free(group, container);
    map_fini(&group->containers);
    while (!list_empty(&group->asking))
        job_free(list_first(&group->asking, struct job, in_list));
    group->stop = call;
    if (group->jobs == 0)
        finish_stop(group);
}

/* ---- start ---- */

bool
group_flag(const struct group *group, const char *name)
{
    const char *value = group->host->daemon_option(group->host, name);
    return value && strcmp(value, "true") == 0;
}

int64_t
group_duration_ms(const struct group *group, const char *name, int64_t fallback_ms)
{
    const char *value = group->host->daemon_option(group->host, name);
    int64_t ns;
    return value && duration_parse(str_of(value), &ns, NULL) == 0 ? ns / 1000000 : fallback_ms;
}

static const char *
option(const struct group *group, const char *name, const char *fallback)
{
    const char *value = group->host->daemon_option(group->host, name);
    return value && *value ? value : fallback;
}

static bool
subsystem_there(const struct group *group, const struct subsystem *subsystem, int version)
{
    if (version == 1)
        return !subsystem->only_v2 && cgroup_supported(group->hierarchy, subsystem->name);
    return subsystem->v2 && (!subsystem->v2[0] || cgroup_supported(group->hierarchy, subsystem->v2));
}

static int
part_start(struct group *group, const struct subsystem *subsystem, struct err *err)
{
    struct part *part = &group->parts[group->part_count];
    *part = (struct part){.subsystem = subsystem, .group = group, .index = group->part_count, .tree = CGROUP_TREE_INIT};
    int version = cgroup_version(group->hierarchy);
    if (version == 2 && !subsystem->v2)
        return err_set(err, -ENOTSUP, "controller '%s' is not there with cgroup v2, which '%s' is", subsystem->name,
                       group->hierarchy);
    const char *controller = version == 1 ? subsystem->name : subsystem->v2[0] ? subsystem->v2 : NULL;
    int rc = cgroup_tree_open(&part->tree, group->hierarchy, group->root, controller, err);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < group->part_count; i++)
        part->same_tree = part->same_tree || cgroup_tree_same(&part->tree, &group->parts[i].tree);
    if (version == 2 && !part->same_tree) /* v2 always has the agent in a group of its own */
        rc = cgroup_join_agent(&part->tree, err);
    if (rc == 0 && subsystem->start)
        rc = subsystem->start(part, err);
    if (rc < 0)
        cgroup_tree_close(&part->tree);
    else
        group->part_count++;
    return rc;
}

int
group_start(struct group *group, const struct mesos_host *host, const char *name,
            const struct subsystem *const *subsystems, bool all)
{
    struct err err = {0};
    int rc = 0;
    group->host = host;
    group->name = name;
    list_init(&group->asking);
    group->hierarchy = option(group, "cgroups_hierarchy", "/sys/fs/cgroup");
    group->root = option(group, "cgroups_root", "mesos");
    group->destroy_timeout_ms = group_duration_ms(group, "cgroups_destroy_timeout", 60000);
    if (group->destroy_timeout_ms > DESTROY_TIMEOUT_MAX_MS)
        group->destroy_timeout_ms = DESTROY_TIMEOUT_MAX_MS;
    if (geteuid() != 0)
        return host->fail(host, -EPERM, "isolator '%s' needs root: run the agent as root or leave it out of --isolation", name);
    int version = cgroup_version(group->hierarchy);
    for (; *subsystems && rc == 0; subsystems++)
        if (all ? subsystem_there(group, *subsystems, version) : !(version == 2 && (*subsystems)->only_v1))
            rc = part_start(group, *subsystems, &err);
    if (rc < 0) {
        parts_close(group);
        return host->fail(host, rc, "isolator '%s' cannot be used: %s", name, err.text);
    }
    if (group->part_count == 0)
        return host->fail(host, -ENOTSUP, "isolator '%s' cannot be used: the kernel has no cgroup controller", name);
    return 0;
}
