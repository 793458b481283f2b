/* SPDX-License-Identifier: Apache-2.0 */
/* What schedulers and operators see of a cluster whose daemons restart, whose network breaks, whose time passes. */
#include "cluster.h"

#include <stdio.h>

/* ---- the scenarios ---- */

static void
test_a_task_runs_and_its_resources_come_back(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    assert_true(cpus_of(next_offer(c, &c->scheduler)) == 3);
    double_update(executor, "t1", "TASK_FINISHED");
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    pass(c, 200);
    assert_int_equal(executor->acknowledged, 2);
    assert_null(executor->unacknowledged);
    assert_true(cpus_of(next_offer(c, &c->scheduler)) == 1); /* what the task had */
    double_end(executor);
    assert_non_null(next(c, &c->scheduler, EVENT(FAILURE), MINUTE)); /* a custom executor has ended */
    cluster_free(c);
}

static void
test_updates_are_sent_until_they_are_acknowledged(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    launch(c, &c->scheduler, "t1");
    const Mesos__V1__TaskStatus *first = next_status(c, &c->scheduler, MINUTE);
    assert_non_null(first);
    double begin = loop_wall_secs(c->loop);
    const Mesos__V1__TaskStatus *again = next_status(c, &c->scheduler, MINUTE);
    assert_non_null(again);
    assert_int_equal(again->uuid.len, first->uuid.len);
    assert_memory_equal(again->uuid.data, first->uuid.data, first->uuid.len);
    assert_true(loop_wall_secs(c->loop) - begin > 9 && loop_wall_secs(c->loop) - begin < 11);
    double_update(double_find("e"), "t1", "TASK_FINISHED"); /* waits behind the first */
    again = next_status(c, &c->scheduler, MINUTE);
    assert_memory_equal(again->uuid.data, first->uuid.data, first->uuid.len);
    acknowledge(c, &c->scheduler, again);
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    assert_null(next_status(c, &c->scheduler, 30 * MINUTE)); /* nothing acknowledged comes again */
    cluster_free(c);
}

static void
test_an_update_that_is_lost_on_the_way_is_sent_again(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    c->cut = true;
    double_update(executor, "t1", "TASK_FINISHED");
    assert_null(next_status(c, &c->scheduler, 20000));
    c->cut = false;
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    assert_string_equal(agent_id(c->agent), c->agent_id);
    cluster_free(c);
}

static void
test_a_restarted_agent_keeps_its_tasks(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    launch(c, &c->scheduler, "t2"); /* its TASK_RUNNING stays unacknowledged */
    const Mesos__V1__TaskStatus *second = next_status(c, &c->scheduler, MINUTE);
    assert_string_equal(second->task_id->value, "t2");
    agent_close(c);
    double_update(executor, "t1", "TASK_FINISHED"); /* nobody hears it yet */
    pass(c, 3000);
    agent_open(c);
    wait_up(c);
    assert_string_equal(agent_id(c->agent), c->agent_id);
    bool finished = false, ran = false;
    for (int i = 0; i < 4 && !(finished && ran); i++) { /* the two streams come in any order */
        const Mesos__V1__TaskStatus *status = next_status(c, &c->scheduler, 5 * MINUTE);
        assert_non_null(status);
        if (strcmp(status->task_id->value, "t2") == 0) {
            assert_int_equal(status->state, STATE(TASK_RUNNING));
            assert_memory_equal(status->uuid.data, second->uuid.data, second->uuid.len);
            ran = true;
        } else {
            assert_int_equal(status->state, STATE(TASK_FINISHED)); /* and never its acknowledged TASK_RUNNING */
            finished = true;
        }
        acknowledge(c, &c->scheduler, status);
    }
    assert_true(finished && ran);
    assert_int_equal(executor->subscribed, 2);
    assert_int_equal(double_launches(), 1);
    double_update(executor, "t2", "TASK_FINISHED");
    expect(c, &c->scheduler, "t2", STATE(TASK_FINISHED));
    cluster_free(c);
}

static void
test_a_restarted_master_learns_what_runs(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    master_free(c->master);
    host_close(c, c->master_host, c->master_set);
    assert_true(c->scheduler.stream_ended || (pass(c, 100), c->scheduler.stream_ended));
    master_open(c, NULL);
    subscribe(c, &c->second);
    pass(c, 2 * MINUTE); /* the agent hears of it when pings stop */
    wait_up(c);
    assert_string_equal(agent_id(c->agent), c->agent_id);
    call(c, &c->second, "\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"}}]}");
    const Mesos__V1__TaskStatus *status = next_status(c, &c->second, MINUTE);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(TASK_RUNNING));
    double_update(executor, "t1", "TASK_FINISHED");
    expect(c, &c->second, "t1", STATE(TASK_FINISHED));
    cluster_free(c);
}

static void
test_a_second_scheduler_takes_over(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    subscribe(c, &c->second);
    const Mesos__V1__Scheduler__Event *error = next(c, &c->scheduler, EVENT(ERROR), MINUTE);
    assert_non_null(error);
    assert_string_equal(error->error->message, "Framework failed over");
    assert_true(c->scheduler.stream_ended || (pass(c, 100), c->scheduler.stream_ended));
    double_update(executor, "t1", "TASK_FAILED");
    expect(c, &c->second, "t1", STATE(TASK_FAILED));
    assert_null(next_status(c, &c->scheduler, 1000));
    cluster_free(c);
}

static void
test_an_agent_that_is_away_too_long_is_lost_and_comes_back(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    running(c, "t1");
    c->cut = true;
    const Mesos__V1__TaskStatus *status = next_status(c, &c->scheduler, 70000);
    assert_null(status); /* five pings of 15 s each may fail */
    status = next_status(c, &c->scheduler, 2 * MINUTE);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(TASK_LOST)); /* the framework does not know of partitions */
    assert_int_equal(status->reason, MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED);
    c->cut = false;
    pass(c, 3 * MINUTE);
    assert_true(agent_registered(c->agent));
    assert_string_equal(agent_id(c->agent), c->agent_id);
    cluster_free(c);
}

static void
test_offers_end_in_time_and_kills_arrive(void **state)
{
    struct cluster *c = cluster_new("--offer_timeout=30secs");
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    const Mesos__V1__Offer *offer = next_offer(c, &c->scheduler);
    const Mesos__V1__Scheduler__Event *rescind = next(c, &c->scheduler, EVENT(RESCIND), MINUTE);
    assert_non_null(rescind);
    assert_string_equal(rescind->rescind->offer_id->value, offer->id->value);
    call(c, &c->scheduler, "\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t1\"}}");
    expect(c, &c->scheduler, "t1", STATE(TASK_KILLED));
    assert_int_equal(executor->killed, 1);
    call(c, &c->scheduler, "\"type\":\"TEARDOWN\"");
    pass(c, MINUTE);
    assert_true(executor->ended);
    cluster_free(c);
}

static void
test_operators_see_the_life_of_a_task(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher watcher;
    watch(c, &watcher);
    expect_events(&watcher, "SUBSCRIBED agents=1 recovered=0 frameworks=0 tasks=0 unreachable=0 completed=0\n");
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    double_update(executor, "t1", "TASK_FINISHED");
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    launch(c, &c->scheduler, "t2");
    expect(c, &c->scheduler, "t2", STATE(TASK_RUNNING));
    call(c, &c->scheduler, "\"type\":\"TEARDOWN\"");
    pass(c, 1000);
    expect_events(&watcher, "FRAMEWORK_ADDED connected\nTASK_ADDED t1 6\nTASK_UPDATED t1 1\nTASK_UPDATED t1 2\n"
                            "TASK_ADDED t2 6\nTASK_UPDATED t2 1\nTASK_UPDATED t2 4\nFRAMEWORK_REMOVED\n");
    size_t before = watcher.heartbeats;
    pass(c, 5 * MINUTE);
    assert_in_range(watcher.heartbeats - before, 19, 21);
    struct watcher late;
    watch(c, &late);
    expect_events(&late, "SUBSCRIBED agents=1 recovered=0 frameworks=0 tasks=0 unreachable=0 completed=2\n");
    expect_events(&watcher, "");
    unwatch(&late);
    pass(c, 100);
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_operators_see_a_failover(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher watcher;
    subscribe(c, &c->scheduler);
    running(c, "t1");
    watch(c, &watcher);
    expect_events(&watcher, "SUBSCRIBED agents=1 recovered=0 frameworks=1 tasks=1 unreachable=0 completed=0\n");
    subscribe(c, &c->second);
    pass(c, 1000);
    expect_events(&watcher, "FRAMEWORK_UPDATED connected\n");
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_operators_see_an_agent_go_and_come_back(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher watcher;
    subscribe(c, &c->scheduler);
    running(c, "t1");
    watch(c, &watcher);
    buf_clear(&watcher.log);
    c->cut = true;
    pass(c, 3 * MINUTE);
    expect_events(&watcher, "TASK_UPDATED t1 5\nAGENT_REMOVED\n");
    struct watcher late;
    watch(c, &late);
    expect_events(&late, "SUBSCRIBED agents=0 recovered=0 frameworks=1 tasks=0 unreachable=1 completed=0\n");
    unwatch(&late);
    c->cut = false;
    pass(c, 3 * MINUTE);
    assert_true(agent_registered(c->agent));
    expect_events(&watcher, "AGENT_ADDED\nTASK_ADDED t1 1\n");
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_operators_see_a_new_master_learn(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher first, watcher;
    subscribe(c, &c->scheduler);
    running(c, "t1");
    watch(c, &first);
    master_free(c->master);
    host_close(c, c->master_host, c->master_set);
    pass(c, 100);
    assert_true(first.ended);
    unwatch(&first);
    c->cut = true;
    master_open(c, NULL);
    pass(c, 100);
    watch(c, &watcher);
    expect_events(&watcher, "SUBSCRIBED agents=0 recovered=1 frameworks=0 tasks=0 unreachable=0 completed=0\n");
    c->cut = false;
    pass(c, 2 * MINUTE); /* the agent hears of it when pings stop */
    wait_up(c);
    expect_events(&watcher, "FRAMEWORK_ADDED recovered\nAGENT_ADDED\nTASK_ADDED t1 1\n");
    subscribe(c, &c->second);
    pass(c, 1000);
    expect_events(&watcher, "FRAMEWORK_UPDATED connected\n");
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_the_oldest_operator_makes_room(void **state)
{
    struct cluster *c = cluster_new("--max_operator_event_stream_subscribers=2");
    struct watcher watchers[3];
    for (size_t i = 0; i < ARRAY_LEN(watchers); i++)
        watch(c, &watchers[i]);
    assert_true(watchers[0].ended);
    assert_false(watchers[1].ended || watchers[2].ended);
    subscribe(c, &c->scheduler);
    assert_null(strstr(buf_cstr(&watchers[0].log), "FRAMEWORK_ADDED"));
    for (size_t i = 1; i < ARRAY_LEN(watchers); i++)
        assert_non_null(strstr(buf_cstr(&watchers[i].log), "FRAMEWORK_ADDED"));
    for (size_t i = 0; i < ARRAY_LEN(watchers); i++)
        unwatch(&watchers[i]);
    pass(c, 1000);
    call(c, &c->scheduler, "\"type\":\"TEARDOWN\""); /* nobody listens any more */
    cluster_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_runs_and_its_resources_come_back),
        cmocka_unit_test(test_updates_are_sent_until_they_are_acknowledged),
        cmocka_unit_test(test_an_update_that_is_lost_on_the_way_is_sent_again),
        cmocka_unit_test(test_a_restarted_agent_keeps_its_tasks),
        cmocka_unit_test(test_a_restarted_master_learns_what_runs),
        cmocka_unit_test(test_a_second_scheduler_takes_over),
        cmocka_unit_test(test_an_agent_that_is_away_too_long_is_lost_and_comes_back),
        cmocka_unit_test(test_offers_end_in_time_and_kills_arrive),
        cmocka_unit_test(test_operators_see_the_life_of_a_task),
        cmocka_unit_test(test_operators_see_a_failover),
        cmocka_unit_test(test_operators_see_an_agent_go_and_come_back),
        cmocka_unit_test(test_operators_see_a_new_master_learn),
        cmocka_unit_test(test_the_oldest_operator_makes_room),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
