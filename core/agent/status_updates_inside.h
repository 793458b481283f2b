/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the status update manager: streams as status_updates.c and status_updates_recover.c see them. For nobody else. */
#ifndef AGENT_STATUS_UPDATES_INSIDE_H
#define AGENT_STATUS_UPDATES_INSIDE_H

#include "agent/journal.h"
#include "agent/status_updates.h"
#include "base/list.h"
#include "base/map.h"

/* An update that the master has not acknowledged. */
struct update_pending {
    struct list node;
    struct update_stream *stream; /* NULL when the stream went while the update was being stored */
    struct status_updates *updates;
    unsigned char uuid[UUID_BYTES];
    char *bytes;
    size_t len;
    bool terminal, durable;
};

/* A uuid that was seen in a stream. */
struct update_known {
    unsigned char uuid[UUID_BYTES];
    bool acked;
};

/* All of one task. */
struct update_stream {
    struct status_updates *updates;
    char *key; /* framework id, NUL, task id */
    size_t key_len, framework_len;
    char *executor_id;
    struct journal_file *file; /* NULL = not checkpointed */
    struct list pending;
    struct update_known *known;
    size_t known_count;
    int64_t forwarded_ms; /* loop clock */
    bool terminal; /* a terminal update is in the stream */
    struct loop_timer retry;
    int64_t backoff_ms;
};

struct status_updates {
    struct loop *loop;
    struct status_updates_sink sink;
    struct journal *journal;
    struct map streams;
    bool paused;
};

/* status_updates.c */
/* An empty one, among those of updates, which own it; path as in struct status_update. */
struct update_stream *update_stream_new(struct status_updates *updates, struct str framework_id, struct str executor_id,
                                        struct str task_id, const char *path);
void update_stream_free(struct update_stream *stream);
/* NULL when no update of that uuid was seen. Borrowed until the next one is added. */
struct update_known *update_known_find(struct update_stream *stream, const unsigned char *uuid);
/* It must not be known yet. */
void update_known_add(struct update_stream *stream, const unsigned char *uuid, bool acked);
/* One more that waits, behind the others; bytes are copied. The stream owns it, but for one that is being stored when the
 * stream goes: that is freed once it is durable. */
struct update_pending *update_pending_new(struct update_stream *stream, const unsigned char *uuid, struct str bytes, bool terminal,
                                          bool durable);
/* Must not be in a stream any more. */
void update_pending_free(struct update_pending *pending);

#endif
