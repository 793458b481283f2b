/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: the same expectations on TCP, on Unix sockets and in memory, then what is special to each. Built a second time
 * with TEST_OVER_TLS all of them hold with TLS on every connection.
 */
#include "two_ends.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fault.h"

static int released;
static void
on_release(void *arg)
{
    released++;
    free(arg);
}

static void
exchange(enum kind kind)
{
    enum { BIG = 24 * 1024 * 1024 };
    struct fixture f;
    fixture_open(&f, kind, NULL);
    fixture_connect(&f, &two_ends_handler);
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

static void
back_pressure(enum kind kind)
{
    enum { TOTAL = 24 * 1024 * 1024 };
    struct fixture f;
    fixture_open(&f, kind, NULL);
    fixture_connect(&f, &two_ends_handler);
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
        fixture_connect(&f, &two_ends_handler);
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
        assert_true(loop_run_until(f.loop, is_true, &f.server.eof, 20000));
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
        f.client.stream = connect_to(&f, &nobody, &two_ends_handler);
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
    struct stream_handler no_eof_handler = two_ends_handler;
    struct fixture f;
    no_eof_handler.on_eof = NULL;
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
    f.client.stream = stream_adopt(f.loop, fds[0], &two_ends_handler, &f.client);
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
        fixture_connect(&f, &two_ends_handler);
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
        fixture_connect(&f, &two_ends_handler);
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

static void
test_a_guard_holds_everything_back(void **state)
{
    enum { TOTAL = 2 * 1024 * 1024 };
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        bool allowed = true;
        fixture_open(&f, kind, NULL);
        fixture_connect(&f, &two_ends_handler);
        auto_free char *bytes = pattern(TOTAL);
        stream_guard(f.client.stream, is_true, &allowed);
        stream_write(f.client.stream, "before", 6);
        wait_for(&f, &f.server.got, 6);
        allowed = false;
        stream_write(f.client.stream, "a word", 6);
        stream_write(f.client.stream, bytes, TOTAL); /* long enough for the thread that sends much */
        loop_run_until(f.loop, nothing, NULL, 50);
        assert_int_equal(f.server.got.len, 6);
        assert_int_equal(stream_queued(f.client.stream), TOTAL + 6);
        stream_close_soon(f.client.stream);
        f.client.stream = NULL;
        loop_run_until(f.loop, nothing, NULL, 50);
        assert_int_equal(f.server.got.len, 6);
        stream_guard_gone(f.loop, &allowed); /* what lingers does not ask any more */
        allowed = true;
        loop_run_until(f.loop, nothing, NULL, 50);
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
    fixture_connect(&f, &two_ends_handler);
    released = 0;
    char *lent = pattern(TOTAL);
    stream_write_ref(f.client.stream, lent, TOTAL, on_release, lent);
    assert_int_equal(released, 0);
    stream_close(f.client.stream);
    f.client.stream = NULL;
    assert_int_equal(released, 1);
    fixture_close(&f);
}

static void
test_paused_listener_accepts_later(void **state)
{
    for (enum kind kind = TCP; kind <= MEMORY; kind++) {
        struct fixture f;
        fixture_open(&f, kind, NULL);
        stream_listener_pause(f.listener, true);
        f.client.stream = connect_to(&f, stream_listener_address(f.listener), &two_ends_handler);
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
    fixture_connect(&f, &two_ends_handler);
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
    fixture_connect(&f, &two_ends_handler);
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
        cmocka_unit_test(test_paused_listener_accepts_later),
#ifndef TEST_OVER_TLS /* which counts writes and moments */
        cmocka_unit_test(test_memory_delays_and_resets),
#endif
#ifdef MESOS_FAULTS
        cmocka_unit_test(test_faults_reach_the_owner_as_errors),
#endif
    };
    return cmocka_run_group_tests(tests, two_ends_begin, two_ends_end);
}
