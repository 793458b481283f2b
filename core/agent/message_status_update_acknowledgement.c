/* SPDX-License-Identifier: Apache-2.0 */
/* StatusUpdateAcknowledgementMessage: the scheduler has seen an update, which is now forgotten. */
#include "agent/state.h"

void
message_status_update_acknowledgement(struct agent *agent, const struct upid *from,
                                      const Mesos__Internal__StatusUpdateAcknowledgementMessage *message)
{
    const struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    /* The master that leads now may have read already that the update waits: were it forgotten here, nobody would tell that
     * master of its acknowledgement. (A v0 driver may answer the agent itself.) */
    if (!strcmp(from->id, "master") && (!agent->has_master || !upid_eq(from, &agent->master) || agent_hears_late(agent))) {
        log_warning("dropping an acknowledgement for task %s of framework %s, which came late", message->task_id->value,
                    message->framework_id->value);
        return;
    }
    if (framework && !framework_sends(framework, from)) {
        log_warning("dropping an acknowledgement for task %s of framework %s: it is from %s and not from its scheduler",
                    message->task_id->value, message->framework_id->value, from->id);
        return;
    }
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
