/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CheckpointResourcesMessage: reservations and volumes that must survive. Operations come with a later issue;
 * until then the master has nothing to say here but that there are none, and anything else is said aloud.
 */
#include "agent/state.h"

void
message_checkpoint_resources(struct agent *agent, const struct upid *from,
                             const Mesos__Internal__CheckpointResourcesMessage *message)
{
    if (!agent_from_master(agent, from, "CheckpointResourcesMessage"))
        return;
    if (message->n_resources)
        log_error("the master wants %zu reserved resources checkpointed, which this agent cannot do yet",
                  message->n_resources);
}
