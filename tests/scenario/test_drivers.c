/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers (v0) that go, come back, come back elsewhere, and drivers that the master cannot reach any more. */
#include "drivers.h"

#define MINUTE_MS 60000

static void
test_a_driver_comes_back_elsewhere(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    launches(w, &w->driver, "t1");
    agent_updates(w, "t1", "TASK_RUNNING");
    assert_string_equal(updated(w, &w->driver, MESOS__V1__TASK_STATE__TASK_RUNNING)->pid, "slave(1)@10.0.0.2:5051");
    offered(w, &w->driver); /* the rest */
    peer_dies(&w->driver);
    pass(w, 50000);
    subscribes_again(w, &w->second, true);
    assert_non_null(hears(&w->second, "FrameworkRegisteredMessage", 1000));
    const struct note *note = hears(&w->agent, "UpdateFrameworkMessage", 1000);
    assert_non_null(note);
    assert_string_equal(
        UNPACK(Mesos__Internal__UpdateFrameworkMessage, mesos__internal__update_framework_message, note)->pid,
        "sched@10.0.0.4:7001");
    offered(w, &w->second);
    pass(w, 2 * MINUTE_MS); /* the time-out of its absence no longer counts */
    agent_updates(w, "t1", "TASK_FINISHED");
    updated(w, &w->second, MESOS__V1__TASK_STATE__TASK_FINISHED);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    world_free(w);
}

static void
test_a_driver_stays_away_too_long(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    launches(w, &w->driver, "t1");
    peer_dies(&w->driver);
    pass(w, 59000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    pass(w, 2000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 1);
    peer_listen(&w->driver);
    subscribes_again(w, &w->driver, true);
    hears_error(w, &w->driver, "Framework has been removed");
    world_free(w);
}

static void
test_nobody_takes_over_without_force(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    subscribes_again(w, &w->second, false);
    hears_error(w, &w->second, "Framework failed over");
    CALLS(w, &w->second, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    SAYS(w, &w->second, "mesos.internal.UnregisterFrameworkMessage", Mesos__Internal__UnregisterFrameworkMessage,
         mesos__internal__unregister_framework_message, "{\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    pass(w, 1000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    assert_int_equal(times(&w->driver, "FrameworkErrorMessage"), 0);
    subscribes_again(w, &w->second, true);
    hears_error(w, &w->driver, "Framework failed over");
    assert_non_null(hears(&w->second, "FrameworkRegisteredMessage", 1000));
    CALLS(w, &w->driver, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    pass(w, 1000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    world_free(w);
}

/* The master cannot reach the driver, which hears nothing and goes on calling: as soon as it can be told, it is told. */
static void
test_a_driver_that_cannot_be_reached(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    launches(w, &w->driver, "t1");
    w->unreachable = &w->driver;
    agent_updates(w, "t1", "TASK_RUNNING"); /* breaks the connection */
    pass(w, 1000);
    assert_null(hears(&w->driver, "StatusUpdateMessage", 1000));
    w->unreachable = NULL;
    CALLS(w, &w->driver, "{\"type\":\"KILL\",\"framework_id\":{\"value\":\"%s\"},\"kill\":{\"task_id\":{\"value\":\"t1\"}}}",
          w->framework_id);
    hears_error(w, &w->driver, "Framework disconnected");
    assert_int_equal(times(&w->agent, "KillTaskMessage"), 0);
    subscribes_again(w, &w->driver, false);
    assert_non_null(hears(&w->driver, "FrameworkReregisteredMessage", 1000));
    CALLS(w, &w->driver, "{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"%s\"},\"reconcile\":{}}", w->framework_id);
    updated(w, &w->driver, MESOS__V1__TASK_STATE__TASK_RUNNING);
    world_free(w);
}

static void
test_an_answer_that_was_lost_is_given_again(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    char first[80];
    snprintf(first, sizeof(first), "%s", w->framework_id);
    registers(w, &w->driver); /* it repeats itself, and is no second framework */
    assert_string_equal(w->framework_id, first);
    pass(w, 1000);
    assert_int_equal(times(&w->driver, "ResourceOffersMessage"), 1);
    world_free(w);
}

static void
test_two_frameworks_of_one_driver_process(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    char first[80];
    snprintf(first, sizeof(first), "%s", w->framework_id);
    libprocess_spawn(w->driver.libprocess, "other");
    w->driver.actor = "other";
    registers(w, &w->driver);
    assert_string_not_equal(w->framework_id, first);
    CALLS(w, &w->driver, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    pass(w, 1000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 1);
    peer_dies(&w->driver); /* is noticed for the one that is left */
    pass(w, 61000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 2);
    world_free(w);
}

static void
test_no_offers_while_deactivated(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    offered(w, &w->driver);
    SAYS(w, &w->driver, "mesos.internal.DeactivateFrameworkMessage", Mesos__Internal__DeactivateFrameworkMessage,
         mesos__internal__deactivate_framework_message, "{\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    assert_non_null(hears(&w->driver, "RescindResourceOfferMessage", 1000));
    assert_null(hears(&w->driver, "ResourceOffersMessage", 5000));
    subscribes_again(w, &w->driver, true);
    assert_non_null(hears(&w->driver, "FrameworkRegisteredMessage", 1000));
    offered(w, &w->driver);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_driver_comes_back_elsewhere),
        cmocka_unit_test(test_a_driver_stays_away_too_long),
        cmocka_unit_test(test_nobody_takes_over_without_force),
        cmocka_unit_test(test_a_driver_that_cannot_be_reached),
        cmocka_unit_test(test_an_answer_that_was_lost_is_given_again),
        cmocka_unit_test(test_two_frameworks_of_one_driver_process),
        cmocka_unit_test(test_no_offers_while_deactivated),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
