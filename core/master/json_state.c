/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pieces of JSON that several of the older endpoints show: agents, frameworks, tasks. Shapes and orders
 * are those of the golden exchanges. Only reads; sums are made when somebody looks.
 */
#include <string.h>

#include "master/http.h"
#include "master/marks.h"
#include "wire/message.h"

static void
json_attribute(struct json *json, const Mesos__V1__Attribute *attribute)
{
    auto_buf struct buf text = {0};
    json_key_str(json, str_of(attribute->name));
    if (attribute->scalar) {
        json_double(json, attribute->scalar->value);
    } else if (attribute->text) {
        json_text(json, attribute->text->value);
    } else if (attribute->ranges) {
        buf_putc(&text, '[');
        for (size_t i = 0; i < attribute->ranges->n_range; i++)
            buf_printf(&text, "%s%llu-%llu", i ? ", " : "",
                       (unsigned long long)attribute->ranges->range[i]->begin,
                       (unsigned long long)attribute->ranges->range[i]->end);
        buf_putc(&text, ']');
        json_string(json, buf_str(&text));
    } else {
        buf_putc(&text, '{');
        for (size_t i = 0; attribute->set && i < attribute->set->n_item; i++)
            buf_printf(&text, "%s%s", i ? ", " : "", attribute->set->item[i]);
        buf_putc(&text, '}');
        json_string(json, buf_str(&text));
    }
}

void
agent_used(const struct agent *agent, struct resources *ret)
{
    const struct task *task;
    const struct executor *executor;
    list_foreach (task, &agent->tasks, agent_node)
        resources_add(ret, &task->resources);
    list_foreach (executor, &agent->executors, agent_node)
        resources_add(ret, &executor->resources);
}

void
agent_offered(const struct agent *agent, struct resources *ret)
{
    const struct offer *offer;
    list_foreach (offer, &agent->offers, agent_node)
        resources_add(ret, &offer->resources);
}

void
framework_used(const struct framework *framework, struct resources *ret)
{
    sheets_sum(&framework->task_sheets, ret);
    sheets_sum(&framework->executor_sheets, ret);
}

void
framework_offered(const struct framework *framework, struct resources *ret)
{
    sheets_sum(&framework->offer_sheets, ret);
}

static void
json_sums(struct json *json, void (*used_of)(const void *, struct resources *),
          void (*offered_of)(const void *, struct resources *), const void *arg)
{
    auto_resources struct resources used = {0}, offered = {0};
    used_of(arg, &used);
    offered_of(arg, &offered);
    json_key(json, "used_resources");
    json_resources(json, &used);
    json_key(json, "offered_resources");
    json_resources(json, &offered);
}

static void
agent_used_of(const void *agent, struct resources *ret)
{
    agent_used(agent, ret);
}
static void
agent_offered_of(const void *agent, struct resources *ret)
{
    agent_offered(agent, ret);
}
static void
framework_used_of(const void *framework, struct resources *ret)
{
    framework_used(framework, ret);
}
static void
framework_offered_of(const void *framework, struct resources *ret)
{
    framework_offered(framework, ret);
}

/* What a packed mesos.SlaveInfo says. */
static void
json_slave_info(struct json *json, const Mesos__SlaveInfo *info)
{
    json_key_text(json, "hostname", info->hostname);
    json_key_int(json, "port", info->port);
    json_key(json, "attributes");
    json_object(json);
    for (size_t i = 0; i < info->n_attributes; i++)
        json_attribute(json, info->attributes[i]);
    json_object_end(json);
    if (info->domain) {
        json_key(json, "domain");
        json_message(json, info->domain);
    }
}

static void
json_capabilities(struct json *json, uint64_t bits)
{
    const ProtobufCEnumDescriptor *type = &mesos__v1__agent_info__capability__type__descriptor;
    json_key(json, "capabilities");
    json_array(json);
    for (unsigned i = 0; i < type->n_values; i++)
        if (type->values[i].value > 0 && bits & (UINT64_C(1) << type->values[i].value))
            json_text(json, type->values[i].name);
    json_array_end(json);
}

bool
json_marks(struct json *json, const struct marked_agent *marked)
{
    struct drain_message drain;
    json_key_bool(json, "deactivated", marked && marked->marks.deactivated);
    if (!marked || !marks_drain_info(&marked->marks, &drain))
        return false;
    auto_buf struct buf text = {0};
    message_to_json(&text, &drain.info);
    json_key(json, "drain_info");
    json_raw(json, buf_str(&text));
    return true;
}

static void
json_agent_marks(struct json *json, const struct agent *agent)
{
    const struct marked_agent *marked = marked_agent(agent->master, agent->id);
    if (json_marks(json, marked) && marked->drain_start_secs > 0)
        json_key_int(json, "estimated_drain_start_time_seconds", (int64_t)marked->drain_start_secs);
}

void
json_agent(struct json *json, const struct agent *agent, struct sight *sight, struct arena *arena)
{
    Mesos__SlaveInfo *info =
        message_unpack_trusted(&mesos__slave_info__descriptor, str_n(agent->info, agent->info_len), arena);
    auto_resources struct resources unreserved = {0}, seen = {0};
    json_key_text(json, "id", agent->id);
    json_slave_info(json, info);
    json_key_text(json, "pid", agent->pid);
    json_key_double(json, "registered_time", agent->registered_secs);
    if (agent->reregistered_secs > 0)
        json_key_double(json, "reregistered_time", agent->reregistered_secs);
    json_key(json, "resources");
    json_resources(json, &agent->total);
    json_sums(json, agent_used_of, agent_offered_of, agent);
    json_reserved(json, "reserved_resources", sight_seen(sight, &agent->total, &seen));
    resources_unreserved(&unreserved, &agent->total);
    json_key(json, "unreserved_resources");
    json_resources(json, &unreserved);
    json_key_bool(json, "active", agent->active);
    json_agent_marks(json, agent);
    json_key_text(json, "version", agent->version);
    json_capabilities(json, agent->capabilities);
}

void
json_agent_full(struct json *json, const struct agent *agent, struct sight *sight, struct arena *arena)
{
    auto_resources struct resources seen = {0}, unreserved = {0}, used = {0}, offered = {0}, seen_used = {0}, seen_offered = {0};
    json_reserved_full(json, sight_seen(sight, &agent->total, &seen), arena);
    resources_unreserved(&unreserved, &agent->total);
    json_key(json, "unreserved_resources_full");
    json_resources_full(json, &unreserved, arena);
    agent_used(agent, &used);
    json_key(json, "used_resources_full");
    json_resources_full(json, sight_seen(sight, &used, &seen_used), arena);
    agent_offered(agent, &offered);
    json_key(json, "offered_resources_full");
    json_resources_full(json, sight_seen(sight, &offered, &seen_offered), arena);
}

void
json_recovered_agent(struct json *json, const struct recovered_agent *recovered, struct arena *arena)
{
    Mesos__SlaveInfo *info = message_unpack_trusted(&mesos__slave_info__descriptor,
                                                    str_n(recovered->info, recovered->info_len), arena);
    json_object(json);
    json_key_text(json, "id", recovered->id);
    json_slave_info(json, info);
    json_object_end(json);
}

void
json_sheets(struct json *json, const char *key, const struct sheets *sheets, enum view view, struct sight *sight,
            struct rope *rope)
{
    bool first = true;
    json_key(json, key);
    json_array(json);
    sheets_show(sheets, view, sight, rope, &first);
    json->comma = !first;
    json_array_end(json);
}

void
json_framework_summary(struct json *json, const struct framework *framework)
{
    const Mesos__V1__FrameworkInfo *info = framework->info;
    json_key_text(json, "id", framework->id);
    json_key_text(json, "name", info->name);
    if (framework->pid)
        json_key_text(json, "pid", framework->pid);
    json_sums(json, framework_used_of, framework_offered_of, framework);
    json_key(json, "capabilities");
    json_array(json);
    for (size_t i = 0; i < info->n_capabilities; i++) {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
            &mesos__v1__framework_info__capability__type__descriptor, (int)info->capabilities[i]->type);
        if (value && info->capabilities[i]->has_type)
            json_text(json, value->name);
    }
    json_array_end(json);
    json_key_text(json, "hostname", info->hostname ? info->hostname : "");
    json_key_text(json, "webui_url", info->webui_url ? info->webui_url : "");
    json_key_bool(json, "active", framework->active);
    json_key_bool(json, "connected", framework->connected);
    json_key_bool(json, "recovered", framework->recovered);
}

static void
json_status(struct json *json, const Mesos__V1__TaskStatus *status)
{
    json_object(json);
    json_key_text(json, "state", task_state_name(status->state));
    json_key_double(json, "timestamp", status->timestamp);
    if (status->labels) {
        json_key(json, "labels");
        json_labels(json, status->labels);
    }
    if (status->container_status) {
        Mesos__V1__ContainerStatus shown = *status->container_status;
        shown.has_executor_pid = false;
        json_key(json, "container_status");
        json_message(json, &shown);
    }
    if (status->has_healthy)
        json_key_bool(json, "healthy", status->healthy);
    json_object_end(json);
}

void
json_task(struct json *json, const struct task *record, struct arena *arena)
{
    auto_resources struct resources resources = {0};
    const Mesos__V1__Task *task = task_unpack(record, arena);
    if (!task)
        return;
    resources_from_proto(&resources, task->resources, task->n_resources, NULL);
    json_object(json);
    json_key_text(json, "id", record->id);
    json_key_text(json, "name", task->name);
    json_key_text(json, "framework_id", task->framework_id->value);
    json_key_text(json, "executor_id", task->executor_id ? task->executor_id->value : "");
    json_key_text(json, "slave_id", task->agent_id->value);
    json_key_text(json, "state", task_state_name((Mesos__V1__TaskState)record->state));
    json_key(json, "resources");
    json_resources(json, &resources);
    json_key_text(json, "role",
                  resources.count && resources.items[0].allocation_role ? resources.items[0].allocation_role
                                                                        : "*");
    json_key(json, "statuses");
    json_array(json);
    for (size_t i = 0; i < task->n_statuses; i++)
        json_status(json, task->statuses[i]);
    json_array_end(json);
    if (task->user)
        json_key_text(json, "user", task->user);
    if (task->labels) {
        json_key(json, "labels");
        json_labels(json, task->labels);
    }
    if (task->discovery) {
        json_key(json, "discovery");
        json_message(json, task->discovery);
    }
    if (task->container) {
        json_key(json, "container");
        json_message(json, task->container);
    }
    if (task->health_check) {
        json_key(json, "health_check");
        json_message(json, task->health_check);
    }
    json_object_end(json);
}

void
json_offer(struct json *json, const struct offer *offer)
{
    json_object(json);
    json_key_text(json, "id", offer->id);
    json_key_text(json, "framework_id", offer->framework->id);
    json_key(json, "allocation_info");
    json_object(json);
    json_key_text(json, "role", offer->role);
    json_object_end(json);
    json_key_text(json, "slave_id", offer->agent->id);
    json_key(json, "resources");
    json_resources(json, &offer->resources);
    json_object_end(json);
}

void
json_executor(struct json *json, const struct executor *executor, struct arena *arena)
{
    const Mesos__V1__ExecutorInfo *info = message_unpack_trusted(
        &mesos__v1__executor_info__descriptor, str_n(executor->info, executor->info_len), arena);
    json_object(json);
    json_key_text(json, "executor_id", executor->id);
    json_key_text(json, "name", info->name ? info->name : "");
    json_key_text(json, "framework_id", executor->framework->id);
    if (info->command) {
        json_key(json, "command");
        json_message(json, info->command);
    }
    json_key(json, "resources");
    json_resources(json, &executor->resources);
    json_key_text(json, "source", info->source ? info->source : "");
    if (info->labels) {
        json_key(json, "labels");
        json_labels(json, info->labels);
    }
    if (info->has_type) {
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
            &mesos__v1__executor_info__type__descriptor, (int)info->type);
        json_key_text(json, "type", value ? value->name : "UNKNOWN");
    }
    json_key_text(json, "slave_id", executor->agent->id);
    json_object_end(json);
}

static void
json_framework_times(struct json *json, const struct framework *framework)
{
    const Mesos__V1__FrameworkInfo *info = framework->info;
    json_key_text(json, "user", info->user);
    json_key_double(json, "failover_timeout", info->failover_timeout);
    json_key_bool(json, "checkpoint", info->has_checkpoint && info->checkpoint);
    json_key_double(json, "registered_time", framework->registered_secs);
    json_key_double(json, "unregistered_time", framework->unregistered_secs);
    if (info->principal)
        json_key_text(json, "principal", info->principal);
}

void
json_framework(struct json *json, const struct framework *framework, struct sight *sight, struct rope *rope)
{
    const Mesos__V1__FrameworkInfo *info = framework->info;
    auto_resources struct resources sum = {0};
    json_object(json);
    json_framework_summary(json, framework);
    json_framework_times(json, framework);
    framework_used(framework, &sum);
    framework_offered(framework, &sum);
    json_key(json, "resources");
    json_resources(json, &sum);
    if (framework->multi_role) {
        json_key(json, "roles");
        json_array(json);
        for (uint32_t i = 0; i < framework->role_count; i++)
            json_text(json, framework->roles[i]);
        json_array_end(json);
    } else {
        json_key_text(json, "role", framework->roles[0]);
    }
    json_sheets(json, "tasks", &framework->task_sheets, VIEW_STATE, sight, rope);
    json_sheets(json, "unreachable_tasks", &framework->unreachable_sheets, VIEW_STATE, sight, rope);
    json_sheets(json, "completed_tasks", &framework->done_sheets, VIEW_STATE, sight, rope);
    json_sheets(json, "offers", &framework->offer_sheets, VIEW_STATE, sight, rope);
    json_sheets(json, "executors", &framework->executor_sheets, VIEW_STATE, sight, rope);
    if (info->labels) {
        json_key(json, "labels");
        json_labels(json, info->labels);
    }
    json_key(json, "offer_constraints");
    if (framework->constraints)
        json_message(json, framework->constraints);
    else
        json_raw(json, STR_LIT("{}"));
    if (framework->reregistered_secs > 0)
        json_key_double(json, "reregistered_time", framework->reregistered_secs);
    json_object_end(json);
}
