/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default executor against an agent's side of both APIs, spoken by this test over a Unix socket: containers are
 * lines in a table, so that order, retries and hostile answers can be played. Order and texts: recorded exchanges (05).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "executor/default_executor.h"
#include "mesos/v1/agent/agent.pb-c.h"
#include "wire/http_server.h"
#include "wire/message.h"
#include "wire/recordio.h"

enum { SEEN_MAX = 48, BOXES_MAX = 32, CALLS_MAX = 96 };

struct seen {
    char task[16], message[256];
    Mesos__V1__TaskState state;
    int reason, healthy;
    bool by_subscribe, nested;
};

/* A container of a task, or of a check when name begins with "check-". */
struct box {
    char name[64];
    char command[64];
    bool running;
    int status; /* wait(2), once it ended */
    struct http_exchange *wait, *session;
};

struct agent {
    struct loop *loop;
    struct http_server *server;
    struct address at;
    struct default_executor *executor;
    struct http_exchange *stream;
    const char *groups[4]; /* JSON arrays of tasks; sent at the first SUBSCRIBE */
    bool launched, acknowledges, silent_kill, no_container_id;
    int launch_status, session_status, wait_status; /* what is answered instead of 200; 0 = 200 */
    int check_exit; /* how commands of checks end */
    bool checks_hang;
    int subscribes, tasks_repeated;
    struct seen seen[SEEN_MAX];
    int count;
    struct box boxes[BOXES_MAX];
    int box_count;
    int signals[8], signal_count;
    int waits, removed;
    struct {
        int resources, limits, volumes, variables;
        char limit[16], volume[32], first_variable[16], role[16];
    } launch; /* what the last one was given */
};

/* ---- the agent's side ---- */

static void
send_bytes(struct agent *agent, struct str bytes)
{
    auto_buf struct buf record = {0};
    recordio_write(&record, bytes);
    assert_true(http_stream_write(agent->stream, buf_str(&record)));
}

static void
send_event(struct agent *agent, const char *json)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0};
    struct err err = {0};
    void *event = MESSAGE_FROM_JSON(Mesos__V1__Executor__Event, mesos__v1__executor__event, str_of(json), arena, &err);
    if (!event)
        fail_msg("%s", err.text);
    message_pack(&bytes, event);
    send_bytes(agent, buf_str(&bytes));
}

static void
acknowledge(struct agent *agent, const Mesos__V1__TaskStatus *status)
{
    auto_buf struct buf uuid = {0};
    base64_encode(&uuid, status->uuid.data, status->uuid.len);
    auto_free char *json =
        xasprintf("{\"type\":\"ACKNOWLEDGED\",\"acknowledged\":{\"task_id\":{\"value\":\"%s\"},\"uuid\":\"%s\"}}",
                  status->task_id->value, buf_cstr(&uuid));
    send_event(agent, json);
}

static void
note(struct agent *agent, const Mesos__V1__TaskStatus *status, bool by_subscribe)
{
    struct seen *seen = &agent->seen[agent->count++];
    const Mesos__V1__ContainerStatus *container = status->container_status;
    assert_true(agent->count < SEEN_MAX);
    assert_string_equal(status->executor_id->value, "e");
    assert_true(status->has_uuid && status->has_timestamp && status->has_source);
    snprintf(seen->task, sizeof(seen->task), "%s", status->task_id->value);
    snprintf(seen->message, sizeof(seen->message), "%s", status->message ? status->message : "");
    seen->state = status->state;
    seen->reason = status->has_reason ? (int)status->reason : 0;
    seen->healthy = status->has_healthy ? status->healthy : -1;
    seen->by_subscribe = by_subscribe;
    seen->nested = container && container->container_id && container->container_id->parent &&
                   strcmp(container->container_id->parent->value, "pod") == 0;
    if (agent->acknowledges)
        acknowledge(agent, status);
}

static void
send_groups(struct agent *agent)
{
    for (size_t i = 0; i < ARRAY_LEN(agent->groups) && agent->groups[i]; i++) {
        auto_free char *json = xasprintf(
            "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"task_group\":{\"tasks\":[%s]}}}", agent->groups[i]);
        send_event(agent, json);
    }
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    ((struct agent *)arg)->stream = NULL;
}

static void
on_subscribe(struct agent *agent, struct http_exchange *exchange, const Mesos__V1__Executor__Call__Subscribe *call)
{
    agent->subscribes++;
    agent->tasks_repeated = (int)call->n_unacknowledged_tasks;
    agent->stream = exchange;
    http_exchange_on_gone(exchange, on_gone, agent);
    http_stream_start(exchange, 200, NULL, 0, "application/x-protobuf");
    auto_free char *json =
        xasprintf("{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"executor_info\":{\"executor_id\":{\"value\":\"e\"}},"
                  "\"framework_info\":{\"user\":\"u\",\"name\":\"f\",\"capabilities\":[{\"type\":\"TASK_KILLING_STATE\"}]},"
                  "\"agent_info\":{\"hostname\":\"agent1.example\"}%s}}",
                  agent->no_container_id ? "" : ",\"container_id\":{\"value\":\"pod\"}");
    send_event(agent, json);
    for (size_t i = 0; i < call->n_unacknowledged_updates; i++)
        note(agent, call->unacknowledged_updates[i]->status, true);
    if (!agent->launched)
        send_groups(agent);
    agent->launched = true;
}

/* ---- containers ---- */

static struct box *
box_find(struct agent *agent, const char *name)
{
    for (int i = 0; i < agent->box_count; i++)
        if (strcmp(agent->boxes[i].name, name) == 0)
            return &agent->boxes[i];
    return NULL;
}

static struct box *
box_of(struct agent *agent, const char *command)
{
    for (int i = 0; i < agent->box_count; i++)
        if (strcmp(agent->boxes[i].command, command) == 0)
            return &agent->boxes[i];
    fail_msg("no container runs %s", command);
    return NULL;
}

static void
answer_wait(struct box *box)
{
    Mesos__V1__Agent__Response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__WaitNestedContainer wait = MESOS__V1__AGENT__RESPONSE__WAIT_NESTED_CONTAINER__INIT;
    auto_buf struct buf body = {0};
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__WAIT_NESTED_CONTAINER;
    response.wait_nested_container = &wait;
    wait.has_exit_status = true;
    wait.exit_status = box->status;
    message_pack(&body, &response);
    http_reply(box->wait, 200, "application/x-protobuf", buf_str(&body));
    box->wait = NULL;
}

static void
box_end(struct box *box, int status)
{
    box->running = false;
    box->status = status;
    if (box->wait)
        answer_wait(box);
}

static void
on_wait_gone(struct http_exchange *exchange, void *arg)
{
    struct box *box = arg;
    if (box->wait == exchange)
        box->wait = NULL;
    if (box->session == exchange) {
        box->session = NULL;
        box_end(box, SIGKILL);
    }
}

static struct box *
box_new(struct agent *agent, const Mesos__V1__ContainerID *id, const Mesos__V1__CommandInfo *command)
{
    struct box *box = &agent->boxes[agent->box_count++];
    assert_true(agent->box_count < BOXES_MAX);
    snprintf(box->name, sizeof(box->name), "%s", id->value);
    snprintf(box->command, sizeof(box->command), "%s", command->value);
    box->running = true;
    return box;
}

static void
note_launch(struct agent *agent, const Mesos__V1__Agent__Call__LaunchContainer *launch)
{
    const Mesos__V1__Environment *environment = launch->command->environment;
    agent->launch.resources = (int)launch->n_resources;
    agent->launch.limits = (int)launch->n_limits;
    agent->launch.variables = (int)environment->n_variables;
    agent->launch.volumes = launch->container ? (int)launch->container->n_volumes : 0;
    snprintf(agent->launch.first_variable, sizeof(agent->launch.first_variable), "%s", environment->variables[0]->name);
    if (launch->n_limits)
        snprintf(agent->launch.limit, sizeof(agent->launch.limit), "%s=%g", launch->limits[0]->key,
                 launch->limits[0]->value->value);
    if (agent->launch.volumes) {
        const Mesos__V1__Volume *last = launch->container->volumes[launch->container->n_volumes - 1];
        assert_int_equal(last->source->type, MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH);
        assert_int_equal(last->source->sandbox_path->type, MESOS__V1__VOLUME__SOURCE__SANDBOX_PATH__TYPE__PARENT);
        snprintf(agent->launch.volume, sizeof(agent->launch.volume), "%s<-%s", last->container_path,
                 last->source->sandbox_path->path);
    }
    if (agent->launch.variables > 1)
        snprintf(agent->launch.role, sizeof(agent->launch.role), "%s",
                 environment->variables[environment->n_variables - 1]->value);
}

static void
on_launch(struct agent *agent, struct http_exchange *exchange, const Mesos__V1__Agent__Call__LaunchContainer *launch)
{
    note_launch(agent, launch);
    if (agent->launch_status) {
        http_reply_text(exchange, agent->launch_status, "no room");
        return;
    }
    assert_string_equal(launch->container_id->parent->value, "pod");
    assert_true(agent->launch.variables >= 1);
    if (box_find(agent, launch->container_id->value)) {
        http_reply(exchange, 202, NULL, STR_LIT(""));
        return;
    }
    box_new(agent, launch->container_id, launch->command);
    http_reply(exchange, 200, NULL, STR_LIT(""));
}

static void
on_session(struct agent *agent, struct http_exchange *exchange,
           const Mesos__V1__Agent__Call__LaunchNestedContainerSession *launch)
{
    if (agent->session_status) {
        http_reply_text(exchange, agent->session_status, "not now");
        return;
    }
    assert_memory_equal(launch->container_id->value, "check-", 6);
    assert_string_equal(launch->container_id->parent->parent->value, "pod");
    struct box *box = box_new(agent, launch->container_id, launch->command);
    http_stream_start(exchange, 200, NULL, 0, "application/recordio");
    http_stream_write(exchange, STR_LIT("17\nnot for anybody's"));
    if (agent->checks_hang) {
        box->session = exchange;
        http_exchange_on_gone(exchange, on_wait_gone, box);
        return;
    }
    box_end(box, agent->check_exit << 8);
    http_stream_end(exchange);
}

static void
on_wait(struct agent *agent, struct http_exchange *exchange, const Mesos__V1__ContainerID *id)
{
    struct box *box = box_find(agent, id->value);
    agent->waits++;
    if (agent->wait_status || !box) {
        http_reply_text(exchange, agent->wait_status ? agent->wait_status : 404, "Container cannot be found");
        agent->wait_status = agent->wait_status == 503 ? 0 : agent->wait_status;
        return;
    }
    box->wait = exchange;
    http_exchange_on_gone(exchange, on_wait_gone, box);
    if (!box->running)
        answer_wait(box);
}

static void
on_signal(struct agent *agent, struct http_exchange *exchange, const Mesos__V1__Agent__Call__KillNestedContainer *kill)
{
    struct box *box = box_find(agent, kill->container_id->value);
    assert_true(agent->signal_count < (int)ARRAY_LEN(agent->signals));
    agent->signals[agent->signal_count++] = kill->signal;
    http_reply(exchange, 200, NULL, STR_LIT(""));
    if (box && box->running && (!agent->silent_kill || kill->signal == SIGKILL))
        box_end(box, kill->signal);
}

static void
on_operator(struct agent *agent, struct http_exchange *exchange, const Mesos__V1__Agent__Call *call)
{
    switch (call->type) {
    case MESOS__V1__AGENT__CALL__TYPE__LAUNCH_CONTAINER:
        on_launch(agent, exchange, call->launch_container);
        return;
    case MESOS__V1__AGENT__CALL__TYPE__LAUNCH_NESTED_CONTAINER_SESSION:
        on_session(agent, exchange, call->launch_nested_container_session);
        return;
    case MESOS__V1__AGENT__CALL__TYPE__WAIT_NESTED_CONTAINER:
        on_wait(agent, exchange, call->wait_nested_container->container_id);
        return;
    case MESOS__V1__AGENT__CALL__TYPE__KILL_NESTED_CONTAINER:
        on_signal(agent, exchange, call->kill_nested_container);
        return;
    case MESOS__V1__AGENT__CALL__TYPE__REMOVE_NESTED_CONTAINER:
        agent->removed++;
        http_reply(exchange, 200, NULL, STR_LIT(""));
        return;
    default:
        fail_msg("call %d", (int)call->type);
    }
}

static void
on_request(struct http_exchange *exchange, void *arg)
{
    struct agent *agent = arg;
    auto_arena struct arena *arena = arena_new(0);
    const struct http_request *request = http_exchange_request(exchange);
    struct str body = buf_str(&request->body);
    struct err err = {0};
    if (str_is(request->path, "/slave(1)/api/v1")) {
        on_operator(agent, exchange,
                    MESSAGE_UNPACK(Mesos__V1__Agent__Call, mesos__v1__agent__call, body, arena, &err));
        return;
    }
    assert_true(str_is(request->path, "/slave(1)/api/v1/executor"));
    const Mesos__V1__Executor__Call *call =
        MESSAGE_UNPACK(Mesos__V1__Executor__Call, mesos__v1__executor__call, body, arena, &err);
    assert_non_null(call);
    if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE) {
        on_subscribe(agent, exchange, call->subscribe);
        return;
    }
    http_reply(exchange, 202, NULL, STR_LIT(""));
    note(agent, call->update->status, false);
}

/* ---- driving ---- */

static void
listen_again(struct agent *agent)
{
    struct err err = {0};
    agent->server = http_server_new(agent->loop, on_request, agent);
    assert_int_equal(http_server_listen(agent->server, &agent->at, NULL, &err), 0);
}

static void
start(struct agent *agent, const char *group, bool checkpoint)
{
    struct err err = {0};
    char path[64];
    *agent = (struct agent){.groups = {group}, .acknowledges = true};
    agent->loop = loop_new(NULL, &err);
    snprintf(path, sizeof(path), "unix:/tmp/test_default_executor.%d", (int)getpid());
    assert_int_equal(address_parse(str_of(path), &agent->at, &err), 0);
    listen_again(agent);
    struct default_executor_options options = {
        .agent = {.agent = agent->at,
                  .host = "localhost",
                  .target = "/slave(1)/api/v1/executor",
                  .framework_id = "f",
                  .executor_id = "e",
                  .checkpoint = checkpoint,
                  .recovery_timeout_ms = 2000,
                  .backoff_max_ms = 100},
        .shutdown_grace_ms = 1300,
        .container_ip = "127.0.0.1",
    };
    agent->executor = default_executor_new(agent->loop, &options);
}

static void
stop(struct agent *agent)
{
    char path[128];
    default_executor_free(agent->executor);
    http_server_free(agent->server);
    loop_free(agent->loop);
    unlink(address_format(&agent->at, path) + 5);
}

static bool
never(void *arg)
{
    return false;
}

static void
run_ms(struct agent *agent, int64_t ms)
{
    loop_run_until(agent->loop, never, NULL, ms);
}

static void
run_to_the_end(struct agent *agent)
{
    int64_t start_ms = loop_now_ms(agent->loop);
    loop_run_until(agent->loop, never, NULL, 10000);
    assert_true(loop_now_ms(agent->loop) - start_ms < 9000);
}

struct wish {
    struct agent *agent;
    const char *task;
    Mesos__V1__TaskState state;
};

static bool
has_state(void *arg)
{
    const struct wish *wish = arg;
    for (int i = 0; i < wish->agent->count; i++)
        if (strcmp(wish->agent->seen[i].task, wish->task) == 0 && wish->agent->seen[i].state == wish->state)
            return true;
    return false;
}

static void
run_to(struct agent *agent, const char *task, Mesos__V1__TaskState state)
{
    struct wish wish = {agent, task, state};
    if (!loop_run_until(agent->loop, has_state, &wish, 10000))
        fail_msg("%s did not become %d", task, (int)state);
}

/* "STARTING RUNNING ..." of one task. */
static void
assert_states(const struct agent *agent, const char *task, const char *expected)
{
    auto_buf struct buf text = {0};
    for (int i = 0; i < agent->count; i++)
        if (strcmp(agent->seen[i].task, task) == 0)
            buf_printf(&text, "%s%s", text.len ? " " : "",
                       protobuf_c_enum_descriptor_get_value(&mesos__v1__task_state__descriptor,
                                                            (int)agent->seen[i].state)->name + 5);
    assert_string_equal(buf_cstr(&text), expected);
}

static const struct seen *
last_of(const struct agent *agent, const char *task)
{
    for (int i = agent->count; i-- > 0;)
        if (strcmp(agent->seen[i].task, task) == 0)
            return &agent->seen[i];
    fail_msg("nothing of %s", task);
    return NULL;
}

#define TASK(id, rest)                                                                                             \
    "{\"name\":\"" id "\",\"task_id\":{\"value\":\"" id "\"},\"agent_id\":{\"value\":\"s\"},\"command\":{\"value\":\"run-" id    \
    "\"}" rest "}"
#define RUN      MESOS__V1__TASK_STATE__TASK_RUNNING
#define FINISHED MESOS__V1__TASK_STATE__TASK_FINISHED

/* ---- tests ---- */

static void
test_a_group_that_ends_well(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", "") "," TASK("b", ""), false);
    run_to(&agent, "b", RUN);
    box_end(box_of(&agent, "run-a"), 0);
    run_to(&agent, "a", FINISHED);
    assert_states(&agent, "b", "STARTING RUNNING"); /* one that ends well leaves the others alone */
    box_end(box_of(&agent, "run-b"), 0);
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING RUNNING FINISHED");
    assert_states(&agent, "b", "STARTING RUNNING FINISHED");
    assert_string_equal(last_of(&agent, "a")->message, "Command exited with status 0");
    for (int i = 0; i < agent.count; i++)
        assert_true(agent.seen[i].nested);
    assert_int_equal(agent.signal_count, 0);
    stop(&agent);
}

/* All that a task says of its container reaches the agent; its disk becomes a volume of the pod's sandbox. */
static void
test_what_a_container_is_given(void **state)
{
    struct agent agent;
    start(&agent,
          "{\"name\":\"a\",\"task_id\":{\"value\":\"a\"},\"agent_id\":{\"value\":\"s\"},\"command\":{\"value\":\"run-a\","
          "\"environment\":{\"variables\":[{\"name\":\"MINE\",\"value\":\"1\"}]}},\"limits\":{\"cpus\":{\"value\":2}},"
          "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"allocation_info\":{\"role\":"
          "\"dev\"}},{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":8},\"disk\":{\"persistence\":{\"id\":\"p\"},"
          "\"volume\":{\"mode\":\"RW\",\"container_path\":\"data\"}}}]}",
          false);
    run_to(&agent, "a", RUN);
    assert_int_equal(agent.launch.resources, 2);
    assert_string_equal(agent.launch.limit, "cpus=2");
    assert_string_equal(agent.launch.volume, "data<-data");
    assert_int_equal(agent.launch.variables, 4);
    assert_string_equal(agent.launch.first_variable, "MINE");
    assert_string_equal(agent.launch.role, "dev");
    stop(&agent);
}

static void
test_one_fails_all_go(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", "") "," TASK("b", ""), false);
    agent.groups[1] = TASK("c", "");
    run_to(&agent, "c", RUN);
    run_to(&agent, "b", RUN);
    box_end(box_of(&agent, "run-a"), 4 << 8);
    run_to(&agent, "b", MESOS__V1__TASK_STATE__TASK_KILLED);
    assert_states(&agent, "a", "STARTING RUNNING FAILED");
    assert_string_equal(last_of(&agent, "a")->message, "Command exited with status 4");
    assert_states(&agent, "b", "STARTING RUNNING KILLING KILLED");
    assert_string_equal(last_of(&agent, "b")->message, "Command terminated with signal Terminated");
    assert_states(&agent, "c", "STARTING RUNNING"); /* another group */
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"unknown\"}}}");
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"c\"}}}");
    run_to_the_end(&agent);
    assert_states(&agent, "c", "STARTING RUNNING KILLING KILLED");
    stop(&agent);
}

static void
test_kill_policy_and_a_shorter_grace(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ",\"kill_policy\":{\"grace_period\":{\"nanoseconds\":60000000000}}"), false);
    agent.silent_kill = true;
    run_to(&agent, "a", RUN);
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"a\"}}}");
    run_ms(&agent, 100);
    assert_int_equal(agent.signal_count, 1);
    int64_t begin_ms = loop_now_ms(agent.loop);
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"a\"},"
                       "\"kill_policy\":{\"grace_period\":{\"nanoseconds\":200000000}}}}");
    run_to_the_end(&agent);
    int64_t took_ms = loop_now_ms(agent.loop) - begin_ms;
    assert_true(took_ms >= 190 && took_ms < 3000);
    assert_int_equal(agent.signal_count, 2);
    assert_int_equal(agent.signals[0], SIGTERM);
    assert_int_equal(agent.signals[1], SIGKILL);
    assert_string_equal(last_of(&agent, "a")->message, "Command terminated with signal Killed");
    stop(&agent);
}

static void
test_shutdown_fits_into_the_agents_grace(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ""), false);
    agent.silent_kill = true;
    run_to(&agent, "a", RUN);
    int64_t begin_ms = loop_now_ms(agent.loop);
    send_event(&agent, "{\"type\":\"SHUTDOWN\"}");
    run_ms(&agent, 50);
    send_event(&agent, "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"task_group\":{\"tasks\":[" TASK("late", "") "]}}}");
    run_to_the_end(&agent);
    assert_true(loop_now_ms(agent.loop) - begin_ms < 1300);
    assert_states(&agent, "a", "STARTING RUNNING KILLING KILLED");
    assert_states(&agent, "late", "KILLED");
    stop(&agent);
}

static void
test_launch_refused(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", "") "," TASK("b", ""), false);
    agent.launch_status = 400;
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING FAILED");
    assert_string_equal(last_of(&agent, "a")->message, "Failed to launch container: no room");
    assert_int_equal(last_of(&agent, "a")->reason, MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LAUNCH_FAILED);
    assert_int_equal(last_of(&agent, "b")->state, MESOS__V1__TASK_STATE__TASK_KILLED);
    stop(&agent);
}

static void
test_wait_is_asked_again_and_may_know_nothing(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ""), false);
    agent.wait_status = 503;
    run_to(&agent, "a", RUN);
    run_ms(&agent, 1300);
    assert_int_equal(agent.waits, 2);
    box_end(box_of(&agent, "run-a"), 0);
    run_to_the_end(&agent);
    assert_int_equal(last_of(&agent, "a")->state, FINISHED);
    stop(&agent);
    start(&agent, TASK("a", ""), false);
    agent.wait_status = 404;
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING RUNNING FAILED");
    assert_string_equal(last_of(&agent, "a")->message, "Command terminated with unknown status");
    stop(&agent);
}

static void
test_max_completion_time(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ",\"max_completion_time\":{\"nanoseconds\":100000000}"), false);
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING RUNNING FAILED");
    assert_int_equal(last_of(&agent, "a")->reason, MESOS__V1__TASK_STATUS__REASON__REASON_MAX_COMPLETION_TIME_REACHED);
    stop(&agent);
}

#define HEALTH(more)                                                                                               \
    ",\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"look\"},\"delay_seconds\":0,\"interval_seconds\":0.05,"        \
    "\"grace_period_seconds\":0" more "}"

static void
test_health_check_inside_the_task(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", HEALTH(",\"consecutive_failures\":2")), false);
    run_to(&agent, "a", RUN);
    run_ms(&agent, 300);
    assert_states(&agent, "a", "STARTING RUNNING RUNNING"); /* healthy, told once */
    assert_int_equal(last_of(&agent, "a")->healthy, 1);
    assert_true(agent.box_count > 2 && agent.removed > 1 && agent.removed >= agent.box_count - 3);
    agent.check_exit = 1;
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING RUNNING RUNNING RUNNING RUNNING KILLING KILLED");
    assert_int_equal(last_of(&agent, "a")->healthy, 0);
    stop(&agent);
}

static void
test_check_that_hangs_and_agent_that_has_no_time(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", HEALTH(",\"timeout_seconds\":0.2,\"consecutive_failures\":1")), false);
    agent.checks_hang = true;
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING RUNNING RUNNING KILLING KILLED");
    assert_false(box_of(&agent, "look")->running); /* hanging up has ended it */
    stop(&agent);
    /* A refused session says nothing about the task. */
    start(&agent, TASK("a", HEALTH(",\"consecutive_failures\":1")), false);
    agent.session_status = 503;
    run_to(&agent, "a", RUN);
    run_ms(&agent, 300);
    assert_states(&agent, "a", "STARTING RUNNING");
    stop(&agent);
}

static void
test_agent_restart(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", HEALTH("")) "," TASK("b", ""), true);
    run_to(&agent, "b", RUN);
    run_ms(&agent, 100);
    int waits = agent.waits, count = agent.count;
    http_server_free(agent.server);
    agent.server = NULL;
    run_ms(&agent, 300);
    box_end(box_of(&agent, "run-b"), 0);
    agent.check_exit = 1;
    listen_again(&agent);
    run_to(&agent, "b", FINISHED);
    assert_int_equal(agent.subscribes, 2);
    assert_true(agent.waits >= waits + 2);
    assert_int_equal(agent.tasks_repeated, 0); /* both were acknowledged */
    run_ms(&agent, 300);
    assert_true(agent.count > count + 1); /* checks go on */
    assert_int_equal(last_of(&agent, "a")->healthy == 0 || last_of(&agent, "a")->state != RUN, 1);
    stop(&agent);
}

static void
test_what_was_not_acknowledged_is_repeated(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ""), true);
    agent.acknowledges = false;
    run_to(&agent, "a", RUN);
    http_server_free(agent.server);
    agent.acknowledges = true;
    int count = agent.count;
    listen_again(&agent);
    run_to(&agent, "a", RUN);
    run_ms(&agent, 400);
    assert_int_equal(agent.tasks_repeated, 1);
    assert_int_equal(agent.count, count + 2);
    assert_true(agent.seen[count].by_subscribe && agent.seen[count + 1].by_subscribe);
    box_end(box_of(&agent, "run-a"), 0);
    run_to_the_end(&agent);
    assert_int_equal(last_of(&agent, "a")->state, FINISHED);
    stop(&agent);
}

static void
test_without_checkpoints_it_leaves_with_the_agent(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ""), false);
    run_to(&agent, "a", RUN);
    http_server_free(agent.server);
    agent.server = NULL;
    run_to_the_end(&agent);
    assert_int_equal(agent.subscribes, 1);
    stop(&agent);
}

/* Nothing that comes on the stream may end it in anything but order. */
static void
test_hostile_events(void **state)
{
    struct agent agent;
    start(&agent, TASK("a", ",\"check\":{\"type\":\"HTTP\",\"http\":{\"port\":70000},\"delay_seconds\":-1}"), false);
    run_to(&agent, "a", RUN);
    send_bytes(&agent, STR_LIT(""));
    send_bytes(&agent, STR_LIT("\xff\xff\xff\xff garbage"));
    send_bytes(&agent, STR_LIT("\x08\x63")); /* an unknown type */
    send_bytes(&agent, STR_LIT("\x08\x08")); /* LAUNCH_GROUP without a group */
    send_bytes(&agent, STR_LIT("\x08\x04")); /* KILL without a task */
    send_event(&agent, "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"task_group\":{\"tasks\":[]}}}");
    send_event(&agent, "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"task_group\":{\"tasks\":[" TASK("a", "") "]}}}");
    send_event(&agent, "{\"type\":\"ACKNOWLEDGED\",\"acknowledged\":{\"task_id\":{\"value\":\"a\"},\"uuid\":\"AA==\"}}");
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"\"}}}");
    send_event(&agent, "{\"type\":\"MESSAGE\",\"message\":{\"data\":\"AA==\"}}");
    run_ms(&agent, 100);
    assert_states(&agent, "a", "STARTING RUNNING");
    send_event(&agent, "{\"type\":\"LAUNCH\",\"launch\":{\"task\":" TASK("alone", "") "}}");
    run_to(&agent, "alone", RUN);
    send_event(&agent, "{\"type\":\"SHUTDOWN\"}");
    run_to_the_end(&agent);
    assert_states(&agent, "a", "STARTING RUNNING KILLING KILLED");
    stop(&agent);
    start(&agent, TASK("a", ""), false);
    agent.no_container_id = true;
    run_ms(&agent, 200);
    assert_int_equal(agent.box_count, 0);
    stop(&agent);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_that_ends_well),
        cmocka_unit_test(test_what_a_container_is_given),
        cmocka_unit_test(test_one_fails_all_go),
        cmocka_unit_test(test_kill_policy_and_a_shorter_grace),
        cmocka_unit_test(test_shutdown_fits_into_the_agents_grace),
        cmocka_unit_test(test_launch_refused),
        cmocka_unit_test(test_wait_is_asked_again_and_may_know_nothing),
        cmocka_unit_test(test_max_completion_time),
        cmocka_unit_test(test_health_check_inside_the_task),
        cmocka_unit_test(test_check_that_hangs_and_agent_that_has_no_time),
        cmocka_unit_test(test_agent_restart),
        cmocka_unit_test(test_what_was_not_acknowledged_is_repeated),
        cmocka_unit_test(test_without_checkpoints_it_leaves_with_the_agent),
        cmocka_unit_test(test_hostile_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
