/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent in this process, on a virtual clock and an in-memory network: the master and the executors are
 * played by the test over the wire, containers by a double that lives and dies as the test says. What is on
 * disk is real, so that an agent can go and another one find it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "host/host.h"
#include "mesos/containerizer.h"
#include "mesos/qos_controller.h"
#include "mesos/resource_estimator.h"
#include "mesos/slave/oversubscription.pb-c.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/mesos.pb-c.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "mesos/v1/executor/executor.pb-c.h"
#include "wire/http_client.h"
#include "wire/libprocess.h"
#include "wire/message.h"
#include "wire/recordio.h"
#include "stage.h"

#define SECS(n)      ((int64_t)(n)*1000000000)
#define MINS(n)      SECS(60 * (n))
#define AGENT_ID     "11111111-2222-3333-4444-555555555555-S0"
#define FRAMEWORK_ID "11111111-2222-3333-4444-555555555555-0000"

enum { NOTES = 512, EVENTS = 64, CONTAINERS = 16 };

/* ---- containers that live and die as the test says ---- */

struct container {
    char id[64];
    char program[128]; /* what it runs */
    bool by_socket;    /* its environment says where the agent's socket is */
    bool running, destroyed;
    struct mesos_call *wait;
};

static struct {
    const struct mesos_host *host;
    struct container list[CONTAINERS];
    size_t count, recovered;
    bool refuse; /* launch fails */
} containers;

static struct container *
container_find(const char *id)
{
    for (size_t i = 0; i < containers.count; i++)
        if (!strcmp(containers.list[i].id, id))
            return &containers.list[i];
    return NULL;
}

static void
reply(struct mesos_call *call, int status, const void *data, size_t len)
{
    containers.host->reply(containers.host, call, status, (struct mesos_bytes){data, len});
}

static void
container_end(struct container *container, int wait_status)
{
    Mesos__Slave__ContainerTermination termination = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    auto_buf struct buf bytes = {0};
    container->running = false;
    termination.has_status = true;
    termination.status = wait_status;
    message_pack(&bytes, &termination);
    if (container->wait)
        reply(container->wait, 0, buf_data(&bytes), bytes.len);
    container->wait = NULL;
}

static int
test_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    containers.host = host;
    return 0;
}

static void
test_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    (void)instance;
    (void)states;
    containers.recovered = count;
    reply(call, 0, NULL, 0);
}

static void
note_command(struct container *container, const struct mesos_containerizer_launch *launch)
{
    auto_arena struct arena *arena = arena_new(0);
    const Mesos__Slave__ContainerConfig *config =
        message_unpack(&mesos__slave__container_config__descriptor,
                       str_n(launch->config.data, launch->config.len), arena, NULL);
    assert_non_null(config);
    snprintf(container->program, sizeof(container->program), "%s", config->command_info->value);
    for (size_t i = 0; launch->environment[i]; i++)
        container->by_socket |= !strncmp(launch->environment[i], "MESOS_DOMAIN_SOCKET=", 20);
}

static void
test_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    (void)instance;
    if (containers.refuse) {
        (containers.host->fail)(containers.host, -ENOSPC, "no room");
        reply(call, -ENOSPC, NULL, 0);
        return;
    }
    assert_true(containers.count < CONTAINERS);
    struct container *container = &containers.list[containers.count++];
    snprintf(container->id, sizeof(container->id), "%s", launch->container_id);
    container->running = true;
    note_command(container, launch);
    reply(call, 0, "\1", 1);
}

static void
test_wait(void *instance, const char *id, struct mesos_call *call)
{
    struct container *container = container_find(id);
    (void)instance;
    if (container && container->running)
        container->wait = call;
    else
        reply(call, -ENOENT, NULL, 0);
}

static void
test_destroy(void *instance, const char *id, struct mesos_call *call)
{
    struct container *container = container_find(id);
    (void)instance;
    if (!container || !container->running) {
        reply(call, -ENOENT, NULL, 0);
        return;
    }
    container->destroyed = true;
    container_end(container, 9);
    reply(call, 0, NULL, 0);
}

static const struct mesos_containerizer_ops test_ops = {
    .recover = test_recover, .launch = test_launch, .wait = test_wait, .destroy = test_destroy};
static const struct mesos_module test_module =
    MODULE_DOUBLE(MESOS_KIND_CONTAINERIZER, "test", "containers that are only spoken of",
                  test_start, test_ops);

/* ---- an estimator and a controller that say what the test tells them to ---- */

static struct {
    const struct mesos_host *host;
    const struct mesos_usage_source *source;
    double cpus; /* what is lent out; 0 = nothing, below: an answer that is of no use */
    size_t asked;
    struct mesos_call *call; /* of the controller */
    size_t corrections_asked;
} lender;

static int
lender_start(void *instance, const struct mesos_host *host)
{
    (void)instance;
    lender.host = host;
    return 0;
}

static int
lender_initialize(void *instance, const struct mesos_usage_source *source)
{
    (void)instance;
    lender.source = source;
    return 0;
}

static void
lender_oversubscribable(void *instance, struct mesos_call *call)
{
    Mesos__Slave__Oversubscribable message = MESOS__SLAVE__OVERSUBSCRIBABLE__INIT;
    Mesos__V1__Resource resource = MESOS__V1__RESOURCE__INIT, *list[] = {&resource};
    Mesos__V1__Resource__RevocableInfo revocable = MESOS__V1__RESOURCE__REVOCABLE_INFO__INIT;
    Mesos__V1__Value__Scalar scalar = MESOS__V1__VALUE__SCALAR__INIT;
    char name[] = "cpus";
    auto_buf struct buf bytes = {0};
    (void)instance;
    lender.asked++;
    resource.name = name;
    resource.scalar = &scalar;
    resource.revocable = lender.cpus < 0 ? NULL : &revocable;
    scalar.value = lender.cpus < 0 ? 1 : lender.cpus;
    message.resources = list;
    message.n_resources = lender.cpus != 0;
    message_pack(&bytes, &message);
    lender.host->reply(lender.host, call, 0, (struct mesos_bytes){buf_str(&bytes).ptr, bytes.len});
}

static void
lender_corrections(void *instance, struct mesos_call *call)
{
    (void)instance;
    lender.call = call;
    lender.corrections_asked++;
}

static const struct mesos_resource_estimator_ops estimator_ops = {.initialize = lender_initialize,
                                                                  .oversubscribable = lender_oversubscribable};
static const struct mesos_qos_controller_ops controller_ops = {.initialize = lender_initialize,
                                                               .corrections = lender_corrections};
static const struct mesos_module estimator_module =
    MODULE_DOUBLE(MESOS_KIND_RESOURCE_ESTIMATOR, "told", "lends what it is told to", lender_start, estimator_ops);
static const struct mesos_module controller_module =
    MODULE_DOUBLE(MESOS_KIND_QOS_CONTROLLER, "told", "corrects what it is told to", lender_start, controller_ops);

static const struct mesos_module *const *
test_modules(void)
{
    static const struct mesos_module *const modules[] = {&test_module, &estimator_module, &controller_module, NULL};
    return modules;
}

/* ---- the world ---- */

struct note {
    char name[80];
    void *body;
    size_t len;
    int64_t at_ms;
};

struct world {
    struct loop *loop;
    struct stream_net *net;
    struct host *host;
    struct agent_options options;
    struct agent *agent;
    struct module *containerizer, *election;
    struct module *estimator, *controller; /* NULL: the agent has none */
    struct address master_at, agent_at;
    struct http_server *master_http;
    struct libprocess *master;
    struct note notes[NOTES];
    size_t note_count;
    bool deaf, acknowledges; /* does not answer registration; answers updates */
    struct arena *arena;
    struct http_client *stream, *calls;
    Mesos__V1__Executor__Event *events[EVENTS];
    size_t event_count;
    bool stream_ended;
    int status;
    int finished; /* exit status + 1 */
    char directory[64];
};

static const char *
daemon_option(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "master") == 0 ? "10.0.0.1:5050" : NULL;
}

static void
master_says(struct world *w, const char *name, const void *message)
{
    struct upid to = {.id = "slave(1)", .address = w->agent_at};
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    libprocess_send(w->master, "master", &to, name, buf_str(&body));
}

static void
register_agent(struct world *w, bool again)
{
    Mesos__Internal__SlaveRegisteredMessage fresh = MESOS__INTERNAL__SLAVE_REGISTERED_MESSAGE__INIT;
    Mesos__Internal__SlaveReregisteredMessage back = MESOS__INTERNAL__SLAVE_REREGISTERED_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    char text[] = AGENT_ID;
    id.value = text;
    fresh.slave_id = back.slave_id = &id;
    if (again)
        master_says(w, "mesos.internal.SlaveReregisteredMessage", &back);
    else
        master_says(w, "mesos.internal.SlaveRegisteredMessage", &fresh);
}

static void
acknowledge(struct world *w, struct str body)
{
    Mesos__Internal__StatusUpdateMessage *message =
        message_unpack(&mesos__internal__status_update_message__descriptor, body, w->arena, NULL);
    Mesos__Internal__StatusUpdateAcknowledgementMessage answer =
        MESOS__INTERNAL__STATUS_UPDATE_ACKNOWLEDGEMENT_MESSAGE__INIT;
    answer.slave_id = message->update->slave_id;
    answer.framework_id = message->update->framework_id;
    answer.task_id = message->update->status->task_id;
    answer.uuid = message->update->uuid;
    master_says(w, "mesos.internal.StatusUpdateAcknowledgementMessage", &answer);
}

static void
on_master_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg)
{
    struct world *w = arg;
    assert_true(w->note_count < NOTES);
    struct note *note = &w->notes[w->note_count++];
    assert_string_equal(from->id, "slave(1)");
    snprintf(note->name, sizeof(note->name), "%.*s", STR_ARG(name));
    note->body = xmemdup(body.len ? body.ptr : "", body.len ? body.len : 1);
    note->len = body.len;
    note->at_ms = loop_now_ms(w->loop);
    if (!w->deaf && str_is(name, "mesos.internal.RegisterSlaveMessage"))
        register_agent(w, false);
    if (!w->deaf && str_is(name, "mesos.internal.ReregisterSlaveMessage"))
        register_agent(w, true);
    if (w->acknowledges && str_is(name, "mesos.internal.StatusUpdateMessage"))
        acknowledge(w, body);
}

static void
on_master_http(struct http_exchange *exchange, void *arg)
{
    struct world *w = arg;
    if (!libprocess_try(w->master, exchange))
        http_reply_text(exchange, 404, "not here");
}

static void
master_up(struct world *w)
{
    struct err err = {0};
    w->master = libprocess_new(w->loop, &w->master_at, on_master_message, NULL, w);
    w->master_http = http_server_new(w->loop, on_master_http, w);
    assert_int_equal(http_server_listen(w->master_http, &w->master_at, NULL, &err), 0);
    libprocess_spawn(w->master, "master");
    libprocess_spawn(w->master, "slave-observer(1)");
}

static void
master_down(struct world *w)
{
    http_server_free(w->master_http);
    libprocess_free(w->master);
    w->master = NULL;
    w->master_http = NULL;
}

static struct address
address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(str_of(text), &address, NULL), 0);
    return address;
}

static void
pass(struct world *w, int64_t ms)
{
    stage_pass(w->loop, ms);
}

static void
on_finished(void *arg, int exit_status, const char *reason)
{
    ((struct world *)arg)->finished = exit_status + 1;
}

static void
start_agent(struct world *w)
{
    struct err err = {0};
    struct agent_setup setup = {
        .loop = w->loop, .options = &w->options, .host = w->host, .finished = on_finished, .arg = w};
    setup.containerizers = &w->containerizer;
    setup.containerizer_count = 1;
    setup.election = w->election;
    setup.resource_estimator = w->estimator;
    setup.qos_controller = w->controller;
    setup.hostname = "agent1.example";
    setup.listen = w->agent_at;
    w->agent = agent_new(&setup, &err);
    assert_string_equal(w->agent ? "" : err.text, "");
    agent_start(w->agent, &err);
    assert_string_equal(err.text, "");
}

static int
world_set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct loop_options options = {.virtual_clock = true, .seed = 11};
    struct err err = {0};
    memset(&containers, 0, sizeof(containers));
    strcpy(w->directory, "/tmp/test_agent.XXXXXX");
    if (!mkdtemp(w->directory))
        return -1;
    w->options = (struct agent_options){
        .common.work_dir = w->directory,
        .common.launcher_dir = "/usr/libexec/mesos",
        .runtime_dir = w->directory,
        .resources = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]",
        .default_role = "*",
        .executor_registration_timeout_ns = MINS(1),
        .executor_reregistration_timeout_ns = SECS(2),
        .executor_shutdown_grace_period_ns = SECS(5),
        .registration_backoff_factor_ns = SECS(1),
        .recovery_timeout_ns = MINS(15),
        .strict = true,
        .max_completed_executors_per_framework = 3,
        .gc_delay_ns = MINS(60 * 24 * 7),
        .disk_watch_interval_ns = MINS(1),
        .gc_disk_headroom = 0.1,
        .oversubscribed_resources_interval_ns = SECS(15),
        .qos_correction_interval_min_ns = SECS(2),
    };
    w->loop = loop_new(&options, NULL);
    w->net = stream_net_new(w->loop, NULL);
    w->arena = arena_new(0);
    w->host = stage_host((struct host_options){.loop = w->loop, .daemon_option = daemon_option});
    assert_int_equal(host_add_linked(w->host, test_modules, "test", &err), 0);
    w->containerizer = host_start(w->host, MESOS_KIND_CONTAINERIZER, "test", NULL, NULL, 0, &err);
    assert_string_equal(err.text, "");
    w->election = host_start(w->host, MESOS_KIND_ELECTION, "standalone", NULL, NULL, 0, &err);
    assert_string_equal(err.text, "");
    w->master_at = address_of("10.0.0.1:5050");
    w->agent_at = address_of("10.0.0.2:5051");
    w->acknowledges = true;
    master_up(w);
    start_agent(w);
    *state = w;
    return 0;
}

static int
world_tear_down(void **state)
{
    struct world *w = *state;
    fault_arm(NULL);
    http_client_free(w->stream);
    http_client_free(w->calls);
    agent_free(w->agent);
    stage_stop(w->loop, w->host);
    if (w->master)
        master_down(w);
    host_free(w->host);
    stream_net_free(w->net);
    loop_free(w->loop);
    arena_free(w->arena);
    for (size_t i = 0; i < w->note_count; i++)
        free(w->notes[i].body);
    int status = dir_remove(w->directory, NULL);
    free(w);
    return status;
}

/* ---- what the master hears ---- */

static size_t
heard_times(const struct world *w, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < w->note_count; i++)
        count += strcmp(w->notes[i].name + sizeof("mesos.internal.") - 1, name) == 0;
    return count;
}

/* The n-th status update, 0 = the first. */
static Mesos__V1__TaskStatus *
update(const struct world *w, size_t n, int64_t *ret_at_ms)
{
    for (size_t i = 0; i < w->note_count; i++) {
        const struct note *note = &w->notes[i];
        if (strcmp(note->name, "mesos.internal.StatusUpdateMessage") != 0 || n-- > 0)
            continue;
        if (ret_at_ms)
            *ret_at_ms = note->at_ms;
        Mesos__Internal__StatusUpdateMessage *message =
            message_unpack(&mesos__internal__status_update_message__descriptor, str_n(note->body, note->len),
                           w->arena, NULL);
        assert_non_null(message);
        return message->update->status;
    }
    return NULL;
}

static void
run_task(struct world *w, const char *task_id, bool checkpoint)
{
    struct err err = {0};
    const char *json = arena_printf(
        w->arena,
        "{\"framework\":{\"user\":\"root\",\"name\":\"fw\",\"id\":{\"value\":\"" FRAMEWORK_ID
        "\"},\"checkpoint\":%s,"
        "\"roles\":[\"*\"]},\"pid\":\"@0.0.0.0:0\",\"launch_executor\":true,\"task\":{\"name\":\"t\","
        "\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"" AGENT_ID "\"},"
        "\"command\":{\"value\":\"sleep 1\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
        "\"scalar\":{\"value\":0.1},\"allocation_info\":{\"role\":\"*\"}}]}}",
        checkpoint ? "true" : "false", task_id);
    void *message =
        message_from_json(&mesos__internal__run_task_message__descriptor, str_of(json), w->arena, &err);
    assert_string_equal(message ? "" : err.text, "");
    master_says(w, "mesos.internal.RunTaskMessage", message);
    pass(w, 100);
}

/* Two tasks, <name>1 and <name>2, for the default executor "pod". */
static void
run_group(struct world *w, const char *name, bool launch)
{
    struct err err = {0};
    auto_buf struct buf tasks = {0};
    for (int i = 1; i <= 2; i++)
        buf_printf(&tasks,
                   "%s{\"name\":\"t\",\"task_id\":{\"value\":\"%s%d\"},\"agent_id\":{\"value\":\"" AGENT_ID
                   "\"},\"command\":{\"value\":\"sleep 1\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
                   "\"scalar\":{\"value\":0.1},\"allocation_info\":{\"role\":\"*\"}}]}",
                   i > 1 ? "," : "", name, i);
    const char *json = arena_printf(
        w->arena,
        "{\"framework\":{\"user\":\"root\",\"name\":\"fw\",\"id\":{\"value\":\"" FRAMEWORK_ID
        "\"},\"checkpoint\":true,\"roles\":[\"*\"]},\"launch_executor\":%s,\"executor\":{\"type\":\"DEFAULT\","
        "\"executor_id\":{\"value\":\"pod\"},\"framework_id\":{\"value\":\"" FRAMEWORK_ID
        "\"},\"resources\":[]},\"task_group\":{\"tasks\":[%s]}}",
        launch ? "true" : "false", buf_cstr(&tasks));
    void *message =
        message_from_json(&mesos__internal__run_task_group_message__descriptor, str_of(json), w->arena, &err);
    assert_string_equal(message ? "" : err.text, "");
    master_says(w, "mesos.internal.RunTaskGroupMessage", message);
    pass(w, 100);
}

static void
kill_task(struct world *w, const char *task_id)
{
    const char *json = arena_printf(
        w->arena, "{\"framework_id\":{\"value\":\"" FRAMEWORK_ID "\"},\"task_id\":{\"value\":\"%s\"}}",
        task_id);
    master_says(
        w, "mesos.internal.KillTaskMessage",
        message_from_json(&mesos__internal__kill_task_message__descriptor, str_of(json), w->arena, NULL));
    pass(w, 100);
}

/* ---- the executor ---- */

static void
on_stream_body(const struct http_response *response, void *arg)
{
    struct world *w = arg;
    struct str record;
    size_t used;
    while (recordio_read(response->body, &record, &used, NULL) == 1) {
        assert_true(w->event_count < EVENTS);
        w->events[w->event_count++] =
            message_unpack(&mesos__v1__executor__event__descriptor, record, w->arena, NULL);
        assert_non_null(w->events[w->event_count - 1]);
        buf_consume(response->body, used);
    }
}

static void
on_stream_response(const struct http_response *response, void *arg)
{
    ((struct world *)arg)->stream_ended = true;
}

static void
on_stream_error(const struct err *err, void *arg)
{
    ((struct world *)arg)->stream_ended = true;
}

static void
on_answer(const struct http_response *response, void *arg)
{
    ((struct world *)arg)->status = response->status;
}

static void
on_no_answer(const struct err *err, void *arg)
{
    ((struct world *)arg)->status = -1;
}

static const struct http_header call_headers[] = {
    {STR_LIT("Content-Type"), STR_LIT("application/json")},
    {STR_LIT("Accept"), STR_LIT("application/x-protobuf")},
};

static void
subscribe(struct world *w, const char *executor_id)
{
    static const struct http_call_handler handler = {
        .on_body = on_stream_body, .on_response = on_stream_response, .on_error = on_stream_error};
    const char *body =
        arena_printf(w->arena,
                     "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"" FRAMEWORK_ID "\"},"
                     "\"executor_id\":{\"value\":\"%s\"},\"subscribe\":{}}",
                     executor_id);
    http_client_free(w->stream);
    w->stream_ended = false;
    w->event_count = 0;
    w->stream = http_client_new(w->loop, &w->agent_at, "agent");
    http_client_send(w->stream, "POST", "/api/v1/executor", call_headers, ARRAY_LEN(call_headers),
                     str_of(body), 0, &handler, w);
    pass(w, 100);
}

static void
executor_update_of(struct world *w, const char *executor_id, const char *task_id, const char *task_state,
                   char letter)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_no_answer};
    auto_buf struct buf uuid = {0};
    char raw[UUID_BYTES];
    memset(raw, letter, sizeof(raw));
    base64_encode(&uuid, raw, sizeof(raw));
    const char *body = arena_printf(w->arena,
                                    "{\"type\":\"UPDATE\",\"framework_id\":{\"value\":\"" FRAMEWORK_ID
                                    "\"},\"executor_id\":{\"value\":\"%s\"},"
                                    "\"update\":{\"status\":{\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\","
                                    "\"source\":\"SOURCE_EXECUTOR\","
                                    "\"uuid\":\"%s\"}}}",
                                    executor_id, task_id, task_state, buf_cstr(&uuid));
    if (!w->calls)
        w->calls = http_client_new(w->loop, &w->agent_at, "agent");
    w->status = 0;
    http_client_send(w->calls, "POST", "/api/v1/executor", call_headers, 1, str_of(body), 0, &handler, w);
    pass(w, 100);
    assert_int_equal(w->status, 202);
}

static void
executor_update(struct world *w, const char *task_id, const char *task_state, char letter)
{
    executor_update_of(w, task_id, task_id, task_state, letter);
}

static const Mesos__V1__Executor__Event *
event_of(const struct world *w, Mesos__V1__Executor__Event__Type type)
{
    for (size_t i = 0; i < w->event_count; i++)
        if (w->events[i]->type == type)
            return w->events[i];
    return NULL;
}

#define EVENT(name)  MESOS__V1__EXECUTOR__EVENT__TYPE__##name
#define STATE(name)  MESOS__V1__TASK_STATE__TASK_##name
#define REASON(name) MESOS__V1__TASK_STATUS__REASON__REASON_##name

/* A registered agent whose task "t" runs. */
static void
running(struct world *w)
{
    pass(w, 2000);
    assert_true(agent_registered(w->agent));
    run_task(w, "t", true);
    subscribe(w, "t");
    assert_non_null(event_of(w, EVENT(LAUNCH)));
    executor_update(w, "t", "TASK_RUNNING", 'a');
    assert_int_equal(update(w, 0, NULL)->state, STATE(RUNNING));
    assert_non_null(event_of(w, EVENT(ACKNOWLEDGED)));
}

/* The process dies: nothing is said to anybody, what is on disk stays. */
static void
restart(struct world *w)
{
    http_client_free(w->calls);
    w->calls = NULL;
    agent_free(w->agent);
    pass(w, 10);
    start_agent(w);
}

/* ---- registration ---- */

static void
test_registration_is_repeated_with_growing_pauses(void **state)
{
    struct world *w = *state;
    w->deaf = true;
    pass(w, 10 * 60 * 1000);
    size_t times = heard_times(w, "RegisterSlaveMessage");
    assert_in_range(times, 14, 30);
    int64_t last = -1, longest = 0;
    for (size_t i = 0; i < w->note_count; i++) {
        if (last >= 0 && w->notes[i].at_ms - last > longest)
            longest = w->notes[i].at_ms - last;
        last = w->notes[i].at_ms;
    }
    assert_in_range(longest, 30000, 60000);
    w->deaf = false;
    pass(w, 60 * 1000);
    assert_true(agent_registered(w->agent));
    assert_string_equal(agent_id(w->agent), AGENT_ID);
    assert_int_equal(heard_times(w, "UpdateSlaveMessage"), 1);
    times = heard_times(w, "RegisterSlaveMessage");
    pass(w, 30 * 1000);
    assert_int_equal(heard_times(w, "RegisterSlaveMessage"), times);
}

static void
ping(struct world *w, bool connected)
{
    struct upid to = {.id = "slave(1)", .address = w->agent_at};
    Mesos__Internal__PingSlaveMessage message = MESOS__INTERNAL__PING_SLAVE_MESSAGE__INIT;
    auto_buf struct buf body = {0};
    message.connected = connected;
    message_pack(&body, &message);
    libprocess_send(w->master, "slave-observer(1)", &to, "mesos.internal.PingSlaveMessage", buf_str(&body));
}

static void
test_pings(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    for (int i = 0; i < 20; i++) {
        ping(w, true);
        pass(w, 15000);
    }
    assert_int_equal(heard_times(w, "PongSlaveMessage"), 20);
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), 0);
    /* 75 seconds after the last one (15 have passed). */
    pass(w, 59 * 1000);
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), 0);
    pass(w, 3 * 1000);
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), 1);
    ping(w, false);
    pass(w, 2000);
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), 2);
    assert_true(agent_registered(w->agent));
}

static void
test_master_comes_back(void **state)
{
    struct world *w = *state;
    running(w);
    master_down(w);
    pass(w, 1000);
    assert_false(agent_registered(w->agent));
    executor_update(w, "t", "TASK_FINISHED", 'b');
    master_up(w);
    pass(w, 120 * 1000);
    assert_true(agent_registered(w->agent));
    assert_true(heard_times(w, "ReregisterSlaveMessage") >= 1);
    assert_int_equal(update(w, 1, NULL)->state, STATE(FINISHED));
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), 2);
}

/* However long it was away: nobody listens there, so there is nobody to be spared. */
static void
test_master_comes_back_late(void **state)
{
    struct world *w = *state;
    running(w);
    master_down(w);
    pass(w, 30 * 60 * 1000);
    assert_false(agent_registered(w->agent));
    master_up(w);
    size_t before = heard_times(w, "ReregisterSlaveMessage");
    pass(w, 9 * 1000);
    assert_true(agent_registered(w->agent));
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), before + 1);
}

static void
test_orders_of_strangers_are_dropped(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    struct address at = address_of("10.0.0.66:5050");
    struct libprocess *stranger = libprocess_new(w->loop, &at, on_master_message, NULL, w);
    struct upid to = {.id = "slave(1)", .address = w->agent_at};
    libprocess_spawn(stranger, "master");
    libprocess_send(stranger, "master", &to, "mesos.internal.ShutdownMessage", STR_LIT(""));
    libprocess_send(stranger, "master", &to, "mesos.internal.RunTaskMessage", STR_LIT("\xff\xff nonsense"));
    libprocess_send(stranger, "master", &to, "mesos.internal.NoSuchMessage", STR_LIT("x"));
    pass(w, 1000);
    libprocess_free(stranger);
    assert_int_equal(w->finished, 0);
    assert_true(agent_registered(w->agent));
}

/* ---- executors ---- */

static void
test_executor_that_never_registers(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    run_task(w, "t", false);
    pass(w, 59 * 1000);
    assert_null(update(w, 0, NULL));
    pass(w, 2 * 1000);
    Mesos__V1__TaskStatus *status = update(w, 0, NULL);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(FAILED));
    assert_int_equal(status->reason, REASON(EXECUTOR_REGISTRATION_TIMEOUT));
    assert_string_equal(status->message, "Executor did not register within 1mins");
    assert_int_equal(status->source, MESOS__V1__TASK_STATUS__SOURCE__SOURCE_AGENT);
    assert_true(containers.list[0].destroyed);
}

static void
test_launch_that_fails(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    containers.refuse = true;
    run_task(w, "t", false);
    Mesos__V1__TaskStatus *status = update(w, 0, NULL);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(FAILED));
    assert_int_equal(status->reason, REASON(CONTAINER_LAUNCH_FAILED));
    assert_string_equal(status->message, "Failed to launch container: no room");
}

static void
test_checkpoint_that_fails_starts_nothing(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    fault_arm("launch/checkpoint=ENOSPC");
    run_task(w, "t", true);
    Mesos__V1__TaskStatus *status = update(w, 0, NULL);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(LOST));
    assert_int_equal(containers.count, 0);
}

static void
test_shutdown_waits_for_the_grace_period(void **state)
{
    struct world *w = *state;
    running(w);
    Mesos__Internal__ShutdownExecutorMessage message = MESOS__INTERNAL__SHUTDOWN_EXECUTOR_MESSAGE__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    char framework[] = FRAMEWORK_ID, executor[] = "t";
    framework_id.value = framework;
    executor_id.value = executor;
    message.framework_id = &framework_id;
    message.executor_id = &executor_id;
    master_says(w, "mesos.internal.ShutdownExecutorMessage", &message);
    pass(w, 4900);
    assert_non_null(event_of(w, EVENT(SHUTDOWN)));
    assert_false(containers.list[0].destroyed);
    pass(w, 200);
    assert_true(containers.list[0].destroyed);
    assert_true(w->stream_ended);
    Mesos__V1__TaskStatus *status = update(w, 1, NULL);
    assert_int_equal(status->state, STATE(FAILED));
    assert_string_equal(status->message, "Executor terminated");
    assert_int_equal(heard_times(w, "ExitedExecutorMessage"),
                     0); /* the master does not count executors of ours */
}

static void
test_unacknowledged_updates_come_again(void **state)
{
    static const int64_t pauses[] = {10000, 20000, 40000};
    struct world *w = *state;
    int64_t before, at;
    w->acknowledges = false;
    running(w);
    update(w, 0, &before);
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        pass(w, pauses[i]);
        assert_non_null(update(w, i + 1, &at));
        assert_int_equal(at - before, pauses[i]);
        before = at;
        ping(w, true);
    }
}

static void
test_full_disk_lets_no_update_out(void **state)
{
    struct world *w = *state;
    running(w);
    fault_arm("journal/write=ENOSPC");
    executor_update(w, "t", "TASK_FINISHED", 'b');
    size_t events = w->event_count;
    pass(w, 10000);
    assert_null(update(w, 1, NULL));
    assert_int_equal(w->event_count, events);
    fault_arm(NULL);
    pass(w, 1100);
    assert_int_equal(update(w, 1, NULL)->state, STATE(FINISHED));
    assert_int_equal(w->event_count, events + 1);
}

/* ---- restarts ---- */

static void
test_restart_with_a_silent_executor(void **state)
{
    struct world *w = *state;
    running(w);
    restart(w);
    pass(w, 1900);
    assert_int_equal(containers.recovered, 1);
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), 0); /* it waits for its executors first */
    pass(w, 3000);
    assert_int_equal(heard_times(w, "ReregisterSlaveMessage"), 1);
    assert_string_equal(agent_id(w->agent), AGENT_ID);
    assert_true(containers.list[0].destroyed);
    Mesos__V1__TaskStatus *status = update(w, 1, NULL);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(FAILED));
    assert_int_equal(status->reason, REASON(EXECUTOR_REREGISTRATION_TIMEOUT));
    assert_string_equal(status->message, "Executor did not reregister within 2secs");
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), 2);
}

static void
test_restart_with_an_executor_that_comes_back(void **state)
{
    struct world *w = *state;
    running(w);
    restart(w);
    pass(w, 500);
    subscribe(w, "t");
    assert_non_null(event_of(w, EVENT(SUBSCRIBED)));
    assert_null(event_of(w, EVENT(LAUNCH)));
    pass(w, 2000);
    assert_true(agent_registered(w->agent));
    kill_task(w, "t");
    assert_non_null(event_of(w, EVENT(KILL)));
    executor_update(w, "t", "TASK_KILLED", 'b');
    assert_int_equal(update(w, 1, NULL)->state, STATE(KILLED));
    assert_int_equal(heard_times(w, "StatusUpdateMessage"),
                     2); /* RUNNING was acknowledged: it does not come again */
    assert_false(containers.list[0].destroyed);
}

static void
test_restart_sends_what_was_not_acknowledged(void **state)
{
    struct world *w = *state;
    w->acknowledges = false;
    running(w);
    executor_update(w, "t", "TASK_FINISHED", 'b');
    assert_null(update(w, 1, NULL)); /* one at a time */
    container_end(&containers.list[0], 0);
    restart(w);
    w->acknowledges = true;
    pass(w, 5000);
    assert_int_equal(update(w, 1, NULL)->state, STATE(RUNNING));
    assert_int_equal(update(w, 2, NULL)->state, STATE(FINISHED));
    pass(w, 60000);
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), 3);
    /* All of it is over: another agent finds nothing to do. */
    restart(w);
    pass(w, 5000);
    assert_int_equal(containers.recovered, 0);
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), 3);
}

static void
test_restart_before_the_executor_had_its_task(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    run_task(w, "t", true);
    restart(w);
    pass(w, 500);
    subscribe(w, "t");
    const Mesos__V1__Executor__Event *launch = event_of(w, EVENT(LAUNCH));
    assert_non_null(launch);
    assert_string_equal(launch->launch->task->task_id->value, "t");
    assert_string_equal(launch->launch->task->command->value, "sleep 1");
    pass(w, 2000);
    executor_update(w, "t", "TASK_RUNNING", 'a');
    assert_int_equal(update(w, 0, NULL)->state, STATE(RUNNING));
}

static void
test_checkpointed_resources_are_told_again(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    const char *json =
        "{\"resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64},\"role\":\"web\","
        "\"reservation\":{\"principal\":\"ops\"}}]}";
    master_says(w, "mesos.internal.CheckpointResourcesMessage",
                message_from_json(&mesos__internal__checkpoint_resources_message__descriptor, str_of(json),
                                  w->arena, NULL));
    pass(w, 100);
    restart(w);
    pass(w, 3000);
    const struct note *note = NULL;
    for (size_t i = 0; i < w->note_count; i++)
        if (!strcmp(w->notes[i].name, "mesos.internal.ReregisterSlaveMessage"))
            note = &w->notes[i];
    assert_non_null(note);
    Mesos__Internal__ReregisterSlaveMessage *message = message_unpack(
        &mesos__internal__reregister_slave_message__descriptor, str_n(note->body, note->len), w->arena, NULL);
    assert_int_equal(message->n_checkpointed_resources, 1);
    assert_string_equal(message->checkpointed_resources[0]->role, "web");
    assert_float_equal(message->checkpointed_resources[0]->scalar->value, 64, 0);
}

static void
test_leaving_gives_the_id_up(void **state)
{
    struct world *w = *state;
    running(w);
    agent_unregister(w->agent);
    pass(w, 100);
    assert_int_equal(heard_times(w, "UnregisterSlaveMessage"), 1);
    assert_non_null(event_of(w, EVENT(SHUTDOWN)));
    assert_int_equal(w->finished, 0);
    container_end(&containers.list[0], 0);
    pass(w, 1000);
    assert_int_equal(w->finished, 1);
    size_t registered = heard_times(w, "RegisterSlaveMessage");
    restart(w);
    pass(w, 3000);
    assert_int_equal(heard_times(w, "RegisterSlaveMessage"), registered + 1);
}

/* ---- groups ---- */

/* The last LAUNCH_GROUP that came has both tasks of the group. */
static void
assert_group(const struct world *w, const char *name)
{
    const Mesos__V1__Executor__Event *event = NULL;
    for (size_t i = 0; i < w->event_count; i++)
        if (w->events[i]->type == EVENT(LAUNCH_GROUP))
            event = w->events[i];
    assert_non_null(event);
    assert_int_equal(event->launch_group->task_group->n_tasks, 2);
    for (int i = 0; i < 2; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "%s%d", name, i + 1);
        assert_string_equal(event->launch_group->task_group->tasks[i]->task_id->value, expected);
    }
}

static void
test_groups_wait_for_their_executor(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    run_group(w, "a", true);
    run_group(w, "b", false); /* the master knows that the executor is on its way */
    assert_int_equal(containers.count, 1);
    assert_string_equal(containers.list[0].program, "/usr/libexec/mesos/mesos-default-executor");
    assert_true(containers.list[0].by_socket);
    subscribe(w, "pod");
    assert_group(w, "b");
    executor_update_of(w, "pod", "a1", "TASK_RUNNING", 'a');
    assert_int_equal(update(w, 0, NULL)->state, STATE(RUNNING));
    run_group(w, "c", false);
    assert_group(w, "c");
    assert_int_equal(containers.count, 1);
    containers.list[0].destroyed = false;
    container_end(&containers.list[0], 0);
    pass(w, 100);
    for (size_t i = 1; i <= 6; i++)
        assert_int_equal(update(w, i, NULL)->state, STATE(FAILED));
    assert_int_equal(heard_times(w, "ExitedExecutorMessage"), 1);
}

static void
test_kill_of_a_waiting_group_ends_all_of_it(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    run_group(w, "a", true);
    run_group(w, "b", false);
    kill_task(w, "a2");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(update(w, i, NULL)->state, STATE(KILLED));
        assert_int_equal(update(w, i, NULL)->reason, REASON(TASK_KILLED_DURING_LAUNCH));
        assert_memory_equal(update(w, i, NULL)->task_id->value, "a", 1);
    }
    assert_null(update(w, 2, NULL));
    subscribe(w, "pod");
    assert_group(w, "b");
    assert_int_equal(w->event_count, 2); /* SUBSCRIBED and one group */
}

static void
test_kill_of_the_only_waiting_group_ends_its_executor(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    run_group(w, "a", true);
    kill_task(w, "a1");
    assert_true(containers.list[0].destroyed);
    pass(w, 1000);
    assert_null(update(w, 2, NULL));
    assert_int_equal(heard_times(w, "ExitedExecutorMessage"), 1);
}

static void
test_group_of_an_executor_that_cannot_start(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    containers.refuse = true;
    run_group(w, "a", true);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(update(w, i, NULL)->state, STATE(FAILED));
        assert_int_equal(update(w, i, NULL)->reason, REASON(CONTAINER_LAUNCH_FAILED));
    }
    assert_null(update(w, 2, NULL));
    containers.refuse = false;
    run_group(w, "b", false); /* the master thought that it ran */
    assert_int_equal(update(w, 2, NULL)->reason, REASON(EXECUTOR_TERMINATED));
    assert_int_equal(update(w, 3, NULL)->reason, REASON(EXECUTOR_TERMINATED));
    assert_int_equal(containers.count, 0);
}

static void
test_restart_with_a_group(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    run_group(w, "a", true);
    subscribe(w, "pod");
    executor_update_of(w, "pod", "a1", "TASK_RUNNING", 'a');
    executor_update_of(w, "pod", "a2", "TASK_RUNNING", 'b');
    restart(w);
    pass(w, 100);
    subscribe(w, "pod");
    pass(w, 3000);
    assert_true(agent_registered(w->agent));
    assert_int_equal(containers.recovered, 1);
    executor_update_of(w, "pod", "a1", "TASK_FINISHED", 'c');
    assert_int_equal(update(w, 2, NULL)->state, STATE(FINISHED));
    run_group(w, "b", false);
    assert_group(w, "b");
}

/* ---- operators' calls on containers ---- */

struct operator_answer {
    int status;
    char text[300];
};

static void
on_operator_answer(const struct http_response *response, void *arg)
{
    struct operator_answer *answer = arg;
    answer->status = response->status;
    snprintf(answer->text, sizeof(answer->text), "%.*s", STR_ARG(buf_str(response->body)));
}

/* One call on the container of task "t" (whose id takes the place of @), or below it; nothing of it may bring the agent down. */
static void
operator_asks(struct world *w, int status, const char *text, const char *call, const char *body)
{
    static const struct http_call_handler handler = {.on_response = on_operator_answer};
    static const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                                 {STR_LIT("Accept"), STR_LIT("application/json")}};
    struct operator_answer answer = {0};
    const char *at = strchr(body, '@');
    const char *whole = arena_printf(w->arena, "{\"type\":\"%s\",%.*s%s%s}", call, (int)(at - body), body,
                                     containers.list[0].id, at + 1);
    if (!w->calls)
        w->calls = http_client_new(w->loop, &w->agent_at, "agent");
    http_client_send(w->calls, "POST", "/api/v1", headers, ARRAY_LEN(headers), str_of(whole), 0, &handler, &answer);
    pass(w, 1000);
    assert_int_equal(answer.status, status);
    assert_non_null(strstr(answer.text, text));
}

/* As one for Docker would be that only runs tasks: what it lacks is refused by name. */
static void
test_containerizer_that_can_do_little(void **state)
{
    struct world *w = *state;
    running(w);
    operator_asks(w, 400, "does not nest containers", "LAUNCH_CONTAINER",
                  "\"launch_container\":{\"container_id\":{\"value\":\"n\",\"parent\":{\"value\":\"@\"}}}");
    operator_asks(w, 400, "does not nest containers", "LAUNCH_NESTED_CONTAINER_SESSION",
                  "\"launch_nested_container_session\":{\"container_id\":{\"value\":\"n\",\"parent\":{"
                  "\"value\":\"@\"}}}");
    operator_asks(w, 500, "Attaching is not supported by containerizer 'test'", "ATTACH_CONTAINER_OUTPUT",
                  "\"attach_container_output\":{\"container_id\":{\"value\":\"@\"}}");
    operator_asks(w, 500, "Failed to kill container", "KILL_CONTAINER",
                  "\"kill_container\":{\"container_id\":{\"value\":\"@\"}}");
    operator_asks(w, 500, "this containerizer does not support it", "REMOVE_CONTAINER",
                  "\"remove_container\":{\"container_id\":{\"value\":\"@\"}}");
    operator_asks(w, 404, "cannot be found", "WAIT_CONTAINER",
                  "\"wait_container\":{\"container_id\":{\"value\":\"n\",\"parent\":{\"value\":\"@\"}}}");
    operator_asks(w, 200, "GET_CONTAINERS", "GET_CONTAINERS",
                  "\"get_containers\":{\"show_nested\":true,\"show_standalone\":true},\"@\":1");
}

/* ---- oversubscription ---- */

static struct module *
started(struct world *w, enum mesos_kind kind)
{
    struct err err = {0};
    struct module *module = host_start(w->host, kind, "told", NULL, NULL, 0, &err);
    assert_string_equal(err.text, "");
    return module;
}

/* The agent of before goes, one with an estimator and a controller comes. */
static void
oversubscribe(struct world *w, double cpus)
{
    memset(&lender, 0, sizeof(lender));
    lender.cpus = cpus;
    w->estimator = started(w, MESOS_KIND_RESOURCE_ESTIMATOR);
    w->controller = started(w, MESOS_KIND_QOS_CONTROLLER);
    restart(w);
}

/* What the n-th UpdateSlaveMessage says of cpus that are lent out; -1 = there is no such message. */
static double
told_cpus(const struct world *w, size_t n)
{
    for (size_t i = 0; i < w->note_count; i++) {
        const struct note *note = &w->notes[i];
        if (strcmp(note->name, "mesos.internal.UpdateSlaveMessage") != 0 || n-- > 0)
            continue;
        const Mesos__Internal__UpdateSlaveMessage *message = message_unpack(
            &mesos__internal__update_slave_message__descriptor, str_n(note->body, note->len), w->arena, NULL);
        assert_non_null(message);
        assert_true(message->update_oversubscribed_resources);
        for (size_t k = 0; k < message->n_oversubscribed_resources; k++)
            assert_true(message->oversubscribed_resources[k]->revocable &&
                        !message->oversubscribed_resources[k]->allocation_info);
        return message->n_oversubscribed_resources ? message->oversubscribed_resources[0]->scalar->value : 0;
    }
    return -1;
}

static void
test_estimates_reach_the_master(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    assert_true(told_cpus(w, 0) == 0 && told_cpus(w, 1) == -1);
    oversubscribe(w, 3);
    pass(w, 2000);
    assert_int_equal(lender.asked, 1);
    assert_true(told_cpus(w, 1) == 3);
    /* Asked every 15 seconds; only what changes is told. */
    pass(w, 60 * 1000);
    assert_in_range(lender.asked, 5, 5);
    assert_int_equal(heard_times(w, "UpdateSlaveMessage"), 2);
    ping(w, true);
    lender.cpus = 1.5;
    pass(w, 15 * 1000);
    assert_true(told_cpus(w, 2) == 1.5);
    lender.cpus = -1; /* not revocable: what was said stays */
    pass(w, 15 * 1000);
    lender.cpus = 1.5;
    pass(w, 15 * 1000);
    assert_int_equal(heard_times(w, "UpdateSlaveMessage"), 3);
    /* Whoever takes the agent (back) is told at once, also when it was not there while it changed. */
    master_down(w);
    pass(w, 1000);
    lender.cpus = 0.5;
    pass(w, 30 * 1000);
    master_up(w);
    ping(w, false);
    pass(w, 130 * 1000);
    assert_true(agent_registered(w->agent));
    size_t last = heard_times(w, "UpdateSlaveMessage");
    assert_in_range(last, 4, 6);
    assert_true(told_cpus(w, last - 1) == 0.5);
    lender.cpus = 0;
    pass(w, 15 * 1000);
    assert_true(told_cpus(w, last) == 0);
}

static void
on_usage_told(void *arg, int status, struct mesos_bytes bytes)
{
    struct world *w = arg;
    assert_int_equal(status, 0);
    const Mesos__V1__ResourceUsage *usage = message_unpack(&mesos__v1__resource_usage__descriptor,
                                                           str_n(bytes.data, bytes.len), w->arena, NULL);
    assert_non_null(usage);
    w->status = (int)usage->n_executors;
    assert_int_equal(usage->n_total, 4);
    if (!usage->n_executors)
        return;
    const Mesos__V1__ResourceUsage__Executor *executor = usage->executors[0];
    assert_string_equal(executor->executor_info->framework_id->value, FRAMEWORK_ID);
    assert_string_equal(executor->container_id->value, containers.list[0].id);
    assert_int_equal(executor->n_tasks, 1);
    assert_string_equal(executor->tasks[0]->id->value, "t");
    assert_null(executor->statistics); /* this containerizer has none */
    assert_true(executor->n_allocated > 0);
}

static void
correct(struct world *w, const char *framework, const char *executor, const char *container)
{
    Mesos__Slave__QoSCorrections message = MESOS__SLAVE__QO_SCORRECTIONS__INIT;
    Mesos__Slave__QoSCorrection correction = MESOS__SLAVE__QO_SCORRECTION__INIT, *list[] = {&correction};
    Mesos__Slave__QoSCorrection__Kill kill = MESOS__SLAVE__QO_SCORRECTION__KILL__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    Mesos__V1__ContainerID container_id = MESOS__V1__CONTAINER_ID__INIT;
    auto_buf struct buf bytes = {0};
    framework_id.value = framework ? arena_strdup(w->arena, str_of(framework)) : NULL;
    executor_id.value = executor ? arena_strdup(w->arena, str_of(executor)) : NULL;
    container_id.value = container ? arena_strdup(w->arena, str_of(container)) : NULL;
    kill.framework_id = framework ? &framework_id : NULL;
    kill.executor_id = executor ? &executor_id : NULL;
    kill.container_id = container ? &container_id : NULL;
    correction.type = MESOS__SLAVE__QO_SCORRECTION__TYPE__KILL;
    correction.kill = &kill;
    message.corrections = list;
    message.n_corrections = 1;
    message_pack(&bytes, &message);
    struct mesos_call *call = take(&lender.call);
    assert_non_null(call);
    lender.host->reply(lender.host, call, 0, (struct mesos_bytes){buf_str(&bytes).ptr, bytes.len});
}

static void
test_corrections(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    oversubscribe(w, 2);
    running(w);
    size_t updates = heard_times(w, "StatusUpdateMessage");
    assert_int_equal(lender.corrections_asked, 1); /* an answer that is owed for long is fine */
    lender.source->usage(lender.source->arg, on_usage_told, w);
    pass(w, 100);
    assert_int_equal(w->status, 1);
    /* Who is not there, or not there any more, is left out; so is what says nothing. */
    correct(w, NULL, "t", NULL);
    pass(w, 1000);
    assert_int_equal(lender.corrections_asked, 1); /* not before --qos_correction_interval_min */
    pass(w, 1500);
    assert_int_equal(lender.corrections_asked, 2);
    correct(w, FRAMEWORK_ID, NULL, NULL);
    pass(w, 2500);
    correct(w, "nobody", "t", NULL);
    pass(w, 2500);
    correct(w, FRAMEWORK_ID, "nobody", NULL);
    pass(w, 2500);
    correct(w, FRAMEWORK_ID, "t", "a-container-of-before");
    pass(w, 2500);
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), updates);
    struct mesos_call *call = take(&lender.call);
    lender.host->reply(lender.host, call, 0, (struct mesos_bytes){"\xff\xff garbage", 10});
    pass(w, 2500);
    call = take(&lender.call);
    assert_non_null(call);
    (lender.host->fail)(lender.host, -EIO, "no idea");
    lender.host->reply(lender.host, call, -EIO, (struct mesos_bytes){NULL, 0});
    pass(w, 2500);
    correct(w, FRAMEWORK_ID, "t", containers.list[0].id);
    pass(w, 1000);
    assert_true(containers.list[0].destroyed);
    assert_int_equal(heard_times(w, "StatusUpdateMessage"), updates + 1);
    const Mesos__V1__TaskStatus *status = update(w, updates, NULL);
    assert_int_equal(status->state, STATE(LOST));
    assert_int_equal(status->reason, REASON(CONTAINER_PREEMPTED));
    assert_string_equal(status->message, "Container preempted by QoS correction");
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_registration_is_repeated_with_growing_pauses),
        CASE(test_pings),
        CASE(test_master_comes_back),
        CASE(test_master_comes_back_late),
        CASE(test_orders_of_strangers_are_dropped),
        CASE(test_executor_that_never_registers),
        CASE(test_launch_that_fails),
        CASE(test_checkpoint_that_fails_starts_nothing),
        CASE(test_shutdown_waits_for_the_grace_period),
        CASE(test_unacknowledged_updates_come_again),
        CASE(test_full_disk_lets_no_update_out),
        CASE(test_restart_with_a_silent_executor),
        CASE(test_restart_with_an_executor_that_comes_back),
        CASE(test_restart_sends_what_was_not_acknowledged),
        CASE(test_restart_before_the_executor_had_its_task),
        CASE(test_checkpointed_resources_are_told_again),
        CASE(test_leaving_gives_the_id_up),
        CASE(test_groups_wait_for_their_executor),
        CASE(test_kill_of_a_waiting_group_ends_all_of_it),
        CASE(test_kill_of_the_only_waiting_group_ends_its_executor),
        CASE(test_group_of_an_executor_that_cannot_start),
        CASE(test_restart_with_a_group),
        CASE(test_containerizer_that_can_do_little),
        CASE(test_estimates_reach_the_master),
        CASE(test_corrections),
    };
    log_open(&(struct log_options){.program = "test", .level = LOG_LEVEL_ERROR}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
