/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: shapes of answers, their order, streams, and what it does to peers that are slow, greedy or wrong. */
#include "world.h"
#include <stdio.h>
#include <zlib.h>

#include "wire/http_connection.h"
#include "wire/limits.h"

#define AT "127.0.0.1:80"
#define VERSION "{\"version\":\"1\"}"

/* A server whose handler answers by path. */
struct site {
    struct world world;
    struct http_server *server;
    struct http_exchange *waiting[256]; /* "/wait", in order of arrival */
    size_t waiting_count;
    struct http_exchange *stream; /* "/stream" */
    size_t handled, gone;
    size_t patient, patient_before; /* "/patient" so far; when "/x" came */
    struct buf big;
    struct page *pages[40]; /* of big, for "/pages" */
    size_t page_count;
    struct http_exchange *upload; /* "/upload", whose body is taken as it comes */
    struct buf uploaded;
    bool upload_ended;
};

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct site *site = arg;
    site->gone++;
    if (site->stream == exchange)
        site->stream = NULL;
    if (site->upload == exchange)
        site->upload = NULL;
}

/* Takes whole lines; "stop" is answered at once, the end too. */
static void
on_rest(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct site *site = arg;
    ptrdiff_t line;
    while ((line = str_find(buf_str(body), '\n')) >= 0) {
        bool stop = str_starts(buf_str(body), STR_LIT("stop"));
        buf_append(&site->uploaded, buf_data(body), (size_t)line + 1);
        buf_consume(body, (size_t)line + 1);
        if (!stop)
            continue;
        site->upload = NULL;
        http_reply_text(exchange, 200, "stopped");
        return;
    }
    if (!end)
        return;
    site->upload = NULL;
    site->upload_ended = true;
    http_reply_text(exchange, 200, "done");
}

/* The first line says who takes the others: on_rest. */
static void
on_first(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    ptrdiff_t line = str_find(buf_str(body), '\n');
    if (line < 0)
        return;
    buf_consume(body, (size_t)line + 1);
    http_exchange_on_body(exchange, on_rest, arg);
}

static bool
wants_stream(const struct http_request *request, void *arg)
{
    return str_is(request->path, "/upload");
}

/* "[", the pages with a comma before each but the first, "]". */
static void
reply_pages(struct http_exchange *exchange, struct site *site)
{
    struct rope rope = {0};
    buf_putc(&rope.tail, '[');
    for (size_t i = 0; i < site->page_count; i++)
        rope_add(&rope, site->pages[i], i > 0);
    buf_putc(&rope.tail, ']');
    http_reply_legacy_rope(exchange, "application/json", &rope);
    assert_int_equal(rope_len(&rope), 0);
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct site *site = arg;
    const struct http_request *request = http_exchange_request(exchange);
    site->handled++;
    if (str_is(request->path, "/wait")) {
        http_exchange_on_gone(exchange, on_gone, site);
        site->waiting[site->waiting_count++] = exchange;
    } else if (str_is(request->path, "/stream")) {
        struct http_header id = {STR_LIT("Mesos-Stream-Id"), STR_LIT("x")};
        http_exchange_on_gone(exchange, on_gone, site);
        site->stream = exchange;
        http_stream_start(exchange, 200, &id, 1, "application/json");
    } else if (str_is(request->path, "/version")) {
        http_reply_legacy(exchange, "application/json", STR_LIT(VERSION));
    } else if (str_is(request->path, "/upload")) {
        assert_true(request->body_follows);
        site->upload = exchange;
        http_exchange_on_gone(exchange, on_gone, site);
        http_exchange_on_body(exchange, on_first, site);
    } else if (str_is(request->path, "/echo")) {
        http_reply(exchange, 200, "text/plain", buf_str(&request->body));
    } else if (str_is(request->path, "/big")) {
        http_reply(exchange, 200, "text/plain", buf_str(&site->big));
    } else if (str_is(request->path, "/pages")) {
        reply_pages(exchange, site);
    } else if (str_is(request->path, "/abort")) {
        http_exchange_abort(exchange);
    } else if (str_is(request->path, "/patient") || str_is(request->path, "/hasty")) {
        site->patient++;
        http_exchange_patient(exchange, str_is(request->path, "/patient"));
        http_reply(exchange, 202, NULL, STR_LIT(""));
    } else if (str_is(request->path, "/q")) {
        http_reply_text(exchange, 404, "no %.*s", STR_ARG(http_param_get(request, "x")));
    } else {
        site->patient_before = site->patient;
        http_reply(exchange, 202, NULL, STR_LIT(""));
    }
}

static int
setup(void **state)
{
    struct site *site = xcalloc(1, sizeof(*site));
    struct address at = world_address(AT);
    struct err err = {0};
    world_open(&site->world);
    site->server = http_server_new(site->world.loop, on_exchange, site);
    http_server_stream_bodies(site->server, wants_stream, site);
    assert_int_equal(http_server_listen(site->server, &at, NULL, &err), 0);
    *state = site;
    return 0;
}

static int
teardown(void **state)
{
    struct site *site = *state;
    http_server_free(site->server);
    world_close(&site->world);
    buf_fini(&site->big);
    for (size_t i = 0; i < ARRAY_LEN(site->pages); i++)
        page_unref(site->pages[i]);
    buf_fini(&site->uploaded);
    free(site);
    return 0;
}

static void
check(struct site *site, const char *request, const char *answer, bool closes)
{
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, request);
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), answer);
    assert_int_equal(caller.eof || caller.closed, closes);
    caller_close(&caller);
    world_pass(&site->world, 10);
    assert_int_equal(http_server_connections(site->server), 0);
}

#define TEXT_HEAD "Content-Type: text/plain; charset=utf-8\r\n"

static void
test_shapes(void **state)
{
    struct site *site = *state;
    check(site, "GET /version HTTP/1.1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n" VERSION, false);
    check(site, "HEAD /version HTTP/1.1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n", false);
    check(site, "POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
          "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n", false);
    check(site, "GET /q?x=%41+b HTTP/1.1\r\n\r\n",
          "HTTP/1.1 404 Not Found\r\nDate: D\r\n" TEXT_HEAD "Content-Length: 6\r\n\r\nno A b", false);
    check(site, "GET /version HTTP/1.1\r\nConnection: close\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 15\r\nContent-Type: application/json\r\n\r\n" VERSION, true);
    check(site, "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n", true);
    check(site, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "HTTP/1.1 202 Accepted\r\nDate: D\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", false);
    check(site, "GET /abort HTTP/1.1\r\n\r\n", "", true);
}

static void
test_refusals(void **state)
{
    struct site *site = *state;
    check(site, "garbage\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 51\r\n\r\nThe request line does not begin with a known method",
          true);
    check(site, "GET /q?x=%zz HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 51\r\n\r\nMalformed percent escape in the query of '/q?x=%zz'",
          true);
    check(site, "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 400 Bad Request\r\nDate: D\r\n" TEXT_HEAD
          "Content-Length: 51\r\n\r\nBoth Content-Length and Transfer-Encoding are given",
          true);
    /* what came before is answered first, what comes behind is not read */
    check(site, "GET /x HTTP/1.1\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
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

/* ---- gzip ---- */

static void
gunzip(struct str packed, struct buf *out)
{
    z_stream z = {0};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)packed.ptr;
    z.avail_in = (uInt)packed.len;
    z.next_out = (Bytef *)buf_reserve(out, 1 << 20);
    z.avail_out = 1 << 20;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    buf_added(out, z.total_out);
    inflateEnd(&z);
}

static void
check_gzip(struct site *site, size_t bytes, const char *accept, bool packed)
{
    struct caller caller;
    auto_buf struct buf plain = {0};
    auto_free char *request = xasprintf("GET /big HTTP/1.1\r\n%s\r\n", accept);
    buf_clear(&site->big);
    while (site->big.len < bytes)
        buf_putc(&site->big, (char)('a' + site->big.len % 23));
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, request);
    world_pass(&site->world, 1000);
    replace_dates(&caller.in);
    struct str text = buf_str(&caller.in);
    const char *body = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    struct str rest = str_n(body, text.len - (size_t)(body - text.ptr));
    if (packed) {
        assert_true(str_starts(text, STR_LIT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nDate: D\r\n")));
        assert_true(rest.len < bytes / 2);
        gunzip(rest, &plain);
        rest = buf_str(&plain);
    }
    assert_true(str_eq(rest, buf_str(&site->big)));
    caller_close(&caller);
}

static void
test_gzip(void **state)
{
    struct site *site = *state;
    check_gzip(site, 1024, "Accept-Encoding: gzip, deflate\r\n", true);
    check_gzip(site, 1023, "Accept-Encoding: gzip\r\n", false);
    check_gzip(site, 2000, "Accept-Encoding: gzip;q=0\r\n", false);
    check_gzip(site, 2000, "", false);
    check_gzip(site, 500000, "Accept-Encoding: *\r\n", true); /* off the loop */
    check_gzip(site, 500000, "", false);
}

static void
test_gzip_peer_gone(void **state)
{
    struct site *site = *state;
    struct caller caller;
    buf_reserve(&site->big, 400000);
    memset(buf_data(&site->big), 'x', 400000);
    buf_added(&site->big, 400000);
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    world_pass(&site->world, 1);
    http_reply(site->waiting[0], 200, NULL, buf_str(&site->big));
    caller_close(&caller); /* before the other thread is ready */
    world_pass(&site->world, 100);
    assert_int_equal(http_server_connections(site->server), 0);
    assert_int_equal(site->gone, 0);
}

/* ---- streams ---- */

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

/* ---- limits ---- */

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

/* ---- what greedy and lazy peers may cost ---- */

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

static void
fill_big(struct site *site, size_t bytes)
{
    while (site->big.len < bytes)
        buf_printf(&site->big, "%zu,", site->big.len);
}

/* The peer takes nothing of its answer: after a while the answer's memory is ours again. */
static void
test_stalled_reader(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_big(site, 8 << 20);
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
    fill_big(site, 3 << 20);
    read_slowly(site, "GET /big HTTP/1.1\r\nConnection: close\r\n\r\n", false);
    read_slowly(site, "GET /big HTTP/1.0\r\n\r\n", true);
    read_slowly(site, "GET /big HTTP/1.1\r\n\r\n", true);
}

/* ---- answers made of pages ---- */

/* site->big becomes what the pages are without their framing. */
static void
fill_pages(struct site *site, size_t count, size_t bytes, char seed)
{
    buf_clear(&site->big);
    for (size_t i = 0; i < count; i++) {
        struct buf buf = {0};
        buf_putc(&buf, ',');
        while (buf.len < bytes + 1)
            buf_putc(&buf, (char)(seed + (char)((i + buf.len) % 19)));
        buf_append(&site->big, buf_data(&buf) + (i == 0), buf.len - (i == 0));
        page_retire(site->pages[i], http_server_pages(site->server));
        site->pages[i] = page_of(&buf);
        site->pages[i]->lead = 1;
    }
    site->page_count = count;
}

static struct str
body_of(struct caller *caller)
{
    struct str text = buf_str(&caller->in);
    const char *body = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    assert_non_null(body);
    return str_n(body + 4, text.len - (size_t)(body + 4 - text.ptr));
}

static void
check_pages(struct site *site, struct str body)
{
    assert_int_equal(body.len, site->big.len + 2);
    assert_memory_equal(body.ptr + 1, buf_data(&site->big), site->big.len);
    assert_int_equal(body.ptr[0], '[');
    assert_int_equal(body.ptr[body.len - 1], ']');
}

static void
test_pages(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_pages(site, 20, 20000, 'a');
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /pages HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 100);
    check_pages(site, body_of(&caller));
    assert_int_equal(site->pages[3]->refs, 1); /* sent and let go */
    caller_forget(&caller);
    caller_send(&caller, "HEAD /pages HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 100);
    assert_string_equal(caller_text(&caller), "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 400021\r\n"
                                              "Content-Type: application/json\r\n\r\n");
    caller_close(&caller);
    world_pass(&site->world, 10);
    site->page_count = 0;
    check(site, "GET /pages HTTP/1.1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n[]", false);
}

static void
test_pages_packed(void **state)
{
    struct site *site = *state;
    struct caller first, second;
    auto_buf struct buf plain = {0}, again = {0};
    fill_pages(site, 20, 20000, 'a');
    caller_open(&first, &site->world, AT);
    caller_open(&second, &site->world, AT);
    caller_send(&first, "GET /pages HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    caller_send(&second, "GET /pages HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    world_pass(&site->world, 100);
    assert_true(str_starts(buf_str(&first.in), STR_LIT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")));
    gunzip(body_of(&first), &plain);
    check_pages(site, buf_str(&plain));
    assert_true(str_eq(body_of(&first), body_of(&second)));
    assert_non_null(site->pages[7]->packed); /* stays for the next one */
    fill_pages(site, 1, 30000, 'b');
    site->page_count = 20; /* one of them was replaced */
    caller_forget(&first);
    caller_send(&first, "GET /pages HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    world_pass(&site->world, 100);
    gunzip(body_of(&first), &again);
    assert_int_equal(again.len, plain.len + 10000);
    assert_memory_equal(buf_data(&again) + 1 + 30000, buf_data(&plain) + 1 + 20000, 19 * 20001);
    caller_close(&first);
    caller_close(&second);
}

static void
test_pages_packed_peer_gone(void **state)
{
    struct site *site = *state;
    struct caller callers[3];
    fill_pages(site, 20, 20000, 'a');
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        caller_open(&callers[i], &site->world, AT);
        caller_send(&callers[i], "GET /wait HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    }
    world_pass(&site->world, 10);
    assert_int_equal(site->waiting_count, 3);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        reply_pages(site->waiting[i], site);
    caller_close(&callers[0]); /* before the other thread is ready */
    caller_close(&callers[1]);
    world_pass(&site->world, 100);
    assert_int_equal(http_server_connections(site->server), 1);
    auto_buf struct buf plain = {0};
    gunzip(body_of(&callers[2]), &plain);
    check_pages(site, buf_str(&plain));
    assert_int_equal(site->gone, 0);
    caller_close(&callers[2]);
}

/* Pages wait behind an earlier answer like all others. */
static void
test_pages_behind_an_open_one(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_pages(site, 5, 20000, 'a');
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\nGET /pages HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 10);
    assert_int_equal(caller.in.len, 0);
    http_reply(site->waiting[0], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 100);
    assert_true(str_ends(buf_str(&caller.in), STR_LIT(VERSION)));
    assert_non_null(memmem(buf_data(&caller.in), caller.in.len, buf_data(&site->big), site->big.len));
    caller_close(&caller);
}

/* Who does not read holds old pages; beyond the limit the oldest answer ends, the others go on. */
static void
test_pages_of_slow_readers(void **state)
{
    struct site *site = *state;
    struct caller lazy[3], quick;
    struct page_account *account = http_server_pages(site->server);
    site->server->stale_limit = 900000;
    for (size_t i = 0; i < ARRAY_LEN(lazy); i++) {
        fill_pages(site, 20, 20000, (char)('a' + (char)i));
        caller_open(&lazy[i], &site->world, AT);
        world_pass(&site->world, 10);
        caller_send(&lazy[i], "GET /pages HTTP/1.1\r\n\r\n");
        stream_pause(lazy[i].stream);
        world_pass(&site->world, 100);
    }
    assert_true(account->stale_bytes > 500000); /* two old answers, less what is under way */
    assert_int_equal(http_server_connections(site->server), 3);
    fill_pages(site, 20, 20000, 'd');
    caller_open(&quick, &site->world, AT);
    caller_send(&quick, "GET /pages HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 1000);
    check_pages(site, body_of(&quick));
    assert_int_equal(http_server_connections(site->server), 3);
    assert_true(account->stale_bytes <= 900000);
    for (size_t i = 0; i < ARRAY_LEN(lazy); i++)
        stream_resume(lazy[i].stream);
    world_pass(&site->world, 1000);
    assert_true(lazy[0].closed || lazy[0].eof); /* the oldest */
    assert_int_equal(account->stale_bytes, 0);
    for (size_t i = 1; i < ARRAY_LEN(lazy); i++) {
        assert_int_equal(body_of(&lazy[i]).len, 400021);
        assert_false(lazy[i].closed || lazy[i].eof);
    }
    for (size_t i = 0; i < ARRAY_LEN(lazy); i++)
        caller_close(&lazy[i]);
    caller_close(&quick);
}

/* Answers behind one that is not given yet are memory too. */
static void
test_answers_behind_an_open_one(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_big(site, 1 << 20);
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, "GET /wait HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 40; i++)
        caller_send(&caller, "GET /big HTTP/1.1\r\n\r\n");
    world_pass(&site->world, 100);
    assert_true(site->handled >= 4);
    assert_true(site->handled <= 7);
    http_reply(site->waiting[0], 202, NULL, STR_LIT(""));
    world_pass(&site->world, 10000);
    assert_int_equal(site->handled, 41);
    assert_true(caller.in.len > 40 * site->big.len);
    caller_close(&caller);
}

static void
test_answers_being_compressed(void **state)
{
    struct site *site = *state;
    struct caller caller;
    fill_big(site, 2 << 20);
    caller_open(&caller, &site->world, AT);
    auto_buf struct buf requests = {0};
    for (int i = 0; i < 40; i++)
        buf_printf(&requests, "GET /big HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n");
    stream_write(caller.stream, buf_data(&requests), requests.len);
    struct http_connection *connection = NULL;
    for (int i = 0; i < 1000 && site->handled < 40; i++) {
        world_pass(&site->world, 1);
        connection = list_first(&site->server->connections, struct http_connection, in_server);
        assert_true(connection == NULL || connection->waiting_bytes <= 8u << 20);
    }
    world_pass(&site->world, 10000);
    assert_int_equal(site->handled, 40);
    assert_int_equal(connection->waiting_bytes, 0);
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

#define SITE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

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
        SITE_TEST(test_gzip),
        SITE_TEST(test_gzip_peer_gone),
        SITE_TEST(test_pages),
        SITE_TEST(test_pages_packed),
        SITE_TEST(test_pages_packed_peer_gone),
        SITE_TEST(test_pages_behind_an_open_one),
        SITE_TEST(test_pages_of_slow_readers),
        SITE_TEST(test_stream),
        SITE_TEST(test_stream_http10),
        SITE_TEST(test_subscriber_hangs_up),
        SITE_TEST(test_subscriber_does_not_read),
        SITE_TEST(test_source_that_waits),
        cmocka_unit_test(test_last_header_of_a_name),
        SITE_TEST(test_gone_while_waiting),
        SITE_TEST(test_slow_peers),
        SITE_TEST(test_slow_body),
        SITE_TEST(test_connection_limit),
        SITE_TEST(test_idle_connections_make_room),
        SITE_TEST(test_large_body),
        SITE_TEST(test_crawling_body),
        SITE_TEST(test_bodies_limit),
        SITE_TEST(test_stalled_reader),
        SITE_TEST(test_slow_reader_gets_all),
        SITE_TEST(test_answers_behind_an_open_one),
        SITE_TEST(test_answers_being_compressed),
        SITE_TEST(test_pipelined_streams), SITE_TEST(test_body_as_it_comes),
        SITE_TEST(test_body_paused), SITE_TEST(test_body_cut),
        SITE_TEST(test_free_with_open_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
