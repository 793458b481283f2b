/* SPDX-License-Identifier: Apache-2.0 */
/* The statsd parser and what it remembers: types, rates, tags, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "telemetry/dcos/statsd.h"

static int
open_statsd(void **state)
{
    static struct statsd statsd;
    statsd_init(&statsd, 50);
    *state = &statsd;
    return 0;
}

static int
close_statsd(void **state)
{
    statsd_fini(*state);
    return 0;
}

static void
say(struct statsd *statsd, const char *text)
{
    statsd_packet(statsd, str_of(text), 7);
}

static const struct statsd_figure *
find(const struct statsd *statsd, const char *name)
{
    struct statsd_figure *figure;
    map_foreach(figure, &statsd->figures)
        if (strcmp(figure->name, name) == 0)
            return figure;
    return NULL;
}

static void
test_counters_and_gauges(void **state)
{
    struct statsd *s = *state;
    say(s, "hits:3|c\nhits:1|c|@0.1\r\nhits:-1|c");
    assert_float_equal(find(s, "hits")->value, 12, 1e-9);
    assert_float_equal(find(s, "hits")->at_secs, 7, 0);
    say(s, "level:5|g");
    say(s, "level:+2|g");
    say(s, "level:-4.5|g");
    assert_float_equal(find(s, "level")->value, 2.5, 1e-9);
    say(s, "level:1e3|g");
    assert_float_equal(find(s, "level")->value, 1000, 1e-9);
    say(s, "level:4|c"); /* another kind begins anew */
    assert_float_equal(find(s, "level")->value, 4, 1e-9);
    assert_int_equal(s->bad, 0);
}

static void
test_timers(void **state)
{
    struct statsd *s = *state;
    char text[32];
    for (int i = 1; i <= 1000; i++) {
        snprintf(text, sizeof(text), "t:%d|%s", i, i % 3 ? i % 2 ? "ms" : "h" : "d");
        say(s, text);
    }
    const struct statsd_timer *timer = find(s, "t")->timer;
    assert_float_equal(timer->count, 1000, 0);
    assert_float_equal(timer->lower, 1, 0);
    assert_float_equal(timer->upper, 1000, 0);
    assert_float_equal(timer->sum / timer->count, 500.5, 1e-9);
    assert_float_equal(statsd_percentile(timer, .5), 1000 - STATSD_SAMPLES / 2, 0); /* of the newest */
    assert_float_equal(statsd_percentile(timer, 1), 1000, 0);
    say(s, "r:10|ms|@0.5");
    assert_float_equal(find(s, "r")->timer->count, 2, 0);
    assert_float_equal(find(s, "r")->timer->sum, 20, 0);
}

static void
test_sets(void **state)
{
    struct statsd *s = *state;
    char text[32];
    say(s, "users:a|s\nusers:b|s\nusers:a|s");
    assert_int_equal(find(s, "users")->member_count, 2);
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof(text), "users:%d|s", i);
        say(s, text);
    }
    assert_int_equal(find(s, "users")->member_count, STATSD_MEMBERS);
    assert_true(s->dropped > 0);
}

static void
test_tags(void **state)
{
    struct statsd *s = *state;
    say(s, "x:1|c|#zone:b,app:web\nx:1|c|@0.5|#app:web,zone:b\nx:1|c|#zone:c\nx:1|c|c:container|T123");
    assert_int_equal(map_count(&s->figures), 3);
    const struct statsd_figure *figure = find(s, "x");
    assert_float_equal(figure->value, 3, 0);
    assert_int_equal(figure->tag_count, 2);
    assert_string_equal(figure->tags[0], "app:web");
    assert_string_equal(figure->tags[1], "zone:b");
}

static void
test_bad_input(void **state)
{
    struct statsd *s = *state;
    static const char *const bad[] = {"x", "x:", ":1|c", "x:|c", "x:1", "x:1|", "x:1|q", "x:y|c", "x:nan|g", "x:inf|g",
                                      "x:1e999|g", "x:1|c|@", "x:1|c|@0", "x:1|c|@2", "x:1|c|@-1", "x:1|c||", "x\x01y:1|c",
                                      "\xff:1|c", "x:1|c|#\x02", "x:1:2|c"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        say(s, bad[i]);
        if (s->bad != i + 1)
            fail_msg("%s was taken", bad[i]);
    }
    char name[400];
    memset(name, 'n', sizeof(name));
    strcpy(name + 300, ":1|c");
    say(s, name);
    say(s, "x:1|c|#1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17");
    assert_int_equal(s->bad, ARRAY_LEN(bad) + 2);
    say(s, "_e{5,4}:title|text\n_sc|name|0\n\n  \n");
    assert_int_equal(s->bad, ARRAY_LEN(bad) + 2);
    assert_int_equal(map_count(&s->figures), 0);
}

static void
test_bounds(void **state)
{
    struct statsd *s = *state;
    char text[STATSD_PACKET_MAX + 2];
    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof(text), "n%d:1|c", i);
        say(s, text);
    }
    assert_int_equal(map_count(&s->figures), 50);
    assert_int_equal(s->dropped, 10);
    say(s, "n1:1|c");
    assert_float_equal(find(s, "n1")->value, 2, 0);
    memset(text, 'x', sizeof(text));
    statsd_packet(s, str_n(text, sizeof(text)), 7);
    assert_int_equal(s->dropped, 11);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_statsd, close_statsd)

int
main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_counters_and_gauges), TEST(test_timers), TEST(test_sets), TEST(test_tags),
                                       TEST(test_bad_input), TEST(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
