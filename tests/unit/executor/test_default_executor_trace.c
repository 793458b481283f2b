/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded agent of 05 speaks to our default executor: the events are its bytes, and every call of ours must be the
 * recorded one, byte for byte, but for uuids, times and the names of new containers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "executor/default_executor.h"
#include "lib/facts.h"
#include "mesos/v1/agent/agent.pb-c.h"
#include "wire/http_parse.h"
#include "wire/http_server.h"
#include "wire/limits.h"
#include "wire/message.h"
#include "wire/recordio.h"

#define TRACE "traces/05-launch-group-default-executor/"

enum { CALLS_MAX = 32 };

struct call {
    char what[160]; /* "UPDATE g1-a TASK_RUNNING" */
    struct buf bytes; /* normalised */
};

struct agent {
    struct loop *loop;
    struct http_server *server;
    struct address at;
    struct arena *arena;
    struct http_exchange *stream;
    struct buf events, wait_answer;
    struct call calls[CALLS_MAX];
    int count;
};

/* The body of a recorded request or answer; one that was cut off ends where it ends. */
static void
read_body(const char *name, bool response, struct buf *out)
{
    struct http_parser parser;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf in = {0};
    auto_free char *path = xasprintf(TRACE "%s", name);
    facts_read(path, &in);
    http_parse_init(&parser, response, LIMIT_MESSAGE_BYTES);
    for (;;) {
        enum http_parse_result result = http_parse(&parser, &in, arena, out);
        assert_int_not_equal(result, HTTP_PARSE_FAILED);
        if (result == HTTP_PARSE_DONE || result == HTTP_PARSE_MORE)
            return;
    }
}

/* ---- what differs from run to run ---- */

static void
blank_id(Mesos__V1__ContainerID *id)
{
    assert_int_equal(strlen(id->value), 36);
    memset(id->value, 'x', 36);
}

static void
blank_status(Mesos__V1__TaskStatus *status)
{
    assert_true(status->has_uuid && status->uuid.len == 16 && status->has_timestamp);
    memset(status->uuid.data, 0, 16);
    status->timestamp = 0;
    blank_id(status->container_status->container_id);
}

static const char *
name_of(const ProtobufCEnumDescriptor *type, int value)
{
    return protobuf_c_enum_descriptor_get_value(type, value)->name;
}

static void
normalise_update(struct call *call, struct str body, struct arena *arena)
{
    Mesos__V1__Executor__Call *message =
        message_unpack(&mesos__v1__executor__call__descriptor, body, arena, NULL);
    assert_non_null(message);
    blank_status(message->update->status);
    snprintf(call->what, sizeof(call->what), "UPDATE %s %s", message->update->status->task_id->value,
             name_of(&mesos__v1__task_state__descriptor, (int)message->update->status->state));
    message_pack(&call->bytes, message);
}

/* Ours tells each task its id; the recorded executor did not. */
static void
drop_task_id(Mesos__V1__Environment *environment)
{
    size_t kept = 0;
    for (size_t i = 0; i < environment->n_variables; i++)
        if (strcmp(environment->variables[i]->name, "MESOS_TASK_ID") != 0)
            environment->variables[kept++] = environment->variables[i];
    environment->n_variables = kept;
}

static void
normalise_operator(struct call *call, struct str body, struct arena *arena)
{
    Mesos__V1__Agent__Call *message = message_unpack(&mesos__v1__agent__call__descriptor, body, arena, NULL);
    assert_non_null(message);
    const char *type = name_of(&mesos__v1__agent__call__type__descriptor, (int)message->type);
    if (message->launch_container) {
        blank_id(message->launch_container->container_id);
        drop_task_id(message->launch_container->command->environment);
        snprintf(call->what, sizeof(call->what), "%s %s", type, message->launch_container->command->value);
    } else {
        assert_non_null(message->wait_nested_container);
        blank_id(message->wait_nested_container->container_id);
        snprintf(call->what, sizeof(call->what), "%s", type);
    }
    message_pack(&call->bytes, message);
}

/* ---- the agent ---- */

static void
send_record(struct agent *agent, struct str bytes)
{
    auto_buf struct buf record = {0};
    recordio_write(&record, bytes);
    assert_true(http_stream_write(agent->stream, buf_str(&record)));
}

static void
acknowledge(struct agent *agent, struct str body)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    Mesos__V1__Executor__Event event = MESOS__V1__EXECUTOR__EVENT__INIT;
    Mesos__V1__Executor__Event__Acknowledged acknowledged = MESOS__V1__EXECUTOR__EVENT__ACKNOWLEDGED__INIT;
    const Mesos__V1__Executor__Call *call =
        message_unpack(&mesos__v1__executor__call__descriptor, body, arena, NULL);
    event.has_type = true;
    event.type = MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED;
    event.acknowledged = &acknowledged;
    acknowledged.task_id = call->update->status->task_id;
    acknowledged.uuid = call->update->status->uuid;
    message_pack(&bytes, &event);
    send_record(agent, buf_str(&bytes));
}

/* SUBSCRIBED and LAUNCH_GROUP as recorded; the acknowledgements that follow there are of other uuids. */
static void
subscribe(struct agent *agent, struct http_exchange *exchange)
{
    struct str record;
    size_t used;
    agent->stream = exchange;
    http_stream_start(exchange, 200, NULL, 0, "application/x-protobuf");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(recordio_read(&agent->events, &record, &used, NULL), 1);
        send_record(agent, record);
        buf_consume(&agent->events, used);
    }
}

static void
on_request(struct http_exchange *exchange, void *arg)
{
    struct agent *agent = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str body = buf_str(&request->body);
    bool executor = str_is(request->path, "/slave(1)/api/v1/executor");
    assert_true(executor || str_is(request->path, "/slave(1)/api/v1"));
    if (!agent->stream) {
        subscribe(agent, exchange);
        return;
    }
    assert_true(agent->count < CALLS_MAX);
    struct call *call = &agent->calls[agent->count++];
    if (executor) {
        normalise_update(call, body, agent->arena);
        http_reply(exchange, 202, NULL, STR_LIT(""));
        acknowledge(agent, body);
        return;
    }
    normalise_operator(call, body, agent->arena);
    if (strcmp(call->what, "WAIT_NESTED_CONTAINER") == 0)
        http_reply(exchange, 200, "application/x-protobuf", buf_str(&agent->wait_answer));
    else
        http_reply(exchange, 200, NULL, STR_LIT(""));
}

static bool
never(void *arg)
{
    return false;
}

/* ---- the test ---- */

static void
assert_made(const struct agent *agent, const char *name)
{
    struct call expected = {0};
    auto_buf struct buf body = {0};
    bool executor = strstr(name, "UPDATE") != NULL;
    read_body(name, false, &body);
    if (executor)
        normalise_update(&expected, buf_str(&body), agent->arena);
    else
        normalise_operator(&expected, buf_str(&body), agent->arena);
    for (int i = 0; i < agent->count; i++) {
        const struct call *call = &agent->calls[i];
        if (strcmp(call->what, expected.what) != 0)
            continue;
        if (call->bytes.len != expected.bytes.len ||
            memcmp(buf_data(&call->bytes), buf_data(&expected.bytes), call->bytes.len) != 0)
            fail_msg("%s: '%s' differs", name, call->what);
        buf_fini(&expected.bytes);
        return;
    }
    fail_msg("%s: no '%s' was sent", name, expected.what);
}

static void
run(struct agent *agent)
{
    struct err err = {0};
    char path[96];
    agent->loop = loop_new(NULL, &err);
    agent->arena = arena_new(0);
    snprintf(path, sizeof(path), "unix:/tmp/test_default_executor_trace.%d", (int)getpid());
    assert_int_equal(address_parse(str_of(path), &agent->at, &err), 0);
    agent->server = http_server_new(agent->loop, on_request, agent);
    assert_int_equal(http_server_listen(agent->server, &agent->at, NULL, &err), 0);
    struct default_executor_options options = {
        .agent = {.agent = agent->at,
                  .host = "127.0.0.1:5051",
                  .target = "/slave(1)/api/v1/executor",
                  .framework_id = "b8304100-4e00-46cf-afeb-359b3f7aae6d-0000",
                  .executor_id = "de-1",
                  .recovery_timeout_ms = 2000,
                  .backoff_max_ms = 100},
        .shutdown_grace_ms = 5000,
        .container_ip = "127.0.0.1",
    };
    struct default_executor *executor = default_executor_new(agent->loop, &options);
    int64_t start_ms = loop_now_ms(agent->loop);
    loop_run_until(agent->loop, never, NULL, 10000);
    assert_true(loop_now_ms(agent->loop) - start_ms < 9000);
    default_executor_free(executor);
    http_server_free(agent->server);
    loop_free(agent->loop);
    unlink(path + 5);
}

static void
test_calls_are_the_recorded_ones(void **state)
{
    static const char *const recorded[] = {
        "006-executor-agent1-UPDATE.req",           "007-executor-agent1-LAUNCH_CONTAINER.req",
        "008-executor-agent1-LAUNCH_CONTAINER.req", "009-executor-agent1-UPDATE.req",
        "012-executor-agent1-UPDATE.req",           "013-executor-agent1-WAIT_NESTED_CONTAINER.req",
        "015-executor-agent1-UPDATE.req",           "021-executor-agent1-UPDATE.req",
        "028-executor-agent1-UPDATE.req",
    };
    struct agent agent = {0};
    read_body("005-executor-agent1-SUBSCRIBE.res", true, &agent.events);
    read_body("013-executor-agent1-WAIT_NESTED_CONTAINER.res", true, &agent.wait_answer);
    run(&agent);
    for (size_t i = 0; i < ARRAY_LEN(recorded); i++)
        assert_made(&agent, recorded[i]);
    assert_int_equal(agent.count, (int)ARRAY_LEN(recorded) + 1); /* and the second WAIT */
    for (int i = 0; i < agent.count; i++)
        buf_fini(&agent.calls[i].bytes);
    buf_fini(&agent.events);
    buf_fini(&agent.wait_answer);
    arena_free(agent.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_the_recorded_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
