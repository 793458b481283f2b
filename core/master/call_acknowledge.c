/* SPDX-License-Identifier: Apache-2.0 */
/* ACKNOWLEDGE: passed on to the agent; the acknowledgement of a terminal update ends the task here. */
#include <string.h>

#include "base/log.h"
#include "master/calls.h"

static void
pass_on(struct framework *framework, struct agent *agent, const Mesos__V1__Scheduler__Call__Acknowledge *from)
{
    Mesos__Internal__StatusUpdateAcknowledgementMessage message =
        MESOS__INTERNAL__STATUS_UPDATE_ACKNOWLEDGEMENT_MESSAGE__INIT;
    message.slave_id = from->agent_id;
    message.framework_id = framework->info->id;
    message.task_id = from->task_id;
    message.uuid = from->uuid;
    agent_send(agent, "mesos.internal.StatusUpdateAcknowledgementMessage", &message);
}

int
call_acknowledge(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
                 struct err *err)
{
    const Mesos__V1__Scheduler__Call__Acknowledge *from = call->acknowledge;
    struct master *master = framework->master;
    struct agent *agent = agent_find(master, from->agent_id->value);
    struct task *task = task_find(framework, from->task_id->value);
    (void)arena;
    (void)err;
    metric_inc(master->m.messages_acknowledgement);
    if (!agent || !agent->connected) {
        metric_inc(master->m.invalid_acknowledgements);
        log_warning("drop acknowledge task=%s framework=%s: agent %s is not connected", from->task_id->value,
                    framework->id, from->agent_id->value);
        return 202;
    }
    if (task && task->agent == agent) {
        if (!task->has_uuid) {
            metric_inc(master->m.invalid_acknowledgements);
            log_warning("drop acknowledge task=%s framework=%s: no update waits for it", task->id, framework->id);
            return 202;
        }
        bool last = memcmp(task->update_uuid, from->uuid.data, UUID_BYTES) == 0;
        if (last && task_state_terminal((Mesos__V1__TaskState)task->update_state))
            task_complete(task);
    }
    metric_inc(master->m.valid_acknowledgements);
    pass_on(framework, agent, from);
    return 202;
}
