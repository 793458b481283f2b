/* SPDX-License-Identifier: Apache-2.0 */
/* UpdateFrameworkMessage: a framework has come back elsewhere, or describes itself anew. */
#include "agent/state.h"

void
message_update_framework(struct agent *agent, const struct upid *from,
                         const Mesos__Internal__UpdateFrameworkMessage *message)
{
    struct err err = {0};
    if (!agent_from_master(agent, from, "UpdateFrameworkMessage"))
        return;
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    if (!framework || framework->terminating)
        return;
    if (message->framework_info) {
        /* Whether it is checkpointed was decided when its first executor started. */
        bool checkpoint = framework->checkpoint;
        framework_update(framework, message->framework_info, message->pid);
        framework->checkpoint = checkpoint;
    } else if (message->pid) {
        free(framework->pid);
        framework->pid = xstrdup(message->pid);
    }
    /* What was lost while it was away need not wait for its next time. */
    if (agent->state == AGENT_RUNNING)
        status_updates_repeat(agent->updates, str_of(framework->id));
    if (framework->checkpoint && agent->id && checkpoint_framework(framework, &err))
        log_error("framework %s is not checkpointed: %s", framework->id, err.text);
}
