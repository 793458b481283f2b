/* SPDX-License-Identifier: Apache-2.0 */
/* ShutdownExecutorMessage: the framework wants one of its executors to end. */
#include "agent/state.h"

void
message_shutdown_executor(struct agent *agent, const struct upid *from,
                          const Mesos__Internal__ShutdownExecutorMessage *message)
{
    if (!agent_from_master(agent, from, "ShutdownExecutorMessage") || !message->executor_id ||
        !message->framework_id)
        return;
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    struct executor *executor =
        framework ? executor_find(framework, str_of(message->executor_id->value)) : NULL;
    if (executor)
        executor_shutdown(executor);
    else
        log_warning("ignoring shutdown of executor %s of framework %s, which is not here",
                    message->executor_id->value, message->framework_id->value);
}
