/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of status updates. An update is forwarded when it is the first of its stream, durable, and the
 * manager not paused; it leaves the stream with its acknowledgement, which is on disk before the next one
 * goes out.
 */
#include "agent/status_updates.h"

#include "agent/journal.h"
#include "agent/pb.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "mesos/internal/messages.pb-c.h"
#include "wire/message.h"

#define STATUS_RETRY_MIN_MS (10 * 1000)
#define STATUS_JUST_SENT_MS 100
#define STATUS_SOON_MS      1000
#define STATUS_RETRY_MAX_MS (10 * 60 * 1000)

struct stream;

struct pending {
    struct list node;
    struct stream *stream; /* NULL when the stream went while the update was being stored */
    struct status_updates *updates;
    unsigned char uuid[UUID_BYTES];
    char *bytes;
    size_t len;
    bool terminal, durable;
};

/* A uuid that was seen in a stream. */
struct known {
    unsigned char uuid[UUID_BYTES];
    bool acked;
};

struct stream {
    struct status_updates *updates;
    char *key; /* framework id, NUL, task id */
    size_t key_len, framework_len;
    char *executor_id;
    struct journal_file *file; /* NULL = not checkpointed */
    struct list pending;
    struct known *known;
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

static void on_retry(void *arg);
static void stream_forward(struct stream *stream);
static void append_done(void *arg);

struct status_updates *
status_updates_new(struct loop *loop, const struct status_updates_sink *sink)
{
    struct status_updates *updates = xcalloc(1, sizeof(*updates));
    updates->loop = loop;
    updates->sink = *sink;
    updates->journal = journal_new(loop);
    updates->paused = true;
    return updates;
}

static struct str
stream_framework(const struct stream *stream)
{
    return str_n(stream->key, stream->framework_len);
}

static struct str
stream_task(const struct stream *stream)
{
    return str_n(stream->key + stream->framework_len + 1, stream->key_len - stream->framework_len - 1);
}

static char *
key_of(struct str framework_id, struct str task_id, size_t *ret_len)
{
    char *key = xmalloc(framework_id.len + task_id.len + 2);
    memcpy(key, framework_id.ptr, framework_id.len);
    key[framework_id.len] = '\0';
    memcpy(key + framework_id.len + 1, task_id.ptr, task_id.len);
    *ret_len = framework_id.len + 1 + task_id.len;
    key[*ret_len] = '\0';
    return key;
}

static struct stream *
stream_find(const struct status_updates *updates, struct str framework_id, struct str task_id)
{
    size_t len;
    auto_free char *key = key_of(framework_id, task_id, &len);
    return map_get(&updates->streams, str_n(key, len));
}

static struct stream *
stream_new(struct status_updates *updates, struct str framework_id, struct str executor_id,
           struct str task_id, const char *path)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    stream->updates = updates;
    stream->key = key_of(framework_id, task_id, &stream->key_len);
    stream->framework_len = framework_id.len;
    stream->executor_id = str_dup(executor_id);
    if (path)
        stream->file = journal_file_new(updates->journal, path);
    list_init(&stream->pending);
    stream->backoff_ms = STATUS_RETRY_MIN_MS;
    loop_timer_init(&stream->retry, updates->loop, on_retry, stream);
    map_add(&updates->streams, str_n(stream->key, stream->key_len), stream);
    return stream;
}

static void
pending_free(struct pending *pending)
{
    free(pending->bytes);
    free(pending);
}

static void
stream_free(struct stream *stream)
{
    struct pending *pending, *tmp;
    map_remove(&stream->updates->streams, str_n(stream->key, stream->key_len));
    list_foreach_safe (pending, tmp, &stream->pending, node) {
        list_remove(&pending->node);
        if (pending->durable)
            pending_free(pending);
        else
            pending->stream = NULL; /* append_done frees it */
    }
    loop_timer_stop(&stream->retry);
    journal_file_free(stream->file);
    free(stream->known);
    free(stream->executor_id);
    free(stream->key);
    free(stream);
}

void
status_updates_free(struct status_updates *updates)
{
    struct stream *stream;
    if (!updates)
        return;
    map_foreach (stream, &updates->streams)
        stream_free(stream);
    map_fini(&updates->streams);
    journal_free(updates->journal);
    free(updates);
}

static struct known *
known_find(struct stream *stream, const unsigned char *uuid)
{
    for (size_t i = stream->known_count; i-- > 0;)
        if (!memcmp(stream->known[i].uuid, uuid, UUID_BYTES))
            return &stream->known[i];
    return NULL;
}

static void
known_add(struct stream *stream, const unsigned char *uuid, bool acked)
{
    stream->known = xreallocarray(stream->known, stream->known_count + 1, sizeof(*stream->known));
    memcpy(stream->known[stream->known_count].uuid, uuid, UUID_BYTES);
    stream->known[stream->known_count++].acked = acked;
}

static struct pending *
pending_new(struct stream *stream, const unsigned char *uuid, struct str bytes, bool terminal, bool durable)
{
    struct pending *pending = xcalloc(1, sizeof(*pending));
    pending->stream = stream;
    pending->updates = stream->updates;
    memcpy(pending->uuid, uuid, UUID_BYTES);
    pending->bytes = xmemdup(bytes.ptr, bytes.len);
    pending->len = bytes.len;
    pending->terminal = terminal;
    pending->durable = durable;
    list_push(&stream->pending, &pending->node);
    return pending;
}

static void
sink_stored(struct stream *stream, const unsigned char *uuid)
{
    const struct status_updates_sink *sink = &stream->updates->sink;
    sink->stored(sink->arg, stream_framework(stream), str_of(stream->executor_id), stream_task(stream), uuid);
}

/* A StatusUpdateRecord: UPDATE with the update, or ACK with the uuid. */
static void
record_pack(struct buf *out, uint64_t type, struct str content)
{
    pb_uint(out, 1, type);
    pb_bytes(out, type == MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__UPDATE ? 2 : 3, content);
}

void
status_updates_add(struct status_updates *updates, const struct status_update *update)
{
    struct stream *stream = stream_find(updates, update->framework_id, update->task_id);
    if (!stream)
        stream =
            stream_new(updates, update->framework_id, update->executor_id, update->task_id, update->path);
    if (known_find(stream, update->uuid)) {
        struct pending *pending;
        list_foreach (pending, &stream->pending, node)
            if (!memcmp(pending->uuid, update->uuid, UUID_BYTES) && !pending->durable)
                return; /* it is told as stored when it is */
        sink_stored(stream, update->uuid);
        return;
    }
    known_add(stream, update->uuid, false);
    stream->terminal |= update->terminal;
    struct pending *pending =
        pending_new(stream, update->uuid, update->bytes, update->terminal, !stream->file);
    if (stream->file) {
        auto_buf struct buf record = {0};
        record_pack(&record, MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__UPDATE, update->bytes);
        journal_append(stream->file, buf_str(&record), append_done, pending);
        return;
    }
    if (stream->pending.next == &pending->node)
        stream_forward(stream);
    sink_stored(stream, update->uuid);
}

static void
append_done(void *arg)
{
    struct pending *pending = arg;
    struct stream *stream = pending->stream;
    pending->durable = true;
    if (!stream) {
        pending_free(pending);
        return;
    }
    unsigned char uuid[UUID_BYTES];
    memcpy(uuid, pending->uuid, UUID_BYTES);
    if (stream->pending.next == &pending->node)
        stream_forward(stream);
    sink_stored(stream, uuid);
}

/* Sends the first update, when it may go, and starts the clock for its repetition. */
static void
stream_forward(struct stream *stream)
{
    struct status_updates *updates = stream->updates;
    struct pending *first = list_first(&stream->pending, struct pending, node);
    loop_timer_stop(&stream->retry);
    if (!first || !first->durable || updates->paused)
        return;
    loop_timer_start(&stream->retry, stream->backoff_ms);
    stream->forwarded_ms = loop_now_ms(updates->loop);
    updates->sink.forward(updates->sink.arg, stream_framework(stream), str_of(stream->executor_id),
                          stream_task(stream), str_n(first->bytes, first->len));
}

static void
on_retry(void *arg)
{
    struct stream *stream = arg;
    stream->backoff_ms =
        stream->backoff_ms * 2 > STATUS_RETRY_MAX_MS ? STATUS_RETRY_MAX_MS : stream->backoff_ms * 2;
    log_warning("resending status update task=%.*s framework=%.*s", STR_ARG(stream_task(stream)),
                STR_ARG(stream_framework(stream)));
    stream_forward(stream);
}

void
status_updates_pause(struct status_updates *updates)
{
    struct stream *stream;
    updates->paused = true;
    map_foreach (stream, &updates->streams)
        loop_timer_stop(&stream->retry);
}

void
status_updates_resume(struct status_updates *updates)
{
    struct stream *stream;
    updates->paused = false;
    map_foreach (stream, &updates->streams) {
        stream->backoff_ms = STATUS_RETRY_MIN_MS;
        stream_forward(stream);
    }
}

void
status_updates_repeat(struct status_updates *updates, struct str framework_id)
{
    struct stream *stream;
    map_foreach (stream, &updates->streams) {
        if (!str_eq(stream_framework(stream), framework_id))
            continue;
        if (loop_now_ms(updates->loop) < stream->forwarded_ms + STATUS_JUST_SENT_MS) {
            /* It may have reached the master before the framework did: then nobody acknowledges it. */
            stream->backoff_ms = STATUS_RETRY_MIN_MS / 2;
            if (loop_timer_running(&stream->retry))
                loop_timer_start(&stream->retry, STATUS_SOON_MS);
            continue;
        }
        stream->backoff_ms = STATUS_RETRY_MIN_MS;
        stream_forward(stream);
    }
}

enum status_ack
status_updates_acknowledge(struct status_updates *updates, struct str framework_id, struct str task_id,
                           struct str uuid)
{
    struct stream *stream = stream_find(updates, framework_id, task_id);
    struct known *known;
    if (!stream)
        return STATUS_ACK_UNKNOWN;
    if (uuid.len != UUID_BYTES || !(known = known_find(stream, (const unsigned char *)uuid.ptr)))
        return STATUS_ACK_UNEXPECTED;
    if (known->acked)
        return STATUS_ACK_REPEATED;
    struct pending *first = list_first(&stream->pending, struct pending, node);
    if (!first || !first->durable || memcmp(first->uuid, uuid.ptr, UUID_BYTES))
        return STATUS_ACK_UNEXPECTED;
    if (stream->file) {
        auto_buf struct buf record = {0};
        struct err err = {0};
        record_pack(&record, MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__ACK, uuid);
        /* Not taken when it cannot be remembered: the update goes out again later and is acknowledged again.
         */
        if (journal_write(stream->file, buf_str(&record), &err)) {
            log_error("acknowledgement not taken: %s", err.text);
            return STATUS_ACK_UNEXPECTED;
        }
    }
    known->acked = true;
    bool terminal = first->terminal;
    list_remove(&first->node);
    pending_free(first);
    stream->backoff_ms = STATUS_RETRY_MIN_MS;
    if (!terminal) {
        stream_forward(stream);
        return STATUS_ACK_TAKEN;
    }
    auto_free char *executor_id = xstrdup(stream->executor_id);
    stream_free(stream);
    updates->sink.finished(updates->sink.arg, framework_id, str_of(executor_id), task_id);
    return STATUS_ACK_TAKEN;
}

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

static bool
state_terminal(Mesos__V1__TaskState state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
    case MESOS__V1__TASK_STATE__TASK_FAILED:
    case MESOS__V1__TASK_STATE__TASK_KILLED:
    case MESOS__V1__TASK_STATE__TASK_ERROR:
    case MESOS__V1__TASK_STATE__TASK_LOST:
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
    case MESOS__V1__TASK_STATE__TASK_GONE:
    case MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR:
        return true;
    default:
        return false;
    }
}

static struct pending *
pending_find(struct stream *stream, const unsigned char *uuid)
{
    struct pending *pending;
    list_foreach (pending, &stream->pending, node)
        if (!memcmp(pending->uuid, uuid, UUID_BYTES))
            return pending;
    return NULL;
}

/* Takes one record into the stream: false when it makes no sense where it stands. */
static bool
recover_record(struct stream *stream, const Mesos__Internal__StatusUpdateRecord *record, bool *ret_over)
{
    if (record->type == MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__UPDATE) {
        const Mesos__Internal__StatusUpdate *update = record->update;
        if (!update || !update->has_uuid || update->uuid.len != UUID_BYTES)
            return false;
        if (known_find(stream, update->uuid.data))
            return true;
        auto_buf struct buf bytes = {0};
        message_pack(&bytes, update);
        known_add(stream, update->uuid.data, false);
        bool terminal = state_terminal(update->status->state);
        stream->terminal |= terminal;
        pending_new(stream, update->uuid.data, buf_str(&bytes), terminal, true);
        return true;
    }
    if (!record->has_uuid || record->uuid.len != UUID_BYTES)
        return false;
    struct known *known = known_find(stream, record->uuid.data);
    if (!known)
        return false;
    known->acked = true;
    struct pending *pending = pending_find(stream, record->uuid.data);
    if (pending) {
        *ret_over |= pending->terminal;
        list_remove(&pending->node);
        pending_free(pending);
    }
    return true;
}

bool
status_updates_recover(struct status_updates *updates, struct str framework_id, struct str executor_id,
                       struct str task_id, const char *path, struct str content,
                       void (*seen)(void *arg, const struct status_recovered *update), void *arg,
                       size_t *ret_good_bytes)
{
    struct stream *stream = stream_new(updates, framework_id, executor_id, task_id, path);
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
        struct known *known = known_find(stream, record->update->uuid.data);
        seen(arg, &(struct status_recovered){buf_str(&bytes), known->uuid, known->acked});
    }
    *ret_good_bytes = good;
    if (over)
        stream_free(stream);
    return over;
}

void
status_updates_forget(struct status_updates *updates, struct str framework_id)
{
    struct stream *stream;
    map_foreach (stream, &updates->streams)
        if (str_eq(stream_framework(stream), framework_id))
            stream_free(stream);
}

size_t
status_updates_streams(const struct status_updates *updates)
{
    return map_count(&updates->streams);
}

size_t
status_updates_storing(const struct status_updates *updates)
{
    return journal_waiting(updates->journal);
}

bool
status_updates_pending(const struct status_updates *updates, struct str framework_id, struct str task_id)
{
    struct stream *stream = stream_find(updates, framework_id, task_id);
    return stream && !list_empty(&stream->pending);
}
