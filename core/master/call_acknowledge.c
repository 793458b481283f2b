/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACKNOWLEDGE: passed on to the agent; the acknowledgement of a terminal update ends the task here. It is
 * remembered, because it may be lost on its way: message_status_update.c then answers the agent in the
 * framework's place.
 */
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

/* Notes that the update got its acknowledgement; false when the task waits for none. */
static bool
known(struct task *task, const struct agent *agent, const Mesos__V1__Scheduler__Call__Acknowledge *from)
{
    if (!task || task->agent != agent)
        return true; /* the agent knows better */
    if (!task->has_uuid)
        return false;
    if (memcmp(task->update_uuid, from->uuid.data, UUID_BYTES) != 0)
        return true;
    task->acknowledged = true;
    if (task_state_terminal((Mesos__V1__TaskState)task->update_state))
        task_complete(task);
    return true;
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
    if (!agent || !known(task, agent, from)) {
        metric_inc(master->m.invalid_acknowledgements);
        log_warning("drop acknowledge task=%s framework=%s agent=%s: %s", from->task_id->value, framework->id,
                    from->agent_id->value, agent ? "no update waits for it" : "the agent is not registered");
        return 202;
    }
    metric_inc(master->m.valid_acknowledgements);
    /* To an agent that is away it is said again when it repeats the update. */
    if (agent->connected)
        pass_on(framework, agent, from);
    return 202;
}
