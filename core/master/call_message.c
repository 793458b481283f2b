/* SPDX-License-Identifier: Apache-2.0 */
/* MESSAGE: bytes for an executor, passed on to its agent without being looked at. */
#include "base/log.h"
#include "master/calls.h"

int
call_message(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
             struct err *err)
{
    const Mesos__V1__Scheduler__Call__Message *from = call->message;
    struct master *master = framework->master;
    struct agent *agent = agent_find(master, from->agent_id->value);
    (void)arena;
    (void)err;
    metric_inc(master->m.messages_framework_to_executor);
    if (!agent || !agent->connected) {
        metric_inc(master->m.invalid_framework_to_executor);
        log_warning("drop message framework=%s executor=%s: agent %s is not connected", framework->id,
                    from->executor_id->value, from->agent_id->value);
        return 202;
    }
    Mesos__Internal__FrameworkToExecutorMessage message =
        MESOS__INTERNAL__FRAMEWORK_TO_EXECUTOR_MESSAGE__INIT;
    message.slave_id = from->agent_id;
    message.framework_id = framework->info->id;
    message.executor_id = from->executor_id;
    message.data = from->data;
    metric_inc(master->m.valid_framework_to_executor);
    agent_send(agent, "mesos.internal.FrameworkToExecutorMessage", &message);
    return 202;
}
