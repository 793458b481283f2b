/* SPDX-License-Identifier: Apache-2.0 */
/* GET /state: the whole agent as one JSON object, shaped as Mesos shapes it, as far as the reader may see it. */
#include "agent/access.h"
#include "agent/drain.h"

static void
json_resources(struct json *json, const char *key, const struct resources *resources)
{
    auto_buf struct buf text = {0};
    resources_format_json(&text, resources);
    json_key(json, key);
    json_raw(json, buf_str(&text));
}

static void
json_message(struct json *json, const char *key, const void *message)
{
    auto_buf struct buf text = {0};
    message_to_json(&text, message);
    if (key)
        json_key(json, key);
    json_raw(json, buf_str(&text));
}

static void
json_labels(struct json *json, const Mesos__V1__Labels *labels)
{
    if (!labels)
        return;
    json_key(json, "labels");
    json_array(json);
    for (size_t i = 0; i < labels->n_labels; i++)
        json_message(json, NULL, labels->labels[i]);
    json_array_end(json);
}

/* A status as /state shows it: without the agent's and executor's part that is said elsewhere. */
static void
json_status(struct json *json, const Mesos__V1__TaskStatus *status)
{
    json_object(json);
    json_key_text(json, "state", task_state_name(status->state));
    json_key_double(json, "timestamp", status->timestamp);
    json_labels(json, status->labels);
    if (status->container_status) {
        Mesos__V1__ContainerStatus shown = *status->container_status;
        shown.has_executor_pid = false;
        json_message(json, "container_status", &shown);
    }
    if (status->has_healthy)
        json_key_bool(json, "healthy", status->healthy);
    if (status->check_status)
        json_message(json, "check_status", status->check_status);
    json_object_end(json);
}

static const char *
allocation_role(const struct resources *resources)
{
    return resources->count && resources->items[0].allocation_role ? resources->items[0].allocation_role
                                                                   : NULL;
}

static void
json_task(struct json *json, const struct task *task, const struct agent_view *view)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Task *message = task_message(task, arena);
    const char *role = allocation_role(&task->resources);
    if (!agent_view_task(view, task, message->user))
        return;
    json_object(json);
    json_key_text(json, "id", task->id);
    json_key_text(json, "name", message->name);
    json_key_text(json, "framework_id", task->executor->framework->id);
    json_key_text(json, "executor_id", message->executor_id ? message->executor_id->value : "");
    json_key_text(json, "slave_id", message->agent_id->value);
    json_key_text(json, "state", task_state_name(task->state));
    json_resources(json, "resources", &task->resources);
    if (role)
        json_key_text(json, "role", role);
    json_key(json, "statuses");
    json_array(json);
    for (size_t i = 0; i < message->n_statuses; i++)
        json_status(json, message->statuses[i]);
    json_array_end(json);
    if (message->user)
        json_key_text(json, "user", message->user);
    json_labels(json, message->labels);
    if (message->discovery)
        json_message(json, "discovery", message->discovery);
    if (message->container)
        json_message(json, "container", message->container);
    if (message->health_check)
        json_message(json, "health_check", message->health_check);
    json_object_end(json);
}

/* A task that its executor does not have yet is shown as it was ordered. */
static void
json_queued_task(struct json *json, const struct task *task, const struct agent_view *view)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Task *message = task_message(task, arena);
    const char *role = allocation_role(&task->resources);
    if (!agent_view_task(view, task, message->user))
        return;
    json_object(json);
    json_key_text(json, "id", task->id);
    json_key_text(json, "name", message->name);
    json_key_text(json, "framework_id", task->executor->framework->id);
    json_key_text(json, "executor_id", message->executor_id ? message->executor_id->value : "");
    json_key_text(json, "slave_id", message->agent_id->value);
    json_resources(json, "resources", &task->resources);
    if (role)
        json_key_text(json, "role", role);
    json_labels(json, message->labels);
    if (message->discovery)
        json_message(json, "discovery", message->discovery);
    if (message->container)
        json_message(json, "container", message->container);
    json_object_end(json);
}

static void
json_tasks(struct json *json, const struct list *tasks, const struct agent_view *view)
{
    const struct task *task;
    list_foreach (task, tasks, node)
        json_task(json, task, view);
}

static void
json_executor(struct json *json, const struct executor *executor, const struct agent_view *view)
{
    if (!agent_view_executor(view, executor))
        return;
    auto_resources struct resources total = {0};
    auto_arena struct arena *arena = arena_new(0);
    const struct task *task;
    const Mesos__V1__ExecutorInfo *info =
        message_unpack(&mesos__v1__executor_info__descriptor, packed_str(&executor->info), arena, NULL);
    json_object(json);
    json_key_text(json, "id", executor->id);
    json_key_text(json, "name", executor->name);
    json_key_text(json, "source", executor->source);
    json_key_text(json, "container", executor->container_id);
    json_key_text(json, "directory", executor->sandbox);
    if (executor->state == EXECUTOR_TERMINATED)
        resources_copy(&total, &executor->resources);
    else
        executor_resources(executor, &total);
    json_resources(json, "resources", &total);
    if (executor->role)
        json_key_text(json, "role", executor->role);
    json_labels(json, info->labels);
    if (info->has_type)
        json_key_text(json, "type",
                      info->type == MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT ? "DEFAULT" : "CUSTOM");
    json_key(json, "tasks");
    json_array(json);
    json_tasks(json, &executor->launched, view);
    json_array_end(json);
    json_key(json, "queued_tasks");
    json_array(json);
    list_foreach (task, &executor->queued, node)
        json_queued_task(json, task, view);
    json_array_end(json);
    json_key(json, "completed_tasks");
    json_array(json);
    json_tasks(json, &executor->completed, view);
    json_tasks(json, &executor->terminated, view);
    json_array_end(json);
    json_object_end(json);
}

static void
json_framework(struct json *json, const struct framework *framework, const struct agent_view *view)
{
    if (!agent_view_framework(view, framework))
        return;
    auto_arena struct arena *arena = arena_new(0);
    const struct executor *executor;
    const Mesos__V1__FrameworkInfo *info =
        message_unpack(&mesos__v1__framework_info__descriptor, packed_str(&framework->info), arena, NULL);
    json_object(json);
    json_key_text(json, "id", framework->id);
    json_key_text(json, "name", info->name);
    json_key_text(json, "user", info->user);
    json_key_double(json, "failover_timeout", info->failover_timeout);
    json_key_bool(json, "checkpoint", info->checkpoint);
    json_key_text(json, "hostname", info->hostname ? info->hostname : "");
    if (info->principal)
        json_key_text(json, "principal", info->principal);
    if (info->n_roles) {
        json_key(json, "roles");
        json_array(json);
        for (size_t i = 0; i < info->n_roles; i++)
            json_text(json, info->roles[i]);
        json_array_end(json);
    } else {
        json_key_text(json, "role", info->role);
    }
    json_key(json, "executors");
    json_array(json);
    map_foreach (executor, &framework->executors)
        json_executor(json, executor, view);
    json_array_end(json);
    json_key(json, "completed_executors");
    json_array(json);
    list_foreach (executor, &framework->completed, node)
        json_executor(json, executor, view);
    json_array_end(json);
    json_object_end(json);
}

static bool
is_reserved(const struct mesos_resource *item, void *arg)
{
    const char *role = arg;
    return strcmp(item->role, "*") != 0 && (!role || !strcmp(item->role, role));
}

/* {"role": ...} for each role that has something; full: the resources themselves, not their sums. */
static void
json_reserved(struct json *json, const char *key, const struct resources *all, bool full)
{
    auto_arena struct arena *arena = arena_new(0);
    json_key(json, key);
    json_object(json);
    for (uint32_t i = 0; i < all->count; i++) {
        const char *role = all->items[i].role;
        bool first = strcmp(role, "*") != 0;
        for (uint32_t j = 0; j < i && first; j++)
            first = strcmp(all->items[j].role, role) != 0;
        if (!first)
            continue;
        auto_resources struct resources own = {0};
        char *copy = arena_strdup(arena, str_of(role));
        resources_filter(&own, all, is_reserved, copy);
        json_key_str(json, str_of(role));
        auto_buf struct buf text = {0};
        if (!full) {
            resources_format_json(&text, &own);
            json_raw(json, buf_str(&text));
            continue;
        }
        size_t count;
        Mesos__V1__Resource **list = resources_to_proto(&own, true, arena, &count);
        json_array(json);
        for (size_t k = 0; k < count; k++)
            json_message(json, NULL, list[k]);
        json_array_end(json);
    }
    json_object_end(json);
}

static void
json_total(struct json *json, const struct agent *agent, const struct agent_view *view)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_resources struct resources unreserved = {0}, used = {0}, used_unreserved = {0}, seen = {0}, used_seen = {0};
    const struct framework *framework;
    const struct executor *executor;
    size_t count;
    resources_unreserved(&unreserved, &agent->total);
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            executor_resources(executor, &used);
    resources_allocate(&used, NULL);
    resources_unreserved(&used_unreserved, &used);
    agent_view_resources(view, &agent->total, &seen);
    agent_view_resources(view, &used, &used_seen);
    json_resources(json, "resources", &agent->total);
    json_reserved(json, "reserved_resources", &seen, false);
    json_resources(json, "unreserved_resources", &unreserved);
    json_reserved(json, "reserved_resources_full", &seen, true);
    json_key(json, "unreserved_resources_full");
    json_array(json);
    Mesos__V1__Resource **list = resources_to_proto(&unreserved, true, arena, &count);
    for (size_t i = 0; i < count; i++)
        json_message(json, NULL, list[i]);
    json_array_end(json);
    json_reserved(json, "reserved_resources_allocated", &used_seen, false);
    json_resources(json, "unreserved_resources_allocated", &used_unreserved);
    json_key(json, "resource_providers");
    json_array(json);
    json_array_end(json);
}

/* {"rack":"r1","speed":10.0,"ports":"[1-2]"} */
static void
json_attributes(struct json *json, const struct agent *agent)
{
    json_key(json, "attributes");
    json_object(json);
    for (size_t i = 0; i < agent->attribute_count; i++) {
        const Mesos__V1__Attribute *attribute = agent->attributes[i];
        auto_buf struct buf text = {0};
        json_key_str(json, str_of(attribute->name));
        if (attribute->text) {
            json_text(json, attribute->text->value);
        } else if (attribute->scalar) {
            json_double(json, attribute->scalar->value);
        } else {
            value_format(&text, NULL, attribute->ranges, attribute->set);
            json_string(json, buf_str(&text));
        }
    }
    json_object_end(json);
}

static const char *const capability_names[] = {
    "MULTI_ROLE",    "HIERARCHICAL_ROLE",        "RESERVATION_REFINEMENT", "RESOURCE_PROVIDER",
    "RESIZE_VOLUME", "AGENT_OPERATION_FEEDBACK", "AGENT_DRAINING",         "TASK_RESOURCE_LIMITS",
};

static void
json_drain(struct json *json, const struct agent *agent)
{
    auto_arena struct arena *arena = arena_new(256);
    Mesos__V1__DrainConfig *config = drain_config(agent, arena);
    if (!config)
        return;
    json_message(json, "drain_config", config);
    json_key_int(json, "estimated_drain_start_time_seconds", (int64_t)agent->drain_start_secs);
}

static void
json_agent(struct json *json, const struct agent *agent, const struct agent_view *view)
{
    daemon_version_members(json);
    json_key_double(json, "start_time", agent->daemon->start_secs);
    if (agent->id)
        json_key_text(json, "id", agent->id);
    json_key_text(json, "pid", agent->pid);
    json_key_text(json, "hostname", agent->hostname);
    json_key(json, "capabilities");
    json_array(json);
    for (size_t i = 0; i < ARRAY_LEN(capability_names); i++)
        json_text(json, capability_names[i]);
    json_array_end(json);
    json_drain(json, agent);
    json_total(json, agent, view);
    json_attributes(json, agent);
    if (agent->has_master) {
        char ip[64];
        json_key_text(json, "master_hostname",
                      agent->master_hostname ? agent->master_hostname
                                             : address_ip(&agent->master.address, ip));
    }
}

/* What only those see who may see the flags. */
static void
json_flags(struct json *json, const struct agent *agent)
{
    if (agent->options->common.log_dir)
        json_key_text(json, "log_dir", agent->options->common.log_dir);
    if (agent->options->common.external_log_file)
        json_key_text(json, "external_log_file", agent->options->common.external_log_file);
    json_key(json, "flags");
    if (agent->setup.set) {
        daemon_flags_object(agent->setup.set, json);
    } else {
        json_object(json);
        json_object_end(json);
    }
}

void
http_state(struct http_exchange *exchange, void *arg)
{
    struct agent *agent = arg;
    const struct framework *framework;
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    struct agent_view view;
    struct approver *flags =
        approver_new(agent->daemon->access, http_exchange_principal(exchange), MESOS_ACTION_VIEW_FLAGS);
    agent_view_init(&view, agent, exchange);
    json_object(&json);
    json_agent(&json, agent, &view);
    if (approver_allows(flags, NULL))
        json_flags(&json, agent);
    json_key(&json, "frameworks");
    json_array(&json);
    map_foreach (framework, &agent->frameworks)
        json_framework(&json, framework, &view);
    json_array_end(&json);
    json_key(&json, "completed_frameworks");
    json_array(&json);
    list_foreach (framework, &agent->completed, node)
        json_framework(&json, framework, &view);
    json_array_end(&json);
    json_object_end(&json);
    agent_view_fini(&view);
    approver_free(flags);
    reply_json(exchange, buf_str(&out));
}
