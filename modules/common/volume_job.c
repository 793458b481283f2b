/* SPDX-License-Identifier: Apache-2.0 */
/* See volume_job.h. */
#include "common/volume_job.h"

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

struct volume_job *
volume_job_new(const struct mesos_host *host, struct mesos_call *call, bool must)
{
    struct volume_job *job = xcalloc(1, sizeof *job);
    job->host = host;
    job->call = call;
    job->must = must;
    launch_info_init(&job->info);
    return job;
}

void
volume_job_add(struct volume_job *job, const char *path, uint32_t gid, bool shared)
{
    job->trees = xreallocarray(job->trees, job->count + 1, sizeof *job->trees);
    job->trees[job->count++] = (struct volume_job_tree){xstrdup(path), gid, shared};
}

void
volume_job_add_back(void *arg, const char *path)
{
    volume_job_add(arg, path, UINT32_MAX, false);
}

static void
end(struct volume_job *job, int status)
{
    launch_info_reply(&job->info, job->host, job->call, status);
    for (size_t i = 0; i < job->count; i++)
        free(job->trees[i].path);
    free(job->trees);
    free(job);
}

/* The primary group of who has it; its own group when that has no name. */
static uint32_t
usual_group(const char *path)
{
    struct stat is;
    struct passwd entry, *found = NULL;
    char names[4096];
    if (lstat(path, &is) < 0)
        return 0;
    getpwuid_r(is.st_uid, &entry, names, sizeof names, &found);
    return found ? found->pw_gid : is.st_uid;
}

static void
work(void *arg)
{
    struct volume_job *job = arg;
    for (size_t i = 0; i < job->count && job->err.code == 0; i++) {
        const struct volume_job_tree *tree = &job->trees[i];
        uint32_t gid = tree->gid == UINT32_MAX ? usual_group(tree->path) : tree->gid;
        struct err err = {0};
        if (volume_gids_own(tree->path, gid, tree->shared, &err) < 0 && (job->must || err.code != -ENOENT))
            job->err = err;
    }
}

static void
done(void *arg)
{
    struct volume_job *job = arg;
    int status = 0;
    if (job->err.code < 0 && job->must)
        status = job->host->fail(job->host, job->err.code, "%s", job->err.text);
    else if (job->err.code < 0)
        MESOS_LOG(job->host, WARNING, "%s", job->err.text);
    end(job, status);
}

void
volume_job_run(struct volume_job *job, int status)
{
    if (status < 0 || job->count == 0)
        end(job, status);
    else
        job->host->offload(job->host, true, work, done, job);
}

/* The container's user gets the volume, or a group that its users share. */
int
volume_job_own(struct volume_job *job, struct volume_gids *gids, const struct persistent_volume *volume,
               const struct stat *owner, bool others_use, bool task_groups)
{
    const struct mesos_host *host = job->host;
    struct err err = {0};
    uint32_t gid;
    bool fresh;
    if (owner->st_uid == 0 || geteuid() != 0)
        return 0;
    if (volume_gids_on(gids)) {
        if (volume_gids_take(gids, volume->source, MESOS__INTERNAL__SLAVE__VOLUME_GID_INFO__TYPE__PERSISTENT, &gid, &fresh,
                             &err) < 0)
            return host->fail(host, err.code, "%s", err.text);
        if (fresh)
            volume_job_add(job, volume->source, gid, true);
        launch_info_group(&job->info, gid, task_groups);
        return 0;
    }
    if (volume->shared && others_use)
        return 0;
    if (chown(volume->source, owner->st_uid, owner->st_gid) < 0)
        return host->fail(host, -errno,
                          "Failed to change the ownership of the persistent volume at '%s' with uid %u and gid %u: %s",
                          volume->source, owner->st_uid, owner->st_gid, strerror(errno));
    return 0;
}
