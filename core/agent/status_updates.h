/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status update manager: one stream per task, one update of it under way to the master at a time, the
 * next after its acknowledgement, again and again with growing pauses until then. Updates of checkpointing
 * frameworks are on disk before anybody hears of them. It knows no executor and no wire but the packed
 * mesos.internal.StatusUpdate.
 */
#ifndef AGENT_STATUS_UPDATES_H
#define AGENT_STATUS_UPDATES_H

#include "base/str.h"
#include "base/units.h"
#include "loop/loop.h"

struct status_updates;

struct status_updates_sink {
    /* Send this packed StatusUpdate to the master. Only while not paused. */
    void (*forward)(void *arg, struct str framework_id, struct str executor_id, struct str task_id,
                    struct str update);
    /* The update is safe: its sender may be told so. Comes from the loop; for a repeated update it comes
     * again. */
    void (*stored)(void *arg, struct str framework_id, struct str executor_id, struct str task_id,
                   const unsigned char uuid[UUID_BYTES]);
    /* The terminal update was acknowledged: the stream is gone. */
    void (*finished)(void *arg, struct str framework_id, struct str executor_id, struct str task_id);
    void *arg;
};

struct status_update {
    struct str framework_id, executor_id, task_id; /* executor_id may be empty */
    struct str bytes; /* packed mesos.internal.StatusUpdate, without latest_state */
    const unsigned char *uuid;
    bool terminal;
    const char
        *path; /* the stream's task.updates; NULL = not checkpointed. The same for every update of a task. */
};

/* Starts paused: the master is not known yet. */
struct status_updates *status_updates_new(struct loop *loop, const struct status_updates_sink *sink);
void status_updates_free(struct status_updates *updates);

void status_updates_pause(struct status_updates *updates);
/* Forwards the first update of every stream. */
void status_updates_resume(struct status_updates *updates);
/* The same for one framework, which has come back, but for what went out just now. Nothing happens while paused. */
void status_updates_repeat(struct status_updates *updates, struct str framework_id);

/* Takes an update in. Repeated ones (same uuid) are not forwarded again. After a terminal acknowledged one
 * nothing of the task is taken any more. */
void status_updates_add(struct status_updates *updates, const struct status_update *update);

/* What an acknowledgement was. */
enum status_ack {
    STATUS_ACK_TAKEN,
    STATUS_ACK_REPEATED,   /* acknowledged before */
    STATUS_ACK_UNKNOWN,    /* no such stream */
    STATUS_ACK_UNEXPECTED, /* not the update that waits */
};
enum status_ack status_updates_acknowledge(struct status_updates *updates, struct str framework_id,
                                           struct str task_id, struct str uuid);

/* After a restart: the content of a task.updates. Each whole record is told to `seen` in order (acked when
 * its acknowledgement follows); what is not acknowledged will be forwarded. Reading ends at the first record
 * that is torn or senseless: *ret_good_bytes is where, so that the file can be cut there. Returns whether the
 * terminal update has been acknowledged (nothing is kept of the stream then). */
struct status_recovered {
    struct str update; /* packed mesos.internal.StatusUpdate */
    const unsigned char *uuid;
    bool acked;
};
bool status_updates_recover(struct status_updates *updates, struct str framework_id, struct str executor_id,
                            struct str task_id, const char *path, struct str content,
                            void (*seen)(void *arg, const struct status_recovered *update), void *arg,
                            size_t *ret_good_bytes);

/* Drops all streams of a framework: nobody waits for them any more. */
void status_updates_forget(struct status_updates *updates, struct str framework_id);
size_t status_updates_streams(const struct status_updates *updates);
/* Updates that are not durable yet, over all streams. */
size_t status_updates_storing(const struct status_updates *updates);
/* Is there an update of this task that the master has not acknowledged? */
bool status_updates_pending(const struct status_updates *updates, struct str framework_id,
                            struct str task_id);

#endif
