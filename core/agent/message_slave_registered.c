/* SPDX-License-Identifier: Apache-2.0 */
/* SlaveRegisteredMessage: the master has taken the agent in and gives it its id. */
#include "agent/state.h"

#include "model/role.h"

void
message_slave_registered(struct agent *agent, const struct upid *from,
                         const Mesos__Internal__SlaveRegisteredMessage *message)
{
    struct err err = {0};
    if (!agent_from_master(agent, from, "SlaveRegisteredMessage"))
        return;
    /* It becomes the name of a directory. */
    if (id_check(str_of(message->slave_id->value), "AgentID", &err)) {
        log_error("dropping SlaveRegisteredMessage: %s", err.text);
        return;
    }
    registration_done(agent, str_of(message->slave_id->value), message->connection, false);
}
