/* SPDX-License-Identifier: Apache-2.0 */
/* libprocess messages byte for byte against recorded ones of Mesos, and links and their ends. */
#include "world.h"
#include <glob.h>
#include <stdio.h>

#include "base/file.h"
#include "wire/http_parse.h"
#include "wire/libprocess.h"
#include "wire/limits.h"

#define HERE "127.0.0.1:5050"
#define THERE "127.0.0.1:5051"

struct process {
    struct world world;
    struct http_server *server;
    struct libprocess *libprocess;
    struct stream_listener *listener; /* the peer's */
    struct caller peers[8];
    size_t peer_count;
    struct buf events;
    struct upid relink_on_exit; /* id empty = do not */
};

static void
on_message(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct process *process = arg;
    char text[400];
    buf_printf(&process->events, "[%s %.*s %.*s %zu]", upid_format(from, text), STR_ARG(to_id), STR_ARG(name), body.len);
}

static void
on_exited(const struct upid *peer, void *arg)
{
    struct process *process = arg;
    char text[400];
    buf_printf(&process->events, "[exited %s]", upid_format(peer, text));
    if (process->relink_on_exit.id[0])
        libprocess_link(process->libprocess, &process->relink_on_exit);
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct process *process = arg;
    if (!libprocess_try(process->libprocess, exchange))
        http_reply_text(exchange, 200, "ordinary");
}

static void
on_accept(struct stream *stream, void *arg)
{
    struct process *process = arg;
    caller_adopt(&process->peers[process->peer_count++], stream);
}

static int
setup(void **state)
{
    struct process *process = xcalloc(1, sizeof(*process));
    struct address here = world_address(HERE), there = world_address(THERE);
    struct err err = {0};
    world_open(&process->world);
    process->server = http_server_new(process->world.loop, on_exchange, process);
    assert_int_equal(http_server_listen(process->server, &here, NULL, &err), 0);
    process->libprocess = libprocess_new(process->world.loop, &here, on_message, on_exited, process);
    libprocess_spawn(process->libprocess, "master");
    libprocess_spawn(process->libprocess, "slave-observer(1)");
    process->listener = stream_listen(process->world.loop, &there, on_accept, process, &err);
    *state = process;
    return 0;
}

static int
teardown(void **state)
{
    struct process *process = *state;
    http_server_free(process->server);
    libprocess_free(process->libprocess);
    for (size_t i = 0; i < process->peer_count; i++)
        caller_close(&process->peers[i]);
    stream_listener_free(process->listener);
    world_close(&process->world);
    buf_fini(&process->events);
    free(process);
    return 0;
}

static struct upid
upid(const char *text)
{
    struct upid upid = {{0}};
    struct err err = {0};
    if (upid_parse(str_of(text), &upid, &err) < 0)
        fail_msg("%s", err.text);
    return upid;
}

static void
expect(struct process *process, const char *events)
{
    world_pass(&process->world, 10);
    assert_string_equal(buf_cstr(&process->events), events);
    buf_clear(&process->events);
}

static void
check(struct process *process, const char *request, const char *answer, const char *events)
{
    struct caller caller;
    caller_open(&caller, &process->world, HERE);
    caller_send(&caller, request);
    expect(process, events);
    if (strncmp(caller_text(&caller), answer, strlen(answer)) != 0)
        fail_msg("%s", caller_text(&caller));
    caller_close(&caller);
}

#define ACCEPTED "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n"

static void
test_receive(void **state)
{
    struct process *process = *state;
    check(process, "POST /master/a.B HTTP/1.1\r\nUser-Agent: libprocess/x@1.2.3.4:9\r\nLibprocess-From: y@1.2.3.4:8\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
          ACCEPTED, "[y@1.2.3.4:8 master a.B 3]");
    check(process, "POST /slave-observer%281%29/a.B HTTP/1.1\r\nUser-Agent: libprocess/x@1.2.3.4:9\r\n\r\n", ACCEPTED,
          "[x@1.2.3.4:9 slave-observer(1) a.B 0]");
    check(process, "POST /nosuch/a.B HTTP/1.1\r\nLibprocess-From: y@1.2.3.4:8\r\n\r\n",
          "HTTP/1.1 404 Not Found\r\nDate: D\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"
          "404 Not Found.",
          "");
    check(process, "POST /master/a.B HTTP/1.1\r\nLibprocess-From: nonsense\r\n\r\n", "HTTP/1.1 500 ", "");
    check(process, "POST /master/a.B HTTP/1.1\r\nLibprocess-From: y@nowhere:8\r\n\r\n", "HTTP/1.1 500 ", "");
    check(process, "POST /%zz/a.B HTTP/1.1\r\nLibprocess-From: y@1.2.3.4:8\r\n\r\n", "HTTP/1.1 404 ", "");
    check(process, "GET /master/a.B HTTP/1.1\r\nLibprocess-From: y@1.2.3.4:8\r\n\r\n", "HTTP/1.1 200 ", "");
    check(process, "POST /master/a.B HTTP/1.1\r\nUser-Agent: curl\r\n\r\n", "HTTP/1.1 200 ", "");
    libprocess_terminate(process->libprocess, "master");
    check(process, "POST /master/a.B HTTP/1.1\r\nLibprocess-From: y@1.2.3.4:8\r\n\r\n", "HTTP/1.1 404 ", "");
}

static void
test_upids(void **state)
{
    static const char *const bad[] = {"",           "a",          "a@",          "a@b:1",     "a@1.2.3.4",
                                      "a@1.2.3.4:", "a b@1.2.3.4:5", "a/b@1.2.3.4:5", "a@1.2.3.4:70000", "a\r\n@1.2.3.4:5"};
    struct upid parsed;
    char text[400];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_not_equal(upid_parse(str_of(bad[i]), &parsed, NULL), 0);
    parsed = upid("scheduler-1@1.2.3.4:5");
    assert_string_equal(upid_format(&parsed, text), "scheduler-1@1.2.3.4:5");
    struct upid other = upid("scheduler-2@1.2.3.4:5");
    assert_true(upid_eq(&parsed, &parsed));
    assert_false(upid_eq(&parsed, &other));
    parsed = upid("@0.0.0.0:0"); /* what v1 frameworks look like to an agent */
    assert_string_equal(parsed.id, "");
}

/* ---- recorded messages ---- */

/* Sends the recorded message again from its sender and compares what arrives, byte for byte. */
static void
replay(const char *file, struct str recorded)
{
    struct world world;
    struct http_parser parser;
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf in = {0};
    auto_buf struct buf body = {0};
    struct err err = {0};
    buf_append_str(&in, recorded);
    http_parse_init(&parser, false, LIMIT_MESSAGE_BYTES);
    while (http_parse(&parser, &in, arena, &body) == HTTP_PARSE_HEAD)
        ;
    struct str target = parser.head.target, host = http_header_get(&parser.head.headers, "Host");
    auto_free char *from_text = str_dup(http_header_get(&parser.head.headers, "Libprocess-From"));
    struct upid from = upid(from_text), to;
    str_cut(&target, '/');
    struct str id = str_cut(&target, '/');
    auto_free char *to_text = xasprintf("%.*s@%.*s", STR_ARG(id), STR_ARG(host));
    auto_free char *name = str_dup(target);
    to = upid(to_text);
    world_open(&world);
    struct process receiver = {.world = world};
    receiver.listener = stream_listen(world.loop, &to.address, on_accept, &receiver, &err);
    struct libprocess *sender = libprocess_new(world.loop, &from.address, on_message, on_exited, &receiver);
    libprocess_send(sender, from.id, &to, name, buf_str(&body));
    world_pass(&world, 10);
    assert_int_equal(receiver.peer_count, 1);
    if (!str_eq(buf_str(&receiver.peers[0].in), recorded))
        fail_msg("%s: sent \"%s\"", file, buf_cstr(&receiver.peers[0].in));
    caller_close(&receiver.peers[0]);
    libprocess_free(sender);
    stream_listener_free(receiver.listener);
    world_close(&world);
}

static void
test_recorded(void **state)
{
    static const char *const patterns[] = {"01-*/*.req", "04-*/*.req", "08c-*/*-master-*.req"};
    size_t replayed = 0;
    for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
        auto_free char *full =
            xasprintf("%s/tests/facts/traces/%s", getenv("srcdir") ? getenv("srcdir") : ".", patterns[p]);
        glob_t files;
        assert_int_equal(glob(full, 0, NULL, &files), 0);
        for (size_t i = 0; i < files.gl_pathc; i++) {
            auto_buf struct buf bytes = {0};
            assert_int_equal(file_read(files.gl_pathv[i], 1 << 20, &bytes, NULL), 0);
            /* those of Mesos itself: scripted peers of the recordings wrote their heads otherwise */
            if (!memmem(buf_data(&bytes), bytes.len, "\r\nConnection: Keep-Alive\r\nHost: ", 32))
                continue;
            replay(files.gl_pathv[i], buf_str(&bytes));
            replayed++;
        }
        globfree(&files);
    }
    assert_true(replayed > 30);
}

/* ---- connections ---- */

static void
test_temporary(void **state)
{
    struct process *process = *state;
    struct upid to = upid("slave(1)@" THERE);
    libprocess_send(process->libprocess, "master", &to, "a.B", STR_LIT("x"));
    libprocess_send(process->libprocess, "master", &to, "a.C", STR_LIT(""));
    world_pass(&process->world, 10);
    assert_int_equal(process->peer_count, 1); /* both over one connection, which then ends */
    const char *text = caller_text(&process->peers[0]);
    assert_non_null(strstr(text, "POST /slave(1)/a.B HTTP/1.1\r\n"));
    assert_non_null(strstr(text, "POST /slave(1)/a.C HTTP/1.1\r\n"));
    assert_true(process->peers[0].eof);
    libprocess_send(process->libprocess, "master", &to, "a.D", STR_LIT(""));
    world_pass(&process->world, 10);
    assert_int_equal(process->peer_count, 2);
    expect(process, ""); /* nobody is told of its end */
    struct upid nobody = upid("x@127.0.0.1:1");
    libprocess_send(process->libprocess, "master", &nobody, "a.B", STR_LIT("x"));
    expect(process, "");
}

static void
test_link(void **state)
{
    struct process *process = *state;
    struct upid to = upid("slave(1)@" THERE), other = upid("executor(1)@" THERE);
    libprocess_link(process->libprocess, &to);
    libprocess_link(process->libprocess, &to);
    libprocess_link(process->libprocess, &other);
    libprocess_send(process->libprocess, "master", &to, "a.B", STR_LIT("x"));
    world_pass(&process->world, 60000);
    libprocess_send(process->libprocess, "master", &to, "a.C", STR_LIT("x"));
    world_pass(&process->world, 10);
    assert_int_equal(process->peer_count, 1);
    assert_false(process->peers[0].eof);
    caller_send(&process->peers[0], ACCEPTED ACCEPTED); /* read and dropped */
    expect(process, "");
    caller_close(&process->peers[0]);
    expect(process, "[exited slave(1)@" THERE "][exited executor(1)@" THERE "]");
    expect(process, ""); /* once */
}

static void
test_link_refused(void **state)
{
    struct process *process = *state;
    struct upid nobody = upid("x@127.0.0.1:1"), to = upid("slave(1)@" THERE);
    libprocess_link(process->libprocess, &nobody);
    process->relink_on_exit = to; /* from inside the callback */
    expect(process, "[exited x@127.0.0.1:1]");
    assert_int_equal(process->peer_count, 1);
}

static void
test_relink(void **state)
{
    struct process *process = *state;
    struct upid to = upid("slave(1)@" THERE);
    libprocess_link(process->libprocess, &to);
    world_pass(&process->world, 10);
    libprocess_relink(process->libprocess, &to);
    libprocess_send(process->libprocess, "master", &to, "a.B", STR_LIT("x"));
    world_pass(&process->world, 10);
    assert_int_equal(process->peer_count, 2);
    assert_true(process->peers[0].eof || process->peers[0].closed);
    assert_true(process->peers[1].in.len > 0);
    expect(process, "");
    caller_close(&process->peers[1]);
    expect(process, "[exited slave(1)@" THERE "]");
}

static void
test_unlink(void **state)
{
    struct process *process = *state;
    struct upid to = upid("slave(1)@" THERE);
    libprocess_link(process->libprocess, &to);
    world_pass(&process->world, 10);
    libprocess_unlink(process->libprocess, &to);
    expect(process, "");
    assert_true(process->peers[0].eof);
}

/* Both ends ours: everything arrives, in order. */
static void
test_many(void **state)
{
    struct process *process = *state;
    struct address there = world_address("127.0.0.1:6000");
    struct upid to = upid("master@" HERE);
    struct libprocess *sender = libprocess_new(process->world.loop, &there, on_message, on_exited, process);
    auto_buf struct buf expected = {0};
    libprocess_link(sender, &to);
    for (int i = 0; i < 3000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m.%d", i);
        libprocess_send(sender, "a", &to, name, i % 2 ? STR_LIT("body") : STR_LIT(""));
        buf_printf(&expected, "[a@127.0.0.1:6000 master m.%d %d]", i, i % 2 ? 4 : 0);
        if (i % 100 == 0)
            world_pass(&process->world, 1);
    }
    expect(process, buf_cstr(&expected));
    libprocess_free(sender);
}

static void
test_peers_must_match(void **state)
{
    struct process *process = *state;
    struct caller caller;
    libprocess_match_peers(process->libprocess, true);
    caller_open(&caller, &process->world, HERE);
    world_pass(&process->world, 1);
    char at[64];
    address_ip(stream_local(caller.stream), at);
    auto_free char *good = xasprintf("POST /master/a.B HTTP/1.1\r\nLibprocess-From: y@%s:8\r\n\r\n", at);
    caller_send(&caller, good); /* any port of the same machine */
    auto_free char *event = xasprintf("[y@%s:8 master a.B 0]", at);
    expect(process, event);
    caller_close(&caller);
    check(process, "POST /master/a.B HTTP/1.1\r\nLibprocess-From: y@1.2.3.4:8\r\n\r\n", "HTTP/1.1 400 ", "");
    check(process, "GET /master/a.B HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "");
}

/* Somebody names ever new senders, none of whom takes a connection. */
static void
test_connections_to_strangers_are_bounded(void **state)
{
    struct process *process = *state;
    struct upid to = upid("slave(1)@" THERE);
    for (unsigned i = 0; i < LIMIT_TEMPORARY_PEERS + 100; i++) {
        auto_free char *text = xasprintf("x@10.1.%u.%u:9", i >> 8, i & 255);
        struct upid stranger = upid(text);
        libprocess_send(process->libprocess, "master", &stranger, "a.B", STR_LIT("x"));
    }
    libprocess_send(process->libprocess, "master", &to, "a.B", STR_LIT("x")); /* lost with the rest */
    libprocess_link(process->libprocess, &to);
    libprocess_send(process->libprocess, "master", &to, "a.C", STR_LIT("x")); /* who is linked is served */
    world_pass(&process->world, 60000);
    assert_int_equal(process->peer_count, 1);
    assert_null(strstr(caller_text(&process->peers[0]), "a.B"));
    assert_non_null(strstr(caller_text(&process->peers[0]), "a.C"));
    libprocess_unlink(process->libprocess, &to);
    world_pass(&process->world, 60000);
    libprocess_send(process->libprocess, "master", &to, "a.D", STR_LIT("x")); /* there is room again */
    world_pass(&process->world, 10);
    assert_int_equal(process->peer_count, 2);
}

static void
test_a_peer_that_does_not_read(void **state)
{
    struct process *process = *state;
    struct upid to = upid("slave(1)@" THERE);
    auto_buf struct buf body = {0};
    while (body.len < 256 << 10)
        buf_puts(&body, "0123456789abcdef");
    libprocess_limit(process->libprocess, 1 << 20);
    libprocess_link(process->libprocess, &to);
    world_pass(&process->world, 10);
    stream_pause(process->peers[0].stream);
    for (int i = 0; i < 8; i++)
        libprocess_send(process->libprocess, "master", &to, "a.B", buf_str(&body));
    expect(process, "[exited slave(1)@" THERE "]");
}

#define PROCESS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESS_TEST(test_receive), cmocka_unit_test(test_upids), cmocka_unit_test(test_recorded),
        PROCESS_TEST(test_temporary), PROCESS_TEST(test_link),    PROCESS_TEST(test_link_refused),
        PROCESS_TEST(test_relink),  PROCESS_TEST(test_unlink),    PROCESS_TEST(test_many),
        PROCESS_TEST(test_peers_must_match), PROCESS_TEST(test_connections_to_strangers_are_bounded),
        PROCESS_TEST(test_a_peer_that_does_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
