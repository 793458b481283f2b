/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for authenticators: order, refusals of several, a daemon that ends, bodies that are streams. The module is a
 * double that answers when the test says so. */
#include "site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "daemon/options.h"
#include "host/host.h"
#include "mesos/http_authenticator.h"

#define AT "127.0.0.1:5050"

/* What the double was asked and has not answered. */
struct asked {
    const struct mesos_host *host;
    struct mesos_call *calls[8];
    char paths[8][32];
    size_t count;
};
struct double_ {
    const struct mesos_host *host;
};

static struct asked *asked; /* of the test that runs: modules have no other way to it */

static int
double_start(void *instance, const struct mesos_host *host)
{
    ((struct double_ *)instance)->host = host;
    return 0;
}

static void
double_authenticate(void *instance, const struct mesos_http_request *request, struct mesos_call *call)
{
    assert_true(asked->count < 8);
    asked->host = ((struct double_ *)instance)->host;
    snprintf(asked->paths[asked->count], sizeof(asked->paths[0]), "%s", request->path);
    asked->calls[asked->count++] = call;
}

static const struct mesos_http_authenticator_ops double_ops = {.scheme = "Double", .authenticate = double_authenticate};
static const struct mesos_module double_module = {
    MESOS_MODULE(HTTP_AUTHENTICATOR, double_ops, struct double_), .name = "double", .start = double_start};

static const struct mesos_module *const *
double_modules(void)
{
    static const struct mesos_module *const modules[] = {&double_module, NULL};
    return modules;
}

struct place {
    struct world world;
    struct host *host;
    struct module *modules[2];
    struct daemon *daemon;
    struct asked asked;
    struct buf seen; /* what handlers saw: path=principal, and bodies */
    struct caller caller;
    char dir[64], *audit_log;
    struct buf audited;
};

static void
on_body(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct place *place = arg;
    buf_append_str(&place->seen, buf_str(body));
    buf_clear(body);
    if (end)
        http_reply(exchange, 200, NULL, STR_LIT(""));
}

static void
on_request(struct http_exchange *exchange, void *arg)
{
    struct place *place = arg;
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    const struct http_request *request = http_exchange_request(exchange);
    buf_printf(&place->seen, "%.*s=%s;", STR_ARG(request->path), principal ? principal->value : "nobody");
    if (request->body_follows)
        http_exchange_on_body(exchange, on_body, place);
    else
        http_reply(exchange, 200, NULL, STR_LIT(""));
}

static const struct route routes[] = {
    {"/a", "GET", on_request, "", "readonly", 0}, {"/b", "GET", on_request, "", "mesos-master-readonly", 0},
    {"/large", "POST", on_request, "", "readonly", 0},
    {"/stream", "POST", on_request, "", "readonly", ROUTE_STREAM}, {"/open", "GET", on_request, "", NULL, 0}, {NULL}};

static int
setup(void **state)
{
    struct place *place = xcalloc(1, sizeof(*place));
    struct err err = {0};
    world_open(&place->world);
    struct host_options options = {.loop = place->world.loop};
    place->host = host_new(&options);
    assert_int_equal(host_add_linked(place->host, double_modules, "the test", &err), 0);
    for (size_t i = 0; i < 2; i++)
        place->modules[i] = host_start(place->host, MESOS_KIND_HTTP_AUTHENTICATOR, "double", NULL, NULL, 0, &err);
    struct daemon_realm realm = {.name = "mesos-master-readonly", .authenticators = place->modules, .count = 2};
    strcpy(place->dir, "/tmp/cmesos-authentication-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    place->audit_log = xasprintf("%s/audit", place->dir);
    struct daemon_options daemon_options = {.audit_log = place->audit_log};
    struct daemon_setup daemon = {
        .actor = "master", .listen = world_address(AT), .options = &daemon_options, .realms = &realm, .realm_count = 1};
    place->daemon = daemon_new(place->world.loop, &daemon, &err);
    if (!place->daemon)
        fail_msg("%s", err.text);
    router_mount(place->daemon->router, "master", routes, place);
    asked = &place->asked;
    *state = place;
    return 0;
}

static void
on_stopped(void *arg)
{
}

static int
teardown(void **state)
{
    struct place *place = *state;
    caller_close(&place->caller);
    daemon_free(place->daemon);
    host_stop(place->host, on_stopped, NULL);
    world_pass(&place->world, 20000);
    host_free(place->host);
    world_close(&place->world);
    dir_remove(place->dir, NULL);
    free(place->audit_log);
    buf_fini(&place->audited);
    buf_fini(&place->seen);
    free(place);
    return 0;
}

static void
say(struct place *place, const char *text)
{
    caller_open(&place->caller, &place->world, AT);
    caller_send(&place->caller, text);
    world_pass(&place->world, 50);
}

/* The double answers what it was asked as the at-th. bytes NULL: it cannot say. */
static void
tell(struct place *place, size_t at, const char *bytes, size_t len)
{
    assert_true(at < place->asked.count);
    if (!bytes)
        (place->asked.host->fail)(place->asked.host, -EIO, "no idea");
    place->asked.host->reply(place->asked.host, place->asked.calls[at], bytes ? 0 : -EIO, (struct mesos_bytes){bytes, len});
    world_pass(&place->world, 50);
}
#define TELL(place, at, literal) tell(place, at, literal, sizeof(literal))

static void
test_order_is_kept(void **state)
{
    struct place *place = *state;
    say(place, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    assert_int_equal(place->asked.count, 2);
    assert_int_equal(authentication_waiting(place->daemon->authentication), 2);
    TELL(place, 1, "principal\0second");
    assert_string_equal(buf_cstr(&place->seen), "");
    TELL(place, 0, "principal\0first");
    assert_string_equal(buf_cstr(&place->seen), "/a=first;/b=second;");
    assert_int_equal(authentication_waiting(place->daemon->authentication), 0);
}

static void
test_one_that_knows_is_enough(void **state)
{
    struct place *place = *state;
    say(place, "GET /a HTTP/1.1\r\n\r\n");
    TELL(place, 0, "challenge\0One realm=\"x\"");
    TELL(place, 1, "principal\0known");
    assert_string_equal(buf_cstr(&place->seen), "/a=known;");
}

static void
test_refusals(void **state)
{
    struct place *place = *state;
    say(place, "GET /a HTTP/1.1\r\n\r\n");
    TELL(place, 0, "challenge\0One");
    TELL(place, 1, "challenge\0Two");
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 401 Unauthorized\r\nDate: D\r\nWWW-Authenticate: One,Two\r\n"));
    caller_forget(&place->caller);
    caller_send(&place->caller, "GET /a HTTP/1.1\r\n\r\n");
    world_pass(&place->world, 50);
    TELL(place, 2, "forbidden\0no");
    tell(place, 3, NULL, 0);
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 403 "));
    caller_forget(&place->caller);
    caller_send(&place->caller, "GET /a HTTP/1.1\r\n\r\n");
    world_pass(&place->world, 50);
    tell(place, 4, NULL, 0);
    TELL(place, 5, "nonsense");
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 500 "));
    assert_string_equal(buf_cstr(&place->seen), "");
}

/* Expects that one request with these headers is not let in, and the reason of the line that it leaves in the audit log; NULL =
 * it leaves none. first: what the first double answers, all of its bytes. */
static void
expect_reason(struct place *place, const char *headers, struct str first, const char *reason)
{
    struct err err = {0};
    size_t at = place->asked.count;
    auto_free char *request = xasprintf("GET /a HTTP/1.1\r\n%s\r\n", headers);
    buf_clear(&place->audited);
    assert_int_equal(file_replace(place->audit_log, "", 0, 0600, false, &err), 0);
    caller_close(&place->caller);
    place->caller = (struct caller){0};
    say(place, request);
    tell(place, at, first.ptr, first.len);
    TELL(place, at + 1, "challenge\0Two");
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 401 "));
    assert_int_equal(file_read(place->audit_log, 1 << 20, &place->audited, &err), 0);
    if (!reason) {
        assert_string_equal(buf_cstr(&place->audited), "");
        return;
    }
    auto_free char *wanted = xasprintf("\"reason\":\"%s\"}\n", reason);
    const char *line = strstr(buf_cstr(&place->audited), "\"event\":\"login-failed\",\"peer\":\"");
    assert_non_null(line);
    line = strstr(line, wanted);
    assert_non_null(line);
    assert_string_equal(line, wanted); /* and no other */
    assert_null(strstr(buf_cstr(&place->audited), "s3cret"));
}

#define ANSWER(literal) ((struct str){literal, sizeof(literal)})

/* What no authenticator takes for a login of its scheme is one that has failed, too. */
static void
test_failed_logins_are_told(void **state)
{
    static const char no_scheme[] = "no authenticator takes the Authorization header that was sent";
    expect_reason(*state, "", ANSWER("challenge\0One"), NULL);
    expect_reason(*state, "Authorization: One s3cret\r\n", ANSWER("challenge\0One\0failed\0wrong secret"), "wrong secret");
    expect_reason(*state, "authorization: Negotiate s3cret\r\n", ANSWER("challenge\0One"), no_scheme);
    expect_reason(*state, "Authorization: One s3cret\r\nAuthorization: Two s3cret\r\n", ANSWER("challenge\0One"),
                  "there are several Authorization headers");
}

static void
test_silence_is_no_answer(void **state)
{
    struct place *place = *state;
    say(place, "GET /a HTTP/1.1\r\n\r\n");
    world_pass(&place->world, 31000);
    world_pass(&place->world, 31000);
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 500 "));
    assert_string_equal(buf_cstr(&place->seen), "");
}

static void
test_connections_do_not_wait_for_each_other(void **state)
{
    struct place *place = *state;
    struct caller other = {0};
    say(place, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    caller_open(&other, &place->world, AT);
    caller_send(&other, "GET /b HTTP/1.1\r\n\r\n");
    world_pass(&place->world, 50);
    TELL(place, 1, "principal\0second");
    TELL(place, 2, "principal\0other");
    assert_string_equal(buf_cstr(&place->seen), "/b=other;");
    TELL(place, 0, "principal\0first");
    assert_string_equal(buf_cstr(&place->seen), "/b=other;/a=first;/b=second;");
    caller_close(&other);
}

static void
test_bodies_of_streams_wait(void **state)
{
    struct place *place = *state;
    say(place, "POST /stream HTTP/1.1\r\nContent-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n0\r\n\r\n");
    assert_string_equal(buf_cstr(&place->seen), "");
    TELL(place, 0, "principal\0sender");
    assert_string_equal(buf_cstr(&place->seen), "/stream=sender;hello");
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 200 "));
}

static void
test_refused_streams_are_answered(void **state)
{
    struct place *place = *state;
    say(place, "POST /stream HTTP/1.1\r\nContent-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n");
    TELL(place, 0, "challenge\0One");
    TELL(place, 1, "challenge\0Two");
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 401 "));
    assert_string_equal(buf_cstr(&place->seen), "");
}

/* Nobody's large body is held: its head alone is answered, and what comes of it is dropped. */
static void
test_large_bodies_wait(void **state)
{
    struct place *place = *state;
    char part[1001];
    memset(part, 'x', 1000);
    part[1000] = 0;
    say(place, "POST /large HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    assert_int_equal(place->asked.count, 1);
    TELL(place, 0, "principal\0sender");
    assert_string_equal(buf_cstr(&place->seen), "");
    for (int i = 0; i < 100; i++)
        caller_send(&place->caller, part);
    world_pass(&place->world, 50);
    assert_string_equal(buf_cstr(&place->seen), "/large=sender;");
    assert_int_equal(place->asked.count, 1); /* not asked twice */
    assert_non_null(strstr(caller_text(&place->caller), "HTTP/1.1 200 "));
    assert_false(place->caller.closed || place->caller.eof);
}

static void
test_large_bodies_of_strangers(void **state)
{
    static const char *const heads[] = {"POST /large HTTP/1.1\r\nContent-Length: 100000\r\n\r\n",
                                        "POST /large HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 100000\r\n\r\n",
                                        "POST /large HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
                                        ("POST /stream HTTP/1.1\r\nExpect: 100-continue\r\nContent-Type: application/recordio\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\n")};
    struct place *place = *state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        caller_close(&place->caller);
        place->caller = (struct caller){0};
        say(place, heads[i]);
        assert_string_equal(caller_text(&place->caller), "");
        TELL(place, 2 * i, "challenge\0One");
        TELL(place, 2 * i + 1, "challenge\0Two");
        const char *text = caller_text(&place->caller);
        assert_true(str_starts(str_of(text), STR_LIT("HTTP/1.1 401 "))); /* not "100 Continue" */
        assert_true(i == 3 || strstr(text, "Connection: close\r\n"));
        caller_send(&place->caller, "what follows is dropped");
        world_pass(&place->world, 50);
        assert_true(place->caller.eof);
        for (int wait = 0; wait < 32; wait++) { /* one that goes on and on */
            if (!place->caller.closed)
                caller_send(&place->caller, "x");
            world_pass(&place->world, 1000);
        }
        assert_int_equal(http_server_connections(place->daemon->http), 0);
    }
    assert_string_equal(buf_cstr(&place->seen), "");
}

/* A peer that leaves, and a daemon that ends, while somebody is asked about a head; the teardown is the latter. */
static void
test_large_bodies_given_up(void **state)
{
    struct place *place = *state;
    say(place, "POST /large HTTP/1.1\r\nContent-Length: 100000\r\n\r\nxyz");
    caller_close(&place->caller);
    world_pass(&place->world, 50);
    TELL(place, 0, "principal\0late"); /* nothing is read before, not even that the peer has gone */
    assert_int_equal(authentication_waiting(place->daemon->authentication), 0);
    assert_int_equal(http_server_connections(place->daemon->http), 0);
    place->caller = (struct caller){0};
    say(place, "GET /a HTTP/1.1\r\n\r\nPOST /large HTTP/1.1\r\nContent-Length: 100000\r\n\r\nxyz");
    assert_int_equal(place->asked.count, 3);
    TELL(place, 2, "principal\0second");
    assert_string_equal(buf_cstr(&place->seen), "");
}

static void
test_large_bodies_for_nobody(void **state)
{
    static const struct {
        const char *head, *status;
    } cases[] = {{"POST /nosuch HTTP/1.1\r\n", "404"},
                 {"POST /open HTTP/1.1\r\n", "405"},
                 {"POST /nobody/x.Message HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n", "404"},
                 {"POST /large?a=%zz HTTP/1.1\r\n", "400"}};
    struct place *place = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *head = xasprintf("%sTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", cases[i].head);
        auto_free char *status = xasprintf("HTTP/1.1 %s ", cases[i].status);
        caller_close(&place->caller);
        place->caller = (struct caller){0};
        say(place, head);
        assert_true(str_starts(str_of(caller_text(&place->caller)), str_of(status)));
        assert_true(place->caller.eof);
    }
    assert_int_equal(place->asked.count, 0);
}

static void
test_open_routes_ask_nobody(void **state)
{
    struct place *place = *state;
    say(place, "GET /open HTTP/1.1\r\n\r\nGET /nosuch HTTP/1.1\r\n\r\n");
    assert_int_equal(place->asked.count, 0);
    assert_string_equal(buf_cstr(&place->seen), "/open=nobody;");
}

/* teardown frees the daemon while a module owes an answer. */
static void
test_the_end_comes_first(void **state)
{
    struct place *place = *state;
    say(place, "GET /a HTTP/1.1\r\n\r\n");
    assert_int_equal(authentication_waiting(place->daemon->authentication), 1);
}

/* The first in the line keeps back one that is let in already: when the connection is closed, that is never handled. */
static void
test_nobody_s_turn_comes_at_the_end(void **state)
{
    struct place *place = *state;
    say(place, "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
    TELL(place, 1, "principal\0second");
    daemon_free(place->daemon);
    place->daemon = NULL;
    assert_string_equal(buf_cstr(&place->seen), "");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order_is_kept), TEST(test_one_that_knows_is_enough), TEST(test_refusals), TEST(test_failed_logins_are_told),
        TEST(test_silence_is_no_answer),
        TEST(test_connections_do_not_wait_for_each_other), TEST(test_bodies_of_streams_wait), TEST(test_refused_streams_are_answered),
        TEST(test_large_bodies_wait), TEST(test_large_bodies_of_strangers), TEST(test_large_bodies_given_up),
        TEST(test_large_bodies_for_nobody), TEST(test_open_routes_ask_nobody), TEST(test_the_end_comes_first),
        TEST(test_nobody_s_turn_comes_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
