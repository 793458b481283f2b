/* SPDX-License-Identifier: Apache-2.0 */
/* The list of updates that the agent has not acknowledged. Driven by the executors. */
#include "executor/task_updates.h"

#include "base/units.h"
#include "wire/message.h"

struct update {
    struct list node;
    unsigned char uuid[UUID_BYTES];
    struct buf status; /* packed TaskStatus */
};

void
task_updates_init(struct task_updates *updates, struct loop *loop, const char *executor_id)
{
    *updates = (struct task_updates){.loop = loop, .executor_id = executor_id};
    list_init(&updates->unacknowledged);
}

static void
update_free(struct update *update)
{
    list_remove(&update->node);
    buf_fini(&update->status);
    free(update);
}

void
task_updates_fini(struct task_updates *updates)
{
    struct update *update, *next;
    list_foreach_safe(update, next, &updates->unacknowledged, node)
        update_free(update);
}

void
task_updates_send(struct task_updates *updates, Mesos__V1__TaskStatus *status)
{
    Mesos__V1__Executor__Call call = MESOS__V1__EXECUTOR__CALL__INIT;
    Mesos__V1__Executor__Call__Update body = MESOS__V1__EXECUTOR__CALL__UPDATE__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    struct update *update = xcalloc(1, sizeof(*update));
    uuid_random(update->uuid);
    executor_id.value = (char *)(uintptr_t)updates->executor_id;
    status->executor_id = &executor_id;
    status->has_timestamp = true;
    status->timestamp = loop_wall_secs(updates->loop);
    status->has_source = true;
    status->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR;
    status->has_uuid = true;
    status->uuid = (ProtobufCBinaryData){sizeof(update->uuid), update->uuid};
    message_pack(&update->status, status);
    list_push(&updates->unacknowledged, &update->node);
    body.status = status;
    call.has_type = true;
    call.type = MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE;
    call.update = &body;
    agent_link_call(updates->link, &call);
    status->executor_id = NULL;
    status->has_uuid = false;
}

bool
task_updates_acknowledged(struct task_updates *updates, const Mesos__V1__Executor__Event__Acknowledged *what)
{
    struct update *update, *next;
    if (what->uuid.len != UUID_BYTES)
        return false;
    list_foreach_safe(update, next, &updates->unacknowledged, node)
        if (memcmp(what->uuid.data, update->uuid, UUID_BYTES) == 0) {
            update_free(update);
            return true;
        }
    return false;
}

bool
task_updates_empty(const struct task_updates *updates)
{
    return list_empty(&updates->unacknowledged);
}

void
task_updates_repeat(const struct task_updates *updates, Mesos__V1__Executor__Call__Subscribe *subscribe,
                    struct arena *arena)
{
    const struct update *update;
    size_t count = 0;
    list_foreach(update, &updates->unacknowledged, node)
        count++;
    subscribe->unacknowledged_updates = arena_calloc(arena, count + 1, sizeof(*subscribe->unacknowledged_updates));
    list_foreach(update, &updates->unacknowledged, node) {
        Mesos__V1__Executor__Call__Update *item = arena_alloc(arena, sizeof(*item));
        mesos__v1__executor__call__update__init(item);
        item->status = message_unpack_trusted(&mesos__v1__task_status__descriptor, buf_str(&update->status), arena);
        subscribe->unacknowledged_updates[subscribe->n_unacknowledged_updates++] = item;
    }
}
