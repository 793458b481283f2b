/* SPDX-License-Identifier: Apache-2.0 */
/* PingSlaveMessage: the master's observer looks whether the agent lives. Answered to whoever asks, in every
 * state. */
#include "agent/state.h"

void
message_ping_slave(struct agent *agent, const struct upid *from,
                   const Mesos__Internal__PingSlaveMessage *message)
{
    if (agent->state == AGENT_RECOVERING || agent->state == AGENT_TERMINATING)
        return;
    libprocess_send(agent->daemon->libprocess, AGENT_ACTOR, from, "mesos.internal.PongSlaveMessage",
                    STR_LIT(""));
    if (agent->has_master && address_eq(&from->address, &agent->master.address))
        registration_ping(agent, message->connected);
}
