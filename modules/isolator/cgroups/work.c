/* SPDX-License-Identifier: Apache-2.0 */
/* The offloaded half of group.h: jobs that make, fill and remove cgroups. Sees jobs and parts only; logs nothing. */
#include <errno.h>
#include <stdio.h>
#include "group.h"
#include "work.h"

int
job_fail(struct job *job, const struct part *part, int rc, const char *what, const char *file)
{
    char path[CGROUP_PATH_MAX];
    if (cgroup_path(job->id, path) < 0)
        snprintf(path, sizeof path, "%.200s", job->id);
    return err_set(&job->err, rc, "%s '%s/%s/%s%s%s': %s", what, part->tree.mount, part->tree.root, path, file ? "/" : "",
                   file ? file : "", strerror(-rc));
}

static int
create(struct part *part, struct job *job)
{
    int rc = cgroup_create(&part->tree, job->id);
    if (rc < 0)
        return job_fail(job, part, rc, "Failed to create the cgroup", NULL);
    return part->subsystem->create ? part->subsystem->create(part, job) : 0;
}

void
prepare_work(void *arg)
{
    struct job *job = arg;
    struct group *group = job->group;
    for (unsigned i = 0; i < group->part_count && job->status == 0; i++) {
        struct part *part = &group->parts[i];
        job->status = create(part, job);
        if (job->status == 0 && part->subsystem->update)
            job->status = part->subsystem->update(part, job);
    }
}

/* The limits first, then the process: it never runs without them. */
void
isolate_work(void *arg)
{
    struct job *job = arg;
    struct group *group = job->group;
    for (unsigned i = 0; i < group->part_count && job->status == 0; i++) {
        struct part *part = &group->parts[i];
        if (part->subsystem->isolate)
            job->status = part->subsystem->isolate(part, job);
    }
    for (unsigned i = 0; i < group->part_count && job->status == 0; i++) {
        struct part *part = &group->parts[i];
        if (part->same_tree || (job->nested && part->tree.version == 2 && cgroup_exists(&part->tree, job->nested)))
            continue; /* v2: the launcher has put it into a group below already, where the same limits hold */
        int rc = cgroup_assign(&part->tree, job->id, job->pid);
        if (rc == -ENOENT && job->nested)
            continue; /* its parent was launched when this isolator was not configured */
        if (rc < 0) {
            char what[64];
            snprintf(what, sizeof what, "Failed to assign pid %d to the cgroup", (int)job->pid);
            job->status = job_fail(job, part, rc, what, NULL);
        }
    }
}

void
update_work(void *arg)
{
    struct job *job = arg;
    struct group *group = job->group;
    for (unsigned i = 0; i < group->part_count && job->status == 0; i++) {
        struct part *part = &group->parts[i];
        if (part->subsystem->update && cgroup_exists(&part->tree, job->id))
            job->status = part->subsystem->update(part, job);
    }
}

void
usage_work(void *arg)
{
    struct usage_batch *batch = arg;
    struct group *group = batch->group;
    struct job *job;
    list_foreach (job, &batch->jobs, in_list) {
        for (unsigned i = 0; i < group->part_count && job->status == 0; i++) {
            struct part *part = &group->parts[i];
            if (!part->subsystem->usage)
                continue;
            int rc = part->subsystem->usage(part, job);
            if (rc == -ENOENT || rc == -ENODEV)
                continue; /* the container is ending, or older than this isolator's configuration */
            job->status = rc;
        }
    }
}

void
cleanup_work(void *arg)
{
    struct job *job = arg;
    struct group *group = job->group;
    for (unsigned i = 0; i < group->part_count; i++) {
        struct part *part = &group->parts[i];
        if (part->same_tree)
            continue;
        int rc = cgroup_destroy(&part->tree, job->id, group->destroy_timeout_ms);
        if (rc < 0 && rc != -EINVAL && job->status == 0) /* -EINVAL: no id that can have had one */
            job->status = job_fail(job, part, rc, "Failed to destroy the cgroup", NULL);
    }
}
