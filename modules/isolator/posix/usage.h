/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What isolators posix/cpu and posix/mem share: which containers there are, and what their processes use together. They
 * limit nothing. One reading of /proc answers all questions that are waiting when it begins.
 */
#ifndef ISOLATOR_POSIX_USAGE_H
#define ISOLATOR_POSIX_USAGE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "mesos/isolator.h"

struct posix_totals {
    double user_secs, system_secs;
    uint64_t resident_bytes;
};

/* The instance of both modules. */
struct posix_isolator {
    const struct mesos_host *host;
    /* Appends the fields of a packed mesos.v1.ResourceStatistics that this isolator knows of. */
    void (*fill)(struct buf *statistics, const struct posix_totals *totals);
    struct map containers; /* id -> struct posix_container */
    struct list waiting; /* struct posix_question */
    bool reading;
};

/* Packed fields by hand: three of them are no reason to carry the whole schema in every module. */
void posix_put_double(struct buf *out, unsigned field, double value);
void posix_put_uint64(struct buf *out, unsigned field, uint64_t value);

/* Members of the kind's table. */
bool posix_supports(void *instance);
void posix_recover(void *instance, const struct mesos_isolator_state *states, size_t count, const char *const *orphans,
                   size_t orphan_count, struct mesos_call *call);
void posix_prepare(void *instance, const struct mesos_isolator_container *container, struct mesos_call *call);
void posix_isolate(void *instance, const char *container_id, pid_t pid, struct mesos_call *call);
void posix_usage(void *instance, const char *container_id, struct mesos_call *call);
void posix_cleanup(void *instance, const char *container_id, struct mesos_call *call);
void posix_stop(void *instance, struct mesos_call *call);

#endif
