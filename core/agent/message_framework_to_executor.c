/* SPDX-License-Identifier: Apache-2.0 */
/* FrameworkToExecutorMessage: bytes for an executor; nobody promises that they arrive. */
#include "agent/state.h"

void
message_framework_to_executor(struct agent *agent, const struct upid *from,
                              const Mesos__Internal__FrameworkToExecutorMessage *message)
{
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    struct executor *executor =
        framework ? executor_find(framework, str_of(message->executor_id->value)) : NULL;
    if (executor && !framework_sends(framework, from)) {
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
