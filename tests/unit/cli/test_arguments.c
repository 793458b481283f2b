/* SPDX-License-Identifier: Apache-2.0 */
/* What people type after `mesos <command>`, and what conf and the command get of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "cli/arguments.h"

struct target {
    struct cli_common common;
    int64_t lines;
    bool follow, quiet;
};

static const struct option options[] = {
    CLI_MASTER_OPTION(struct target),
    {.name = "lines", .type = OPTION_INT, .offset = offsetof(struct target, lines)},
    {.name = "follow", .type = OPTION_BOOL, .offset = offsetof(struct target, follow)},
    {.name = "quiet", .type = OPTION_BOOL, .offset = offsetof(struct target, quiet)},
    {.name = NULL},
};
static const char *const short_flags[] = {"n=lines", "f=follow", "q=quiet", NULL};
static struct cli_command command = {.name = "tail", .options = options, .short_flags = short_flags};

static struct arena *arena;
static struct cli_arguments got;
static struct err err;

#define SPLIT(...) split_all((const char *[]){__VA_ARGS__, NULL})
static int
split_all(const char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    err = (struct err){0};
    return cli_split(&got, &command, argc, (char **)(uintptr_t)argv, arena, &err);
}

static void
test_words_and_options(void **state)
{
    assert_int_equal(SPLIT("task", "--master=h:1", "file"), 0);
    assert_int_equal(got.word_count, 2);
    assert_string_equal(got.words[0], "task");
    assert_string_equal(got.words[1], "file");
    assert_null(got.words[2]);
    assert_int_equal(got.option_count, 2);
    assert_string_equal(got.options[0], "mesos-tail");
    assert_string_equal(got.options[1], "--master=h:1");
    assert_null(got.options[2]);
}

static void
test_value_in_next_argument(void **state)
{
    assert_int_equal(SPLIT("--master", "h:1", "--follow", "task"), 0);
    assert_string_equal(got.options[1], "--master=h:1");
    assert_string_equal(got.options[2], "--follow");
    assert_int_equal(got.word_count, 1);
    assert_string_equal(got.words[0], "task");
}

static void
test_short_flags(void **state)
{
    assert_int_equal(SPLIT("-f", "-n", "20", "task"), 0);
    assert_string_equal(got.options[1], "--follow");
    assert_string_equal(got.options[2], "--lines=20");
    assert_int_equal(SPLIT("-n7"), 0);
    assert_string_equal(got.options[1], "--lines=7");
}

static void
test_wrong_short_flags(void **state)
{
    assert_int_equal(SPLIT("-x"), -EINVAL);
    assert_non_null(strstr(err.text, "-x"));
    assert_int_equal(SPLIT("-n"), -EINVAL);
    assert_non_null(strstr(err.text, "-n wants a value"));
    assert_int_equal(SPLIT("-fx"), -EINVAL);
    assert_non_null(strstr(err.text, "takes no value"));
}

static void
test_double_dash_ends_options(void **state)
{
    assert_int_equal(SPLIT("--", "--master=h:1", "-f", "-"), 0);
    assert_int_equal(got.option_count, 1);
    assert_int_equal(got.word_count, 3);
    assert_string_equal(got.words[1], "-f");
}

static void
test_lone_dash_is_a_word(void **state)
{
    assert_int_equal(SPLIT("-"), 0);
    assert_int_equal(got.word_count, 1);
}

static void
test_switches_in_one(void **state)
{
    assert_int_equal(SPLIT("-qf", "task"), 0);
    assert_int_equal(got.option_count, 3);
    assert_string_equal(got.options[1], "--quiet");
    assert_string_equal(got.options[2], "--follow");
    assert_int_equal(SPLIT("-fn"), -EINVAL); /* -n wants a value of its own */
    assert_int_equal(SPLIT("-fx"), -EINVAL);
    assert_int_equal(SPLIT("-F"), -EINVAL);
    assert_non_null(strstr(err.text, "did you mean -f (--follow)?"));
}

/* What follows belongs to another program. */
static void
test_flags_behind_the_last_word_are_words(void **state)
{
    command.last_flag_word = 2;
    assert_int_equal(SPLIT("-f", "task", "--lines=3", "cat", "-n", "--follow", "--", "x"), 0);
    assert_int_equal(got.option_count, 3);
    assert_int_equal(got.word_count, 6);
    assert_string_equal(got.words[2], "-n");
    assert_string_equal(got.words[4], "--");
    command.last_flag_word = 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_options),  cmocka_unit_test(test_value_in_next_argument),
        cmocka_unit_test(test_short_flags),        cmocka_unit_test(test_wrong_short_flags),
        cmocka_unit_test(test_double_dash_ends_options), cmocka_unit_test(test_lone_dash_is_a_word),
        cmocka_unit_test(test_switches_in_one),
        cmocka_unit_test(test_flags_behind_the_last_word_are_words),
    };
    int failed;

    arena = arena_new(0);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
