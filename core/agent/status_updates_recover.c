/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a task.updates that an earlier run wrote into a stream: what was acknowledged is known, what was not waits. The file is
 * distrusted: it ends where a record is torn or makes no sense. Sends nothing and writes nothing.
 */
#include "agent/status_updates_inside.h"
#include "mesos/internal/messages.pb-c.h"
#include "model/task_state.h"
#include "wire/message.h"

/* One whole record at *at: its message in arena, NULL when there is none (any more). */
static Mesos__Internal__StatusUpdateRecord *
record_read(struct str content, size_t *at, struct arena *arena)
{
    uint32_t len;
    if (content.len - *at < sizeof(len))
        return NULL;
    memcpy(&len, content.ptr + *at, sizeof(len));
    if (content.len - *at - sizeof(len) < len)
        return NULL;
    Mesos__Internal__StatusUpdateRecord *record =
        MESSAGE_UNPACK(Mesos__Internal__StatusUpdateRecord, mesos__internal__status_update_record,
                       str_n(content.ptr + *at + sizeof(len), len), arena, NULL);
    if (record)
        *at += sizeof(len) + len;
    return record;
}

static struct update_pending *
pending_find(struct update_stream *stream, const unsigned char *uuid)
{
    struct update_pending *pending;
    list_foreach (pending, &stream->pending, node)
        if (!memcmp(pending->uuid, uuid, UUID_BYTES))
            return pending;
    return NULL;
}

/* Takes one record into the stream: false when it makes no sense where it stands. */
static bool
recover_record(struct update_stream *stream, const Mesos__Internal__StatusUpdateRecord *record, bool *ret_over)
{
    if (record->type == MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__UPDATE) {
        const Mesos__Internal__StatusUpdate *update = record->update;
        if (!update || !update->has_uuid || update->uuid.len != UUID_BYTES)
            return false;
        if (update_known_find(stream, update->uuid.data))
            return true;
        auto_buf struct buf bytes = {0};
        message_pack(&bytes, update);
        update_known_add(stream, update->uuid.data, false);
        bool terminal = task_state_terminal(update->status->state);
        stream->terminal |= terminal;
        update_pending_new(stream, update->uuid.data, buf_str(&bytes), terminal, true);
        return true;
    }
    if (!record->has_uuid || record->uuid.len != UUID_BYTES)
        return false;
    struct update_known *known = update_known_find(stream, record->uuid.data);
    if (!known)
        return false;
    known->acked = true;
    struct update_pending *pending = pending_find(stream, record->uuid.data);
    if (pending) {
        *ret_over |= pending->terminal;
        list_remove(&pending->node);
        update_pending_free(pending);
    }
    return true;
}

bool
status_updates_recover(struct status_updates *updates, struct str framework_id, struct str executor_id,
                       struct str task_id, const char *path, struct str content,
                       void (*seen)(void *arg, const struct status_recovered *update), void *arg,
                       size_t *ret_good_bytes)
{
    struct update_stream *stream = update_stream_new(updates, framework_id, executor_id, task_id, path);
    auto_arena struct arena *arena = arena_new(0);
    size_t at = 0, good = 0;
    bool over = false;
    Mesos__Internal__StatusUpdateRecord *record;
    while ((record = record_read(content, &at, arena)) && recover_record(stream, record, &over))
        good = at;
    /* Told in a second pass, because an acknowledgement stands behind its update. */
    for (at = 0; at < good && (record = record_read(content, &at, arena));) {
        if (record->type != MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__UPDATE)
            continue;
        auto_buf struct buf bytes = {0};
        message_pack(&bytes, record->update);
        struct update_known *known = update_known_find(stream, record->update->uuid.data);
        seen(arg, &(struct status_recovered){buf_str(&bytes), known->uuid, known->acked});
    }
    *ret_good_bytes = good;
    if (over)
        update_stream_free(stream);
    return over;
}
