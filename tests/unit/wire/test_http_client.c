/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against a peer that says what the test wants. */
#include "world.h"
#include <errno.h>

#include "wire/http_client.h"

#define AT "127.0.0.1:80"

struct side {
    struct world world;
    struct stream_listener *listener;
    struct caller peers[8]; /* connections that the client has made */
    size_t peer_count;
    struct http_client *client;
    struct buf events; /* what the callbacks saw, as text */
    bool free_in_callback;
};

static void
on_accept(struct stream *stream, void *arg)
{
    struct side *side = arg;
    caller_adopt(&side->peers[side->peer_count++], stream);
}

static int
setup(void **state)
{
    struct side *side = xcalloc(1, sizeof(*side));
    struct address at = world_address(AT);
    struct err err = {0};
    world_open(&side->world);
    side->listener = stream_listen(side->world.loop, &at, on_accept, side, &err);
    assert_non_null(side->listener);
    side->client = http_client_new(side->world.loop, &at, "a:1");
    *state = side;
    return 0;
}

static int
teardown(void **state)
{
    struct side *side = *state;
    http_client_free(side->client);
    for (size_t i = 0; i < side->peer_count; i++)
        caller_close(&side->peers[i]);
    stream_listener_free(side->listener);
    world_close(&side->world);
    buf_fini(&side->events);
    free(side);
    return 0;
}

static void
on_response(const struct http_response *response, void *arg)
{
    struct side *side = arg;
    buf_printf(&side->events, "[%d %.*s]", response->status, STR_ARG(buf_str(response->body)));
    if (side->free_in_callback) {
        http_client_free(side->client);
        side->client = NULL;
    }
}

static void
on_error(const struct err *err, void *arg)
{
    struct side *side = arg;
    buf_printf(&side->events, "[error %d]", err->code);
    if (side->free_in_callback) {
        http_client_free(side->client);
        side->client = NULL;
    }
}

static void
on_head(const struct http_response *response, void *arg)
{
    struct side *side = arg;
    struct str id = http_header_get(&response->headers, "Mesos-Stream-Id");
    buf_printf(&side->events, "[head %d %.*s]", response->status, STR_ARG(id));
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct side *side = arg;
    buf_printf(&side->events, "[part %.*s]", STR_ARG(buf_str(response->body)));
    buf_consume(response->body, response->body->len);
}

static const struct http_call_handler whole = {.on_response = on_response, .on_error = on_error};
static const struct http_call_handler streamed = {
    .on_head = on_head, .on_body = on_body, .on_response = on_response, .on_error = on_error};

static struct http_call *
get(struct side *side, const char *target, int64_t timeout_ms, const struct http_call_handler *handler)
{
    return http_client_send(side->client, "GET", target, NULL, 0, STR_LIT(""), timeout_ms, handler, side);
}

static void
expect(struct side *side, const char *events)
{
    world_pass(&side->world, 10);
    assert_string_equal(buf_cstr(&side->events), events);
    buf_clear(&side->events);
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void
test_requests(void **state)
{
    struct side *side = *state;
    struct http_header header = {STR_LIT("Accept"), STR_LIT("x/y")};
    http_client_send(side->client, "POST", "/a", &header, 1, STR_LIT("body"), 0, &whole, side);
    get(side, "/b", 0, &whole);
    world_pass(&side->world, 10);
    struct caller *peer = &side->peers[0];
    assert_string_equal(caller_text(peer),
                        "POST /a HTTP/1.1\r\nHost: a:1\r\nAccept: x/y\r\nContent-Length: 4\r\n\r\nbody");
    caller_forget(peer);
    caller_send(peer, OK_ANSWER);
    expect(side, "[200 ok]");
    assert_string_equal(caller_text(peer), "GET /b HTTP/1.1\r\nHost: a:1\r\n\r\n"); /* after the first answer */
    caller_send(peer, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nn\r\n1\r\no\r\n0\r\n\r\n");
    expect(side, "[404 no]");
    http_client_send(side->client, "HEAD", "/c", NULL, 0, STR_LIT(""), 0, &whole, side);
    world_pass(&side->world, 10);
    caller_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    expect(side, "[200 ]");
    assert_int_equal(side->peer_count, 1); /* all over one connection */
}

static void
test_pipelined(void **state)
{
    struct side *side = *state;
    http_client_pipeline(side->client, 3);
    for (int i = 0; i < 5; i++)
        get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    struct caller *peer = &side->peers[0];
    size_t one = strlen("GET / HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert_int_equal(peer->in.len, 3 * one);
    caller_send(peer, OK_ANSWER OK_ANSWER);
    expect(side, "[200 ok][200 ok]");
    assert_int_equal(peer->in.len, 5 * one);
    caller_send(peer, OK_ANSWER OK_ANSWER OK_ANSWER);
    expect(side, "[200 ok][200 ok][200 ok]");
}

static void
test_stream(void **state)
{
    struct side *side = *state;
    get(side, "/", 50, &streamed);
    world_pass(&side->world, 10);
    struct caller *peer = &side->peers[0];
    caller_send(peer, "HTTP/1.1 200 OK\r\nMesos-Stream-Id: s1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    expect(side, "[head 200 s1][part abc]");
    world_pass(&side->world, 1000); /* the time-out ended with the head */
    caller_send(peer, "2\r\nde\r\n");
    expect(side, "[part de]");
    caller_send(peer, "0\r\n\r\n");
    expect(side, "[200 ]");
}

static void
test_stream_broken(void **state)
{
    struct side *side = *state;
    get(side, "/", 0, &streamed);
    world_pass(&side->world, 10);
    caller_send(&side->peers[0], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    expect(side, "[head 200 ][part ab]");
    caller_close(&side->peers[0]);
    expect(side, "[error -104]");
}

static void
test_until_close(void **state)
{
    struct side *side = *state;
    get(side, "/", 0, &whole);
    get(side, "/2", 0, &whole);
    world_pass(&side->world, 10);
    caller_send(&side->peers[0], "HTTP/1.0 200 OK\r\n\r\nall of it");
    world_pass(&side->world, 10);
    caller_close(&side->peers[0]);
    expect(side, "[200 all of it]");
    assert_int_equal(side->peer_count, 2); /* the second call went over a new connection */
    caller_send(&side->peers[1], OK_ANSWER);
    expect(side, "[200 ok]");
}

static void
test_connection_close(void **state)
{
    struct side *side = *state;
    get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    caller_send(&side->peers[0], "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    expect(side, "[200 x]");
    get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    assert_int_equal(side->peer_count, 2);
}

static void
test_errors(void **state)
{
    struct side *side = *state;
    get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    caller_send(&side->peers[0], "SSH-2.0\r\n\r\n");
    expect(side, "[error -71]");
    get(side, "/", 100, &whole); /* a new connection; no answer in time */
    world_pass(&side->world, 200);
    assert_int_equal(side->peer_count, 2);
    expect(side, "[error -110]");
    get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    caller_close(&side->peers[2]);
    expect(side, "[error -104]");
    struct address nobody = world_address("127.0.0.1:81");
    struct http_client *client = http_client_new(side->world.loop, &nobody, "a");
    http_client_send(client, "GET", "/", NULL, 0, STR_LIT(""), 0, &whole, side);
    http_client_send(client, "GET", "/", NULL, 0, STR_LIT(""), 0, &whole, side);
    expect(side, "[error -111][error -111]");
    http_client_free(client);
}

static void
test_cancel(void **state)
{
    struct side *side = *state;
    struct http_call *first = get(side, "/1", 0, &whole);
    struct http_call *second = get(side, "/2", 0, &whole);
    get(side, "/3", 0, &whole);
    world_pass(&side->world, 10);
    http_call_cancel(second);
    http_call_cancel(first);
    expect(side, "");
    assert_int_equal(side->peer_count, 2);
    assert_non_null(strstr(caller_text(&side->peers[1]), "GET /3 "));
    caller_send(&side->peers[1], OK_ANSWER);
    expect(side, "[200 ok]");
}

static void
test_free_in_callback(void **state)
{
    struct side *side = *state;
    side->free_in_callback = true;
    get(side, "/", 0, &whole);
    get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    caller_send(&side->peers[0], OK_ANSWER OK_ANSWER);
    expect(side, "[200 ok]");
    assert_null(side->client);
}

static void
test_free_in_error(void **state)
{
    struct side *side = *state;
    side->free_in_callback = true;
    http_client_pipeline(side->client, 2);
    get(side, "/", 0, &whole);
    get(side, "/", 0, &whole);
    get(side, "/", 0, &whole);
    world_pass(&side->world, 10);
    caller_close(&side->peers[0]);
    expect(side, "[error -104]");
    assert_null(side->client);
}

/* A caller that gives all its calls up when one fails. */
struct pair {
    struct side *side;
    struct http_call *other;
};

static void
on_error_cancel(const struct err *err, void *arg)
{
    struct pair *pair = arg;
    http_call_cancel(pair->other);
}

static void
test_cancel_when_another_fails(void **state)
{
    static const struct http_call_handler first = {.on_error = on_error_cancel};
    struct side *side = *state;
    struct pair pair = {.side = side};
    http_client_pipeline(side->client, 2);
    http_client_send(side->client, "GET", "/1", NULL, 0, STR_LIT(""), 0, &first, &pair);
    pair.other = get(side, "/2", 0, &whole);
    expect(side, "");
    caller_close(&side->peers[0]);
    expect(side, "");
    get(side, "/3", 0, &whole); /* the client goes on */
    expect(side, "");
    assert_int_equal(side->peer_count, 2);
    caller_send(&side->peers[1], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    expect(side, "[200 hi]");
}

/* Interim answers without end are not kept. */
static void
test_endless_continue(void **state)
{
    struct side *side = *state;
    get(side, "/1", 0, &whole);
    expect(side, "");
    for (int i = 0; i < 10000 && !side->peers[0].closed && !side->peers[0].eof; i++) {
        caller_send(&side->peers[0], "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n");
        world_pass(&side->world, 1);
    }
    assert_true(side->peers[0].closed || side->peers[0].eof);
    assert_true(side->events.len > 0);
}

#define SIDE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SIDE_TEST(test_requests),    SIDE_TEST(test_pipelined),        SIDE_TEST(test_stream),
        SIDE_TEST(test_stream_broken), SIDE_TEST(test_until_close),    SIDE_TEST(test_connection_close),
        SIDE_TEST(test_errors),      SIDE_TEST(test_cancel),           SIDE_TEST(test_free_in_callback),
        SIDE_TEST(test_free_in_error), SIDE_TEST(test_cancel_when_another_fails), SIDE_TEST(test_endless_continue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
