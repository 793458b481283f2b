/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler a path finds, and what those hear that find none; compared with recorded exchanges where there are. */
#include "site.h"

#define T "07-legacy-endpoints/"

static void
say(struct http_exchange *exchange, void *arg)
{
    http_reply_text(exchange, 200, "%s", (const char *)arg);
}

static void
say_json(struct http_exchange *exchange, void *arg)
{
    reply_json(exchange, STR_LIT("{\"a\":1}"));
}

static void
on_redirect(struct http_exchange *exchange, void *arg)
{
    reply_redirect(exchange, arg, 5050, "/master/state");
}

static const struct route state_table[] = {{"/state", NULL, say, "", NULL, 0}, {NULL}};
static const struct route deep_table[] = {{"/state/deep", NULL, say, "", NULL, 0}, {NULL}};
static const struct route post_table[] = {{"/teardown", "POST", say, "", NULL, 0}, {NULL}};
static const struct route many_table[] = {{"/quota", "GET,POST,DELETE", say, "", NULL, 0}, {NULL}};
static const struct route root_table[] = {{"", NULL, say, "", NULL, 0}, {NULL}};
static const struct route json_table[] = {{"/json", NULL, say_json, "", NULL, 0}, {NULL}};
static const struct route redirect_table[] = {{"/redirect", NULL, on_redirect, "", NULL, 0}, {NULL}};

static void
mount(struct site *site, const char *actor, const struct route *table, const char *text)
{
    router_mount(site->daemon->router, actor, table, (void *)(uintptr_t)text);
}

static const char *
body(struct site *site, const char *target)
{
    return site_body(site_get(site, target));
}

static void
test_finding(void **state)
{
    struct site *site = *state;
    mount(site, "master", state_table, "state");
    mount(site, "master", deep_table, "deep");
    mount(site, "other(1)", state_table, "other");
    mount(site, "lonely", root_table, "lonely");
    assert_string_equal(body(site, "/state"), "state");
    assert_string_equal(body(site, "/master/state"), "state");
    assert_string_equal(body(site, "/state/"), "state");
    assert_string_equal(body(site, "//state"), "state");
    assert_string_equal(body(site, "//master///state//"), "state");
    assert_string_equal(body(site, "/state?x=/../y"), "state");
    assert_string_equal(body(site, "/state/extra/path"), "state");
    assert_string_equal(body(site, "/state/deep"), "deep");
    assert_string_equal(body(site, "/state/deep/er"), "deep");
    assert_string_equal(body(site, "/state/deeper"), "state"); /* by segments */
    assert_string_equal(body(site, "http://somewhere:1/state"), "state");
    assert_string_equal(body(site, "/other(1)/state"), "other");
    assert_string_equal(body(site, "/other%281%29/state"), "other"); /* the actor's id is decoded */
    assert_string_equal(body(site, "/lonely"), "lonely");
    assert_string_equal(body(site, "/lonely/x"), "lonely");
}

static void
test_not_found(void **state)
{
    static const char *const targets[] = {
        "/nosuch", "/master/nosuch", "/", "/master", "/%73tate", "/statex", "/master/../state", "/state/..",
        "/..", "/state..", "/other/state", "/lonely%", "/master%00/state", "/state%2fdeep",
    };
    struct site *site = *state;
    auto_free char *wanted = recorded(T "048-client-master-GET-nosuch--unknown-path");
    mount(site, "master", state_table, "state");
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        assert_string_equal(site_get(site, targets[i]), wanted);
    auto_buf struct buf many = {0};
    for (int i = 0; i < 1000; i++)
        buf_printf(&many, "/a");
    assert_string_equal(site_get(site, buf_cstr(&many)), wanted);
}

static void
test_not_found_recorded(void **state)
{
    struct site *site = *state;
    mount(site, "master", state_table, "state");
    expect_recorded(site, T "048-client-master-GET-nosuch--unknown-path");
    expect_recorded(site, T "049-client-master-GET-master_nosuch--unknown-master-path");
    expect_recorded(site, T "051-client-master-GET---root");
    expect_recorded(site, T "053-client-master-GET-master_.._state--dotdot");
    expect_recorded(site, T "054-client-master-GET-_73tate--percent-encoded");
}

static void
test_agent_not_found_recorded(void **state)
{
    struct site *site = *state;
    mount(site, "slave(1)", state_table, "state");
    expect_recorded(site, T "113-client-agent1-GET-master_state--a_master_state");
    expect_recorded(site, T "114-client-agent1-GET-redirect--a_redirect");
    expect_recorded(site, T "131-client-agent1-GET-slave(1)_nosuch--unknown");
    expect_recorded(site, T "132-client-agent1-GET-slave(2)_state--other-id");
    assert_string_equal(body(site, "/slave(1)/state"), "state");
    assert_string_equal(body(site, "/slave%281%29/state"), "state");
}

static void
test_methods(void **state)
{
    struct site *site = *state;
    mount(site, "master", post_table, "gone");
    mount(site, "master", many_table, "quota");
    mount(site, "master", state_table, "state");
    expect_recorded(site, T "083-client-master-GET-teardown--teardown-get");
    assert_non_null(strstr(site_ask(site, "HEAD /teardown HTTP/1.1\r\n\r\n"), "405 Method Not Allowed\r\n"));
    assert_string_equal(site_body(site_ask(site, "POST /teardown HTTP/1.1\r\n\r\n")), "gone");
    const char *answer = site_ask(site, "PUT /quota HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(answer, "\r\nAllow: GET, POST, DELETE\r\n"));
    assert_string_equal(site_body(answer), "405 Method Not Allowed. Expecting one of { 'GET', 'POST', 'DELETE' }, "
                                           "but received 'PUT'.");
    assert_non_null(strstr(site_ask(site, "HEAD /quota HTTP/1.1\r\n\r\n"), "200 OK\r\n")); /* as GET */
    assert_string_equal(site_body(site_ask(site, "PUT /state HTTP/1.1\r\n\r\n")), "state"); /* any will do */
}

static void
test_replacing_and_removing(void **state)
{
    struct site *site = *state;
    mount(site, "master", state_table, "old");
    mount(site, "master", state_table, "new");
    mount(site, "extra", state_table, "extra");
    assert_string_equal(body(site, "/state"), "new");
    assert_string_equal(body(site, "/extra/state"), "extra");
    router_unmount(site->daemon->router, "extra");
    router_unmount(site->daemon->router, "never");
    assert_non_null(strstr(site_get(site, "/extra/state"), "404 Not Found\r\n"));
}

static bool
gate(struct http_exchange *exchange, const struct route *route, void *arg)
{
    if (!(route->flags & ROUTE_LEADER))
        return false;
    http_reply_text(exchange, 503, "%s", (const char *)arg);
    return true;
}

static void
test_gate(void **state)
{
    static const struct route led[] = {{"/led", "POST", say, "", NULL, ROUTE_LEADER}, {NULL}};
    struct site *site = *state;
    mount(site, "master", led, "led");
    mount(site, "master", state_table, "state");
    router_gate(site->daemon->router, gate, (void *)(uintptr_t) "not yet");
    assert_string_equal(site_body(site_ask(site, "POST /led HTTP/1.1\r\n\r\n")), "not yet");
    assert_non_null(strstr(site_get(site, "/led"), "405")); /* the method is looked at first */
    assert_string_equal(body(site, "/state"), "state");
    router_gate(site->daemon->router, NULL, NULL);
    assert_string_equal(site_body(site_ask(site, "POST /led HTTP/1.1\r\n\r\n")), "led");
}

static void
test_jsonp(void **state)
{
    struct site *site = *state;
    mount(site, "master", json_table, "");
    assert_string_equal(site_get(site, "/json"), "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 7\r\n"
                                                 "Content-Type: application/json\r\n\r\n{\"a\":1}");
    assert_string_equal(site_get(site, "/json?jsonp=a.b"), "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 12\r\n"
                                                           "Content-Type: text/javascript\r\n\r\na.b({\"a\":1})");
    static const char *const bad[] = {"/json?jsonp=a%0d%0aX:%20y", "/json?jsonp=%3Cscript%3E", "/json?jsonp=a(",
                                      "/json?jsonp=", "/json?jsonp=a%00"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(strstr(site_get(site, bad[i]), "HTTP/1.1 400 Bad Request\r\n"));
}

/* The leader's host name comes from outside and must not add a header. */
static void
test_redirect(void **state)
{
    struct site *site = *state;
    mount(site, "master", redirect_table, "m1.example");
    assert_string_equal(site_get(site, "/redirect"),
                        "HTTP/1.1 307 Temporary Redirect\r\nDate: D\r\nLocation: //m1.example:5050/master/state\r\n"
                        "Content-Length: 0\r\n\r\n");
    mount(site, "master", redirect_table, "m1\r\nSet-Cookie: a");
    assert_null(strstr(site_get(site, "/redirect"), "Set-Cookie"));
}

static void
test_messages(void **state)
{
    struct site *site = *state;
    expect_recorded(site, T "144-x-master-NoSuchMessage");
    assert_string_equal(buf_cstr(&site->received), "[mesos.internal.NoSuchMessage]");
    expect_recorded(site, T "145-x-master-NoSuchMessage");
    assert_string_equal(buf_cstr(&site->received), "[mesos.internal.NoSuchMessage]");
}

#define MASTER_TEST(fn) cmocka_unit_test_setup_teardown(fn, site_master, site_close)
#define AGENT_TEST(fn) cmocka_unit_test_setup_teardown(fn, site_agent, site_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        MASTER_TEST(test_finding), MASTER_TEST(test_not_found), MASTER_TEST(test_not_found_recorded),
        AGENT_TEST(test_agent_not_found_recorded), MASTER_TEST(test_methods), MASTER_TEST(test_replacing_and_removing),
        MASTER_TEST(test_gate), MASTER_TEST(test_jsonp), MASTER_TEST(test_redirect), MASTER_TEST(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
