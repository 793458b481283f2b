/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StatusUpdateMessage: news of a task, to its framework at once, then into the master's own picture. The
 * agent sends it again until the framework has acknowledged it, so a framework that is away misses nothing.
 */
#include "base/log.h"
#include "master/messages.h"

typedef Mesos__Internal__StatusUpdate Update;

/* The status as the framework sees it: with the agent, and with a uuid only when somebody waits for an
 * acknowledgement. */
static void
complete(Update *update, bool wants_acknowledgement)
{
    Mesos__V1__TaskStatus *status = update->status;
    if (update->slave_id)
        status->agent_id = update->slave_id;
    if (update->executor_id)
        status->executor_id = update->executor_id;
    status->has_timestamp = true;
    status->timestamp = update->timestamp;
    status->has_uuid = wants_acknowledgement && update->has_uuid && update->uuid.len > 0;
    if (status->has_uuid)
        status->uuid = update->uuid;
}

static void
drop(struct master *master, const Update *update, const char *why)
{
    metric_inc(master->m.invalid_status_updates);
    log_warning("drop update task=%s state=%s framework=%s: %s", update->status->task_id->value,
                task_state_name(update->status->state), update->framework_id->value, why);
}

/* The framework's acknowledgement was lost on its way (the agent was away): it is said again. */
static void
acknowledge_again(struct framework *framework, struct agent *agent, Update *update)
{
    Mesos__Internal__StatusUpdateAcknowledgementMessage message =
        MESOS__INTERNAL__STATUS_UPDATE_ACKNOWLEDGEMENT_MESSAGE__INIT;
    message.slave_id = update->slave_id;
    message.framework_id = framework->info->id;
    message.task_id = update->status->task_id;
    message.uuid = update->uuid;
    log_info("acknowledge again task=%s framework=%s agent=%s", message.task_id->value, framework->id,
             agent->id);
    agent_send(agent, "mesos.internal.StatusUpdateAcknowledgementMessage", &message);
}

void
message_status_update(struct master *master, const struct upid *from,
                      Mesos__Internal__StatusUpdateMessage *message, struct str body)
{
    Update *update = message->update;
    struct agent *agent = update->slave_id ? agent_speaking(master, update->slave_id->value, from, "update") : NULL;
    struct framework *framework = framework_find(master, update->framework_id->value);
    (void)body;
    metric_inc(master->m.messages_status_update);
    if (!agent || agent->leaving) {
        drop(master, update, "its agent is not registered");
        return;
    }
    if (!framework) {
        drop(master, update, "its framework is unknown");
        return;
    }
    struct task *task = task_find(framework, update->status->task_id->value);
    bool asked = message->pid && message->pid[0];
    if (asked && update->has_uuid &&
        task_was_acknowledged(framework, update->status->task_id->value,
                              str_n(update->uuid.data, update->uuid.len))) {
        acknowledge_again(framework, agent, update);
        return;
    }
    complete(update, asked);
    framework_forward(framework, message);
    if (!task || task->agent != agent) {
        drop(master, update, "the task is unknown");
        return;
    }
    log_info("update task=%s state=%s framework=%s agent=%s", task->id,
             task_state_name(update->status->state), framework->id, agent->id);
    metric_inc(master->m.valid_status_updates);
    task_update(task, update->status, update->has_latest_state ? update->latest_state : update->status->state,
                update->status->has_uuid ? str_n(update->uuid.data, update->uuid.len) : (struct str){0});
}
