/* SPDX-License-Identifier: Apache-2.0 */
/* StatusUpdateAcknowledgementMessage: the scheduler has seen an update, which is now forgotten. */
#include "agent/state.h"

void
message_status_update_acknowledgement(struct agent *agent, const struct upid *from,
                                      const Mesos__Internal__StatusUpdateAcknowledgementMessage *message)
{
    (void)from; /* a v0 driver may answer the agent itself */
    switch (status_updates_acknowledge(agent->updates, str_of(message->framework_id->value),
                                       str_of(message->task_id->value),
                                       str_n(message->uuid.data, message->uuid.len))) {
    case STATUS_ACK_TAKEN:
        break;
    case STATUS_ACK_REPEATED:
        log_warning("repeated acknowledgement for task %s of framework %s", message->task_id->value,
                    message->framework_id->value);
        break;
    case STATUS_ACK_UNKNOWN:
    case STATUS_ACK_UNEXPECTED:
        log_warning("ignoring an acknowledgement that nobody waits for: task %s of framework %s",
                    message->task_id->value, message->framework_id->value);
        break;
    }
}
