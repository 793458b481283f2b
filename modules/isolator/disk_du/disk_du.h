/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of isolator "disk/du" share: a container is a handful of places (its sandbox, its persistent volumes), each
 * with a quota and what du(1) said last. disk_du.c owns containers and answers the agent, places.c turns resources into
 * places, measure.c runs du.
 */
#ifndef DISK_DU_DISK_DU_H
#define DISK_DU_DISK_DU_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "mesos/isolator.h"
#include "mesos/v1/mesos.pb-c.h"

struct place {
    struct list in_container;
    struct list in_queue; /* of the isolator: waits for its turn; the first one is due first */
    struct du_container *container;
    char *path; /* absolute, on the host; nothing that a task could have made a link of */
    struct buf resource; /* packed mesos.v1.Resource of one volume; empty for the sandbox */
    bool mount; /* its file system holds the limit */
    uint64_t limit_bytes, used_bytes;
    bool measured;
    bool wanted; /* while resources are looked through */
    int64_t due_ms;
};

struct du_container {
    struct disk_du *isolator;
    char *sandbox;
    struct list places; /* the sandbox, when it has disk, is the first */
    struct buf sandbox_resources; /* packed mesos.slave.ContainerLimitation with its disk only */
    bool limited; /* has been told of */
    char id[];
};

struct disk_du {
    const struct mesos_host *host;
    const struct mesos_isolator_watcher *watcher;
    const char *du_path;
    int64_t interval_ms;
    bool enforce;
    struct map containers;
    struct list queue; /* struct place.in_queue */
    struct mesos_timer *timer;
    struct place *measured; /* what du looks at now; NULL when that place has gone meanwhile */
    pid_t du; /* 0 = none runs */
    int out_fd, err_fd; /* its output: memory files */
};

/* places.c: makes the container's places what the resources say. */
void places_update(struct du_container *container, struct mesos_resources resources);
void place_free(struct place *place);
bool place_is_sandbox(const struct place *place);

/* measure.c: looks at whatever is due; call it when the queue has changed. */
void measure_next(struct disk_du *isolator);
void measure_stop(struct disk_du *isolator);

/* disk_du.c: du has said something new of the place. */
void on_measured(struct place *place);

#endif
