/* SPDX-License-Identifier: Apache-2.0 */
/* Agents without machines: they register, answer pings, and say of each task that it runs, later that it has
 * finished. */
#include "peer.h"

#include <stdio.h>

#include "base/map.h"
#include "cluster.h"
#include "mesos/internal/messages.pb-c.h"
#include "wire/message.h"

enum { UUID_BYTES = 16 };

struct peer_task {
    size_t agent;
    char *framework_id, *task_id;
};

static char *
text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void
actor_name(char out[32], size_t agent)
{
    snprintf(out, 32, "slave(%zu)", agent + 1);
}

/* ---- updates ---- */

static void
send_update(struct peer *peer, const struct peer_task *task, Mesos__V1__TaskState state)
{
    Mesos__Internal__StatusUpdateMessage message = MESOS__INTERNAL__STATUS_UPDATE_MESSAGE__INIT;
    Mesos__Internal__StatusUpdate update = MESOS__INTERNAL__STATUS_UPDATE__INIT;
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__TaskID task_id = MESOS__V1__TASK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    char actor[32], pid[200];
    uint64_t uuid[2] = {++peer->next_uuid, 0x9e3779b97f4a7c15U * peer->next_uuid};
    actor_name(actor, task->agent);
    snprintf(pid, sizeof(pid), "%s@%s", actor, peer->self);
    framework_id.value = task->framework_id;
    agent_id.value = peer->agent_ids[task->agent];
    task_id.value = executor_id.value = task->task_id;
    status.task_id = &task_id;
    status.state = state;
    status.has_source = true;
    status.source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR;
    status.agent_id = &agent_id;
    status.executor_id = &executor_id;
    status.has_timestamp = true;
    status.timestamp = update.timestamp = loop_wall_secs(peer->loop);
    status.has_uuid = update.has_uuid = true;
    status.uuid = update.uuid = (ProtobufCBinaryData){UUID_BYTES, (uint8_t *)uuid};
    update.framework_id = &framework_id;
    update.executor_id = &executor_id;
    update.slave_id = &agent_id;
    update.status = &status;
    update.has_latest_state = true;
    update.latest_state = state;
    message.update = &update;
    message.pid = pid;
    buf_clear(&peer->out);
    message_pack(&peer->out, &message);
    libprocess_send(peer->libprocess, actor, &peer->master, "mesos.internal.StatusUpdateMessage",
                    buf_str(&peer->out));
}

static void
task_free(struct peer_task *task)
{
    free(task->framework_id);
    free(task->task_id);
    free(task);
}

void
peer_finish_tasks(struct peer *peer)
{
    struct peer_task *task;
    map_foreach (task, &peer->tasks) {
        map_remove(&peer->tasks, str_of(task->task_id));
        send_update(peer, task, MESOS__V1__TASK_STATE__TASK_FINISHED);
        task_free(task);
    }
}

/* ---- messages ---- */

static void
on_registered(struct peer *peer, size_t agent, struct str body)
{
    Mesos__Internal__SlaveRegisteredMessage *message =
        MESSAGE_UNPACK(Mesos__Internal__SlaveRegisteredMessage, mesos__internal__slave_registered_message,
                       body, peer->arena, NULL);
    if (!message || peer->agent_ids[agent])
        return;
    peer->agent_ids[agent] = xstrdup(message->slave_id->value);
    peer->registered++;
}

static void
on_run_task(struct peer *peer, size_t agent, struct str body)
{
    Mesos__Internal__RunTaskMessage *message = MESSAGE_UNPACK(
        Mesos__Internal__RunTaskMessage, mesos__internal__run_task_message, body, peer->arena, NULL);
    if (!message || !message->framework->id)
        bench_die("a RunTaskMessage that cannot be read");
    struct peer_task *task = xcalloc(1, sizeof(*task));
    task->agent = agent;
    task->framework_id = xstrdup(message->framework->id->value);
    task->task_id = xstrdup(message->task->task_id->value);
    map_add(&peer->tasks, str_of(task->task_id), task);
    peer->launched++;
    send_update(peer, task, MESOS__V1__TASK_STATE__TASK_RUNNING);
}

static void
on_message(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct peer *peer = arg;
    char actor[32];
    size_t number = 0;
    snprintf(actor, sizeof(actor), "%.*s", STR_ARG(to_id));
    if (sscanf(actor, "slave(%zu)", &number) != 1 || number < 1 || number > peer->agents)
        return;
    arena_reset(peer->arena);
    if (str_is(name, "mesos.internal.RunTaskMessage"))
        on_run_task(peer, number - 1, body);
    else if (str_is(name, "mesos.internal.SlaveRegisteredMessage"))
        on_registered(peer, number - 1, body);
    else if (str_is(name, "mesos.internal.PingSlaveMessage"))
        libprocess_send(peer->libprocess, actor, from, "mesos.internal.PongSlaveMessage", STR_LIT(""));
    else if (str_is(name, "mesos.internal.ShutdownMessage"))
        bench_die("the master shuts agent %s down", actor);
}

static void
on_exited(const struct upid *from, void *arg)
{
    bench_die("the connection to the master broke");
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct peer *peer = arg;
    if (!libprocess_try(peer->libprocess, exchange))
        http_reply_text(exchange, 404, "only libprocess messages are served here");
}

/* ---- registration ---- */

static Mesos__V1__Resource *
resource(struct arena *arena, const char *name, double value)
{
    Mesos__V1__Resource *resource = arena_alloc(arena, sizeof(*resource));
    mesos__v1__resource__init(resource);
    resource->name = text_of(name);
    resource->type = MESOS__V1__VALUE__TYPE__SCALAR;
    resource->scalar = arena_alloc(arena, sizeof(*resource->scalar));
    mesos__v1__value__scalar__init(resource->scalar);
    resource->scalar->value = value;
    return resource;
}

static Mesos__V1__Resource *
ports(struct arena *arena)
{
    Mesos__V1__Resource *resource = arena_alloc(arena, sizeof(*resource));
    Mesos__V1__Value__Range *range = arena_alloc(arena, sizeof(*range));
    mesos__v1__resource__init(resource);
    mesos__v1__value__range__init(range);
    range->begin = 31000;
    range->end = 32000;
    resource->name = text_of("ports");
    resource->type = MESOS__V1__VALUE__TYPE__RANGES;
    resource->ranges = arena_alloc(arena, sizeof(*resource->ranges));
    mesos__v1__value__ranges__init(resource->ranges);
    resource->ranges->range = arena_alloc(arena, sizeof(range));
    resource->ranges->range[0] = range;
    resource->ranges->n_range = 1;
    return resource;
}

static Mesos__V1__Attribute *
attribute(struct arena *arena, const char *name, const char *value)
{
    Mesos__V1__Attribute *attribute = arena_alloc(arena, sizeof(*attribute));
    mesos__v1__attribute__init(attribute);
    attribute->name = text_of(name);
    attribute->type = MESOS__V1__VALUE__TYPE__TEXT;
    attribute->text = arena_alloc(arena, sizeof(*attribute->text));
    mesos__v1__value__text__init(attribute->text);
    attribute->text->value = text_of(value);
    return attribute;
}

/* What every agent says of itself, except its name. */
static Mesos__Internal__RegisterSlaveMessage *
registration(struct arena *arena)
{
    static const Mesos__V1__AgentInfo__Capability__Type types[] = {
        MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__MULTI_ROLE,
        MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__HIERARCHICAL_ROLE,
        MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__RESERVATION_REFINEMENT};
    Mesos__Internal__RegisterSlaveMessage *message = arena_alloc(arena, sizeof(*message));
    Mesos__SlaveInfo *info = arena_alloc(arena, sizeof(*info));
    mesos__internal__register_slave_message__init(message);
    mesos__slave_info__init(info);
    message->slave = info;
    message->version = text_of("1.11.0");
    info->resources = arena_alloc(arena, 4 * sizeof(*info->resources));
    info->resources[info->n_resources++] = resource(arena, "cpus", 32);
    info->resources[info->n_resources++] = resource(arena, "mem", 65536);
    info->resources[info->n_resources++] = resource(arena, "disk", 1000000);
    info->resources[info->n_resources++] = ports(arena);
    info->attributes = arena_alloc(arena, 2 * sizeof(*info->attributes));
    info->attributes[info->n_attributes++] = attribute(arena, "rack", "a1");
    info->attributes[info->n_attributes++] = attribute(arena, "zone", "north");
    info->has_checkpoint = true;
    info->checkpoint = true;
    message->agent_capabilities = arena_alloc(arena, ARRAY_LEN(types) * sizeof(*message->agent_capabilities));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        Mesos__V1__AgentInfo__Capability *capability = arena_alloc(arena, sizeof(*capability));
        mesos__v1__agent_info__capability__init(capability);
        capability->has_type = true;
        capability->type = types[i];
        message->agent_capabilities[message->n_agent_capabilities++] = capability;
    }
    return message;
}

size_t
peer_register(struct peer *peer)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__RegisterSlaveMessage *message = registration(arena);
    if (peer->reserved_for) {
        Mesos__SlaveInfo *info = message->slave;
        Mesos__V1__Resource **more = arena_alloc(arena, (info->n_resources + 1) * sizeof(*more));
        memcpy(more, info->resources, info->n_resources * sizeof(*more));
        more[info->n_resources] = resource(arena, "mem", 1024);
        more[info->n_resources++]->role = text_of(peer->reserved_for);
        info->resources = more;
    }
    for (size_t i = 0; i < peer->agents; i++) {
        char actor[32], hostname[64];
        actor_name(actor, i);
        snprintf(hostname, sizeof(hostname), "agent%zu.example", i + 1);
        message->slave->hostname = hostname;
        message->slave->has_port = true;
        message->slave->port = 5051;
        buf_clear(&peer->out);
        message_pack(&peer->out, message);
        libprocess_send(peer->libprocess, actor, &peer->master, "mesos.internal.RegisterSlaveMessage",
                        buf_str(&peer->out));
    }
    return peer->out.len;
}

/* ---- coming back ---- */

static Mesos__V1__Resource *
allocated(struct arena *arena, const char *name, double value)
{
    Mesos__V1__Resource *item = resource(arena, name, value);
    item->allocation_info = arena_alloc(arena, sizeof(*item->allocation_info));
    mesos__v1__resource__allocation_info__init(item->allocation_info);
    item->allocation_info->role = text_of("services");
    return item;
}

static Mesos__V1__FrameworkInfo *
framework(struct arena *arena)
{
    static const Mesos__V1__FrameworkInfo__Capability__Type types[] = {
        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE,
        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__PARTITION_AWARE};
    Mesos__V1__FrameworkInfo *info = arena_alloc(arena, sizeof(*info));
    mesos__v1__framework_info__init(info);
    info->user = text_of("root");
    info->name = text_of("marathon");
    info->id = arena_alloc(arena, sizeof(*info->id));
    mesos__v1__framework_id__init(info->id);
    info->id->value = text_of("2e1a6a05-45ab-4f5e-9d34-8e4fb0e1c0de-0000");
    info->has_failover_timeout = info->has_checkpoint = true;
    info->failover_timeout = 604800;
    info->checkpoint = true;
    info->roles = arena_alloc(arena, sizeof(char *));
    info->roles[info->n_roles++] = text_of("services");
    info->capabilities = arena_alloc(arena, ARRAY_LEN(types) * sizeof(*info->capabilities));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        Mesos__V1__FrameworkInfo__Capability *capability = arena_alloc(arena, sizeof(*capability));
        mesos__v1__framework_info__capability__init(capability);
        capability->has_type = true;
        capability->type = types[i];
        info->capabilities[info->n_capabilities++] = capability;
    }
    return info;
}

static Mesos__V1__TaskStatus *
running(const Mesos__V1__Task *task, struct arena *arena)
{
    static const unsigned char uuid[UUID_BYTES] = "0123456789abcdef";
    Mesos__V1__TaskStatus *status = arena_alloc(arena, sizeof(*status));
    mesos__v1__task_status__init(status);
    status->task_id = task->task_id;
    status->state = task->state;
    status->agent_id = task->agent_id;
    status->has_timestamp = status->has_source = status->has_uuid = true;
    status->timestamp = 1.7e9;
    status->source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR;
    status->uuid = (ProtobufCBinaryData){UUID_BYTES, (uint8_t *)(uintptr_t)uuid};
    status->container_status = arena_alloc(arena, sizeof(*status->container_status));
    mesos__v1__container_status__init(status->container_status);
    status->container_status->container_id = arena_alloc(arena, sizeof(Mesos__V1__ContainerID));
    mesos__v1__container_id__init(status->container_status->container_id);
    status->container_status->container_id->value = text_of("b8160fc4-ce3d-4839-98de-98aeb1a5530c");
    status->container_status->has_executor_pid = true;
    status->container_status->executor_pid = 4711;
    return status;
}

static Mesos__V1__Task *
task_of(const struct peer *peer, size_t agent, size_t number, const Mesos__V1__FrameworkInfo *info,
        struct arena *arena)
{
    Mesos__V1__Task *task = arena_alloc(arena, sizeof(*task));
    mesos__v1__task__init(task);
    task->task_id = arena_alloc(arena, sizeof(*task->task_id));
    mesos__v1__task_id__init(task->task_id);
    task->task_id->value = arena_printf(arena, "service-%zu.instance-%zu-%zu._app.1", agent % 500, agent, number);
    task->name = task->task_id->value;
    task->framework_id = info->id;
    task->agent_id = arena_alloc(arena, sizeof(*task->agent_id));
    mesos__v1__agent_id__init(task->agent_id);
    task->agent_id->value = peer->agent_ids[agent];
    task->state = MESOS__V1__TASK_STATE__TASK_RUNNING;
    task->resources = arena_alloc(arena, 2 * sizeof(*task->resources));
    task->resources[task->n_resources++] = allocated(arena, "cpus", 0.5);
    task->resources[task->n_resources++] = allocated(arena, "mem", 256);
    task->statuses = arena_alloc(arena, sizeof(*task->statuses));
    task->statuses[task->n_statuses++] = running(task, arena);
    task->has_status_update_state = true;
    task->status_update_state = task->state;
    task->has_status_update_uuid = true;
    task->status_update_uuid = task->statuses[0]->uuid;
    return task;
}

void
peer_pack_reregister(const struct peer *peer, size_t agent, size_t tasks, struct buf *out)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__RegisterSlaveMessage *first = registration(arena);
    Mesos__Internal__ReregisterSlaveMessage message = MESOS__INTERNAL__REREGISTER_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__FrameworkInfo *info = framework(arena);
    id.value = peer->agent_ids[agent];
    message.slave = first->slave;
    message.slave->hostname = arena_printf(arena, "agent%zu.example", agent + 1);
    message.slave->has_port = true;
    message.slave->port = 5051;
    message.slave->id = &id;
    message.version = first->version;
    message.n_agent_capabilities = first->n_agent_capabilities;
    message.agent_capabilities = first->agent_capabilities;
    message.n_frameworks = 1;
    message.frameworks = &info;
    message.tasks = arena_calloc(arena, tasks + 1, sizeof(*message.tasks));
    for (size_t i = 0; i < tasks; i++)
        message.tasks[message.n_tasks++] = task_of(peer, agent, i, info, arena);
    message_pack(out, &message);
}

void
peer_pack_update(const struct peer *peer, size_t agent, struct buf *out)
{
    Mesos__Internal__UpdateSlaveMessage message = MESOS__INTERNAL__UPDATE_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    id.value = peer->agent_ids[agent];
    message.slave_id = &id;
    message.has_update_oversubscribed_resources = true;
    message.update_oversubscribed_resources = true;
    message_pack(out, &message);
}

/* ---- life ---- */

void
peer_init(struct peer *peer, struct loop *loop, uint16_t master_port, size_t agents)
{
    struct address at, bound;
    struct err err = {0};
    char text[64];
    *peer = (struct peer){.loop = loop, .agents = agents, .arena = arena_new(65536)};
    peer->agent_ids = xcalloc(agents, sizeof(char *));
    snprintf(text, sizeof(text), "master@127.0.0.1:%u", master_port);
    peer->server = http_server_new(loop, on_exchange, peer);
    if (address_parse(STR_LIT("127.0.0.1:0"), &at, &err) || upid_parse(str_of(text), &peer->master, &err) ||
        http_server_listen(peer->server, &at, &bound, &err))
        bench_die("cannot listen: %s", err.text);
    address_format(&bound, peer->self);
    peer->libprocess = libprocess_new(loop, &bound, on_message, on_exited, peer);
    for (size_t i = 0; i < agents; i++) {
        char actor[32];
        actor_name(actor, i);
        libprocess_spawn(peer->libprocess, actor);
    }
    libprocess_link(peer->libprocess, &peer->master);
}

void
peer_fini(struct peer *peer)
{
    struct peer_task *task;
    libprocess_free(peer->libprocess);
    http_server_free(peer->server);
    map_foreach (task, &peer->tasks)
        task_free(task);
    map_fini(&peer->tasks);
    for (size_t i = 0; i < peer->agents; i++)
        free(peer->agent_ids[i]);
    free(peer->agent_ids);
    arena_free(peer->arena);
    buf_fini(&peer->out);
}
