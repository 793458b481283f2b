/* SPDX-License-Identifier: Apache-2.0 */
/* UnregisterSlaveMessage: an agent leaves for good. Only from its own address. */
#include "master/event_agent_lost.h"
#include "master/messages.h"

void
message_unregister_slave(struct master *master, const struct upid *from,
                         Mesos__Internal__UnregisterSlaveMessage *message, struct str body)
{
    struct agent *agent = agent_speaking(master, message->slave_id->value, from, "UnregisterSlaveMessage");
    (void)body;
    metric_inc(master->m.messages_unregister_slave);
    if (agent)
        agent_unregistered(agent, "the agent unregistered");
}
