/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls about offer operations. This master runs no operation that outlives its ACCEPT, so every id in them is unknown; the
 * answers are those that Mesos gives for unknown ids.
 */
#include "base/log.h"
#include "master/calls.h"

int
call_reconcile_operations(struct framework *framework, const Mesos__V1__Scheduler__Call *call,
                          struct arena *arena, struct err *err)
{
    const Mesos__V1__Scheduler__Call__ReconcileOperations *reconcile = call->reconcile_operations;
    struct master *master = framework->master;
    (void)arena;
    (void)err;
    metric_inc(master->m.messages_reconcile_operations);
    for (size_t i = 0; i < reconcile->n_operations; i++) {
        Mesos__V1__AgentID *agent_id = reconcile->operations[i]->agent_id;
        struct str agent = str_of(agent_id ? agent_id->value : NULL);
        Mesos__V1__OperationState state = MESOS__V1__OPERATION_STATE__OPERATION_UNKNOWN;
        const char *text = "Reconciliation: Operation is unknown";
        if (!agent_id) {
            text = "Reconciliation: Operation is unknown and no 'agent_id' was provided";
        } else if (map_get(&master->recovered, agent)) {
            state = MESOS__V1__OPERATION_STATE__OPERATION_RECOVERING;
            text = "Reconciliation: Agent is recovered but has not re-registered";
        } else if (map_get(&master->unreachable, agent)) {
            state = MESOS__V1__OPERATION_STATE__OPERATION_UNREACHABLE;
            text = "Reconciliation: Agent is unreachable";
        } else if (map_get(&master->gone, agent)) {
            state = MESOS__V1__OPERATION_STATE__OPERATION_GONE_BY_OPERATOR;
            text = "Reconciliation: Agent marked gone by operator";
        } else if (!map_get(&master->agents, agent)) {
            text = "Reconciliation: Both operation and agent are unknown";
        }
        send_operation_status(framework, reconcile->operations[i]->operation_id, state, text, agent_id,
                              reconcile->operations[i]->resource_provider_id);
    }
    return 202;
}

int
call_acknowledge_operation_status(struct framework *framework, const Mesos__V1__Scheduler__Call *call,
                                  struct arena *arena, struct err *err)
{
    (void)arena;
    (void)err;
    log_warning("drop acknowledge framework=%s: unknown operation %s", framework->id,
                call->acknowledge_operation_status->operation_id->value);
    return 202;
}
