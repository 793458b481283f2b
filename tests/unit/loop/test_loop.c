/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: timers on both clocks, tasks, children, offloaded work and its lanes, signals, addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "loop/address.h"
#include "loop/loop.h"

static struct loop *
loop_of(bool virtual_clock, uint64_t seed)
{
    struct loop_options options = {.virtual_clock = virtual_clock, .seed = seed};
    struct err err = {0};
    struct loop *loop = loop_new(&options, &err);
    assert_non_null(loop);
    return loop;
}

struct note {
    struct buf *log;
    char letter;
    struct loop_timer timer;
    struct loop_timer *stops;
};

static void
on_note(void *arg)
{
    struct note *note = arg;
    buf_putc(note->log, note->letter);
    loop_timer_stop(note->stops ? note->stops : &note->timer);
}

static void
test_timers_fire_in_order_of_time_then_start(void **state)
{
    struct loop *loop = loop_of(true, 1);
    auto_buf struct buf log = {0};
    struct note notes[] = {{&log, 'd'}, {&log, 'b'}, {&log, 'c'}, {&log, 'a'}, {&log, 'x'}};
    int64_t delays[] = {7 * 86400 * (int64_t)1000, 20, 20, 10, 15}, start_ns = loop_now_ns(loop);
    double wall = loop_wall_secs(loop);
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        loop_timer_init(&notes[i].timer, loop, on_note, &notes[i]);
        loop_timer_start(&notes[i].timer, delays[i]);
    }
    notes[3].stops = &notes[4].timer; /* a timer stopped by an earlier one never fires */
    loop_run(loop);
    assert_string_equal(buf_cstr(&log), "abcd");
    assert_int_equal(loop_now_ns(loop) - start_ns, 7 * 86400 * (int64_t)1000000000);
    assert_true(loop_wall_secs(loop) - wall == 7 * 86400.0);
    assert_false(loop_timer_running(&notes[0].timer));
    loop_free(loop);
}

static void
test_many_timers_keep_the_heap_in_order(void **state)
{
    struct loop *loop = loop_of(true, 7);
    enum { COUNT = 500 };
    static struct note notes[COUNT];
    auto_buf struct buf log = {0};
    unsigned left = COUNT;
    for (int i = 0; i < COUNT; i++) {
        notes[i] = (struct note){&log, '.'};
        loop_timer_init(&notes[i].timer, loop, on_note, &notes[i]);
        loop_timer_start(&notes[i].timer, (int64_t)(loop_random(loop) % 1000));
    }
    for (int i = 0; i < COUNT; i += 3) {
        loop_timer_stop(&notes[i].timer);
        left--;
    }
    for (int i = 1; i < COUNT; i += 3)
        loop_timer_start(&notes[i].timer, (int64_t)(loop_random(loop) % 1000)); /* restarting moves it */
    loop_run(loop);
    assert_int_equal(log.len, left);
    loop_free(loop);
}

static void
on_time(void *arg)
{
    (*(int *)arg)++;
}

static void
test_real_timer_waits_that_long(void **state)
{
    struct loop *loop = loop_of(false, 0);
    int fired = 0;
    struct loop_timer timer;
    int64_t start_ns = loop_now_ns(loop);
    loop_timer_init(&timer, loop, on_time, &fired);
    loop_timer_start(&timer, 20);
    loop_run(loop); /* ends by itself: nothing is left */
    assert_int_equal(fired, 1);
    assert_true(loop_now_ns(loop) - start_ns >= 20 * 1000000);
    loop_free(loop);
}

static bool
never(void *arg)
{
    return false;
}

static void
test_run_until_gives_up_in_time(void **state)
{
    struct loop *loop = loop_of(true, 0);
    int fired = 0;
    struct loop_timer timer;
    loop_timer_init(&timer, loop, on_time, &fired);
    loop_timer_start(&timer, 1000);
    int64_t start_ms = loop_now_ms(loop);
    assert_false(loop_run_until(loop, never, NULL, 500));
    assert_int_equal(loop_now_ms(loop) - start_ms, 500);
    assert_int_equal(fired, 0);
    assert_false(loop_run_until(loop, never, NULL, 501));
    assert_int_equal(fired, 1);
    loop_free(loop);
}

struct deferred {
    struct loop *loop;
    int left;
};

static void
on_deferred(void *arg)
{
    struct deferred *d = arg;
    if (--d->left > 0)
        loop_defer(d->loop, on_deferred, d);
    else
        loop_stop(d->loop);
}

static void
test_deferred_calls_do_not_starve_timers(void **state)
{
    struct loop *loop = loop_of(false, 0);
    struct deferred d = {loop, 100};
    int fired = 0;
    struct loop_timer timer;
    loop_timer_init(&timer, loop, on_time, &fired);
    loop_timer_start(&timer, 0);
    loop_defer(loop, on_deferred, &d);
    assert_int_equal(d.left, 100); /* never inside the call */
    loop_run(loop);
    assert_int_equal(d.left, 0);
    assert_int_equal(fired, 1);
    loop_free(loop);
}

struct ended {
    struct loop *loop;
    pid_t pid;
    int status, calls;
};

static void
on_child(pid_t pid, int status, void *arg)
{
    struct ended *ended = arg;
    ended->pid = pid;
    ended->status = status;
    ended->calls++;
}

static bool
has_ended(void *arg)
{
    return ((struct ended *)arg)->calls > 0;
}

static pid_t
spawn(int code)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (code < 0)
            raise(-code);
        _exit(code);
    }
    return pid;
}

static void
test_children_are_reported_with_their_status(void **state)
{
    static const int codes[] = {0, 3, 255, -SIGKILL, -SIGTERM};
    struct loop *loop = loop_of(false, 0);
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct ended ended = {loop};
        pid_t pid = spawn(codes[i]);
        assert_int_equal(loop_child_watch(loop, pid, on_child, &ended, NULL, &err), 0);
        assert_int_equal(ended.calls, 0);
        assert_true(loop_run_until(loop, has_ended, &ended, 5000));
        assert_int_equal(ended.pid, pid);
        if (codes[i] >= 0) {
            assert_true(WIFEXITED(ended.status));
            assert_int_equal(WEXITSTATUS(ended.status), codes[i]);
        } else {
            assert_true(WIFSIGNALED(ended.status));
            assert_int_equal(WTERMSIG(ended.status), -codes[i]);
        }
        assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* reaped */
        assert_int_equal(loop_child_watch(loop, pid, on_child, &ended, NULL, &err), -ESRCH);
    }
    loop_free(loop);
}

static void
test_unwatched_child_is_left_alone(void **state)
{
    struct loop *loop = loop_of(false, 0);
    struct err err = {0};
    struct ended ended = {loop};
    struct loop_child *child = NULL;
    pid_t pid = spawn(5);
    assert_int_equal(loop_child_watch(loop, pid, on_child, &ended, &child, &err), 0);
    loop_child_unwatch(child);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 5);
    assert_false(loop_run_until(loop, has_ended, &ended, 1));
    loop_free(loop);
}

static void
on_signal(int signo, void *arg)
{
    ((struct ended *)arg)->calls += signo == SIGUSR1;
}

static void
test_signals_come_from_the_loop(void **state)
{
    struct loop *loop = loop_of(false, 0);
    struct ended ended = {loop};
    assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, &ended, NULL), 0);
    kill(getpid(), SIGUSR1);
    assert_int_equal(ended.calls, 0);
    assert_true(loop_run_until(loop, has_ended, &ended, 5000));
    loop_free(loop);
}

/* Offloaded work: each piece appends its letter to the log of its lane. */
struct lane_log {
    char text[200];
    size_t len;
    _Atomic int running;
};
struct piece {
    struct lane_log *lane;
    struct loop *loop;
    int *left;
    char letter;
    bool overlapped;
};

static void
piece_work(void *arg)
{
    struct piece *piece = arg;
    piece->overlapped = ++piece->lane->running != 1;
    if (piece->letter % 4 == 0)
        usleep(500);
    piece->lane->text[piece->lane->len++] = piece->letter;
    piece->lane->running--;
}

static void
piece_done(void *arg)
{
    struct piece *piece = arg;
    if (--*piece->left == 0)
        loop_stop(piece->loop);
}

static void
run_lanes(struct loop *loop, struct lane_log lanes[3])
{
    enum { EACH = 26 };
    static struct piece pieces[3 * EACH];
    int left = 3 * EACH;
    for (int i = 0; i < 3 * EACH; i++) {
        pieces[i] = (struct piece){&lanes[i % 3], loop, &left, (char)('a' + i / 3), false};
        loop_offload(loop, &lanes[i % 3], piece_work, piece_done, &pieces[i]);
    }
    loop_run(loop);
    assert_int_equal(left, 0);
    for (int i = 0; i < 3 * EACH; i++)
        assert_false(pieces[i].overlapped);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(lanes[i].text, "abcdefghijklmnopqrstuvwxyz", EACH);
}

static void
test_lanes_keep_their_order_on_threads(void **state)
{
    struct loop *loop = loop_of(false, 0);
    for (int round = 0; round < 5; round++) {
        struct lane_log lanes[3] = {0};
        run_lanes(loop, lanes);
    }
    loop_free(loop);
}

struct order {
    struct buf *log;
    char letter;
};

static void
order_work(void *arg)
{
    struct order *order = arg;
    buf_putc(order->log, order->letter);
}

static void
seeded_order(uint64_t seed, struct buf *log)
{
    struct loop *loop = loop_of(true, seed);
    struct lane_log lanes[3] = {0};
    struct order pieces[8];
    run_lanes(loop, lanes);
    for (int i = 0; i < 8; i++) {
        pieces[i] = (struct order){log, (char)('a' + i)};
        loop_offload(loop, NULL, order_work, NULL, &pieces[i]);
    }
    assert_int_equal(log->len, 0);
    loop_run(loop);
    loop_free(loop);
}

static void
test_seed_decides_the_order_of_unordered_work(void **state)
{
    auto_buf struct buf one = {0}, same = {0}, other = {0};
    seeded_order(1, &one);
    seeded_order(1, &same);
    seeded_order(2, &other);
    assert_int_equal(one.len, 8);
    assert_string_equal(buf_cstr(&one), buf_cstr(&same));
    assert_string_not_equal(buf_cstr(&one), buf_cstr(&other));
}

static void
test_free_waits_for_work_that_began(void **state)
{
    struct loop *loop = loop_of(false, 0);
    struct lane_log lane = {0};
    int left = 8;
    struct piece pieces[8];
    for (int i = 0; i < 8; i++) {
        pieces[i] = (struct piece){&lane, loop, &left, (char)('d' + i), false};
        loop_offload(loop, &lane, piece_work, piece_done, &pieces[i]);
    }
    loop_free(loop);
    assert_memory_equal(lane.text, "defghijk", 8);
    assert_int_equal(left, 8); /* done is never called after the loop has gone */
}

static void
test_addresses(void **state)
{
    static const char *const good[] = {"127.0.0.1:5050", "[::1]:1", "0.0.0.0:0", "unix:/run/x.sock"};
    static const char *const bad[] = {"", ":", "5050", "127.0.0.1", "127.0.0.1:", "localhost:5050", "127.0.0.1:65536",
                                      "::1:5050", "[127.0.0.1]:1", "unix:", "1.2.3.4:-1", "1.2.3.4:+1"};
    struct address a, b;
    struct err err;
    char text[128], ip[64];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(address_parse(str_of(good[i]), &a, &err), 0);
        assert_string_equal(address_format(&a, text), good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(address_parse(str_of(bad[i]), &a, &err), -EINVAL);
    assert_int_equal(address_parse(STR_LIT("127.0.0.1:5050"), &a, &err), 0);
    b = a;
    assert_true(address_eq(&a, &b) && address_is_loopback(&a));
    address_set_port(&b, 1);
    assert_false(address_eq(&a, &b));
    assert_int_equal(address_port(&b), 1);
    assert_string_equal(address_ip(&a, ip), "127.0.0.1");
    assert_int_equal(address_resolve("127.0.0.1", 80, &b, &err), 0);
    assert_string_equal(address_format(&b, text), "127.0.0.1:80");
}

struct biter {
    struct loop_background work;
    int bites, most, *order;
};

static void
on_bite(void *arg)
{
    struct biter *biter = arg;
    *biter->order = *biter->order * 10 + biter->most;
    if (++biter->bites == biter->most)
        loop_background_stop(&biter->work);
}

static bool
both_bitten(void *arg)
{
    struct biter *biters = arg;
    return biters[0].bites == biters[0].most && biters[1].bites == biters[1].most;
}

/* One bite in a turn, in a round; a loop without such work is idle again. */
static void
test_background_work_goes_round(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct loop_options options = {.virtual_clock = i == 0};
        struct loop *loop = loop_new(&options, NULL);
        int order = 0;
        struct biter biters[2] = {{.most = 3, .order = &order}, {.most = 2, .order = &order}};
        for (int j = 0; j < 2; j++) {
            loop_background_init(&biters[j].work, on_bite, &biters[j]);
            loop_background_start(loop, &biters[j].work);
            loop_background_start(loop, &biters[j].work);
        }
        assert_int_equal(order, 0);
        assert_true(loop_run_until(loop, both_bitten, biters, 1000));
        assert_int_equal(order, 32323);
        assert_false(loop_run_until(loop, NULL, NULL, 20));
        assert_int_equal(order, 32323);
        loop_background_start(loop, &biters[0].work);
        loop_background_stop(&biters[0].work);
        loop_background_stop(&biters[0].work);
        loop_background_stop(&(struct loop_background){0});
        loop_free(loop);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order_of_time_then_start),
        cmocka_unit_test(test_many_timers_keep_the_heap_in_order),
        cmocka_unit_test(test_real_timer_waits_that_long),
        cmocka_unit_test(test_run_until_gives_up_in_time),
        cmocka_unit_test(test_deferred_calls_do_not_starve_timers),
        cmocka_unit_test(test_children_are_reported_with_their_status),
        cmocka_unit_test(test_unwatched_child_is_left_alone),
        cmocka_unit_test(test_signals_come_from_the_loop),
        cmocka_unit_test(test_lanes_keep_their_order_on_threads),
        cmocka_unit_test(test_seed_decides_the_order_of_unordered_work),
        cmocka_unit_test(test_free_waits_for_work_that_began),
        cmocka_unit_test(test_background_work_goes_round),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
