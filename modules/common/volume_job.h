/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a prepare or cleanup that first must walk volumes' trees: they are given to their groups off the loop, then the
 * answer goes out. Without volumes the answer goes out at once.
 */
#ifndef MODULES_COMMON_VOLUME_JOB_H
#define MODULES_COMMON_VOLUME_JOB_H

#include <sys/stat.h>

#include "common/launch_info.h"
#include "common/persistent.h"
#include "common/volume_gid.h"

struct volume_job {
    const struct mesos_host *host;
    struct mesos_call *call;
    struct launch_info info; /* its answer; without arena: none */
    struct volume_job_tree {
        char *path;
        uint32_t gid;
        bool shared;
    } *trees;
    size_t count;
    bool must; /* a tree that fails fails the answer; else it is only logged */
    struct err err;
};

struct volume_job *volume_job_new(const struct mesos_host *host, struct mesos_call *call, bool must);
void volume_job_add(struct volume_job *job, const char *path, uint32_t gid, bool shared);
/* Gives back a tree's group to its owner's own. */
void volume_job_add_back(void *job, const char *path);
/* Gives a persistent volume to `owner`, of the sandbox, or to a group of its own that the container's processes (the task's:
 * task_groups) get. others_use: another container has it; a shared one stays whose it is then. 0, or a negative errno after
 * host->fail. */
int volume_job_own(struct volume_job *job, struct volume_gids *gids, const struct persistent_volume *volume,
                   const struct stat *owner, bool others_use, bool task_groups);
/* Ends the job: status below 0 is answered at once. */
void volume_job_run(struct volume_job *job, int status);

#endif
