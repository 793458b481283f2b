/* SPDX-License-Identifier: Apache-2.0 */
/* StatusUpdateMessage: a v0 executor reports the state of one of its tasks. */
#include "agent/state.h"

/* Older drivers say some things beside the status and not in it. */
Mesos__V1__TaskStatus *
driver_status(Mesos__Internal__StatusUpdate *update)
{
    Mesos__V1__TaskStatus *status = update->status;
    if (!status->has_uuid && update->has_uuid && update->uuid.len) {
        status->has_uuid = true;
        status->uuid = update->uuid;
    }
    if (!status->has_timestamp) {
        status->has_timestamp = true;
        status->timestamp = update->timestamp;
    }
    if (!status->has_source) {
        status->has_source = true;
        status->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR;
    }
    return status;
}

/* Why it is not taken, or NULL. */
static const char *
wrong(const struct executor *executor, const struct upid *from, const Mesos__V1__TaskStatus *status)
{
    if (!executor || executor->state == EXECUTOR_TERMINATED)
        return "its executor is not here (any more)";
    if (!executor->has_pid || !upid_eq(&executor->upid, from))
        return "it is not from its executor's address";
    if (status->has_uuid && status->uuid.len != UUID_BYTES)
        return "its uuid is not one of 16 bytes";
    if (status->state == MESOS__V1__TASK_STATE__TASK_STAGING)
        return "TASK_STAGING is not an executor's to say";
    return NULL;
}

void
message_status_update(struct agent *agent, const struct upid *from,
                      const Mesos__Internal__StatusUpdateMessage *message)
{
    Mesos__Internal__StatusUpdate *update = message->update;
    Mesos__V1__TaskStatus *status = driver_status(update);
    struct framework *framework = framework_find(agent, str_of(update->framework_id->value));
    struct executor *executor =
        framework && update->executor_id ? executor_find(framework, str_of(update->executor_id->value)) : NULL;
    const char *why = wrong(executor, from, status);
    if (why) {
        log_warning("dropping an update of task %s of framework %s from %s: %s", status->task_id->value,
                    update->framework_id->value, from->id, why);
        agent_count(agent, "slave/invalid_status_updates");
        return;
    }
    agent_update(agent, framework, executor, status, true);
}
