/* SPDX-License-Identifier: Apache-2.0 */
/* What one may not see is in no view and no event of a master, and what one may see is in all of them. */
#include "notary.h"

/* A view, and whether it shows tasks, frameworks, executors. */
static const struct view {
    const char *path; /* NULL: a call */
    const char *call;
    bool tasks, frameworks, executors;
} views[] = {
    {"/state", NULL, true, true, true},
    {"/frameworks", NULL, true, true, true},
    {"/tasks", NULL, true, false, false},
    {"/state-summary", NULL, false, true, false},
    {"/allocator/offer_constraints_debug", NULL, false, true, false},
    {NULL, "GET_STATE", true, true, true},
    {NULL, "GET_TASKS", true, false, false},
    {NULL, "GET_FRAMEWORKS", false, true, false},
    {NULL, "GET_EXECUTORS", false, false, true},
};

static const char *
look(struct world *w, const struct view *view)
{
    auto_free char *body = xasprintf("{\"type\":\"%s\"}", view->call ? view->call : "");
    int status = view->path ? ask(w, "GET", view->path, NULL, NULL) : operator_asks(w, body);
    assert_int_equal(status, 200);
    return buf_cstr(&w->got);
}

static void
expect(struct world *w, const char *needle, size_t member, bool seen)
{
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        const char *text = look(w, &views[i]);
        bool wanted = *((const char *)&views[i] + member), shown = strstr(text, needle) != NULL;
        if (wanted && shown != seen)
            fail_msg("%s %s \"%s\": %s", views[i].path ? views[i].path : views[i].call, seen ? "lacks" : "shows", needle, text);
    }
}

#define SEEN(w, needle, member)   expect(w, needle, offsetof(struct view, member), true)
#define HIDDEN(w, needle, member) expect(w, needle, offsetof(struct view, member), false)

static void
put_task(struct world *w, struct buf *out, const char *id, const char *user, const char *executor)
{
    auto_buf struct buf command = {0};
    buf_printf(&command, "\"command\":{\"value\":\"true\"%s%s%s}", user ? ",\"user\":\"" : "", user ? user : "", user ? "\"" : "");
    buf_printf(out, "{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},\"resources\":["
                    "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}}],",
               id, an_offer(w)->agent_id->value);
    if (executor)
        buf_printf(out, "\"executor\":{\"type\":\"CUSTOM\",\"executor_id\":{\"value\":\"%s\"},%s}}", executor, buf_cstr(&command));
    else
        buf_printf(out, "%s}", buf_cstr(&command));
}

/* Two tasks by command, one by an executor of its own; with an agent that is there. */
static void
launch_three(struct world *w, const char *prefix)
{
    auto_buf struct buf text = {0};
    auto_free char *a = xasprintf("%s-of-root", prefix), *b = xasprintf("%s-of-nobody", prefix);
    auto_free char *c = xasprintf("%s-of-games", prefix), *x = xasprintf("%s-executor", prefix);
    const Mesos__V1__Offer *offer = an_offer(w);
    buf_printf(&text, "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[{\"type\":\"LAUNCH\","
                      "\"launch\":{\"task_infos\":[",
               offer->id->value);
    put_task(w, &text, a, NULL, NULL);
    buf_putc(&text, ',');
    put_task(w, &text, b, "nobody", NULL);
    buf_putc(&text, ',');
    put_task(w, &text, c, "games", x);
    buf_puts(&text, "]}}],\"filters\":{\"refuse_seconds\":0}}");
    w->event_count = 0;
    assert_int_equal(call(w, buf_cstr(&text)), 202);
    assert_null(told(w, EVENT(UPDATE)));
}

static struct world *
busy_world(void)
{
    struct world *w = world_ruled();
    admitted(w);
    subscribe(w, ",\"principal\":\"alice\"", NULL);
    launch_three(w, "first");
    return w;
}

static void
test_tasks(void **state)
{
    struct world *w = busy_world();
    (void)state;
    SEEN(w, "first-of-root", tasks);
    SEEN(w, "first-of-nobody", tasks);
    SEEN(w, "first-of-games", tasks);
    notary_refuse(MESOS_ACTION_VIEW_TASK, "root", NULL);
    HIDDEN(w, "first-of-root", tasks);
    SEEN(w, "first-of-nobody", tasks);
    SEEN(w, "first-of-games", tasks);
    assert_int_equal(ask(w, "GET", "/state-summary", NULL, NULL), 200);
    assert_non_null(strstr(buf_cstr(&w->got), "\"TASK_STAGING\":2"));
    notary_refuse(MESOS_ACTION_VIEW_TASK, "games", NULL);
    HIDDEN(w, "first-of-games", tasks);
    SEEN(w, "first-of-nobody", tasks);
    SEEN(w, w->framework_id, frameworks);
    notary_refuse(MESOS_ACTION_VIEW_TASK, NULL, NULL);
    HIDDEN(w, "first-of-nobody", tasks);
    notary_forget();
    SEEN(w, "first-of-root", tasks);
    /* What a rule looks at beyond the user changes nothing. */
    notary.reads = MESOS_OBJECT_IDS | MESOS_OBJECT_MESSAGES;
    notary_refuse(MESOS_ACTION_VIEW_TASK, "root", NULL);
    HIDDEN(w, "first-of-root", tasks);
    SEEN(w, "first-of-games", tasks);
    world_free(w);
}

static void
test_executors(void **state)
{
    struct world *w = busy_world();
    (void)state;
    notary_refuse(MESOS_ACTION_VIEW_EXECUTOR, "games", NULL);
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_EXECUTORS\"}"), 200);
    assert_null(strstr(buf_cstr(&w->got), "first-executor"));
    assert_int_equal(ask(w, "GET", "/state", NULL, NULL), 200);
    assert_non_null(strstr(buf_cstr(&w->got), "\"executors\":[]"));
    notary_forget();
    notary_refuse(MESOS_ACTION_VIEW_EXECUTOR, "root", NULL);
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_EXECUTORS\"}"), 200);
    assert_non_null(strstr(buf_cstr(&w->got), "first-executor"));
    assert_int_equal(ask(w, "GET", "/state", NULL, NULL), 200);
    assert_null(strstr(buf_cstr(&w->got), "\"executors\":[]"));
    world_free(w);
}

static void
test_frameworks(void **state)
{
    struct world *w = busy_world();
    (void)state;
    SEEN(w, w->framework_id, frameworks);
    notary_refuse(MESOS_ACTION_VIEW_FRAMEWORK, "root", NULL);
    HIDDEN(w, w->framework_id, frameworks);
    HIDDEN(w, "first-of-nobody", tasks);
    HIDDEN(w, "first-executor", executors);
    assert_int_equal(ask(w, "GET", "/state", NULL, NULL), 200);
    assert_non_null(strstr(buf_cstr(&w->got), "\"frameworks\":[],\"completed_frameworks\":[]"));
    assert_int_equal(ask(w, "GET", "/roles", NULL, NULL), 200);
    assert_null(strstr(buf_cstr(&w->got), w->framework_id));
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_ROLES\"}"), 200);
    assert_null(strstr(buf_cstr(&w->got), w->framework_id));
    auto_free char *path = xasprintf("/explain?framework_id=%s", w->framework_id);
    assert_int_equal(ask(w, "GET", path, NULL, NULL), 404);
    auto_free char *one = xasprintf("/frameworks?framework_id=%s", w->framework_id);
    assert_int_equal(ask(w, "GET", one, NULL, NULL), 200);
    assert_null(strstr(buf_cstr(&w->got), "\"name\":\"fw\""));
    /* It has ended, and is as little there. */
    auto_free char *form = xasprintf("frameworkId=%s", w->framework_id);
    assert_int_equal(ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", form), 200);
    HIDDEN(w, w->framework_id, frameworks);
    HIDDEN(w, "first-of-nobody", tasks);
    notary_forget();
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_FRAMEWORKS\"}"), 200);
    assert_non_null(strstr(buf_cstr(&w->got), w->framework_id));
    world_free(w);
}

static void
test_roles(void **state)
{
    struct world *w = busy_world();
    (void)state;
    notary_refuse(MESOS_ACTION_VIEW_ROLE, "*", NULL);
    assert_int_equal(ask(w, "GET", "/roles", NULL, NULL), 200);
    assert_string_equal(buf_cstr(&w->got), "{\"roles\":[]}");
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_AGENTS\"}"), 200);
    assert_null(strstr(buf_cstr(&w->got), "\"allocated_resources\":[{"));
    assert_non_null(strstr(buf_cstr(&w->got), "agent1.example"));
    assert_int_equal(ask(w, "GET", "/slaves", NULL, NULL), 200);
    assert_non_null(strstr(buf_cstr(&w->got), "\"used_resources_full\":[]"));
    notary_forget();
    assert_int_equal(ask(w, "GET", "/slaves", NULL, NULL), 200);
    assert_null(strstr(buf_cstr(&w->got), "\"used_resources_full\":[]"));
    assert_int_equal(operator_asks(w, "{\"type\":\"GET_AGENTS\"}"), 200);
    assert_non_null(strstr(buf_cstr(&w->got), "\"allocated_resources\":[{"));
    world_free(w);
}

static void
test_flags(void **state)
{
    struct world *w = world_ruled();
    (void)state;
    assert_non_null(strstr(get(w, "/state"), "\"flags\""));
    notary_refuse(MESOS_ACTION_VIEW_FLAGS, NULL, NULL);
    assert_null(strstr(get(w, "/state"), "\"flags\""));
    world_free(w);
}

/* ---- events ---- */

static struct buf heard_events;

static void
on_events(const struct http_response *response, void *arg)
{
    (void)arg;
    buf_append_str(&heard_events, buf_str(response->body));
    buf_consume(response->body, response->body->len);
}

static void
on_end(const struct http_response *response, void *arg)
{
    (void)response, (void)arg;
}

static void
on_failure(const struct err *err, void *arg)
{
    (void)err, (void)arg;
}

static bool
told_of(const char *needle)
{
    return heard_events.len && strstr(buf_cstr(&heard_events), needle);
}

static void
test_events(void **state)
{
    static const struct http_call_handler handler = {.on_body = on_events, .on_response = on_end, .on_error = on_failure};
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/json")}};
    struct world *w = busy_world();
    (void)state;
    struct http_client *client = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    notary_refuse(MESOS_ACTION_VIEW_TASK, "root", NULL);
    http_client_send(client, "POST", "/api/v1", headers, 2, STR_LIT("{\"type\":\"SUBSCRIBE\"}"), 0, &handler, w);
    pass(w, 100);
    assert_true(told_of("first-of-nobody"));
    assert_false(told_of("first-of-root"));
    launch_three(w, "second");
    pass(w, 50);
    assert_true(told_of("second-of-nobody"));
    assert_false(told_of("second-of-root"));

    /* The rules change while it listens. */
    notary_forget();
    launch_three(w, "third");
    pass(w, 50);
    assert_true(told_of("third-of-root"));
    notary_refuse(MESOS_ACTION_VIEW_FRAMEWORK, "root", NULL);
    notary_refuse(MESOS_ACTION_VIEW_ROLE, "*", NULL);
    buf_clear(&heard_events);
    launch_three(w, "fourth");
    agent_registers(w, "slave(2)");
    auto_free char *form = xasprintf("frameworkId=%s", w->framework_id);
    assert_int_equal(ask(w, "POST", "/teardown", "application/x-www-form-urlencoded", form), 200);
    pass(w, 100);
    assert_false(told_of("fourth-of"));
    assert_false(told_of("FRAMEWORK_REMOVED"));
    assert_true(told_of("AGENT_ADDED"));
    http_client_free(client);
    buf_fini(&heard_events);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks), cmocka_unit_test(test_executors), cmocka_unit_test(test_frameworks),
        cmocka_unit_test(test_roles), cmocka_unit_test(test_flags),     cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
