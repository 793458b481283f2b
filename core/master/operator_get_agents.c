/* SPDX-License-Identifier: Apache-2.0 */
/* GET_AGENTS: the agents that were admitted, with what is used and offered of them, and those not heard of since the
 * last failover. */
#include <math.h>

#include "master/http.h"
#include "master/marks.h"
#include "master/operator.h"
#include "wire/message.h"

typedef Mesos__V1__Master__Response__GetAgents__Agent Shown;

/* Its static reservations have one role each. */
static bool
is_seen(struct sight *sight, const Mesos__V1__Resource *resource)
{
    for (size_t i = 0; i < resource->n_reservations; i++)
        if (resource->reservations[i]->role && !sight_role(sight, resource->reservations[i]->role))
            return false;
    return true;
}

/* What an agent said of itself, with resources in their v1 form. */
static Mesos__SlaveInfo *
slave_info(const void *packed, size_t len, struct sight *sight, struct arena *arena)
{
    Mesos__SlaveInfo *info = message_unpack_trusted(&mesos__slave_info__descriptor, str_n(packed, len), arena);
    size_t count = 0;
    resources_upgrade(info->resources, info->n_resources, NULL, arena);
    for (size_t i = 0; i < info->n_resources; i++)
        if (is_seen(sight, info->resources[i]))
            info->resources[count++] = info->resources[i];
    info->n_resources = count;
    return info;
}

static Mesos__V1__Resource **
show_resources(const struct resources *from, struct sight *sight, struct arena *arena, size_t *ret_count)
{
    auto_resources struct resources seen = {0};
    return resources_to_proto(sight_seen(sight, from, &seen), true, arena, ret_count);
}

/* Events show an AgentInfo, in which the flag `checkpoint` of SlaveInfo is a field that the schema does not know. */
static Mesos__V1__AgentInfo *
agent_info(const Mesos__SlaveInfo *said, struct arena *arena)
{
    Mesos__V1__AgentInfo *info = arena_alloc(arena, sizeof(*info));
    mesos__v1__agent_info__init(info);
    info->hostname = said->hostname;
    info->has_port = said->has_port;
    info->port = said->port;
    info->n_resources = said->n_resources;
    info->resources = said->resources;
    info->n_attributes = said->n_attributes;
    info->attributes = said->attributes;
    info->id = said->id;
    info->domain = said->domain;
    if (said->has_checkpoint) {
        ProtobufCMessageUnknownField *field = arena_alloc(arena, sizeof(*field));
        uint8_t *value = arena_alloc(arena, 1);
        *value = said->checkpoint;
        *field = (ProtobufCMessageUnknownField){7, PROTOBUF_C_WIRE_TYPE_VARINT, 1, value};
        info->base.n_unknown_fields = 1;
        info->base.unknown_fields = field;
    }
    return info;
}

static void
show_capabilities(Shown *shown, uint64_t bits, struct arena *arena)
{
    const ProtobufCEnumDescriptor *type = &mesos__v1__agent_info__capability__type__descriptor;
    shown->capabilities = arena_calloc(arena, 64, sizeof(*shown->capabilities));
    for (unsigned bit = 1; bit < 64; bit++) {
        if (!(bits & UINT64_C(1) << bit) || !protobuf_c_enum_descriptor_get_value(type, (int)bit))
            continue;
        Mesos__V1__AgentInfo__Capability *one = arena_alloc(arena, sizeof(*one));
        mesos__v1__agent_info__capability__init(one);
        one->has_type = true;
        one->type = (Mesos__V1__AgentInfo__Capability__Type)bit;
        shown->capabilities[shown->n_capabilities++] = one;
    }
}

static void
show_marks(Shown *shown, const struct agent *agent, struct arena *arena)
{
    const struct marked_agent *marked = marked_agent(agent->master, agent->id);
    shown->has_deactivated = true;
    if (!marked)
        return;
    shown->deactivated = marked->marks.deactivated;
    shown->drain_info = marks_drain_info(&marked->marks, arena_alloc(arena, sizeof(struct drain_message)));
    if (shown->drain_info && marked->drain_start_secs > 0)
        shown->estimated_drain_start_time = operator_time(floor(marked->drain_start_secs), arena);
}

static Shown *
show(const struct agent *agent, struct sight *sight, struct arena *arena)
{
    auto_resources struct resources used = {0}, offered = {0};
    Shown *shown = arena_alloc(arena, sizeof(*shown));
    mesos__v1__master__response__get_agents__agent__init(shown);
    shown->active = agent->active;
    show_marks(shown, agent, arena);
    shown->version = agent->version;
    shown->pid = agent->pid;
    shown->registered_time = operator_time(agent->registered_secs, arena);
    if (agent->reregistered_secs > 0)
        shown->reregistered_time = operator_time(agent->reregistered_secs, arena);
    agent_used(agent, &used);
    agent_offered(agent, &offered);
    shown->total_resources = show_resources(&agent->total, sight, arena, &shown->n_total_resources);
    shown->allocated_resources = show_resources(&used, sight, arena, &shown->n_allocated_resources);
    shown->offered_resources = show_resources(&offered, sight, arena, &shown->n_offered_resources);
    show_capabilities(shown, agent->capabilities, arena);
    return shown;
}

Shown *
operator_agent(const struct agent *agent, struct sight *sight, struct arena *arena)
{
    Shown *shown = show(agent, sight, arena);
    shown->agent_info = agent_info(slave_info(agent->info, agent->info_len, sight, arena), arena);
    return shown;
}

void
operator_write_agent(struct writer *writer, const struct agent *agent, struct sight *sight, struct arena *arena)
{
    /* Mesos shows a whole SlaveInfo here; both encoders go by a message's own descriptor. */
    Shown *shown = show(agent, sight, arena);
    shown->agent_info = (Mesos__V1__AgentInfo *)slave_info(agent->info, agent->info_len, sight, arena);
    writer_message(writer, 1, NULL, shown);
}

void
operator_write_recovered(struct writer *writer, const struct recovered_agent *recovered, struct sight *sight,
                         struct arena *arena)
{
    writer_message(writer, 2, NULL, slave_info(recovered->info, recovered->info_len, sight, arena));
}

void
operator_write_agents(struct writer *writer, struct master *master, struct sight *sight)
{
    writer_list(writer, "agents");
    operator_write_sheets(writer, &master->agent_sheets, sight);
    writer_list_end(writer);
    writer_list(writer, "recovered_agents");
    operator_write_sheets(writer, &master->recovered_sheets, sight);
    writer_list_end(writer);
}

void
operator_get_agents(struct operator_call *op)
{
    operator_answer_written(op, MESOS__V1__MASTER__RESPONSE__TYPE__GET_AGENTS, "GET_AGENTS", 10, "get_agents",
                            operator_write_agents);
}
