/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors whose readers are patient: they come after everybody else, and hold nobody up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "loop/loop.h"

/* Ten pipes with a byte each, and one that is urgent: which were read when that one had its turn? */
struct crowd {
    struct loop *loop;
    int urgent[2];
    size_t read, read_before;
};

static void
on_patient(int fd, int events, void *arg)
{
    struct crowd *crowd = arg;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    if (++crowd->read == 1)
        assert_int_equal(write(crowd->urgent[1], "x", 1), 1);
}

static void
on_urgent(int fd, int events, void *arg)
{
    struct crowd *crowd = arg;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    crowd->read_before = crowd->read;
}

static bool
all_read(void *arg)
{
    const struct crowd *crowd = arg;
    return crowd->read == 10 && crowd->read_before;
}

static void
test_patient_descriptors_come_last(void **state)
{
    for (int patient = 0; patient <= 1; patient++) {
        struct crowd crowd = {.loop = loop_new(NULL, NULL)};
        int ends[10][2];
        assert_int_equal(pipe(crowd.urgent), 0);
        struct loop_fd *watches[10], *urgent = loop_fd_watch(crowd.loop, crowd.urgent[0], LOOP_READ, on_urgent, &crowd);
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
            assert_int_equal(pipe(ends[i]), 0);
            watches[i] = loop_fd_watch(crowd.loop, ends[i][0], LOOP_READ, on_patient, &crowd);
            loop_fd_patient(watches[i], patient);
            assert_int_equal(write(ends[i][1], "x", 1), 1);
        }
        assert_true(loop_run_until(crowd.loop, all_read, &crowd, 60000));
        assert_int_equal(crowd.read_before, patient ? 1 : 10);
        loop_fd_unwatch(urgent);
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
            loop_fd_unwatch(watches[i]);
            close(ends[i][0]);
            close(ends[i][1]);
        }
        close(crowd.urgent[0]);
        close(crowd.urgent[1]);
        loop_free(crowd.loop);
    }
}

/* A pipe that is never empty, beside one whose reader is patient: do timers, tasks and bites have their turn? */
struct flood {
    struct loop *loop;
    struct loop_background bites;
    struct loop_timer timer;
    bool deferred, bitten, fired;
    size_t read;
};

static void
on_flood(int fd, int events, void *arg)
{
    ((struct flood *)arg)->read++; /* and the byte stays: it is there again at once */
}

static void
on_flood_deferred(void *arg)
{
    ((struct flood *)arg)->deferred = true;
}

static void
on_flood_bite(void *arg)
{
    ((struct flood *)arg)->bitten = true;
}

static void
on_flood_timer(void *arg)
{
    ((struct flood *)arg)->fired = true;
}

static bool
flood_is_survived(void *arg)
{
    const struct flood *flood = arg;
    return flood->deferred && flood->bitten && flood->fired;
}

static void
on_never(int fd, int events, void *arg)
{
}

static void
on_stuck(int signo)
{
    static const char words[] = "a turn of the loop does not end\n";
    ssize_t n = write(STDERR_FILENO, words, sizeof(words) - 1);
    (void)n;
    _exit(1);
}

/* Who is patient waits, and makes nobody else wait: neither timers nor what was deferred. */
static void
test_patience_holds_nothing_up(void **state)
{
    struct flood flood = {.loop = loop_new(NULL, NULL)};
    int busy[2], patient[2];
    assert_int_equal(pipe(busy), 0);
    assert_int_equal(pipe(patient), 0);
    assert_int_equal(write(busy[1], "x", 1), 1);
    assert_int_equal(write(patient[1], "x", 1), 1);
    struct loop_fd *watch = loop_fd_watch(flood.loop, busy[0], LOOP_READ, on_flood, &flood);
    struct loop_fd *waits = loop_fd_watch(flood.loop, patient[0], LOOP_READ, on_never, NULL);
    loop_fd_patient(waits, true);
    loop_background_init(&flood.bites, on_flood_bite, &flood);
    loop_background_start(flood.loop, &flood.bites);
    loop_timer_init(&flood.timer, flood.loop, on_flood_timer, &flood);
    loop_timer_start(&flood.timer, 5);
    loop_defer(flood.loop, on_flood_deferred, &flood);
    signal(SIGALRM, on_stuck);
    alarm(60);
    assert_true(loop_run_until(flood.loop, flood_is_survived, &flood, 30000));
    alarm(0);
    assert_true(flood.read > 0);
    loop_fd_unwatch(watch);
    loop_fd_unwatch(waits);
    loop_free(flood.loop);
    for (int i = 0; i < 2; i++) {
        close(busy[i]);
        close(patient[i]);
    }
}

/* Two are patient and have something to read; one has read it when the other's patience ends, which is about to be called. */
struct pair {
    int ends[2][2];
    struct loop_fd *watches[2];
    bool read[2];
};

static void
on_pair(int fd, int events, void *arg)
{
    struct pair *pair = arg;
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    pair->read[fd == pair->ends[1][0]] = true;
}

static bool
one_has_read(void *arg)
{
    const struct pair *pair = arg;
    return pair->read[0] || pair->read[1];
}

static bool
both_have_read(void *arg)
{
    const struct pair *pair = arg;
    return pair->read[0] && pair->read[1];
}

static void
test_patience_ends_at_once(void **state)
{
    struct flood flood = {.loop = loop_new(NULL, NULL)};
    struct pair pair = {0};
    int busy[2];
    assert_int_equal(pipe(busy), 0);
    assert_int_equal(write(busy[1], "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(pair.ends[i]), 0);
        assert_int_equal(write(pair.ends[i][1], "x", 1), 1);
        pair.watches[i] = loop_fd_watch(flood.loop, pair.ends[i][0], LOOP_READ, on_pair, &pair);
        loop_fd_patient(pair.watches[i], true);
    }
    assert_true(loop_run_until(flood.loop, one_has_read, &pair, 60000));
    assert_false(both_have_read(&pair));
    struct loop_fd *watch = loop_fd_watch(flood.loop, busy[0], LOOP_READ, on_flood, &flood);
    loop_fd_patient(pair.watches[pair.read[0]], false);
    assert_true(loop_run_until(flood.loop, both_have_read, &pair, 60000));
    loop_fd_unwatch(watch);
    for (int i = 0; i < 2; i++) {
        loop_fd_unwatch(pair.watches[i]);
        close(pair.ends[i][0]);
        close(pair.ends[i][1]);
        close(busy[i]);
    }
    loop_free(flood.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patient_descriptors_come_last),
        cmocka_unit_test(test_patience_holds_nothing_up),
        cmocka_unit_test(test_patience_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
