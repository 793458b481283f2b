/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: the same expectations on TCP, on Unix sockets and in memory, then what is special to each. Built a second time
 * with TEST_OVER_TLS all of them hold with TLS on every connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "loop/secure.h"
#include "loop/stream.h"
#ifdef TEST_OVER_TLS
#include "certificates.h"
#endif

enum kind { TCP, UNIX, MEMORY };

/* One end as the tests see it. */
struct end {
    struct stream *stream;
    struct buf got;
    bool connected, eof, closed;
    int drains, close_code;
    size_t eat_at_most; /* per on_data; 0 = all */
    size_t got_at_eof;
    bool pause_after_data, close_on_data;
};

struct fixture {
    struct loop *loop;
    struct stream_net *net;
    struct stream_listener *listener;
    struct secure *secure; /* NULL: without TLS */
    struct end client, server;
};

#ifdef TEST_OVER_TLS
static struct authority *authority;
static struct certificate certificate;

static struct secure *
new_secure(void)
{
    struct secure_settings settings = {.cert_file = certificate.cert, .key_file = certificate.key, .tls_1_2 = true,
                                       .ca_file = authority_file(authority), .verify_server = true, .verify_ip = true,
                                       .tls_1_3 = true};
    struct err err = {0};
    struct secure *secure = secure_new(&settings, &err);
    if (!secure)
        fail_msg("%s", err.text);
    return secure;
}

static int
make_certificates(void **state)
{
    authority = authority_new("/tmp/test_stream.XXXXXX", "authority");
    certificate = authority_sign(authority, "localhost", "IP:127.0.0.1", 2);
    return 0;
}

static int
remove_certificates(void **state)
{
    authority_free(authority);
    return 0;
}
#else
#define new_secure() NULL
#define make_certificates NULL
#define remove_certificates NULL
#endif

static void
on_connect(struct stream *stream, void *arg)
{
    ((struct end *)arg)->connected = true;
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct end *end = arg;
    size_t n = end->eat_at_most && end->eat_at_most < in->len ? end->eat_at_most : in->len;
    buf_append(&end->got, buf_data(in), n);
    buf_consume(in, n);
    if (end->pause_after_data)
        stream_pause(stream);
    if (end->close_on_data) {
        stream_close(stream);
        end->stream = NULL;
    }
}

static void
on_eof(struct stream *stream, void *arg)
{
    struct end *end = arg;
    end->eof = true;
    end->got_at_eof = end->got.len;
}

static void
on_drain(struct stream *stream, void *arg)
{
    ((struct end *)arg)->drains++;
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    struct end *end = arg;
    assert_false(end->closed); /* exactly once */
    end->closed = true;
    end->close_code = err->code;
}

static const struct stream_handler handler = {on_connect, on_data, on_eof, on_drain, on_close};
static const struct stream_handler no_eof_handler = {on_connect, on_data, NULL, on_drain, on_close};

static void
on_accept(struct stream *stream, void *arg)
{
    struct fixture *f = arg;
    stream_close(f->server.stream);
    f->server.stream = stream;
    stream_handle(stream, &handler, &f->server);
}

static struct address
listen_address(enum kind kind)
{
    struct address at;
    char text[100] = "127.0.0.1:0";
    if (kind == UNIX)
        snprintf(text, sizeof(text), "unix:/tmp/test_stream.%d", (int)getpid());
    assert_int_equal(address_parse(str_of(text), &at, NULL), 0);
    return at;
}

static void
fixture_open(struct fixture *f, enum kind kind, const struct stream_net_shape *shape)
{
    struct loop_options options = {.virtual_clock = kind == MEMORY, .seed = 1};
    struct address at = listen_address(kind);
    struct err err = {0};
    *f = (struct fixture){0};
    f->loop = loop_new(&options, &err);
    assert_non_null(f->loop);
    if (kind == MEMORY)
        f->net = stream_net_new(f->loop, shape);
    f->listener = stream_listen(f->loop, &at, on_accept, f, &err);
    assert_non_null(f->listener);
    f->secure = new_secure();
    stream_listener_secure(f->listener, f->secure);
}

static bool
both_up(void *arg)
{
    struct fixture *f = arg;
    return f->client.connected && f->server.stream;
}

static struct stream *
connect_to(struct fixture *f, const struct address *to, const struct stream_handler *client_handler)
{
    return stream_connect_secure(f->loop, to, f->secure, NULL, client_handler, &f->client);
}

static void
fixture_connect(struct fixture *f, const struct stream_handler *client_handler)
{
    f->client.stream = connect_to(f, stream_listener_address(f->listener), client_handler);
    assert_false(f->client.connected);
    assert_true(loop_run_until(f->loop, both_up, f, 5000));
}

static void
fixture_close(struct fixture *f)
{
    stream_close(f->client.stream);
    stream_close(f->server.stream);
    stream_listener_free(f->listener);
    stream_net_free(f->net);
    secure_unref(f->secure);
    loop_free(f->loop);
    buf_fini(&f->client.got);
    buf_fini(&f->server.got);
    struct address at = listen_address(UNIX);
    char text[128];
    unlink(address_format(&at, text) + 5);
}

struct amount {
    const struct buf *got;
    size_t want;
};

static bool
has_amount(void *arg)
{
    struct amount *amount = arg;
    return amount->got->len >= amount->want;
}

static void
wait_for(struct fixture *f, const struct buf *got, size_t want)
{
    struct amount amount = {got, want};
    assert_true(loop_run_until(f->loop, has_amount, &amount, 10000));
    assert_int_equal(got->len, want);
}

static bool
is_true(void *arg)
{
    return *(bool *)arg;
}

static char *
pattern(size_t len)
{
    char *bytes = xmalloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    return bytes;
}

static int released;
static void
on_release(void *arg)
{
    released++;
    free(arg);
}

/* Another thread may have sent the last of it: the sender hears of that in a turn of its own. */
static bool
all_gone(void *arg)
{
    struct end *end = arg;
    return end->drains >= 1 && stream_queued(end->stream) == 0;
}

static void
exchange(enum kind kind)
{
    enum { BIG = 24 * 1024 * 1024 };
    struct fixture f;
    fixture_open(&f, kind, NULL);
    fixture_connect(&f, &handler);
    stream_write(f.client.stream, "hello", 5);
    wait_for(&f, &f.server.got, 5);
    stream_cork(f.server.stream);
    for (int i = 0; i < 1000; i++)
        stream_write(f.server.stream, "0123456789", 10);
    assert_int_equal(stream_queued(f.server.stream), 10000);
    assert_int_equal(f.client.got.len, 0);
    stream_uncork(f.server.stream);
    wait_for(&f, &f.client.got, 10000);
    assert_memory_equal(buf_data(&f.client.got) + 9990, "0123456789", 10);

    /* Copies and lent bytes in one queue, more than any socket buffer: order and content stay. */
    auto_free char *bytes = pattern(BIG);
    char *lent = xmemdup(bytes + BIG / 3, BIG / 3);
    buf_clear(&f.server.got);
    released = 0;
    stream_write(f.client.stream, bytes, BIG / 3);
    stream_write_ref(f.client.stream, lent, BIG / 3, on_release, lent);
    stream_write(f.client.stream, bytes + 2 * (BIG / 3), BIG / 3);
    assert_true(stream_queued(f.client.stream) > 0);
    wait_for(&f, &f.server.got, BIG);
    assert_memory_equal(buf_data(&f.server.got), bytes, BIG);
    assert_true(loop_run_until(f.loop, all_gone, &f.client, 5000));
    assert_int_equal(released, 1);
    assert_int_equal(f.client.drains, 1);
    assert_int_equal(stream_queued(f.client.stream), 0);

    /* Half an end: the other direction goes on. */
    stream_finish(f.client.stream);
    assert_true(loop_run_until(f.loop, is_true, &f.server.eof, 5000));
    buf_clear(&f.client.got);
    stream_write(f.server.stream, "bye", 3);
    wait_for(&f, &f.client.got, 3);
    stream_close(f.server.stream);
    f.server.stream = NULL;
    assert_true(loop_run_until(f.loop, is_true, &f.client.eof, 5000));
    assert_false(f.client.closed);
    fixture_close(&f);
}

static void
test_tcp_exchange(void **state)
{
    exchange(TCP);
}

static void
test_unix_exchange(void **state)
{
    exchange(UNIX);
}

static void
test_memory_exchange(void **state)
{
    exchange(MEMORY);
}

static bool
nothing(void *arg)
{
    return false;
}

static void
back_pressure(enum kind kind)
{
    enum { TOTAL = 24 * 1024 * 1024 };
    struct fixture f;
    fixture_open(&f, kind, NULL);
    fixture_connect(&f, &handler);
    auto_free char *bytes = pattern(TOTAL);
    f.server.pause_after_data = true;
    stream_write(f.client.stream, bytes, TOTAL);
    loop_run_until(f.loop, nothing, NULL, 50);
    size_t once = f.server.got.len;
    assert_true(once > 0 && once <= 256 * 1024); /* one read per readiness, then nothing while paused */
    assert_true(stream_queued(f.client.stream) > TOTAL / 4);
    assert_int_equal(f.client.drains, 0);
    f.server.pause_after_data = false;
    stream_resume(f.server.stream);
    wait_for(&f, &f.server.got, TOTAL);
    assert_memory_equal(buf_data(&f.server.got), bytes, TOTAL);
    assert_true(loop_run_until(f.loop, all_gone, &f.client, 5000));
    assert_int_equal(f.client.drains, 1);

    /* What a handler leaves is kept and comes again in front of the next bytes, and after a resume. */
    buf_clear(&f.server.got);
    f.server.eat_at_most = 3;
    stream_write(f.client.stream, "abcdef", 6);
    wait_for(&f, &f.server.got, 3);
    stream_pause(f.server.stream);
    stream_resume(f.server.stream);
    assert_int_equal(f.server.got.len, 3);
    wait_for(&f, &f.server.got, 6);
    assert_memory_equal(buf_data(&f.server.got), "abcdef", 6);
    fixture_close(&f);
}

static void
test_back_pressure_tcp(void **state)
{
    back_pressure(TCP);
}

static void
test_back_pressure_memory(void **state)
{
    back_pressure(MEMORY);
}

static bool
has_ended(void *arg)
{
    return ((struct end *)arg)->eof;
}

static void
resume(void *arg)
{
    stream_resume(arg);
}

/* What a handler has left during a pause comes before the peer's end, which is there already. */
static void
test_the_end_overtakes_nothing(void **state)
{
    static const enum kind kinds[] = {TCP, MEMORY};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct fixture f;
        fixture_open(&f, kinds[i], NULL);
        fixture_connect(&f, &handler);
        f.server.eat_at_most = 3;
        f.server.pause_after_data = true;
        stream_write(f.client.stream, "abcdef", 6);
        stream_finish(f.client.stream);
        wait_for(&f, &f.server.got, 3);
        loop_run_until(f.loop, nothing, NULL, 20);
        assert_false(f.server.eof);
        f.server.pause_after_data = false;
        struct loop_timer timer; /* in a turn of the loop, as those do who have asked somebody meanwhile */
        loop_timer_init(&timer, f.loop, resume, f.server.stream);
        loop_timer_start(&timer, 1);
        assert_true(loop_run_until(f.loop, has_ended, &f.server, 20000));
        assert_int_equal(f.server.got_at_eof, 6);
        fixture_close(&f);
    }
}

static void
test_refused_connection_is_told_once(void **state)
{
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        fixture_open(&f, kind, NULL);
        struct address nobody = *stream_listener_address(f.listener);
        if (kind == UNIX)
            assert_int_equal(address_parse(STR_LIT("unix:/nonexistent/socket"), &nobody, NULL), 0);
        stream_listener_free(f.listener);
        f.listener = NULL;
        f.client.stream = connect_to(&f, &nobody, &handler);
        stream_write(f.client.stream, "lost", 4);
        assert_false(f.client.closed);
        assert_true(loop_run_until(f.loop, is_true, &f.client.closed, 5000));
        assert_int_equal(f.client.close_code, kind == UNIX ? -ENOENT : -ECONNREFUSED);
        assert_false(f.client.connected);
        stream_write(f.client.stream, "ignored", 7);
        assert_int_equal(stream_queued(f.client.stream), 0);
        fixture_close(&f);
    }
}

static void
test_end_without_eof_handler_is_an_orderly_close(void **state)
{
    struct fixture f;
    fixture_open(&f, TCP, NULL);
    fixture_connect(&f, &no_eof_handler);
    stream_write(f.client.stream, "x", 1);
    wait_for(&f, &f.server.got, 1);
    stream_close(f.server.stream);
    f.server.stream = NULL;
    assert_true(loop_run_until(f.loop, is_true, &f.client.closed, 5000));
    assert_int_equal(f.client.close_code, 0);
    fixture_close(&f);
}

/* A socket that somebody else has connected: what is in it already comes, and its end. */
static void
test_adopted_socket(void **state)
{
    struct fixture f;
    int fds[2];
    char text[8] = "";
    fixture_open(&f, TCP, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(write(fds[1], "early", 5), 5);
    f.client.stream = stream_adopt(f.loop, fds[0], &handler, &f.client);
    stream_write(f.client.stream, "answer", 6);
    wait_for(&f, &f.client.got, 5);
    assert_memory_equal(buf_data(&f.client.got), "early", 5);
    assert_int_equal(read(fds[1], text, sizeof(text)), 6);
    close(fds[1]);
    assert_true(loop_run_until(f.loop, is_true, &f.client.eof, 5000));
    fixture_close(&f);
}

static void
test_handler_may_close_its_stream(void **state)
{
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        fixture_open(&f, kind, NULL);
        fixture_connect(&f, &handler);
        f.server.close_on_data = true;
        stream_write(f.client.stream, "x", 1);
        assert_true(loop_run_until(f.loop, is_true, &f.client.eof, 5000));
        assert_null(f.server.stream);
        assert_false(f.server.closed); /* no callback after stream_close */
        fixture_close(&f);
    }
}

static void
test_close_soon_still_sends(void **state)
{
    enum { TOTAL = 8 * 1024 * 1024 };
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        fixture_open(&f, kind, NULL);
        fixture_connect(&f, &handler);
        auto_free char *bytes = pattern(TOTAL);
        stream_write(f.server.stream, "unread by the client's peer", 20);
        stream_write(f.client.stream, bytes, TOTAL);
        stream_close_soon(f.client.stream);
        f.client.stream = NULL;
        wait_for(&f, &f.server.got, TOTAL);
        assert_memory_equal(buf_data(&f.server.got), bytes, TOTAL);
        assert_true(loop_run_until(f.loop, is_true, &f.server.eof, 5000));
        fixture_close(&f);
    }
}

static bool
allows(void *arg)
{
    return *(bool *)arg;
}

static bool
never(void *arg)
{
    return false;
}

static void
test_a_guard_holds_everything_back(void **state)
{
    enum { TOTAL = 2 * 1024 * 1024 };
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        bool allowed = true;
        fixture_open(&f, kind, NULL);
        fixture_connect(&f, &handler);
        auto_free char *bytes = pattern(TOTAL);
        stream_guard(f.client.stream, allows, &allowed);
        stream_write(f.client.stream, "before", 6);
        wait_for(&f, &f.server.got, 6);
        allowed = false;
        stream_write(f.client.stream, "a word", 6);
        stream_write(f.client.stream, bytes, TOTAL); /* long enough for the thread that sends much */
        loop_run_until(f.loop, never, NULL, 50);
        assert_int_equal(f.server.got.len, 6);
        assert_int_equal(stream_queued(f.client.stream), TOTAL + 6);
        stream_close_soon(f.client.stream);
        f.client.stream = NULL;
        loop_run_until(f.loop, never, NULL, 50);
        assert_int_equal(f.server.got.len, 6);
        stream_guard_gone(f.loop, &allowed); /* what lingers does not ask any more */
        allowed = true;
        loop_run_until(f.loop, never, NULL, 50);
        assert_int_equal(f.server.got.len, 6);
        fixture_close(&f);
    }
}

static void
test_lent_bytes_are_released_on_close(void **state)
{
    enum { TOTAL = 16 * 1024 * 1024 };
    struct fixture f;
    fixture_open(&f, TCP, NULL);
    fixture_connect(&f, &handler);
    released = 0;
    char *lent = pattern(TOTAL);
    stream_write_ref(f.client.stream, lent, TOTAL, on_release, lent);
    assert_int_equal(released, 0);
    stream_close(f.client.stream);
    f.client.stream = NULL;
    assert_int_equal(released, 1);
    fixture_close(&f);
}

/* ---- ropes ---- */

enum { ROPE_PAGES = 60, ROPE_PAGE_BYTES = 90000 };

static char
rope_byte(size_t at)
{
    return (char)(at * 31 + at / 4093);
}

static void
fill_rope(struct rope *rope, struct page **ret_page)
{
    size_t at = 0;
    for (int i = 0; i < ROPE_PAGES; i++) {
        struct buf buf = {0};
        for (int j = 0; j < ROPE_PAGE_BYTES; j++)
            buf_putc(&buf, rope_byte(at++));
        struct page *page = page_of(&buf);
        rope_add(rope, page, true);
        if (i == 30)
            *ret_page = page_ref(page);
        page_unref(page);
    }
}

static bool
has_rope(void *arg)
{
    return ((struct end *)arg)->got.len >= (size_t)ROPE_PAGES * ROPE_PAGE_BYTES + 6;
}

static bool
some_has_come(void *arg)
{
    return ((struct end *)arg)->got.len > 100000;
}

/* Bytes of our own, a long rope, bytes again: they arrive in order, whoever sends them, and pages are let go. */
static void
check_rope(enum kind kind)
{
    struct fixture f;
    struct rope rope = {0};
    struct page *page = NULL;
    fixture_open(&f, kind, NULL);
    fixture_connect(&f, &handler);
    fill_rope(&rope, &page);
    stream_write(f.server.stream, "abc", 3);
    stream_write_rope(f.server.stream, &rope);
    assert_int_equal(rope_len(&rope), 0);
    stream_write_rope(f.server.stream, &rope); /* nothing */
    stream_write(f.server.stream, "xyz", 3);
    assert_true(loop_run_until(f.loop, has_rope, &f.client, 20000));
    assert_true(loop_run_until(f.loop, all_gone, &f.server, 5000));
    assert_int_equal(page->refs, 1);
    page_unref(page);
    assert_memory_equal(buf_data(&f.client.got), "abc", 3);
    for (size_t i = 0; i < (size_t)ROPE_PAGES * ROPE_PAGE_BYTES; i++)
        assert_int_equal(buf_data(&f.client.got)[3 + i], rope_byte(i));
    assert_memory_equal(buf_data(&f.client.got) + f.client.got.len - 3, "xyz", 3);
    fixture_close(&f);
}

static void
test_ropes(void **state)
{
    check_rope(TCP);
    check_rope(UNIX);
    check_rope(MEMORY);
}

/* Closed while another thread may be sending: at once, by the peer, or with the rest still to be sent. */
static void
test_ropes_are_let_go(void **state)
{
    for (int way = 0; way < 6; way++) {
        struct fixture f;
        struct rope rope = {0};
        struct page *page = NULL;
        fixture_open(&f, way % 2 ? UNIX : TCP, NULL);
        fixture_connect(&f, &handler);
        fill_rope(&rope, &page);
        stream_write_rope(f.server.stream, &rope);
        assert_true(page->refs > 1);
        if (way < 4)
            assert_true(loop_run_until(f.loop, some_has_come, &f.client, 5000));
        if (way == 2 || way == 3) {
            stream_close(f.client.stream);
            f.client.stream = NULL;
            assert_true(loop_run_until(f.loop, is_true, &f.server.closed, 5000));
        }
        stream_close(f.server.stream);
        f.server.stream = NULL;
        fixture_close(&f); /* ends the loop as well */
        assert_int_equal(page->refs, 1);
        page_unref(page);
    }
}

static void
test_paused_listener_accepts_later(void **state)
{
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        fixture_open(&f, kind, NULL);
        stream_listener_pause(f.listener, true);
        f.client.stream = connect_to(&f, stream_listener_address(f.listener), &handler);
        loop_run_until(f.loop, nothing, NULL, 20);
        assert_null(f.server.stream);
        stream_listener_pause(f.listener, false);
        assert_true(loop_run_until(f.loop, both_up, &f, 5000));
        fixture_close(&f);
    }
}

#ifndef TEST_OVER_TLS
struct shape {
    int64_t delay_ns;
    int writes, reset_at;
};

static int64_t
shape_delay(void *arg, const struct address *from, const struct address *to)
{
    struct shape *shape = arg;
    shape->writes++;
    return shape->writes == shape->reset_at ? -1 : shape->delay_ns;
}

static void
test_memory_delays_and_resets(void **state)
{
    struct fixture f;
    struct shape shape = {.delay_ns = 50 * 1000000};
    struct stream_net_shape net_shape = {shape_delay, &shape};
    fixture_open(&f, MEMORY, &net_shape);
    int64_t start_ms = loop_now_ms(f.loop);
    fixture_connect(&f, &handler);
    assert_int_equal(loop_now_ms(f.loop) - start_ms, 50);
    stream_write(f.client.stream, "a", 1);
    shape.delay_ns = 0;
    stream_write(f.client.stream, "b", 1); /* never overtakes */
    wait_for(&f, &f.server.got, 2);
    assert_memory_equal(buf_data(&f.server.got), "ab", 2);
    assert_int_equal(loop_now_ms(f.loop) - start_ms, 100);
    shape.reset_at = shape.writes + 1;
    stream_write(f.client.stream, "c", 1);
    assert_false(f.client.closed); /* from the loop only */
    assert_true(loop_run_until(f.loop, is_true, &f.client.closed, 1000));
    assert_true(loop_run_until(f.loop, is_true, &f.server.closed, 1000));
    assert_int_equal(f.client.close_code, -ECONNRESET);
    assert_int_equal(f.server.close_code, -ECONNRESET);
    assert_int_equal(f.server.got.len, 2);
    fixture_close(&f);
}
#endif

#ifdef MESOS_FAULTS
static void
test_faults_reach_the_owner_as_errors(void **state)
{
    struct fixture f;
    fixture_open(&f, TCP, NULL);
    fixture_connect(&f, &handler);
    fault_arm("stream_write=EPIPE@1");
    stream_write(f.client.stream, "x", 1);
    assert_true(loop_run_until(f.loop, is_true, &f.client.closed, 5000));
    assert_int_equal(f.client.close_code, -EPIPE);
    fault_arm("stream_read=ETIMEDOUT");
    stream_close(f.client.stream);
    f.client.stream = NULL;
    assert_true(loop_run_until(f.loop, is_true, &f.server.closed, 5000));
    assert_int_equal(f.server.close_code, -ETIMEDOUT);
    fault_arm(NULL);
    fixture_close(&f);
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_exchange),
        cmocka_unit_test(test_unix_exchange),
        cmocka_unit_test(test_memory_exchange),
        cmocka_unit_test(test_back_pressure_tcp),
        cmocka_unit_test(test_back_pressure_memory),
        cmocka_unit_test(test_the_end_overtakes_nothing),
        cmocka_unit_test(test_refused_connection_is_told_once),
        cmocka_unit_test(test_end_without_eof_handler_is_an_orderly_close),
        cmocka_unit_test(test_adopted_socket),
        cmocka_unit_test(test_handler_may_close_its_stream),
        cmocka_unit_test(test_close_soon_still_sends),
        cmocka_unit_test(test_a_guard_holds_everything_back),
        cmocka_unit_test(test_lent_bytes_are_released_on_close),
        cmocka_unit_test(test_ropes),
        cmocka_unit_test(test_ropes_are_let_go),
        cmocka_unit_test(test_paused_listener_accepts_later),
#ifndef TEST_OVER_TLS /* which counts writes and moments */
        cmocka_unit_test(test_memory_delays_and_resets),
#endif
#ifdef MESOS_FAULTS
        cmocka_unit_test(test_faults_reach_the_owner_as_errors),
#endif
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
