/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of status updates. An update is forwarded when it is the first of its stream, durable, and the
 * manager not paused; it leaves the stream with its acknowledgement, which is on disk before the next one
 * goes out. (What an earlier run left on disk is read in status_updates_recover.c.)
 */
#include "agent/pb.h"
#include "agent/status_updates_inside.h"
#include "base/log.h"
#include "mesos/internal/messages.pb-c.h"

#define STATUS_RETRY_MIN_MS (10 * 1000)
#define STATUS_JUST_SENT_MS 100
#define STATUS_SOON_MS      1000
#define STATUS_RETRY_MAX_MS (10 * 60 * 1000)

static void on_retry(void *arg);
static void stream_forward(struct update_stream *stream);
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
stream_framework(const struct update_stream *stream)
{
    return str_n(stream->key, stream->framework_len);
}

static struct str
stream_task(const struct update_stream *stream)
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

static struct update_stream *
stream_find(const struct status_updates *updates, struct str framework_id, struct str task_id)
{
    size_t len;
    auto_free char *key = key_of(framework_id, task_id, &len);
    return map_get(&updates->streams, str_n(key, len));
}

struct update_stream *
update_stream_new(struct status_updates *updates, struct str framework_id, struct str executor_id,
                  struct str task_id, const char *path)
{
    struct update_stream *stream = xcalloc(1, sizeof(*stream));
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

void
update_pending_free(struct update_pending *pending)
{
    free(pending->bytes);
    free(pending);
}

void
update_stream_free(struct update_stream *stream)
{
    struct update_pending *pending, *tmp;
    map_remove(&stream->updates->streams, str_n(stream->key, stream->key_len));
    list_foreach_safe (pending, tmp, &stream->pending, node) {
        list_remove(&pending->node);
        if (pending->durable)
            update_pending_free(pending);
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
    struct update_stream *stream;
    if (!updates)
        return;
    map_foreach (stream, &updates->streams)
        update_stream_free(stream);
    map_fini(&updates->streams);
    journal_free(updates->journal);
    free(updates);
}

struct update_known *
update_known_find(struct update_stream *stream, const unsigned char *uuid)
{
    for (size_t i = stream->known_count; i-- > 0;)
        if (!memcmp(stream->known[i].uuid, uuid, UUID_BYTES))
            return &stream->known[i];
    return NULL;
}

void
update_known_add(struct update_stream *stream, const unsigned char *uuid, bool acked)
{
    stream->known = xreallocarray(stream->known, stream->known_count + 1, sizeof(*stream->known));
    memcpy(stream->known[stream->known_count].uuid, uuid, UUID_BYTES);
    stream->known[stream->known_count++].acked = acked;
}

struct update_pending *
update_pending_new(struct update_stream *stream, const unsigned char *uuid, struct str bytes, bool terminal, bool durable)
{
    struct update_pending *pending = xcalloc(1, sizeof(*pending));
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
sink_stored(struct update_stream *stream, const unsigned char *uuid)
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
    struct update_stream *stream = stream_find(updates, update->framework_id, update->task_id);
    if (!stream)
        stream = update_stream_new(updates, update->framework_id, update->executor_id, update->task_id, update->path);
    if (update_known_find(stream, update->uuid)) {
        struct update_pending *pending;
        list_foreach (pending, &stream->pending, node)
            if (!memcmp(pending->uuid, update->uuid, UUID_BYTES) && !pending->durable)
                return; /* it is told as stored when it is */
        sink_stored(stream, update->uuid);
        return;
    }
    update_known_add(stream, update->uuid, false);
    stream->terminal |= update->terminal;
    struct update_pending *pending = update_pending_new(stream, update->uuid, update->bytes, update->terminal, !stream->file);
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
    struct update_pending *pending = arg;
    struct update_stream *stream = pending->stream;
    pending->durable = true;
    if (!stream) {
        update_pending_free(pending);
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
stream_forward(struct update_stream *stream)
{
    struct status_updates *updates = stream->updates;
    struct update_pending *first = list_first(&stream->pending, struct update_pending, node);
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
    struct update_stream *stream = arg;
    stream->backoff_ms =
        stream->backoff_ms * 2 > STATUS_RETRY_MAX_MS ? STATUS_RETRY_MAX_MS : stream->backoff_ms * 2;
    log_warning("resending status update task=%.*s framework=%.*s", STR_ARG(stream_task(stream)),
                STR_ARG(stream_framework(stream)));
    stream_forward(stream);
}

void
status_updates_pause(struct status_updates *updates)
{
    struct update_stream *stream;
    updates->paused = true;
    map_foreach (stream, &updates->streams)
        loop_timer_stop(&stream->retry);
}

void
status_updates_resume(struct status_updates *updates)
{
    struct update_stream *stream;
    updates->paused = false;
    map_foreach (stream, &updates->streams) {
        stream->backoff_ms = STATUS_RETRY_MIN_MS;
        stream_forward(stream);
    }
}

void
status_updates_repeat(struct status_updates *updates, struct str framework_id)
{
    struct update_stream *stream;
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
    struct update_stream *stream = stream_find(updates, framework_id, task_id);
    struct update_known *known;
    if (!stream)
        return STATUS_ACK_UNKNOWN;
    if (uuid.len != UUID_BYTES || !(known = update_known_find(stream, (const unsigned char *)uuid.ptr)))
        return STATUS_ACK_UNEXPECTED;
    if (known->acked)
        return STATUS_ACK_REPEATED;
    struct update_pending *first = list_first(&stream->pending, struct update_pending, node);
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
    update_pending_free(first);
    stream->backoff_ms = STATUS_RETRY_MIN_MS;
    if (!terminal) {
        stream_forward(stream);
        return STATUS_ACK_TAKEN;
    }
    auto_free char *executor_id = xstrdup(stream->executor_id);
    update_stream_free(stream);
    updates->sink.finished(updates->sink.arg, framework_id, str_of(executor_id), task_id);
    return STATUS_ACK_TAKEN;
}

void
status_updates_forget(struct status_updates *updates, struct str framework_id)
{
    struct update_stream *stream;
    map_foreach (stream, &updates->streams)
        if (str_eq(stream_framework(stream), framework_id))
            update_stream_free(stream);
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
    struct update_stream *stream = stream_find(updates, framework_id, task_id);
    return stream && !list_empty(&stream->pending);
}
