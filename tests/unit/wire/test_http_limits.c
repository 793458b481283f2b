/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: what it does to peers that are slow or greedy, and what they may cost. */
#include "site.h"

static void
test_slow_peers(void **state)
{
    struct site *site = *state;
    struct caller silent, slow, idle;
    caller_open(&silent, &site->world, AT);
    caller_open(&slow, &site->world, AT);
    caller_open(&idle, &site->world, AT);
    caller_send(&slow, "GET / HTTP/1.1\r\nA: ");
    caller_send(&idle, "GET /x HTTP/1.1\r\n\r\n");
    for (int i = 0; i < LIMIT_HEADER_SECS + 5; i++) {
        world_pass(&site->world, 1000);
        if (!slow.eof && !slow.closed)
            caller_send(&slow, "x"); /* a byte a second does not help */
    }
    assert_true(silent.eof || silent.closed);
    assert_true(slow.eof || slow.closed);
    assert_non_null(strstr(caller_text(&slow), "HTTP/1.1 408 Request Timeout\r\n"));
    assert_false(idle.eof || idle.closed); /* between requests a connection may rest */
    caller_close(&silent);
    caller_close(&slow);
    caller_close(&idle);
}

static void
test_slow_body(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "POST /echo HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    char piece[257];
    memset(piece, 'x', sizeof(piece) - 1);
    piece[256] = '\0';
    for (int i = 0; i < 99; i++) { /* progress counts */
        world_pass(&site->world, 2000);
        caller_send(&caller, piece);
    }
    world_pass(&site->world, 1000);
    assert_false(caller.eof || caller.closed);
    world_pass(&site->world, (LIMIT_HEADER_SECS + 5) * 1000);
    assert_true(caller.eof || caller.closed);
    caller_close(&caller);
}

static void
test_connection_limit(void **state)
{
    struct site *site = *state;
    struct caller callers[4];
    site->server->connection_limit = 2;
    for (size_t i = 0; i < 4; i++) {
        caller_open(&callers[i], &site->world, AT);
        world_pass(&site->world, 1);
        caller_send(&callers[i], "GET /x HTTP/1.1\r\n\r\n");
        world_pass(&site->world, 10);
    }
    assert_int_equal(http_server_connections(site->server), 3); /* one more than allowed, and the rest waits */
    assert_int_equal(callers[3].in.len, 0);
    caller_close(&callers[0]);
    world_pass(&site->world, 10);
    assert_true(callers[3].in.len > 0);
    for (size_t i = 1; i < 4; i++)
        caller_close(&callers[i]);
}

/* Who asks for nothing makes room for who does; who has asked lately stays. */
static void
test_idle_connections_make_room(void **state)
{
    struct site *site = *state;
    struct caller callers[5];
    site->server->connection_limit = 2;
    caller_open(&callers[0], &site->world, AT);
    world_pass(&site->world, 1);
    caller_send(&callers[0], "GET /x HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    for (size_t i = 1; i < 4; i++) {
        caller_open(&callers[i], &site->world, AT); /* and not a word */
        world_pass(&site->world, 1);
    }
    world_pass(&site->world, 10);
    assert_int_equal(http_server_connections(site->server), 2);
    assert_false(callers[0].eof || callers[0].closed);
    assert_true(callers[1].eof || callers[1].closed);
    assert_true(callers[2].eof || callers[2].closed);
    caller_send(&callers[3], "GET /x HTTP/1.1\r\n\r\n");
    world_pass(&site->world, (LIMIT_HEADER_SECS - 5) * 1000);
    caller_send(&callers[3], "GET /x HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 6000);
    caller_open(&callers[4], &site->world, AT);
    world_pass(&site->world, 10);
    assert_true(callers[0].eof || callers[0].closed); /* its request is longest ago */
    assert_false(callers[3].eof || callers[3].closed);
    for (size_t i = 0; i < 5; i++)
        caller_close(&callers[i]);
}

static void
test_large_body(void **state)
{
    struct site *site = *state;
    struct caller caller;
    auto_buf struct buf body = {0};
    caller_open(&caller, &site->world, AT);
    while (body.len < 3 << 20)
        buf_printf(&body, "%zu,", body.len);
    auto_free char *head = xasprintf("POST /echo HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", body.len);
    caller_send(&caller, head);
    stream_write(caller.stream, buf_data(&body), body.len);
    world_pass(&site->world, 1000);
    assert_true(str_ends(buf_str(&caller.in), buf_str(&body)));
    caller_close(&caller);
}

/* A body that crawls, each byte within the time, holds its memory no longer than one that stands still. */
static void
test_crawling_body(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "POST /echo HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 3 * LIMIT_HEADER_SECS && !caller.eof && !caller.closed; i++) {
        world_pass(&site->world, 1000);
        if (!caller.eof && !caller.closed)
            caller_send(&caller, "x");
    }
    assert_true(caller.eof || caller.closed);
    assert_non_null(strstr(caller_text(&caller), "408 Request Timeout"));
    caller_close(&caller);
}

static void
test_bodies_limit(void **state)
{
    struct site *site = *state;
    struct caller callers[4], small;
    static char piece[100 << 10];
    memset(piece, 'x', sizeof(piece));
    site->server->bodies_limit = 256 << 10;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        caller_open(&callers[i], &site->world, AT);
        caller_send(&callers[i], "POST /echo HTTP/1.1\r\nContent-Length: 200000\r\n\r\n");
        stream_write(callers[i].stream, piece, sizeof(piece));
        world_pass(&site->world, 100);
    }
    assert_true(site->server->body_bytes <= site->server->bodies_limit);
    assert_int_equal(callers[0].in.len, 0);
    assert_non_null(strstr(caller_text(&callers[3]), "HTTP/1.1 503 Service Unavailable\r\n"));
    caller_open(&small, &site->world, AT); /* who asks for little is served all the same */
    caller_send(&small, "POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    world_pass(&site->world, 100);
    assert_non_null(strstr(caller_text(&small), "200 OK"));
    caller_close(&small);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        caller_close(&callers[i]);
    world_pass(&site->world, 10000);
    assert_int_equal(site->server->body_bytes, 0);
}

/* The peer takes nothing of its answer: after a while the answer's memory is ours again. */
static void
test_stalled_reader(void **state)
{
    struct site *site = *state;
    struct caller caller;
    site_fill_big(site, 8 << 20);
    caller_open(&caller, &site->world, AT);
    world_pass(&site->world, 10);
    stream_pause(caller.stream);
    caller_send(&caller, "GET /big HTTP/1.1\r\n\r\n");
    world_pass(&site->world, (LIMIT_STALL_SECS - 5) * 1000);
    assert_int_equal(http_server_connections(site->server), 1);
    world_pass(&site->world, 3 * LIMIT_STALL_SECS * 1000);
    assert_int_equal(http_server_connections(site->server), 0);
    caller_close(&caller);
}

/* The peer reads slowly, but reads: it gets all of it, however the connection is to end afterwards. */
static void
read_slowly(struct site *site, const char *request, bool half_close)
{
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    world_pass(&site->world, 10);
    caller_send(&caller, request);
    if (half_close)
        stream_finish(caller.stream);
    for (int i = 0; i < 100000 && !caller.eof && !caller.closed; i++) {
        stream_pause(caller.stream);
        world_pass(&site->world, i < 5 ? 5000 : 1);
        stream_resume(caller.stream);
        world_pass(&site->world, 1);
    }
    assert_true(caller.eof);
    assert_true(str_ends(buf_str(&caller.in), buf_str(&site->big)));
    caller_close(&caller);
    world_pass(&site->world, 5000);
    assert_int_equal(http_server_connections(site->server), 0);
}

static void
test_slow_reader_gets_all(void **state)
{
    struct site *site = *state;
    site_fill_big(site, 3 << 20);
    read_slowly(site, "GET /big HTTP/1.1\r\nConnection: close\r\n\r\n", false);
    read_slowly(site, "GET /big HTTP/1.0\r\n\r\n", true);
    read_slowly(site, "GET /big HTTP/1.1\r\n\r\n", true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_slow_peers),
        SITE_TEST(test_slow_body),
        SITE_TEST(test_connection_limit),
        SITE_TEST(test_idle_connections_make_room),
        SITE_TEST(test_large_body),
        SITE_TEST(test_crawling_body),
        SITE_TEST(test_bodies_limit),
        SITE_TEST(test_stalled_reader),
        SITE_TEST(test_slow_reader_gets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
