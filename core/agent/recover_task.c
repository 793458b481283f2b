/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task as an earlier run left it: task.info and task.updates. Called by recover_read.c for each directory below an
 * executor's tasks/. The end of task.updates may be torn by a crash and is cut off; anything else that makes no sense
 * is damage, and what stood behind it is put aside, never thrown away.
 */
#include "agent/recover_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "wire/limits.h"

#define UPDATES_MAX_BYTES (256 << 20)

/* ---- updates ---- */

static void
on_seen(void *arg, const struct status_recovered *recovered)
{
    struct task *task = arg;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__StatusUpdate *update =
        message_unpack(&mesos__internal__status_update__descriptor, recovered->update, arena, NULL);
    if (!update || task_state_terminal(task->state))
        return;
    task_status_add(task, update->status);
    if (task_state_terminal(update->status->state))
        task_move(task, TASK_TERMINATED);
}

/* Less than a record's length says: what an append leaves that was not finished. */
static bool
is_torn(struct str tail)
{
    uint32_t len;
    if (tail.len < sizeof(len))
        return true;
    memcpy(&len, tail.ptr, sizeof(len));
    return len > tail.len - sizeof(len) && len <= LIMIT_MESSAGE_BYTES;
}

/* The whole of it stays beside the file for whoever wants to look. */
static int
put_aside(const char *path, struct str content, struct err *err)
{
    auto_free char *aside = xasprintf("%s.damaged", path);
    return file_replace(aside, content.ptr, content.len, 0600, false, err);
}

static int
read_updates(struct reading *reading, struct task *task, struct err *err)
{
    struct executor *executor = task->executor;
    struct agent *agent = reading->agent;
    auto_buf struct buf content = {0};
    auto_free char *path = checkpoint_updates_path(executor, task->id);
    struct err why = {0};
    size_t good;
    int status = file_read(path, UPDATES_MAX_BYTES, &content, &why);
    if (status == -ENOENT)
        return 0;
    if (status) {
        err_set(err, status, "%s", why.text);
        return piece_lost(reading, path, false, err);
    }
    bool over = status_updates_recover(agent->updates, str_of(executor->framework->id), str_of(executor->id),
                                       str_of(task->id), path, buf_str(&content), on_seen, task, &good);
    if (over)
        task_move(task, TASK_COMPLETED);
    if (good == content.len)
        return 0;
    if (!is_torn(str_n(buf_data(&content) + good, content.len - good))) {
        err_set(err, -EBADMSG, "the record at byte %zu of %zu is damaged or of another task", good, content.len);
        if ((status = piece_lost(reading, path, true, err)) || (status = put_aside(path, buf_str(&content), err)))
            return status;
    }
    log_warning("%s ends in a record that is not whole; cut at %zu of %zu bytes", path, good, content.len);
    return truncate(path, (off_t)good) ? err_errno(err, "cannot cut %s", path) : 0;
}

/* ---- the task itself ---- */

static int
check_ids(const struct executor *executor, const Mesos__V1__Task *message, const char *id, struct err *err)
{
    if (strcmp(message->task_id->value, id) != 0)
        return err_set(err, -EBADMSG, "it is about task %s", message->task_id->value);
    if (strcmp(message->framework_id->value, executor->framework->id) != 0)
        return err_set(err, -EBADMSG, "it is about a task of framework %s", message->framework_id->value);
    if (message->executor_id && strcmp(message->executor_id->value, executor->id) != 0)
        return err_set(err, -EBADMSG, "it is about a task of executor %s", message->executor_id->value);
    return 0;
}

/* The task of a task.info's first record; NULL and err when it is torn or about something else. */
static struct task *
task_read(struct executor *executor, const char *id, struct buf *bytes, struct arena *arena, struct err *err)
{
    struct str record;
    if (!checkpoint_record_next(bytes, &record)) {
        err_set(err, -EBADMSG, "it is torn: %zu bytes", bytes->len);
        return NULL;
    }
    Mesos__V1__Task *message = message_unpack(&mesos__v1__task__descriptor, record, arena, err);
    if (!message || check_ids(executor, message, id, err))
        return NULL;
    struct task *task = task_recovered(executor, message, err);
    buf_consume(bytes, record.len);
    return task;
}

/* The second record, which only we write: what the executor is sent when it does not know the task yet. */
static int
info_read(struct task *task, struct buf *bytes, struct arena *arena, struct err *err)
{
    struct str record;
    if (!bytes->len)
        return 0;
    if (!checkpoint_record_next(bytes, &record))
        return err_set(err, -EBADMSG, "its second record is torn");
    const Mesos__V1__TaskInfo *info = message_unpack(&mesos__v1__task_info__descriptor, record, arena, err);
    if (!info)
        return err_wrap(err, "its second record is damaged");
    if (strcmp(info->task_id->value, task->id) != 0)
        return err_set(err, -EBADMSG, "its second record is about task %s", info->task_id->value);
    task_keep_check_user(task, info);
    packed_set(&task->info, record);
    return 0;
}

int
recover_task(struct reading *reading, void *arg, const char *id, struct err *err)
{
    struct executor *executor = arg;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    struct err why = {0};
    auto_free char *path = xasprintf("%s/tasks/%s/task.info", executor->meta, id);
    int status = file_read(path, LIMIT_MESSAGE_BYTES, &bytes, &why);
    if (status == -ENOENT)
        return 0; /* never sent to the executor */
    struct task *task = status ? NULL : task_read(executor, id, &bytes, arena, &why);
    if (!task || info_read(task, &bytes, arena, &why)) {
        err_set(err, why.code ? why.code : -EBADMSG, "%s", why.text);
        if ((status = piece_lost(reading, path, true, err)) || !task)
            return status;
    }
    return read_updates(reading, task, err);
}
