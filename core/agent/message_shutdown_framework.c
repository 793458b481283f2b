/* SPDX-License-Identifier: Apache-2.0 */
/* ShutdownFrameworkMessage: everything of a framework that the master has removed ends. */
#include "agent/state.h"

void
message_shutdown_framework(struct agent *agent, const struct upid *from,
                           const Mesos__Internal__ShutdownFrameworkMessage *message)
{
    if (!agent_from_master(agent, from, "ShutdownFrameworkMessage"))
        return;
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    if (framework && !framework->terminating)
        framework_shutdown(framework);
    /* Updates of tasks that no executor ever had. */
    status_updates_forget(agent->updates, str_of(message->framework_id->value));
}
