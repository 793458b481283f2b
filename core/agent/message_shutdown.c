/* SPDX-License-Identifier: Apache-2.0 */
/* ShutdownMessage: the master refuses this agent, or an operator has removed it. Everything ends and the next
 * start is new. */
#include "agent/state.h"

void
message_shutdown(struct agent *agent, const struct upid *from,
                 const Mesos__Internal__ShutdownMessage *message)
{
    if (!agent_from_master(agent, from, "ShutdownMessage"))
        return;
    log_warning("the master tells this agent to shut down: %s",
                message->message ? message->message : "no reason given");
    agent_leave(agent, "shut down by the master");
}
