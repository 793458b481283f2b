/* SPDX-License-Identifier: Apache-2.0 */
/* Each action of frameworks and agents that a master enforces: refused, it is answered in the recorded words and nothing
 * happens; allowed, it goes on as ever. */
#include "notary.h"

static const Mesos__V1__TaskStatus *
last_status(const struct world *w)
{
    const Mesos__V1__Scheduler__Event *event = told(w, EVENT(UPDATE));
    assert_non_null(event);
    return event->update->status;
}

/* ---- frameworks ---- */

static void
test_register(void **state)
{
    struct world *w = world_ruled();
    (void)state;
    MAY_NOT(REGISTER_FRAMEWORK, "*");
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    assert_non_null(told(w, EVENT(ERROR)));
    assert_string_equal(told(w, EVENT(ERROR))->error->message, "Not authorized to register framework  with roles { * }");
    assert_true(w->stream_ended);
    assert_null(told(w, EVENT(SUBSCRIBED)));

    /* To another principal only. */
    notary_forget();
    notary_refuse(MESOS_ACTION_REGISTER_FRAMEWORK, "*", "bob");
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    assert_non_null(told(w, EVENT(SUBSCRIBED)));
    world_free(w);

    /* In no role at all it asks for the action as such. */
    w = world_ruled();
    notary_refuse(MESOS_ACTION_REGISTER_FRAMEWORK, NULL, NULL);
    subscribe(w, ",\"principal\":\"alice\",\"roles\":[],\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]", NULL);
    assert_non_null(told(w, EVENT(ERROR)));
    assert_null(told(w, EVENT(SUBSCRIBED)));
    world_free(w);
}

static void
test_update_framework(void **state)
{
    struct world *w = world_ruled();
    auto_buf struct buf text = {0};
    (void)state;
    MAY_NOT(REGISTER_FRAMEWORK, "db");
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    buf_printf(&text,
               "\"type\":\"UPDATE_FRAMEWORK\",\"update_framework\":{\"framework_info\":{\"user\":\"root\",\"name\":\"fw\","
               "\"principal\":\"alice\",\"roles\":[\"web\",\"db\"],\"capabilities\":[{\"type\":\"MULTI_ROLE\"}],"
               "\"id\":{\"value\":\"%s\"}}}",
               w->framework_id);
    assert_int_equal(call(w, buf_cstr(&text)), 403);
    assert_null(strstr(get(w, "/frameworks"), "\"db\""));
    notary_forget();
    assert_int_equal(call(w, buf_cstr(&text)), 200);
    assert_non_null(strstr(get(w, "/frameworks"), "\"db\""));
    world_free(w);
}

/* The offers go on being made: each gives what was not used back at once. */
static void
take_offer(struct world *w, const char *operation)
{
    auto_buf struct buf text = {0};
    const Mesos__V1__Offer *offer = an_offer(w);
    w->event_count = 0;
    buf_printf(&text,
               "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[%s],"
               "\"filters\":{\"refuse_seconds\":0}}",
               offer->id->value, operation);
    assert_int_equal(call(w, buf_cstr(&text)), 202);
}

static void
put_task(struct world *w, struct buf *out, const char *id, const char *user)
{
    buf_printf(out,
               "{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},\"command\":{\"value\":"
               "\"true\"%s%s%s},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},"
               "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}]}",
               id, an_offer(w)->agent_id->value, user ? ",\"user\":\"" : "", user ? user : "", user ? "\"" : "");
}

static void
launch_as(struct world *w, const char *id, const char *user)
{
    auto_buf struct buf text = {0};
    buf_puts(&text, "{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[");
    put_task(w, &text, id, user);
    buf_puts(&text, "]}}");
    take_offer(w, buf_cstr(&text));
}

static void
test_run_task(void **state)
{
    struct world *w = world_ruled();
    auto_buf struct buf text = {0};
    (void)state;
    MAY_NOT(RUN_TASK, "root");
    admitted(w);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    launch_as(w, "asroot", NULL); /* the framework's user */
    const Mesos__V1__TaskStatus *status = last_status(w);
    buf_printf(&text, "Principal 'alice' no authorized to launch task asroot of framework %s under user 'root'",
               w->framework_id);
    assert_string_equal(status->message, buf_cstr(&text));
    assert_int_equal(status->state, MESOS__V1__TASK_STATE__TASK_ERROR);
    assert_int_equal(status->reason, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_UNAUTHORIZED);
    assert_int_equal(status->source, MESOS__V1__TASK_STATUS__SOURCE__SOURCE_MASTER);
    launch_as(w, "asempty", ""); /* the same: agents take that for no user, too */
    assert_non_null(told(w, EVENT(UPDATE)));
    assert_int_equal(last_status(w)->reason, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_UNAUTHORIZED);
    assert_null(heard(w, "RunTaskMessage"));
    launch_as(w, "asnobody", "nobody");
    assert_null(told(w, EVENT(UPDATE)));
    assert_non_null(heard(w, "RunTaskMessage"));
    world_free(w);
}

/* One task of a pod that may not run keeps the others from it. */
static void
test_run_group(void **state)
{
    struct world *w = world_ruled();
    auto_buf struct buf text = {0};
    (void)state;
    MAY_NOT(RUN_TASK, "root");
    admitted(w);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    const char *users[] = {"nobody", "root"};
    for (int round = 0; round < 2; round++) {
        buf_clear(&text);
        buf_puts(&text, "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"executor\":{\"type\":\"DEFAULT\",\"executor_id\":"
                        "{\"value\":\"pod\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},"
                        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}]},\"task_group\":{\"tasks\":[");
        put_task(w, &text, "a", "nobody");
        buf_putc(&text, ',');
        put_task(w, &text, "b", users[1 - round]);
        buf_puts(&text, "]}}}");
        take_offer(w, buf_cstr(&text));
        assert_int_equal(told_times(w, EVENT(UPDATE)), 2);
        assert_int_equal(last_status(w)->state, MESOS__V1__TASK_STATE__TASK_ERROR);
        /* The second is let through and has no disk, which is looked at afterwards. */
        assert_int_equal(last_status(w)->reason, round ? MESOS__V1__TASK_STATUS__REASON__REASON_TASK_GROUP_INVALID
                                                       : MESOS__V1__TASK_STATUS__REASON__REASON_TASK_GROUP_UNAUTHORIZED);
    }
    assert_null(heard(w, "RunTaskGroupMessage"));
    world_free(w);
}

/* A pod whose executor or task has more members. */
static void
launch_pod(struct world *w, const char *executor, const char *task)
{
    auto_buf struct buf text = {0};
    static const char resources[] = "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},"
                                    "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}},"
                                    "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}]";
    buf_printf(&text,
               "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"executor\":{\"executor_id\":{\"value\":\"pod\"},\"framework_id\":"
               "{\"value\":\"%s\"},%s,%s},\"task_group\":{\"tasks\":[{\"name\":\"t\",\"task_id\":{\"value\":\"a\"},\"agent_id\":"
               "{\"value\":\"%s\"},\"command\":{\"value\":\"true\",\"user\":\"nobody\"},%s%s}]}}}",
               w->framework_id, executor, resources, an_offer(w)->agent_id->value, resources, task);
    take_offer(w, buf_cstr(&text));
}

/* Whom else a launch names: a custom executor's user, and those of checks. The framework's own is root here. */
static void
test_other_users(void **state)
{
    static const struct {
        const char *executor, *task;
    } refused[] = {
        {"\"type\":\"CUSTOM\",\"command\":{\"value\":\"x\",\"user\":\"root\"}", ""},
        {"\"type\":\"CUSTOM\",\"command\":{\"value\":\"x\"}", ""},
        {"\"type\":\"DEFAULT\"", ",\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"id\",\"user\":\"root\"}}}"},
        {"\"type\":\"DEFAULT\"", ",\"health_check\":{\"type\":\"COMMAND\",\"command\":{\"value\":\"id\",\"user\":\"root\"}}"},
    };
    (void)state;
    for (int ruled = 0; ruled < 2; ruled++) {
        struct world *w = ruled ? world_ruled() : world_leading();
        admitted(w);
        subscribe(w, ",\"principal\":\"alice\"", NULL);
        w->options.root_submissions = ruled;
        if (ruled)
            MAY_NOT(RUN_TASK, "root");
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
            launch_pod(w, refused[i].executor, refused[i].task);
            assert_non_null(told(w, EVENT(UPDATE)));
            assert_int_equal(last_status(w)->reason, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_GROUP_UNAUTHORIZED);
            assert_null(heard(w, "RunTaskGroupMessage"));
        }
        launch_pod(w, "\"type\":\"DEFAULT\"",
                   ",\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{\"value\":\"id\",\"user\":\"daemon\"}}}");
        /* Let through; it has no disk, which is looked at afterwards. */
        assert_int_equal(last_status(w)->reason, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_GROUP_INVALID);
        world_free(w);
    }
}

static void
test_root_submissions(void **state)
{
    struct world *w = world_leading();
    (void)state;
    admitted(w);
    subscribe(w, "", NULL);
    w->options.root_submissions = false;
    launch_as(w, "asroot", "root");
    assert_int_equal(last_status(w)->reason, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_UNAUTHORIZED);
    launch_as(w, "asnobody", "nobody");
    assert_non_null(heard(w, "RunTaskMessage"));
    world_free(w);
}

#define DISK(more) "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10}," more "}"
#define RAW(type) RESERVED ",\"disk\":{\"source\":{\"type\":\"" type "\"}}"

static const struct {
    enum mesos_action action;
    const char *value, *name, *members;
} operations[] = {
    {MESOS_ACTION_RESERVE_RESOURCES, "web", "RESERVE", "\"reserve\":{\"resources\":[" DISK(RESERVED) "]}"},
    {MESOS_ACTION_UNRESERVE_RESOURCES, "alice", "UNRESERVE", "\"unreserve\":{\"resources\":[" DISK(RESERVED) "]}"},
    {MESOS_ACTION_CREATE_VOLUME, "web", "CREATE", "\"create\":{\"volumes\":[" DISK(VOLUME) "]}"},
    {MESOS_ACTION_DESTROY_VOLUME, "bob", "DESTROY", "\"destroy\":{\"volumes\":[" DISK(VOLUME) "]}"},
    {MESOS_ACTION_RESIZE_VOLUME, "web", "GROW_VOLUME",
     "\"grow_volume\":{\"volume\":" DISK(VOLUME) ",\"addition\":" DISK(RESERVED) "}"},
    {MESOS_ACTION_RESIZE_VOLUME, "web", "SHRINK_VOLUME",
     "\"shrink_volume\":{\"volume\":" DISK(VOLUME) ",\"subtract\":{\"value\":1}}"},
    {MESOS_ACTION_CREATE_BLOCK_DISK, "web", "CREATE_DISK",
     "\"create_disk\":{\"source\":" DISK(RAW("RAW")) ",\"target_type\":\"BLOCK\"}"},
    {MESOS_ACTION_CREATE_MOUNT_DISK, "web", "CREATE_DISK",
     "\"create_disk\":{\"source\":" DISK(RAW("RAW")) ",\"target_type\":\"MOUNT\"}"},
    {MESOS_ACTION_DESTROY_BLOCK_DISK, "web", "DESTROY_DISK", "\"destroy_disk\":{\"source\":" DISK(RAW("BLOCK")) "}"},
    {MESOS_ACTION_DESTROY_MOUNT_DISK, "web", "DESTROY_DISK", "\"destroy_disk\":{\"source\":" DISK(RAW("MOUNT")) "}"},
    {MESOS_ACTION_DESTROY_RAW_DISK, "web", "DESTROY_DISK", "\"destroy_disk\":{\"source\":" DISK(RAW("RAW")) "}"},
};

static void
test_operations(void **state)
{
    struct world *w = world_ruled();
    (void)state;
    admitted(w);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        auto_buf struct buf text = {0};
        buf_printf(&text, "{\"type\":\"%s\",\"id\":{\"value\":\"op\"},%s}", operations[i].name, operations[i].members);
        for (int refused = 1; refused >= 0; refused--) {
            notary_forget();
            if (refused)
                notary_refuse(operations[i].action, operations[i].value, "alice");
            take_offer(w, buf_cstr(&text));
            const Mesos__V1__Scheduler__Event *event = told(w, EVENT(UPDATE_OPERATION_STATUS));
            assert_non_null(event);
            const char *message = event->update_operation_status->status->message;
            assert_int_equal(event->update_operation_status->status->state, MESOS__V1__OPERATION_STATE__OPERATION_ERROR);
            if (strncmp(message, "Principal 'alice' no authorized to perform action ", 50) != (refused ? 0 : 'O' - 'P'))
                fail_msg("%s, refused=%d: %s", operations[i].name, refused, message);
            if (refused && i == 0) /* as recorded, but for who is allocated what */
                assert_string_equal(
                    message, "Principal 'alice' no authorized to perform action RESERVE_RESOURCES on object "
                             "{\"value\":\"web\",\"resource\":{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10.0},"
                             "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\",\"principal\":\"alice\"}]}}");
        }
    }
    world_free(w);
}

/* ---- agents ---- */

static void
test_register_agent(void **state)
{
    struct world *w = world_ruled();
    (void)state;
    size_t written = registry.written_count;
    MAY_NOT(REGISTER_AGENT, NULL);
    agent_registers(w, "slave(1)");
    pass(w, 100);
    assert_non_null(heard(w, "ShutdownMessage"));
    assert_null(heard(w, "SlaveRegisteredMessage"));
    agent_reregisters(w, "slave(2)", "somebody-S7");
    pass(w, 100);
    assert_int_equal(heard_times(w, "ShutdownMessage"), 2);
    assert_null(heard(w, "SlaveReregisteredMessage"));
    assert_int_equal(registry.written_count, written);
    notary_forget();
    admitted(w);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_update_framework),
        cmocka_unit_test(test_run_task),
        cmocka_unit_test(test_run_group),
        cmocka_unit_test(test_other_users),
        cmocka_unit_test(test_root_submissions),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_register_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
