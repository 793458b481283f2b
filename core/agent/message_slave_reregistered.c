/* SPDX-License-Identifier: Apache-2.0 */
/* SlaveReregisteredMessage: the master has taken the agent back, and asks after tasks that the agent did not
 * name. */
#include "agent/state.h"

/* The master heard of its end from nobody, or from a message that came late: it hears the same end again, no other. */
static void
tell_end(struct agent *agent, struct framework *framework, const struct task *task)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__V1__TaskStatus *last =
        task->status_count ? MESSAGE_UNPACK(Mesos__V1__TaskStatus, mesos__v1__task_status,
                                            packed_str(&task->statuses[task->status_count - 1]), arena, NULL)
                           : NULL;
    agent_update_make(agent, framework, NULL, str_of(task->id), last ? last->state : MESOS__V1__TASK_STATE__TASK_LOST,
                      MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION, "Reconciliation: the task has ended");
}

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
        const struct task *ended = framework_ended_task(framework, task_id);
        if (framework_task(framework, task_id) || status_updates_pending(agent->updates, framework_id, task_id))
            continue;
        if (ended)
            tell_end(agent, framework, ended);
        else
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
