/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE_MAINTENANCE_SCHEDULE, START_MAINTENANCE, STOP_MAINTENANCE and what shows their work: GET_MAINTENANCE_STATUS and
 * GET_MAINTENANCE_SCHEDULE. */
#include "master/authorize.h"
#include "master/maintenance.h"
#include "master/operator.h"

void
operator_update_maintenance_schedule(struct operator_call *op)
{
    maintenance_update(op->master, op->exchange, op->call->update_maintenance_schedule->schedule);
}

void
operator_start_maintenance(struct operator_call *op)
{
    const Mesos__V1__Master__Call__StartMaintenance *start = op->call->start_maintenance;
    maintenance_start(op->master, op->exchange, start->machines, start->n_machines);
}

void
operator_stop_maintenance(struct operator_call *op)
{
    const Mesos__V1__Master__Call__StopMaintenance *stop = op->call->stop_maintenance;
    maintenance_stop(op->master, op->exchange, stop->machines, stop->n_machines);
}

Mesos__V1__Maintenance__ClusterStatus *
maintenance_status_for(struct master *master, struct http_exchange *exchange, struct arena *arena)
{
    if (may_look(master, exchange, MESOS_ACTION_GET_MAINTENANCE_STATUS))
        return maintenance_status(master->maintenance, arena);
    Mesos__V1__Maintenance__ClusterStatus *none = arena_alloc(arena, sizeof(*none));
    mesos__v1__maintenance__cluster_status__init(none);
    return none;
}

const Schedule *
maintenance_schedule_for(struct master *master, struct http_exchange *exchange)
{
    static const Schedule none = MESOS__V1__MAINTENANCE__SCHEDULE__INIT;
    return may_look(master, exchange, MESOS_ACTION_GET_MAINTENANCE_SCHEDULE) ? maintenance_schedule(master->maintenance)
                                                                               : &none;
}

void
operator_get_maintenance_status(struct operator_call *op)
{
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetMaintenanceStatus body = MESOS__V1__MASTER__RESPONSE__GET_MAINTENANCE_STATUS__INIT;
    body.status = maintenance_status_for(op->master, op->exchange, op->arena);
    response.get_maintenance_status = &body;
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_MAINTENANCE_STATUS);
}

void
operator_get_maintenance_schedule(struct operator_call *op)
{
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetMaintenanceSchedule body =
        MESOS__V1__MASTER__RESPONSE__GET_MAINTENANCE_SCHEDULE__INIT;
    body.schedule = (Schedule *)(uintptr_t)maintenance_schedule_for(op->master, op->exchange);
    response.get_maintenance_schedule = &body;
    operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__GET_MAINTENANCE_SCHEDULE);
}
