/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: answers and bodies that are streams. */
#include "site.h"

static void
test_stream(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "POST /stream HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    world_pass(&site->world, 10);
    assert_true(http_stream_write(site->stream, STR_LIT("20\n{\"type\":\"HEARTBEAT\"}")));
    world_pass(&site->world, 10);
    http_stream_end(site->stream);
    site->stream = NULL;
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller),
                        "HTTP/1.1 200 OK\r\nDate: D\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: x\r\n"
                        "Content-Type: application/json\r\n\r\n17\r\n20\n{\"type\":\"HEARTBEAT\"}\r\n0\r\n\r\n");
    assert_false(caller.eof);
    caller_close(&caller);
    world_pass(&site->world, 10);
    assert_int_equal(site->gone, 0);
}

static void
test_stream_http10(void **state)
{
    struct site *site = *state;
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /stream HTTP/1.0\r\n\r\n");
    world_pass(&site->world, 10);
    http_stream_write(site->stream, STR_LIT("abc"));
    http_stream_end(site->stream);
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), "HTTP/1.1 200 OK\r\nDate: D\r\nMesos-Stream-Id: x\r\n"
                                              "Content-Type: application/json\r\n\r\nabc");
    assert_true(caller.eof || caller.closed);
    caller_close(&caller);
}

static void
test_subscriber_hangs_up(void **state)
{
    struct site *site = *state;
    struct caller caller;
    for (int half = 0; half < 2; half++) {
        caller_open(&caller, &site->world, AT);
        caller_send(&caller, "GET /stream HTTP/1.1\r\n\r\n");
        world_pass(&site->world, 10);
        assert_non_null(site->stream);
        if (half)
            stream_finish(caller.stream); /* only its direction: it has hung up all the same */
        else
            caller_close(&caller);
        world_pass(&site->world, 10);
        assert_null(site->stream);
        assert_int_equal(site->gone, half + 1);
        assert_int_equal(http_server_connections(site->server), 0);
    }
    caller_close(&caller);
}

static void
test_subscriber_does_not_read(void **state)
{
    struct site *site = *state;
    struct caller caller;
    static char piece[64 << 10];
    bool taken = true;
    size_t written = 0;
    site->server->subscriber_bytes = 1 << 20;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /stream HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    stream_pause(caller.stream);
    memset(piece, 'x', sizeof(piece));
    while (taken && written < 64u << 20) { /* in one turn: what a burst of events does */
        taken = http_stream_write(site->stream, str_n(piece, sizeof(piece)));
        written += sizeof(piece);
    }
    assert_false(taken);
    assert_true(written <= (1 << 20) + sizeof(piece));
    assert_int_equal(site->gone, 0); /* from the loop, not from inside the write */
    assert_false(http_stream_write(site->stream, STR_LIT("more")));
    world_pass(&site->world, 10);
    assert_int_equal(site->gone, 1);
    assert_int_equal(http_server_connections(site->server), 0);
    caller_close(&caller);
}

enum { SOURCE_BYTES = 8 << 20, SOURCE_SLOW = 256 << 10 };

static void
on_stream_drained(struct http_exchange *exchange, void *arg)
{
    static char piece[16 << 10];
    size_t *left = arg;
    while (*left > 0 && http_stream_queued(exchange) < SOURCE_SLOW) {
        assert_true(http_stream_write(exchange, str_n(piece, sizeof(piece))));
        *left -= sizeof(piece);
    }
}

/* A source that writes only what is taken is never cut off, however much it has to say. */
static void
test_source_that_waits(void **state)
{
    struct site *site = *state;
    struct caller caller = {0};
    size_t left = SOURCE_BYTES;
    site->server->subscriber_bytes = 1 << 20;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /stream HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    stream_pause(caller.stream);
    http_stream_on_drain(site->stream, on_stream_drained, &left);
    on_stream_drained(site->stream, &left);
    world_pass(&site->world, 1000);
    assert_true(left > SOURCE_BYTES / 2);
    stream_resume(caller.stream);
    world_pass(&site->world, 1000);
    assert_int_equal(left, 0);
    assert_true(caller.in.len > SOURCE_BYTES);
    assert_int_equal(site->gone, 0);
    left = 16 << 10; /* and what is taken at once, without any waiting, is told too */
    world_pass(&site->world, 1000);
    assert_true(http_stream_write(site->stream, STR_LIT("x")));
    world_pass(&site->world, 1000);
    assert_int_equal(left, 0);
    caller_close(&caller);
}

/* Streams that are pipelined behind a stream share its bound. */
static void
test_pipelined_streams(void **state)
{
    struct site *site = *state;
    struct caller caller;
    static char piece[64 << 10];
    size_t written = 0;
    site->server->subscriber_bytes = 1 << 20;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /stream HTTP/1.1\r\n\r\nGET /stream HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    while (written < 64u << 20 && http_stream_write(site->stream, str_n(piece, sizeof(piece))))
        written += sizeof(piece);
    assert_true(written <= 1 << 20);
    world_pass(&site->world, 10);
    assert_int_equal(http_server_connections(site->server), 0);
    caller_close(&caller);
}

#define UPLOAD "POST /upload HTTP/1.1\r\nContent-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n"

static void
test_body_as_it_comes(void **state)
{
    struct site *site = *state;
    struct caller caller = {0};
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, UPLOAD);
    world_pass(&site->world, 10);
    assert_non_null(site->upload);
    caller_send(&caller, "3\r\nfir\r\n7\r\nst\nsec\n\r\n");
    world_pass(&site->world, 10);
    assert_true(str_is(buf_str(&site->uploaded), "sec\n"));
    world_pass(&site->world, 10 * 60 * 1000); /* a stream may be silent for long */
    assert_false(caller.closed);
    caller_send(&caller, "6\r\nthird\n\r\n0\r\n\r\nGET /version HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    assert_true(site->upload_ended);
    assert_true(str_is(buf_str(&site->uploaded), "sec\nthird\n"));
    const char *text = caller_text(&caller);
    assert_non_null(strstr(text, "done"));
    assert_non_null(strstr(text, VERSION)); /* the connection goes on */
    caller_close(&caller);
}

static void
test_body_paused(void **state)
{
    struct site *site = *state;
    struct caller caller = {0};
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, UPLOAD "2\r\na\n\r\n");
    world_pass(&site->world, 10);
    http_exchange_pause_body(site->upload, true);
    caller_send(&caller, "2\r\nb\n\r\n");
    world_pass(&site->world, 10);
    caller_send(&caller, "2\r\nc\n\r\n");
    world_pass(&site->world, 5 * 60 * 1000);
    assert_true(site->uploaded.len <= 2); /* what had come before the pause took hold */
    http_exchange_pause_body(site->upload, false);
    world_pass(&site->world, 10);
    assert_true(str_is(buf_str(&site->uploaded), "b\nc\n"));
    caller_close(&caller);
    world_pass(&site->world, 10);
    assert_null(site->upload);
    assert_int_equal(site->gone, 1);
}

/* An answer before the body's end ends the connection; a body that breaks off is never complete. */
static void
test_body_cut(void **state)
{
    struct site *site = *state;
    struct caller early = {0}, broken = {0}, hung_up = {0}, pipelined = {0};
    caller_open(&early, &site->world, AT);
    caller_send(&early, UPLOAD "c\r\na\nstop\nmore\n\r\n5\r\nagain\r\n");
    world_pass(&site->world, 5000);
    assert_non_null(strstr(caller_text(&early), "stopped"));
    assert_true(early.closed || early.eof);
    caller_open(&broken, &site->world, AT);
    caller_send(&broken, UPLOAD "2\r\na\n\r\nzz\r\n");
    world_pass(&site->world, 10);
    assert_true(broken.closed || broken.eof);
    assert_int_equal(site->gone, 1);
    caller_open(&hung_up, &site->world, AT);
    caller_send(&hung_up, UPLOAD "2\r\na\n\r\n");
    world_pass(&site->world, 10);
    caller_close(&hung_up);
    world_pass(&site->world, 10);
    assert_int_equal(site->gone, 2);
    assert_false(site->upload_ended);
    caller_open(&pipelined, &site->world, AT); /* behind a request that is not answered yet */
    caller_send(&pipelined, "GET /wait HTTP/1.1\r\n\r\n" UPLOAD "2\r\na\n\r\n0\r\n\r\n");
    world_pass(&site->world, 10);
    assert_true(site->upload_ended);
    assert_string_equal(caller_text(&pipelined), "");
    http_reply_text(site->waiting[0], 200, "waited");
    world_pass(&site->world, 10);
    assert_non_null(strstr(caller_text(&pipelined), "done"));
    caller_close(&early);
    caller_close(&broken);
    caller_close(&pipelined);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_stream),
        SITE_TEST(test_stream_http10),
        SITE_TEST(test_subscriber_hangs_up),
        SITE_TEST(test_subscriber_does_not_read),
        SITE_TEST(test_source_that_waits),
        SITE_TEST(test_pipelined_streams),
        SITE_TEST(test_body_as_it_comes),
        SITE_TEST(test_body_paused),
        SITE_TEST(test_body_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
