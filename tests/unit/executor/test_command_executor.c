/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command executor against an agent's side of the v1 executor API, spoken by this test over a Unix socket with real
 * commands: the order and the texts are those of the recorded exchanges (04b, 02).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/units.h"
#include "executor/command_executor.h"
#include "executor/task_process.h"
#include "wire/http_server.h"
#include "wire/message.h"
#include "wire/recordio.h"

enum { UPDATES_MAX = 16 };

struct seen {
    Mesos__V1__TaskState state;
    char message[128];
    int reason;
    int healthy, exit_code; /* -1 = not said */
    bool has_check, by_subscribe;
};

struct agent {
    struct loop *loop;
    struct http_server *server;
    struct address at;
    struct command_executor *executor;
    struct http_exchange *stream;
    const char *task; /* JSON of the TaskInfo */
    bool acknowledges, launched;
    int refuses; /* so many updates are answered with 503 */
    int subscribes, unacknowledged_tasks;
    struct seen seen[UPDATES_MAX];
    int count;
};

static void
send_event(struct agent *agent, const char *json)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf bytes = {0}, record = {0};
    struct err err = {0};
    void *event = MESSAGE_FROM_JSON(Mesos__V1__Executor__Event, mesos__v1__executor__event, str_of(json), arena, &err);
    assert_non_null(event);
    message_pack(&bytes, event);
    recordio_write(&record, buf_str(&bytes));
    assert_true(http_stream_write(agent->stream, buf_str(&record)));
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
    assert_true(agent->count < UPDATES_MAX);
    assert_string_equal(status->executor_id->value, "e");
    assert_int_equal(status->source, MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR);
    assert_true(status->has_uuid && status->uuid.len == 16 && status->has_timestamp);
    seen->state = status->state;
    snprintf(seen->message, sizeof(seen->message), "%s", status->message ? status->message : "");
    seen->reason = status->has_reason ? (int)status->reason : 0;
    seen->healthy = status->has_healthy ? status->healthy : -1;
    const Mesos__V1__CheckStatusInfo *check = status->check_status;
    seen->has_check = check && check->has_type && check->command;
    seen->exit_code = seen->has_check && check->command->has_exit_code ? check->command->exit_code : -1;
    seen->by_subscribe = by_subscribe;
    if (agent->acknowledges)
        acknowledge(agent, status);
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
    agent->unacknowledged_tasks = (int)call->n_unacknowledged_tasks;
    agent->stream = exchange;
    http_exchange_on_gone(exchange, on_gone, agent);
    http_stream_start(exchange, 200, NULL, 0, "application/x-protobuf");
    send_event(agent, "{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"executor_info\":{\"executor_id\":{\"value\":\"e\"}},"
                      "\"framework_info\":{\"user\":\"u\",\"name\":\"f\",\"capabilities\":[{\"type\":\"TASK_KILLING_STATE\"}]},"
                      "\"agent_info\":{\"hostname\":\"agent1.example\"}}}");
    for (size_t i = 0; i < call->n_unacknowledged_updates; i++)
        note(agent, call->unacknowledged_updates[i]->status, true);
    if (!agent->launched) {
        auto_free char *json = xasprintf("{\"type\":\"LAUNCH\",\"launch\":{\"task\":%s}}", agent->task);
        agent->launched = true;
        send_event(agent, json);
    }
}

static void
on_request(struct http_exchange *exchange, void *arg)
{
    struct agent *agent = arg;
    auto_arena struct arena *arena = arena_new(0);
    const struct http_request *request = http_exchange_request(exchange);
    struct err err = {0};
    assert_true(str_is(request->path, "/slave(1)/api/v1/executor"));
    const Mesos__V1__Executor__Call *call =
        MESSAGE_UNPACK(Mesos__V1__Executor__Call, mesos__v1__executor__call, buf_str(&request->body), arena, &err);
    assert_non_null(call);
    assert_string_equal(call->framework_id->value, "f");
    if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE) {
        on_subscribe(agent, exchange, call->subscribe);
        return;
    }
    assert_int_equal(call->type, MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE);
    if (agent->refuses > 0) {
        agent->refuses--;
        http_reply_text(exchange, 503, "recovering");
        return;
    }
    http_reply(exchange, 202, NULL, STR_LIT(""));
    note(agent, call->update->status, false);
}

static void
on_chld(int signo, void *arg)
{
    command_executor_reap(((struct agent *)arg)->executor);
}

static void
listen_again(struct agent *agent)
{
    struct err err = {0};
    agent->server = http_server_new(agent->loop, on_request, agent);
    assert_int_equal(http_server_listen(agent->server, &agent->at, NULL, &err), 0);
}

static void
start(struct agent *agent, const char *task, bool checkpoint)
{
    struct err err = {0};
    char path[64];
    *agent = (struct agent){.task = task, .acknowledges = true};
    agent->loop = loop_new(NULL, &err);
    snprintf(path, sizeof(path), "unix:/tmp/test_executor.%d", (int)getpid());
    assert_int_equal(address_parse(str_of(path), &agent->at, &err), 0);
    listen_again(agent);
    struct command_executor_options options = {
        .agent = {.agent = agent->at,
                  .host = "localhost",
                  .target = "/slave(1)/api/v1/executor",
                  .framework_id = "f",
                  .executor_id = "e",
                  .checkpoint = checkpoint,
                  .recovery_timeout_ms = 2000,
                  .backoff_max_ms = 100},
        .shutdown_grace_ms = 1100,
    };
    agent->executor = command_executor_new(agent->loop, &options, &err);
    assert_non_null(agent->executor);
    assert_int_equal(loop_signal(agent->loop, SIGCHLD, on_chld, agent, &err), 0);
}

static void
stop(struct agent *agent)
{
    command_executor_free(agent->executor);
    http_server_free(agent->server);
    loop_free(agent->loop);
    char path[128];
    unlink(address_format(&agent->at, path) + 5);
    task_process_signal_all(SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

static bool
never(void *arg)
{
    return false;
}

/* The executor stops its loop by itself; a test that sees the timeout instead has failed. */
static void
run_to_the_end(struct agent *agent)
{
    int64_t start_ms = loop_now_ms(agent->loop);
    loop_run_until(agent->loop, never, NULL, 10000);
    assert_true(loop_now_ms(agent->loop) - start_ms < 9000);
}

static bool
is_running(void *arg)
{
    const struct agent *agent = arg;
    return agent->count && agent->seen[agent->count - 1].state == MESOS__V1__TASK_STATE__TASK_RUNNING;
}

static void
run_to_running(struct agent *agent)
{
    assert_true(loop_run_until(agent->loop, is_running, agent, 10000));
}

static void
assert_states(const struct agent *agent, int count, ...)
{
    va_list ap;
    va_start(ap, count);
    assert_int_equal(agent->count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(agent->seen[i].state, va_arg(ap, int));
    va_end(ap);
}

#define TASK(rest) "{\"name\":\"t\",\"task_id\":{\"value\":\"t\"},\"agent_id\":{\"value\":\"s\"}," rest "}"
#define STARTING MESOS__V1__TASK_STATE__TASK_STARTING
#define RUN MESOS__V1__TASK_STATE__TASK_RUNNING
#define KILLING MESOS__V1__TASK_STATE__TASK_KILLING

static void
test_ends_of_commands(void **state)
{
    static const struct {
        const char *task;
        Mesos__V1__TaskState state;
        const char *message;
    } rows[] = {
        {TASK("\"command\":{\"value\":\"true\"}"), MESOS__V1__TASK_STATE__TASK_FINISHED, "Command exited with status 0"},
        {TASK("\"command\":{\"value\":\"exit 3\"}"), MESOS__V1__TASK_STATE__TASK_FAILED, "Command exited with status 3"},
        {TASK("\"command\":{\"value\":\"kill -9 $$\"}"), MESOS__V1__TASK_STATE__TASK_FAILED,
         "Command terminated with signal Killed"},
        {TASK("\"command\":{\"value\":\"true\",\"shell\":false,\"arguments\":[\"true\"]}"),
         MESOS__V1__TASK_STATE__TASK_FINISHED, "Command exited with status 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct agent agent;
        start(&agent, rows[i].task, false);
        run_to_the_end(&agent);
        assert_states(&agent, 3, STARTING, RUN, rows[i].state);
        assert_string_equal(agent.seen[2].message, rows[i].message);
        assert_int_equal(agent.seen[2].reason, 0);
        stop(&agent);
    }
}

static void
test_kill_is_killed_even_with_status_zero(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"trap 'exit 0' TERM; while :; do sleep 0.02; done\"}"), false);
    run_to_running(&agent);
    loop_run_until(agent.loop, never, NULL, 100); /* the shell needs a moment to set its trap */
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"other\"}}}");
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t\"}}}");
    run_to_the_end(&agent);
    assert_states(&agent, 4, STARTING, RUN, KILLING, MESOS__V1__TASK_STATE__TASK_KILLED);
    assert_string_equal(agent.seen[3].message, "Command exited with status 0");
    stop(&agent);
}

static void
test_kill_policy_ends_in_sigkill(void **state)
{
    struct agent agent;
    start(&agent,
          TASK("\"command\":{\"value\":\"trap '' TERM; while :; do sleep 0.02; done\"},"
               "\"kill_policy\":{\"grace_period\":{\"nanoseconds\":60000000000}}"),
          false);
    run_to_running(&agent);
    loop_run_until(agent.loop, never, NULL, 100);
    int64_t start_ms = loop_now_ms(agent.loop);
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t\"}}}");
    send_event(&agent, "{\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t\"},"
                       "\"kill_policy\":{\"grace_period\":{\"nanoseconds\":200000000}}}}"); /* shorter counts */
    run_to_the_end(&agent);
    int64_t took_ms = loop_now_ms(agent.loop) - start_ms;
    assert_true(took_ms >= 200 && took_ms < 5000);
    assert_states(&agent, 4, STARTING, RUN, KILLING, MESOS__V1__TASK_STATE__TASK_KILLED);
    assert_string_equal(agent.seen[3].message, "Command terminated with signal Killed");
    stop(&agent);
}

static void
test_shutdown_kills_within_the_agents_grace(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"trap '' TERM; while :; do sleep 0.02; done\"}"), false);
    run_to_running(&agent);
    loop_run_until(agent.loop, never, NULL, 100);
    int64_t start_ms = loop_now_ms(agent.loop);
    send_event(&agent, "{\"type\":\"SHUTDOWN\"}");
    run_to_the_end(&agent);
    assert_true(loop_now_ms(agent.loop) - start_ms < 1100);
    assert_int_equal(agent.seen[agent.count - 1].state, MESOS__V1__TASK_STATE__TASK_KILLED);
    stop(&agent);
}

static void
test_max_completion_time(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"sleep 60\"},\"max_completion_time\":{\"nanoseconds\":100000000}"), false);
    run_to_the_end(&agent);
    assert_states(&agent, 3, STARTING, RUN, MESOS__V1__TASK_STATE__TASK_FAILED);
    assert_int_equal(agent.seen[2].reason, MESOS__V1__TASK_STATUS__REASON__REASON_MAX_COMPLETION_TIME_REACHED);
    assert_string_equal(agent.seen[2].message, "Command terminated with signal Terminated");
    stop(&agent);
}

static void
assert_said(const struct seen *seen, int reason, int healthy, int exit_code)
{
    assert_int_equal(seen->reason, reason);
    assert_int_equal(seen->healthy, healthy);
    assert_int_equal(seen->exit_code, exit_code);
}

/* The sequence of 05b: healthy, ill, killed, and the last word says that it was ill. */
static void
test_health_check_kills(void **state)
{
    const int why = MESOS__V1__TASK_STATUS__REASON__REASON_TASK_HEALTH_CHECK_STATUS_UPDATED;
    struct agent agent;
    start(&agent,
          TASK("\"command\":{\"value\":\"sleep 60\"},\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":"
               "\"touch $PPID.n; echo >> $PPID.n; test $(wc -l < $PPID.n) -lt 2\"},\"delay_seconds\":0,"
               "\"interval_seconds\":0.02,\"grace_period_seconds\":0,\"consecutive_failures\":2}"),
          false);
    run_to_the_end(&agent);
    assert_states(&agent, 7, STARTING, RUN, RUN, RUN, RUN, KILLING, MESOS__V1__TASK_STATE__TASK_KILLED);
    assert_said(&agent.seen[1], 0, -1, -1);
    assert_said(&agent.seen[2], why, 1, -1);
    assert_said(&agent.seen[3], why, 0, -1);
    assert_said(&agent.seen[4], why, 0, -1);
    assert_said(&agent.seen[5], 0, -1, -1);
    assert_said(&agent.seen[6], 0, 0, -1);
    assert_string_equal(agent.seen[6].message, "Command terminated with signal Terminated");
    stop(&agent);
    char name[64];
    snprintf(name, sizeof(name), "%d.n", (int)getpid());
    unlink(name);
}

/* With a check every status has a check_status, and only the check's own say what it is. */
static void
test_check_status_in_every_update(void **state)
{
    struct agent agent;
    start(&agent,
          TASK("\"command\":{\"value\":\"sleep 0.4\"},\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":"
               "\"exit 6\"}},\"delay_seconds\":0.05,\"interval_seconds\":0.02}"),
          false);
    run_to_the_end(&agent);
    assert_states(&agent, 4, STARTING, RUN, RUN, MESOS__V1__TASK_STATE__TASK_FINISHED);
    for (int i = 0; i < agent.count; i++)
        assert_true(agent.seen[i].has_check);
    assert_said(&agent.seen[1], 0, -1, -1);
    assert_said(&agent.seen[2], MESOS__V1__TASK_STATUS__REASON__REASON_TASK_CHECK_STATUS_UPDATED, -1, 6);
    assert_said(&agent.seen[3], 0, -1, -1);
    stop(&agent);
}

static void
test_agent_restart_repeats_what_was_not_acknowledged(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"sleep 0.3\"}"), true);
    agent.acknowledges = false;
    run_to_running(&agent);
    http_server_free(agent.server);
    loop_run_until(agent.loop, never, NULL, 600); /* the command ends while the agent is away */
    assert_int_equal(agent.count, 2);
    agent.acknowledges = true;
    listen_again(&agent);
    run_to_the_end(&agent);
    assert_int_equal(agent.subscribes, 2);
    assert_int_equal(agent.unacknowledged_tasks, 1);
    assert_states(&agent, 5, STARTING, RUN, STARTING, RUN, MESOS__V1__TASK_STATE__TASK_FINISHED);
    assert_true(agent.seen[2].by_subscribe && agent.seen[3].by_subscribe && agent.seen[4].by_subscribe);
    stop(&agent);
}

static void
test_acknowledged_updates_are_never_sent_again(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"sleep 0.5\"}"), true);
    run_to_running(&agent);
    loop_run_until(agent.loop, never, NULL, 50);
    http_server_free(agent.server);
    loop_run_until(agent.loop, never, NULL, 50);
    listen_again(&agent);
    run_to_the_end(&agent);
    assert_int_equal(agent.subscribes, 2);
    assert_int_equal(agent.unacknowledged_tasks, 0);
    assert_states(&agent, 3, STARTING, RUN, MESOS__V1__TASK_STATE__TASK_FINISHED);
    stop(&agent);
}

static void
test_without_checkpoint_the_task_goes_with_the_agent(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"sleep 60\"}"), false);
    run_to_running(&agent);
    http_server_free(agent.server);
    agent.server = NULL;
    run_to_the_end(&agent);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left of the task */
    stop(&agent);
}

static void
test_gives_up_after_the_recovery_timeout(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"sleep 60\"}"), true);
    run_to_running(&agent);
    http_server_free(agent.server);
    agent.server = NULL;
    int64_t start_ms = loop_now_ms(agent.loop);
    run_to_the_end(&agent);
    assert_true(loop_now_ms(agent.loop) - start_ms >= 1900);
    stop(&agent);
}

static void
test_refused_updates_come_again(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"true\"}"), true);
    agent.refuses = 2;
    run_to_the_end(&agent);
    /* One that was under way when the line broke may come twice; none may be missing. */
    assert_true(agent.count >= 3 && agent.count <= 4);
    assert_int_equal(agent.seen[0].state, STARTING);
    assert_int_equal(agent.seen[1].state, RUN);
    assert_int_equal(agent.seen[agent.count - 1].state, MESOS__V1__TASK_STATE__TASK_FINISHED);
    assert_true(agent.subscribes >= 2 && agent.seen[0].by_subscribe);
    stop(&agent);
}

static void
test_second_task_is_refused(void **state)
{
    struct agent agent;
    start(&agent, TASK("\"command\":{\"value\":\"sleep 0.2\"}"), false);
    run_to_running(&agent);
    send_event(&agent, "{\"type\":\"LAUNCH\",\"launch\":{\"task\":{\"name\":\"x\",\"task_id\":{\"value\":\"x\"},"
                       "\"agent_id\":{\"value\":\"s\"},\"command\":{\"value\":\"true\"}}}}");
    run_to_the_end(&agent);
    assert_states(&agent, 4, STARTING, RUN, MESOS__V1__TASK_STATE__TASK_FAILED, MESOS__V1__TASK_STATE__TASK_FINISHED);
    assert_string_equal(agent.seen[2].message, "Attempted to run multiple tasks using a \"command\" executor");
    stop(&agent);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_of_commands),
        cmocka_unit_test(test_kill_is_killed_even_with_status_zero),
        cmocka_unit_test(test_kill_policy_ends_in_sigkill),
        cmocka_unit_test(test_shutdown_kills_within_the_agents_grace),
        cmocka_unit_test(test_max_completion_time),
        cmocka_unit_test(test_health_check_kills),
        cmocka_unit_test(test_check_status_in_every_update),
        cmocka_unit_test(test_agent_restart_repeats_what_was_not_acknowledged),
        cmocka_unit_test(test_acknowledged_updates_are_never_sent_again),
        cmocka_unit_test(test_without_checkpoint_the_task_goes_with_the_agent),
        cmocka_unit_test(test_gives_up_after_the_recovery_timeout),
        cmocka_unit_test(test_refused_updates_come_again),
        cmocka_unit_test(test_second_task_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
