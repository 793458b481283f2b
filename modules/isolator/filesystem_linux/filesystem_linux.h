/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of isolator filesystem/linux share. */
#ifndef ISOLATOR_FILESYSTEM_LINUX_H
#define ISOLATOR_FILESYSTEM_LINUX_H

#include "base/map.h"
#include "common/persistent.h"
#include "common/volume_job.h"

struct linux_isolator {
    const struct mesos_host *host;
    struct volume_gids gids;
    struct map boxes; /* id -> struct box */
    bool shm; /* /dev/shm of containers with a root of their own is ours, not namespaces/ipc's */
};

/* What is known of a container. */
struct box {
    char *id, *sandbox; /* sandbox: its real path; "" = not known */
    struct persistent_volumes volumes; /* as mounted */
    bool new_rootfs; /* a root container with an image */
    bool shares_pids; /* with its parent, or the host */
};

/* ground.c: what the daemon's directories must be like. */
int ground_make(const struct mesos_host *host);
/* Undoes it when no container needs it any more. */
void ground_clear(const struct mesos_host *host);

/* rootfs.c: the mounts, masks and devices of a container with a root file system of its own. 0, or after host->fail. */
int rootfs_prepare(struct linux_isolator *isolator, const struct mesos_isolator_container *container, bool masked,
                   struct launch_info *info);
void rootfs_forget(const struct linux_isolator *isolator, const char *container_id);

/* volumes.c: persistent volumes are mounted in the host's mount namespace, below a shared mount, so that containers that run
 * get them too. Takes wanted. */
int volumes_set(struct linux_isolator *isolator, struct box *box, struct persistent_volumes *wanted, bool task_groups,
                struct volume_job *job);

#endif
