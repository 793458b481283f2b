/* SPDX-License-Identifier: Apache-2.0 */
/* GET_AGENT, and GET_OPERATIONS, which shows, truly, nothing: no operation changes this agent's resources yet. */
#include "agent/access.h"
#include "agent/drain.h"
#include "agent/operator.h"

/* What is reserved for roles that the client may not see is left out. */
static void
hide_roles(struct operator_call *op, Mesos__V1__AgentInfo *info)
{
    struct agent_view view;
    size_t count = 0;
    agent_view_init(&view, op->agent, op->exchange);
    for (size_t i = 0; i < info->n_resources; i++) {
        const Mesos__V1__Resource *resource = info->resources[i];
        bool seen = true;
        for (size_t j = 0; j < resource->n_reservations; j++)
            seen &= !resource->reservations[j]->role || agent_view_role(&view, resource->reservations[j]->role);
        if (seen)
            info->resources[count++] = info->resources[i];
    }
    info->n_resources = count;
    agent_view_fini(&view);
}

void
operator_get_agent(struct operator_call *op)
{
    Mesos__V1__Agent__Response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__GetAgent body = MESOS__V1__AGENT__RESPONSE__GET_AGENT__INIT;
    /* The flag `checkpoint` of v0's SlaveInfo, which v1 does not know and which Mesos sends all the same. */
    uint8_t checkpoint = 1;
    ProtobufCMessageUnknownField unknown = {7, PROTOBUF_C_WIRE_TYPE_VARINT, 1, &checkpoint};
    body.agent_info = agent_info(op->agent, op->arena);
    hide_roles(op, body.agent_info);
    body.agent_info->base.n_unknown_fields = 1;
    body.agent_info->base.unknown_fields = &unknown;
    Mesos__V1__TimeInfo since = MESOS__V1__TIME_INFO__INIT;
    body.drain_config = drain_config(op->agent, op->arena);
    since.nanoseconds = (int64_t)op->agent->drain_start_secs * INT64_C(1000000000);
    if (body.drain_config)
        body.estimated_drain_start_time = &since;
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__GET_AGENT;
    response.get_agent = &body;
    operator_reply(op->exchange, &response, op->json);
}

void
operator_get_operations(struct operator_call *op)
{
    Mesos__V1__Agent__Response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__GetOperations body = MESOS__V1__AGENT__RESPONSE__GET_OPERATIONS__INIT;
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__GET_OPERATIONS;
    response.get_operations = &body;
    operator_reply(op->exchange, &response, op->json);
}
