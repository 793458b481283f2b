/* SPDX-License-Identifier: Apache-2.0 */
/* An agent's registration, its executors, and what it finds again after a restart. */
#include "base/fault.h"
#include "base/file.h"
#include "lone_agent.h"

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

/* Does the checkpoint of task "t" hold those bytes? */
static bool
checkpoint_holds(const struct world *w, const char *bytes)
{
    auto_buf struct buf text = {0};
    auto_free char *path = xasprintf("%s/meta/slaves/" AGENT_ID "/frameworks/" FRAMEWORK_ID
                                     "/executors/t/runs/latest/tasks/t/task.info", w->directory);
    assert_int_equal(file_read(path, 1 << 20, &text, NULL), 0);
    return memmem(buf_data(&text), text.len, bytes, strlen(bytes)) != NULL;
}

static void
test_secrets_stay_on_disk_until_the_executor_has_them(void **state)
{
    struct world *w = *state;
    const char json[] =
        "{\"framework\":{\"user\":\"root\",\"name\":\"fw\",\"id\":{\"value\":\"" FRAMEWORK_ID "\"},\"checkpoint\":true,"
        "\"roles\":[\"*\"]},\"pid\":\"@0.0.0.0:0\",\"launch_executor\":true,\"task\":{\"name\":\"t\","
        "\"task_id\":{\"value\":\"t\"},\"agent_id\":{\"value\":\"" AGENT_ID "\"},\"resources\":[{\"name\":\"cpus\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}}],\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{"
        "\"value\":\"true\",\"user\":\"checker\"}}},\"command\":{\"value\":\"sleep 1\",\"environment\":{\"variables\":["
        "{\"name\":\"S\",\"type\":\"SECRET\",\"secret\":{\"type\":\"VALUE\",\"value\":{\"data\":\"b3BlbiBzZXNhbWU=\"}}}]}}}}";
    pass(w, 2000);
    master_says(w, "mesos.internal.RunTaskMessage",
                message_from_json(&mesos__internal__run_task_message__descriptor, STR_LIT(json), w->arena, NULL));
    pass(w, 100);
    assert_true(checkpoint_holds(w, "open sesame")); /* should the agent end now, the next one sends it */
    subscribe(w, "t");
    assert_non_null(event_of(w, EVENT(LAUNCH)));
    assert_true(checkpoint_holds(w, "open sesame"));
    executor_update(w, "t", "TASK_RUNNING", 'a');
    assert_false(checkpoint_holds(w, "open sesame"));
    assert_true(checkpoint_holds(w, "checker")); /* whom the executor may become after a restart, too */
    restart(w);
    pass(w, 100);
    subscribe(w, "t");
    pass(w, 3000);
    assert_true(agent_registered(w->agent));
    executor_update(w, "t", "TASK_FINISHED", 'b');
    assert_int_equal(update(w, 1, NULL)->state, STATE(FINISHED));
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

int
main(void)
{
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
        CASE(test_secrets_stay_on_disk_until_the_executor_has_them),
        CASE(test_checkpointed_resources_are_told_again),
        CASE(test_leaving_gives_the_id_up),
    };
    log_open(&(struct log_options){.program = "test", .level = LOG_LEVEL_ERROR}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
