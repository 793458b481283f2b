/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: shapes of answers, refusals, their order. */
#include "site.h"

static void
test_shapes(void **state)
{
    struct site *site = *state;
    site_check(site, "GET /version HTTP/1.1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n" VERSION, false);
    site_check(site, "HEAD /version HTTP/1.1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n", false);
    site_check(site, "POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n", false);
    site_check(site, "GET /q?x=%41+b HTTP/1.1\r\n\r\n",
          "HTTP/1.1 404 Not Found\r\nDate: D\r\n" TEXT_HEAD "Content-Length: 6\r\n\r\nno A b", false);
    site_check(site, "GET /version HTTP/1.1\r\nConnection: close\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n" VERSION, true);
    site_check(site, "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n", true);
    site_check(site, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "HTTP/1.1 202 Accepted\r\nDate: D\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", false);
    site_check(site, "GET /abort HTTP/1.1\r\n\r\n", "", true);
}

static void
test_refusals(void **state)
{
    struct site *site = *state;
    site_check(site, "garbage\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 51\r\n\r\nThe request line does not begin with a known method",
          true);
    site_check(site, "GET /q?x=%zz HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 51\r\n\r\nMalformed percent escape in the query of '/q?x=%zz'",
          true);
    site_check(site, "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 51\r\n\r\nBoth Content-Length and Transfer-Encoding are given",
          true);
    /* what came before is answered first, what comes behind is not read */
    site_check(site, "GET /x HTTP/1.1\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
          "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n"
          "HTTP/1.1 413 Request Entity Too Large\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 30\r\n\r\nThe body is larger than 64 MiB",
          true);
    assert_int_equal(site->handled, 1);
}

static void
test_byte_by_byte(void **state)
{
    struct site *site = *state;
    static const char request[] = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\nT: v\r\n\r\n"
                                  "GET /x HTTP/1.1\r\n\r\n";
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        stream_write(caller.stream, &request[i], 1);
        world_pass(&site->world, 1);
    }
    assert_string_equal(caller_text(&caller),
                        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"
                        "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n");
    caller_close(&caller);
}

static void
test_order(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\nGET /wait HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    assert_int_equal(site->handled, 4);
    assert_string_equal(caller_text(&caller), "");
    http_reply(site->waiting[1], 200, NULL, STR_LIT("second"));
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), "");
    http_reply(site->waiting[0], 200, NULL, STR_LIT("first"));
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller),
                        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 5\r\n\r\nfirst"
                        "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n"
                        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 6\r\n\r\nsecond"
                        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n" VERSION);
    caller_close(&caller);
}

static void
test_pipeline_limit(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    for (int i = 0; i < 200; i++)
        caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    assert_int_equal(site->waiting_count, LIMIT_PIPELINE);
    for (size_t i = 0; i < site->waiting_count; i++) {
        http_reply(site->waiting[i], 202, NULL, STR_LIT(""));
        world_pass(&site->world, 1);
    }
    assert_int_equal(site->handled, 200);
    size_t answers = 0;
    for (const char *at = caller_text(&caller); (at = strstr(at, "HTTP/1.1 202")); at++)
        answers++;
    assert_int_equal(answers, 200);
    caller_close(&caller);
}

static void
send_many(struct caller *caller, const char *request, size_t count)
{
    auto_buf struct buf all = {0};
    for (size_t i = 0; i < count; i++)
        buf_puts(&all, request);
    caller_send(caller, buf_cstr(&all));
}

static size_t
count_text(struct caller *caller, const char *what)
{
    size_t count = 0;
    for (const char *at = caller_text(caller); (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* A connection that must be patient is read a few requests at a time, behind all others; nothing of it is lost. */
static void
test_patience(void **state)
{
    struct site *site = *state;
    struct caller greedy = {0}, other = {0};
    caller_open(&greedy, &site->world, AT);
    caller_open(&other, &site->world, AT);
    world_pass(&site->world, 10);
    send_many(&greedy, "GET /patient HTTP/1.1\r\n\r\n", 200);
    send_many(&other, "GET /x HTTP/1.1\r\n\r\n", 20);
    stream_finish(greedy.stream); /* it may have said all */
    world_pass(&site->world, 10);
    assert_int_equal(site->handled, 220);
    assert_true(site->patient_before < 40);
    assert_int_equal(count_text(&greedy, "HTTP/1.1 202"), 200);
    assert_int_equal(count_text(&other, "HTTP/1.1 202"), 20);
    assert_true(greedy.eof || greedy.closed);
    caller_close(&greedy);
    caller_close(&other);
}

/* The turns of several are taken in a round; one that has to be patient no longer is read as before; one may go. */
static void
test_patience_ends(void **state)
{
    struct site *site = *state;
    struct caller gone = {0}, hasty = {0}, slow = {0};
    caller_open(&gone, &site->world, AT);
    send_many(&gone, "GET /patient HTTP/1.1\r\n\r\n", 50);
    caller_open(&hasty, &site->world, AT);
    caller_send(&hasty, "GET /patient HTTP/1.1\r\n\r\nGET /hasty HTTP/1.1\r\n\r\n");
    send_many(&hasty, "GET /x HTTP/1.1\r\n\r\n", 50);
    caller_open(&slow, &site->world, AT);
    caller_send(&slow, "GET /patient HTTP/1.1\r\n\r\nGET /pat");
    for (int i = 0; i < 6; i++)
        loop_run_until(site->world.loop, NULL, NULL, 0);
    assert_in_range(site->patient, 3, 40);
    caller_close(&gone);
    world_pass(&site->world, 10);
    caller_send(&slow, "ient HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    assert_int_equal(count_text(&slow, "HTTP/1.1 202"), 2);
    assert_int_equal(count_text(&hasty, "HTTP/1.1 202"), 52);
    assert_true(site->patient_before < 40); /* the first one's 50 were not through */
    caller_close(&hasty);
    caller_send(&slow, "GET /patient HTTP/1.1\r\n\r\n"); /* it waits when the server ends */
    caller_close(&slow);
}

static void
test_continue(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), "HTTP/1.1 100 Continue\r\n\r\n");
    caller_forget(&caller);
    caller_send(&caller, "hi");
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller),
                        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
    caller_close(&caller);
}

/* Answers that stand before it come first, and then it hears that it may go on. */
static void
test_continue_behind_others(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /wait HTTP/1.1\r\n\r\n"
                         "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    world_pass(&site->world, 10);
    http_reply(site->waiting[0], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n");
    caller_forget(&caller);
    http_reply(site->waiting[1], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n"
                                              "HTTP/1.1 100 Continue\r\n\r\n");
    caller_forget(&caller);
    caller_send(&caller, "hi");
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller),
                        "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi");
    caller_close(&caller);
}

static void
test_last_header_of_a_name(void **state)
{
    struct http_header items[] = {{STR_LIT("Accept"), STR_LIT("a")}, {STR_LIT("x"), STR_LIT("b")},
                                  {STR_LIT("accept"), STR_LIT("c")}};
    struct http_headers headers = {.items = items, .count = ARRAY_LEN(items)};
    assert_true(str_is(http_header_last(&headers, "Accept"), "c"));
    assert_true(str_is(http_header_get(&headers, "Accept"), "a"));
    assert_null(http_header_last(&headers, "y").ptr);
}

static void
test_gone_while_waiting(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /wait HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    stream_finish(caller.stream); /* may still wait for its answers */
    world_pass(&site->world, 10);
    assert_int_equal(site->gone, 0);
    http_reply(site->waiting[0], 202, NULL, STR_LIT(""));
    http_reply(site->waiting[1], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 10);
    assert_int_equal(caller.in.len, 2 * (sizeof("HTTP/1.1 202 Accepted\r\nDate: Sat, 21 Nov 2026 00:41:03 GMT\r\n"
                                                "Content-Length: 0\r\n\r\n") -
                                         1));
    assert_true(caller.eof || caller.closed);
    caller_close(&caller);
    world_pass(&site->world, 10);
    assert_int_equal(http_server_connections(site->server), 0);
}

static void
test_free_with_open_exchanges(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /wait HTTP/1.1\r\n\r\nGET /half");
    world_pass(&site->world, 10);
    http_server_free(site->server);
    site->server = NULL;
    assert_int_equal(site->gone, 2);
    caller_close(&caller);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_shapes),
        SITE_TEST(test_refusals),
        SITE_TEST(test_byte_by_byte),
        SITE_TEST(test_order),
        SITE_TEST(test_pipeline_limit),
        SITE_TEST(test_patience),
        SITE_TEST(test_patience_ends),
        SITE_TEST(test_continue),
        SITE_TEST(test_continue_behind_others),
        cmocka_unit_test(test_last_header_of_a_name),
        SITE_TEST(test_gone_while_waiting),
        SITE_TEST(test_free_with_open_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
