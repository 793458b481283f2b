/* SPDX-License-Identifier: Apache-2.0 */
/* DrainSlaveMessage: an operator wants this agent to end its tasks; said again, it is what it says now. */
#include "agent/drain.h"

void
message_drain_slave(struct agent *agent, const struct upid *from, const Mesos__Internal__DrainSlaveMessage *message)
{
    struct err err = {0};
    if (!agent_from_master(agent, from, "DrainSlaveMessage"))
        return;
    if (!agent->id) {
        log_warning("dropping DrainSlaveMessage: the agent has no id yet");
        return;
    }
    if (message->config->max_grace_period && message->config->max_grace_period->nanoseconds < 0) {
        log_warning("dropping DrainSlaveMessage: its max_grace_period is %lld ns, less than nothing",
                    (long long)message->config->max_grace_period->nanoseconds);
        return;
    }
    /* A restart would leave tasks alone that are to end: better to end now and be told again. */
    if (drain_start(agent, message->config, &err)) {
        auto_free char *why = xasprintf("cannot checkpoint the draining: %s", err.text);
        agent_finish(agent, 1, why);
    }
}
