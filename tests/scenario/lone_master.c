/* SPDX-License-Identifier: Apache-2.0 */
/* See lone_master.h. */
#include "lone_master.h"

/* ---- a registry whose answers wait for the test ---- */

struct held_registry registry;
const char *audit_path;

static int
registry_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    registry.host = host;
    return 0;
}

static void
registry_do_fetch(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry),
                  void *arg, struct mesos_call *call)
{
    (void)instance;
    for (size_t i = 0; i < registry.recovered_count; i++)
        entry(arg, &registry.recovered[i]);
    registry.host->reply(registry.host, call, 0, (struct mesos_bytes){0});
}

static void
registry_do_store(void *instance, const struct mesos_registry_entry *entries, size_t count,
                  struct mesos_call *call)
{
    (void)instance;
    for (size_t i = 0; i < count && registry.written_count < 256; i++) {
        registry.written[registry.written_count].table = entries[i].table;
        registry.written[registry.written_count].removed = entries[i].value.data == NULL;
        snprintf(registry.written[registry.written_count++].key, 80, "%.*s", (int)entries[i].key.len,
                 (const char *)entries[i].key.data);
    }
    if (registry.hold)
        registry.stores[registry.store_count++] = call;
    else
        registry.host->reply(registry.host, call, 0, (struct mesos_bytes){0});
}

void
registry_release(int status)
{
    registry.hold = false;
    for (size_t i = 0; i < registry.store_count; i++)
        registry.host->reply(registry.host, registry.stores[i], status, (struct mesos_bytes){0});
    registry.store_count = 0;
}

static const struct mesos_registry_ops registry_ops = {.fetch = registry_do_fetch,
                                                       .store = registry_do_store};
static const struct mesos_module registry_module =
    MODULE_DOUBLE(MESOS_KIND_REGISTRY, "held", "answers when the test says so",
                  registry_start, registry_ops);

static const struct mesos_module *const *
held_modules(void)
{
    static const struct mesos_module *const modules[] = {&registry_module, NULL};
    return modules;
}

/* ---- the world ---- */

static const char *
daemon_option(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "allocation_interval") == 0 ? "50ms" : NULL;
}

static void
on_fatal(void *arg, const char *reason)
{
    struct world *w = arg;
    snprintf(w->fatal, sizeof(w->fatal), "%s", reason);
}

static void
on_agent_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg)
{
    struct world *w = arg;
    char id[80];
    snprintf(id, sizeof(id), "%.*s", STR_ARG(to));
    if (str_is(name, "mesos.internal.PingSlaveMessage") && !w->silent)
        libprocess_send(w->agents, id, from, "mesos.internal.PongSlaveMessage", (struct str){0});
    assert_true(w->note_count < AGENT_MESSAGES);
    struct note *note = &w->notes[w->note_count++];
    snprintf(note->name, sizeof(note->name), "%.*s", STR_ARG(name));
    snprintf(note->to, sizeof(note->to), "%s", id);
    note->body = xmemdup(body.len ? body.ptr : "", body.len ? body.len : 1);
    note->len = body.len;
}

static void
on_agent_http(struct http_exchange *exchange, void *arg)
{
    struct world *w = arg;
    if (!libprocess_try(w->agents, exchange))
        http_reply_text(exchange, 404, "not here");
}

static struct address
address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(str_of(text), &address, NULL), 0);
    return address;
}

static void
set_options(struct master_options *options)
{
    *options = (struct master_options){
        .registry_fetch_timeout_ns = MINS(1),
        .registry_store_timeout_ns = SECS(20),
        .registry_gc_interval_ns = MINS(15),
        .registry_max_agent_age_ns = MINS(60 * 24 * 14),
        .registry_max_agent_count = 102400,
        .agent_ping_timeout_ns = SECS(15),
        .max_agent_ping_timeouts = 5,
        .agent_reregister_timeout_ns = MINS(10),
        .recovery_agent_removal_limit = 1.0,
        .root_submissions = true,
        .max_completed_frameworks = 2,
        .max_completed_tasks_per_framework = 3,
        .max_unreachable_tasks_per_framework = 3,
        .common.audit_log = audit_path,
        .publish_per_framework_metrics = true,
        .max_operator_event_stream_subscribers = 1000,
    };
}

void
start_master(struct world *w)
{
    struct err err = {0};
    struct master_setup setup = {
        .loop = w->loop, .options = &w->options, .host = w->host, .authorizer = w->authorizer,
        .authenticators = w->authenticators, .authenticator_count = w->authenticator_count,
        .realms = w->realms, .realm_count = w->realm_count, .fatal = on_fatal, .arg = w};
    const char *keys[] = {NULL};
    setup.allocator = host_start(w->host, MESOS_KIND_ALLOCATOR, "hierarchical_drf", keys, keys, 0, &err);
    assert_string_equal(setup.allocator ? "" : err.text, "");
    setup.registry = host_start(w->host, MESOS_KIND_REGISTRY, "held", keys, keys, 0, &err);
    assert_string_equal(setup.registry ? "" : err.text, "");
    setup.election = host_start(w->host, MESOS_KIND_ELECTION, w->election ? w->election : "standalone", keys, keys, 0, &err);
    assert_string_equal(setup.election ? "" : err.text, "");
    setup.hostname = "master1.example";
    setup.listen = w->master_at;
    w->master = master_new(&setup, &err);
    assert_non_null(w->master);
    assert_int_equal(master_start(w->master, &err), 0);
}

void
pass(struct world *w, int64_t ms)
{
    stage_pass(w->loop, ms);
}

/* Everything is delivered at once; who wrote is seen by the ends. */
static int64_t
on_write(void *arg, const struct address *from, const struct address *to)
{
    struct world *w = arg;
    w->master_writes += address_eq(from, &w->master_at) || address_eq(to, &w->agents_at);
    return 0;
}

static bool
is_leading(void *arg)
{
    return master_leading(((struct world *)arg)->master);
}

struct world *
world_new(void)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct loop_options options = {.virtual_clock = true, .seed = 7};
    memset(&registry, 0, sizeof(registry));
    set_options(&w->options);
    w->loop = loop_new(&options, NULL);
    const struct stream_net_shape shape = {on_write, w};
    w->net = stream_net_new(w->loop, &shape);
    w->arena = arena_new(0);
    w->host = stage_host((struct host_options){.loop = w->loop, .daemon_option = daemon_option});
    struct err err;
    assert_int_equal(host_add_linked(w->host, held_modules, "test", &err), 0);
    w->master_at = address_of("10.0.0.1:5050");
    w->agents_at = address_of("10.0.0.2:5051");
    w->agents = libprocess_new(w->loop, &w->agents_at, on_agent_message, NULL, w);
    w->agents_http = http_server_new(w->loop, on_agent_http, w);
    assert_int_equal(http_server_listen(w->agents_http, &w->agents_at, NULL, &err), 0);
    libprocess_spawn(w->agents, "slave(1)");
    libprocess_spawn(w->agents, "slave(2)");
    return w;
}

struct world *
world_leading(void)
{
    struct world *w = world_new();
    start_master(w);
    assert_true(loop_run_until(w->loop, is_leading, w, 1000));
    return w;
}

void
world_free(struct world *w)
{
    http_client_free(w->stream);
    http_client_free(w->calls);
    master_free(w->master);
    stage_stop(w->host);
    http_server_free(w->agents_http);
    libprocess_free(w->agents);
    host_free(w->host);
    stream_net_free(w->net);
    loop_free(w->loop);
    arena_free(w->arena);
    buf_fini(&w->got);
    for (size_t i = 0; i < w->note_count; i++)
        free(w->notes[i].body);
    free(w);
}

/* ---- what agents say and hear ---- */

void
agent_says(struct world *w, const char *actor, const char *name, const void *message)
{
    struct upid to = {.id = "master", .address = w->master_at};
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    libprocess_send(w->agents, actor, &to, name, buf_str(&body));
}

Mesos__SlaveInfo *
agent_info(struct world *w, const char *id)
{
    static const char json[] =
        "{\"hostname\":\"agent1.example\",\"port\":5051,\"checkpoint\":true,\"resources\":["
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4},\"role\":\"*\"},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4096},\"role\":\"*\"}]}";
    struct err err = {0};
    Mesos__SlaveInfo *info =
        MESSAGE_FROM_JSON(Mesos__SlaveInfo, mesos__slave_info, STR_LIT(json), w->arena, &err);
    assert_string_equal(err.text, "");
    if (id) {
        info->id = arena_alloc(w->arena, sizeof(*info->id));
        mesos__v1__agent_id__init(info->id);
        info->id->value = arena_strdup(w->arena, str_of(id));
    }
    return info;
}

void
agent_registers(struct world *w, const char *actor)
{
    char version[] = "1.11.0";
    Mesos__Internal__RegisterSlaveMessage message = MESOS__INTERNAL__REGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_info(w, NULL);
    message.version = version;
    agent_says(w, actor, "mesos.internal.RegisterSlaveMessage", &message);
}

void
agent_reregisters(struct world *w, const char *actor, const char *id)
{
    char version[] = "1.11.0";
    Mesos__Internal__ReregisterSlaveMessage message = MESOS__INTERNAL__REREGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_info(w, id);
    message.version = version;
    agent_says(w, actor, "mesos.internal.ReregisterSlaveMessage", &message);
}

const struct note *
heard(const struct world *w, const char *name)
{
    for (size_t i = w->note_count; i-- > 0;)
        if (strcmp(w->notes[i].name + sizeof("mesos.internal.") - 1, name) == 0)
            return &w->notes[i];
    return NULL;
}

size_t
heard_times(const struct world *w, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < w->note_count; i++)
        count += strcmp(w->notes[i].name + sizeof("mesos.internal.") - 1, name) == 0;
    return count;
}

const char *
admitted(struct world *w)
{
    agent_registers(w, "slave(1)");
    pass(w, 100);
    const struct note *note = heard(w, "SlaveRegisteredMessage");
    assert_non_null(note);
    Mesos__Internal__SlaveRegisteredMessage *message =
        MESSAGE_UNPACK(Mesos__Internal__SlaveRegisteredMessage, mesos__internal__slave_registered_message,
                       str_n(note->body, note->len), w->arena, NULL);
    assert_float_equal(message->connection->total_ping_timeout_seconds, 75, 0);
    return message->slave_id->value;
}

void
somebody_updates(struct world *w, const char *actor, const char *agent_id, const char *task_id, Mesos__V1__TaskState state,
                 const char *uuid)
{
    Mesos__Internal__StatusUpdateMessage message = MESOS__INTERNAL__STATUS_UPDATE_MESSAGE__INIT;
    Mesos__Internal__StatusUpdate update = MESOS__INTERNAL__STATUS_UPDATE__INIT;
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__TaskID task = MESOS__V1__TASK_ID__INIT;
    char pid[] = "slave(1)@10.0.0.2:5051";
    framework_id.value = w->framework_id;
    agent.value = arena_strdup(w->arena, str_of(agent_id));
    task.value = arena_strdup(w->arena, str_of(task_id));
    status.task_id = &task;
    status.state = state;
    update.framework_id = &framework_id;
    update.slave_id = &agent;
    update.status = &status;
    update.timestamp = 1;
    update.has_uuid = true;
    update.uuid = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)uuid};
    message.update = &update;
    message.pid = pid;
    agent_says(w, actor, "mesos.internal.StatusUpdateMessage", &message);
    pass(w, 20);
}

void
agent_updates(struct world *w, const char *agent_id, const char *task_id, Mesos__V1__TaskState state,
              const char *uuid)
{
    somebody_updates(w, "slave(1)", agent_id, task_id, state, uuid);
}

/* ---- recorded exchanges ---- */

struct str
recorded_body(struct buf *raw, const char *name)
{
    auto_free char *path = xasprintf("traces/%s", name);
    facts_read(path, raw);
    char *head_end = strstr(buf_cstr(raw), "\r\n\r\n"), *rest;
    assert_non_null(head_end);
    size_t size = strtoul(head_end + 4, &rest, 16);
    return str_n(rest + 2, size);
}

void
assert_same_bytes(const ProtobufCMessage *ours, const ProtobufCMessage *theirs)
{
    auto_buf struct buf a = {0}, b = {0};
    message_pack(&a, ours);
    message_pack(&b, theirs);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(buf_data(&a), buf_data(&b), a.len);
}
