/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group ids of --volume_gid_range for volumes that tasks of several users share: a volume belongs to a group of its own, with
 * setgid directories, and its users' processes get the group. What is given out stands in <work_dir>/meta/volume_gid_manager, so
 * that several isolators and the next agent know it. All members of one agent run on one thread: no locks.
 */
#ifndef MODULES_COMMON_VOLUME_GID_H
#define MODULES_COMMON_VOLUME_GID_H

#include "base/str.h"
#include "mesos/internal/slave/state.pb-c.h"
#include "mesos/module.h"

struct volume_gids {
    const struct mesos_host *host;
    struct volume_gid_range {
        uint32_t first, last;
    } *ranges; /* none: the option is not set */
    size_t count;
    char *path;
};

/* Reads the option; -EINVAL after host->fail. */
int volume_gids_init(struct volume_gids *gids, const struct mesos_host *host);
void volume_gids_fini(struct volume_gids *gids);
static inline bool
volume_gids_on(const struct volume_gids *gids)
{
    return gids->count > 0;
}
/* The group of the volume at `path`. *ret_fresh: the tree must get it (volume_gids_own), off the loop. */
int volume_gids_take(struct volume_gids *gids, const char *path, Mesos__Internal__Slave__VolumeGidInfo__Type type,
                     uint32_t *ret_gid, bool *ret_fresh, struct err *err);
/* Gives back those of SANDBOX_PATH volumes below a sandbox. each(arg, path): its tree must be given back too. */
void volume_gids_give_back(struct volume_gids *gids, const char *sandbox, void (*each)(void *arg, const char *path),
                           void *arg);
/* Blocking. Gives a tree to a group, with setgid and group-writable directories, or takes that back; no link is followed. */
int volume_gids_own(const char *path, uint32_t gid, bool shared, struct err *err);

#endif
