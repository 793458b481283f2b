/* SPDX-License-Identifier: Apache-2.0 */
/* UnregisterSlaveMessage: an agent leaves for good. Only from its own address. */
#include "base/log.h"
#include "master/messages.h"

void
message_unregister_slave(struct master *master, const struct upid *from,
                         Mesos__Internal__UnregisterSlaveMessage *message, struct str body)
{
    struct agent *agent = agent_find(master, message->slave_id->value);
    (void)body;
    metric_inc(master->m.messages_unregister_slave);
    if (!agent)
        return;
    if (!upid_eq(&agent->upid, from)) {
        log_warning("drop unregister agent=%s: not from its address %s", agent->id, agent->pid);
        return;
    }
    agent_unregistered(agent, "the agent unregistered");
}
