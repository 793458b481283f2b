/* SPDX-License-Identifier: Apache-2.0 */
/* Task groups on an agent: those that wait for their executor, are killed, refused, found again. */
#include "lone_agent.h"

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
test_group_that_comes_too_late_for_its_executor(void **state)
{
    struct world *w = *state;
    pass(w, 2000);
    w->acknowledges = false; /* so that the executor that has ended is not forgotten */
    run_group(w, "a", true);
    kill_task(w, "a1");
    pass(w, 1000);
    assert_int_equal(heard_times(w, "ExitedExecutorMessage"), 1);
    run_group(w, "b", false);
    assert_int_equal(heard_times(w, "ExitedExecutorMessage"), 1);
    run_group(w, "c", true); /* the master counts with a new one, which does not come */
    assert_int_equal(heard_times(w, "ExitedExecutorMessage"), 2);
    assert_int_equal(containers.count, 1);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_groups_wait_for_their_executor),
        CASE(test_kill_of_a_waiting_group_ends_all_of_it),
        CASE(test_kill_of_the_only_waiting_group_ends_its_executor),
        CASE(test_group_of_an_executor_that_cannot_start),
        CASE(test_group_that_comes_too_late_for_its_executor),
        CASE(test_restart_with_a_group),
    };
    log_open(&(struct log_options){.program = "test", .level = LOG_LEVEL_ERROR}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
