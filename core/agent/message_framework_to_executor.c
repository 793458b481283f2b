/* SPDX-License-Identifier: Apache-2.0 */
/* FrameworkToExecutorMessage: bytes for an executor; nobody promises that they arrive. */
#include "agent/state.h"

/* By way of the master, or, as v0 drivers may send it, straight from the framework's scheduler. */
static bool
is_scheduler_s(const struct agent *agent, const struct framework *framework, const struct upid *from)
{
    struct upid scheduler;
    if (agent->has_master && upid_eq(from, &agent->master))
        return true;
    return framework->pid && upid_parse(str_of(framework->pid), &scheduler, NULL) == 0 && scheduler.id[0] &&
           upid_eq(from, &scheduler);
}

void
message_framework_to_executor(struct agent *agent, const struct upid *from,
                              const Mesos__Internal__FrameworkToExecutorMessage *message)
{
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    struct executor *executor =
        framework ? executor_find(framework, str_of(message->executor_id->value)) : NULL;
    if (executor && !is_scheduler_s(agent, framework, from)) {
        log_warning("dropping a message for executor %s of framework %s: it is from %s and not from its scheduler", executor->id,
                    framework->id, from->id);
        agent_count(agent, "slave/invalid_framework_messages");
        return;
    }
    if (!executor || executor->state != EXECUTOR_RUNNING || !executor_reachable(executor)) {
        log_warning("dropping a message for executor %s of framework %s, which is not connected",
                    message->executor_id->value, message->framework_id->value);
        agent_count(agent, "slave/invalid_framework_messages");
        return;
    }
    executor_send_message(executor, str_n(message->data.data, message->data.len));
    agent_count(agent, "slave/valid_framework_messages");
}
