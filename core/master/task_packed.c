/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packed form in which a task is kept: its core, then one status per state, in the bytes of mesos.v1.Task (state.h,
 * struct task). Written by tasks.c, read by all that shows tasks; changes nothing but these bytes.
 */
#include "master/task_packed.h"

#include <string.h>

#include "wire/message.h"

enum { FIELD_EXECUTOR_ID = 4, FIELD_AGENT_ID = 5, FIELD_STATE = 6, FIELD_UPDATE_STATE = 9 };
enum { TAG_STATUSES = 0x42, TAG_STATE = 0x30, TAG_UPDATE_STATE = 0x48, TAG_UPDATE_UUID = 0x52 };

/* Grows by a quarter: most tasks see three statuses of the same size. */
static unsigned char *
packed_reserve(struct task *task, size_t more)
{
    size_t need = (size_t)task->len + more;
    if (need > task->cap) {
        task->cap = (uint32_t)(need + need / 4);
        task->packed = xrealloc(task->packed, task->cap);
    }
    return task->packed + task->len;
}

static size_t
put_varint(unsigned char *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (unsigned char)(value | 0x80);
    to[n++] = (unsigned char)value;
    return n;
}

static uint64_t
get_varint(const unsigned char *from, size_t *at)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte = from[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return value;
}

void
task_keep_core(struct task *task, const Mesos__V1__Task *core)
{
    size_t size = mesos__v1__task__get_packed_size(core);
    mesos__v1__task__pack(core, packed_reserve(task, size));
    task->len = task->core_len = (uint32_t)size;
}

void
task_keep_status(struct task *task, const Mesos__V1__TaskStatus *status, bool same_state)
{
    Mesos__V1__TaskStatus kept = *status;
    kept.has_data = false;
    kept.data.len = 0;
    size_t size = mesos__v1__task_status__get_packed_size(&kept);
    if (size > (1 << 20))
        return; /* the framework has it; history does without */
    if (same_state && task->last_status)
        task->len = task->last_status;
    if (task->len == task->core_len)
        task->first_status_time = status->timestamp;
    unsigned char *to = packed_reserve(task, size + 12);
    task->last_status = task->len;
    size_t n = 0;
    to[n++] = TAG_STATUSES;
    n += put_varint(to + n, size);
    mesos__v1__task_status__pack(&kept, to + n);
    task->len += (uint32_t)(n + size);
}

Mesos__V1__TaskStatus *
task_last_status(const struct task *task, struct arena *arena)
{
    if (!task->last_status)
        return NULL;
    const unsigned char *at = task->packed + task->last_status + 1, *end = task->packed + task->len;
    while (at < end && *at & 0x80)
        at++;
    at++;
    return MESSAGE_UNPACK(Mesos__V1__TaskStatus, mesos__v1__task_status, str_n(at, (size_t)(end - at)), arena,
                          NULL);
}

/* The first field of the core whose number is not below this one; fields of the core stand in order. */
static size_t
core_find(const struct task *task, unsigned number)
{
    size_t at = 0;
    while (at < task->core_len) {
        size_t start = at;
        uint64_t tag = get_varint(task->packed, &at);
        if (tag >> 3 >= number)
            return start;
        /* Only fields before status_update_state are passed: strings, messages and one enum. */
        uint64_t value = get_varint(task->packed, &at);
        if ((tag & 7) == 2)
            at += value;
    }
    return at;
}

/* The value of a field of the core that is an id. */
static struct str
core_id(const struct task *task, unsigned field)
{
    size_t at = core_find(task, field), end;
    if (at >= task->core_len || get_varint(task->packed, &at) >> 3 != field)
        return (struct str){"", 0};
    end = get_varint(task->packed, &at);
    end += at;
    if (at >= end || get_varint(task->packed, &at) >> 3 != 1)
        return (struct str){"", 0};
    size_t len = get_varint(task->packed, &at);
    return str_n((const char *)task->packed + at, len);
}

struct str
task_agent_id(const struct task *task)
{
    return core_id(task, FIELD_AGENT_ID);
}

struct str
task_executor_id(const struct task *task)
{
    return core_id(task, FIELD_EXECUTOR_ID);
}

void
task_pack(const struct task *task, struct buf *out)
{
    size_t state = core_find(task, FIELD_STATE), rest = core_find(task, FIELD_UPDATE_STATE);
    unsigned char *to = (unsigned char *)buf_reserve(out, task->len + 64);
    size_t n = state;
    memcpy(to, task->packed, n);
    to[n++] = TAG_STATE;
    n += put_varint(to + n, task->state);
    size_t resources = core_find(task, FIELD_STATE + 1);
    memcpy(to + n, task->packed + resources, rest - resources);
    n += rest - resources;
    memcpy(to + n, task->packed + task->core_len, task->len - task->core_len);
    n += task->len - task->core_len;
    if (task->has_update) {
        to[n++] = TAG_UPDATE_STATE;
        n += put_varint(to + n, task->update_state);
    }
    if (task->has_uuid) {
        to[n++] = TAG_UPDATE_UUID;
        n += put_varint(to + n, UUID_BYTES);
        memcpy(to + n, task->update_uuid, UUID_BYTES);
        n += UUID_BYTES;
    }
    memcpy(to + n, task->packed + rest, task->core_len - rest);
    buf_added(out, n + task->core_len - rest);
}

Mesos__V1__Task *
task_unpack(const struct task *task, struct arena *arena)
{
    auto_buf struct buf bytes = {0};
    task_pack(task, &bytes);
    return MESSAGE_UNPACK(Mesos__V1__Task, mesos__v1__task, buf_str(&bytes), arena, NULL);
}
