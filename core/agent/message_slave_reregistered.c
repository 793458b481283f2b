/* SPDX-License-Identifier: Apache-2.0 */
/* SlaveReregisteredMessage: the master has taken the agent back, and asks after tasks that the agent did not
 * name. */
#include "agent/state.h"

static void
reconcile(struct agent *agent, const Mesos__Internal__ReconcileTasksMessage *asked)
{
    struct str framework_id = str_of(asked->framework_id->value);
    struct framework *framework = framework_find(agent, framework_id);
    struct framework *temporary = NULL;
    if (!framework && asked->framework && asked->framework->id)
        framework = temporary = framework_new(agent, asked->framework, NULL);
    if (!framework) {
        log_warning("the master asks after tasks of framework %.*s, of which nothing is known",
                    STR_ARG(framework_id));
        return;
    }
    for (size_t i = 0; i < asked->n_statuses; i++) {
        struct str task_id = str_of(asked->statuses[i]->task_id->value);
        if (!framework_task(framework, task_id) &&
            !status_updates_pending(agent->updates, framework_id, task_id))
            agent_update_drop(agent, framework, STR_LIT(""), task_id,
                              MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION,
                              "Reconciliation: task unknown to the agent");
    }
    if (temporary)
        framework_settle(temporary);
}

void
message_slave_reregistered(struct agent *agent, const struct upid *from,
                           const Mesos__Internal__SlaveReregisteredMessage *message)
{
    if (!agent_from_master(agent, from, "SlaveReregisteredMessage") || !agent->id)
        return;
    registration_done(agent, str_of(message->slave_id->value), message->connection, true);
    for (size_t i = 0; i < message->n_reconciliations; i++)
        reconcile(agent, message->reconciliations[i]);
}
