/* SPDX-License-Identifier: Apache-2.0 */
/* SHUTDOWN: asks the agent to end one executor of this framework. */
#include "base/log.h"
#include "master/calls.h"

int
call_shutdown(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
              struct err *err)
{
    const Mesos__V1__Scheduler__Call__Shutdown *shutdown = call->shutdown;
    struct agent *agent = agent_find(framework->master, shutdown->agent_id->value);
    (void)arena;
    (void)err;
    if (!agent || !executor_find(framework, agent, shutdown->executor_id->value)) {
        log_warning("drop shutdown executor=%s framework=%s agent=%s: unknown", shutdown->executor_id->value,
                    framework->id, shutdown->agent_id->value);
        return 202;
    }
    Mesos__Internal__ShutdownExecutorMessage message = MESOS__INTERNAL__SHUTDOWN_EXECUTOR_MESSAGE__INIT;
    message.executor_id = shutdown->executor_id;
    message.framework_id = framework->info->id;
    log_info("shutdown executor=%s framework=%s agent=%s", shutdown->executor_id->value, framework->id,
             agent->id);
    agent_send(agent, "mesos.internal.ShutdownExecutorMessage", &message);
    return 202;
}
