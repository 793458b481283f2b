/* SPDX-License-Identifier: Apache-2.0 */
/* See lone_agent.h. */
#include "lone_agent.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/units.h"
#include "mesos/internal/authentication.pb-c.h"
#include "wire/recordio.h"

static const char *
daemon_option(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "master") == 0 ? "10.0.0.1:5050" : NULL;
}

void
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
say_login_error(struct world *w, const struct upid *to)
{
    Mesos__Internal__AuthenticationErrorMessage message = MESOS__INTERNAL__AUTHENTICATION_ERROR_MESSAGE__INIT;
    auto_buf struct buf body = {0};
    message.error = (char *)(uintptr_t)w->login_error;
    message_pack(&body, &message);
    libprocess_send(w->master, "master", to, "mesos.internal.AuthenticationErrorMessage", buf_str(&body));
}

void
on_master_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg)
{
    struct world *w = arg;
    assert_true(w->note_count < NOTES);
    struct note *note = &w->notes[w->note_count++];
    bool is_login = str_is(name, "mesos.internal.AuthenticateMessage");
    assert_true(strcmp(from->id, "slave(1)") == 0 || (is_login && str_starts(str_of(from->id), STR_LIT("crammd5-authenticatee("))));
    snprintf(note->name, sizeof(note->name), "%.*s", STR_ARG(name));
    note->body = xmemdup(body.len ? body.ptr : "", body.len ? body.len : 1);
    note->len = body.len;
    note->at_ms = loop_now_ms(w->loop);
    if (!w->deaf && str_is(name, "mesos.internal.RegisterSlaveMessage"))
        register_agent(w, false);
    if (!w->deaf && str_is(name, "mesos.internal.ReregisterSlaveMessage"))
        register_agent(w, true);
    if (is_login && w->login_error)
        say_login_error(w, from);
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

void
master_up(struct world *w)
{
    struct err err = {0};
    w->master = libprocess_new(w->loop, &w->master_at, on_master_message, NULL, w);
    w->master_http = http_server_new(w->loop, on_master_http, w);
    assert_int_equal(http_server_listen(w->master_http, &w->master_at, NULL, &err), 0);
    libprocess_spawn(w->master, "master");
    libprocess_spawn(w->master, "slave-observer(1)");
}

void
master_down(struct world *w)
{
    http_server_free(w->master_http);
    libprocess_free(w->master);
    w->master = NULL;
    w->master_http = NULL;
}

struct address
address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(str_of(text), &address, NULL), 0);
    return address;
}

void
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
    setup.authenticatee = w->authenticatee;
    setup.resource_estimator = w->estimator;
    setup.qos_controller = w->controller;
    setup.hostname = "agent1.example";
    setup.listen = w->agent_at;
    w->agent = agent_new(&setup, &err);
    assert_string_equal(w->agent ? "" : err.text, "");
    agent_start(w->agent, &err);
    assert_string_equal(err.text, "");
}

int
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
    assert_int_equal(host_add_linked(w->host, containers_double, "test", &err), 0);
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

int
world_tear_down(void **state)
{
    struct world *w = *state;
    fault_arm(NULL);
    http_client_free(w->stream);
    http_client_free(w->calls);
    agent_free(w->agent);
    stage_stop(w->host);
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

/* ---- what the master hears and says ---- */

size_t
heard_times(const struct world *w, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < w->note_count; i++)
        count += strcmp(w->notes[i].name + sizeof("mesos.internal.") - 1, name) == 0;
    return count;
}

Mesos__V1__TaskStatus *
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

void
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

void
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

void
ping(struct world *w, bool connected)
{
    struct upid to = {.id = "slave(1)", .address = w->agent_at};
    Mesos__Internal__PingSlaveMessage message = MESOS__INTERNAL__PING_SLAVE_MESSAGE__INIT;
    auto_buf struct buf body = {0};
    message.connected = connected;
    message_pack(&body, &message);
    libprocess_send(w->master, "slave-observer(1)", &to, "mesos.internal.PingSlaveMessage", buf_str(&body));
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

void
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

void
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

void
executor_update(struct world *w, const char *task_id, const char *task_state, char letter)
{
    executor_update_of(w, task_id, task_id, task_state, letter);
}

const Mesos__V1__Executor__Event *
event_of(const struct world *w, Mesos__V1__Executor__Event__Type type)
{
    for (size_t i = 0; i < w->event_count; i++)
        if (w->events[i]->type == type)
            return w->events[i];
    return NULL;
}

void
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

void
restart(struct world *w)
{
    http_client_free(w->calls);
    w->calls = NULL;
    agent_free(w->agent);
    pass(w, 10);
    start_agent(w);
}
