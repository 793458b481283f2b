/* SPDX-License-Identifier: Apache-2.0 */
/* Slices of text, numbers, near names, and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/err.h"
#include "base/str.h"

static void
test_slices(void **state)
{
    struct str rest = STR_LIT("a=b=c");
    assert_true(str_is(str_cut(&rest, '='), "a"));
    assert_true(str_is(rest, "b=c"));
    assert_true(str_is(str_cut(&rest, ';'), "b=c"));
    assert_int_equal(rest.len, 0);
    assert_int_equal(str_cut(&rest, ';').len, 0);
    assert_true(str_is(str_trim(STR_LIT(" \t x y\r\n")), "x y"));
    assert_int_equal(str_trim(STR_LIT("  ")).len, 0);
    assert_true(str_starts(STR_LIT("abc"), STR_LIT("ab")) && !str_starts(STR_LIT("a"), STR_LIT("ab")));
    assert_true(str_ends(STR_LIT("abc"), STR_LIT("bc")) && !str_ends(STR_LIT("c"), STR_LIT("bc")));
    assert_true(str_ieq(STR_LIT("Content-LENGTH"), STR_LIT("content-length")));
    assert_false(str_ieq(STR_LIT("a-"), STR_LIT("a\r"))); /* only letters fold */
    assert_int_equal(str_find(STR_LIT("abc"), 'c'), 2);
    assert_int_equal(str_find(str_of(NULL), 'c'), -1);
    assert_true(str_cmp(STR_LIT("a"), STR_LIT("ab")) < 0 && str_cmp(STR_LIT("b"), STR_LIT("ab")) > 0);
    assert_true(str_eq_secret(STR_LIT("s3cret"), STR_LIT("s3cret")));
    assert_false(str_eq_secret(STR_LIT("s3cret"), STR_LIT("s3cre")));
    assert_false(str_eq_secret(STR_LIT("s3cret"), STR_LIT("")));
    assert_false(str_eq_secret(STR_LIT("aaaa"), STR_LIT("aa")));
}

static void
test_integers(void **state)
{
    uint64_t u = 7;
    int64_t i = 7;
    assert_int_equal(str_to_u64(STR_LIT("18446744073709551615"), &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(str_to_u64(STR_LIT("18446744073709551616"), &u), -ERANGE);
    assert_int_equal(str_to_i64(STR_LIT("-9223372036854775808"), &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(str_to_i64(STR_LIT("9223372036854775808"), &i), -ERANGE);
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1x", "0x10", "1e3", "--1", "1.0"};
    for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
        assert_int_equal(str_to_i64(str_of(bad[n]), &i), -EINVAL);
        assert_int_equal(str_to_u64(str_of(bad[n]), &u), -EINVAL);
    }
    assert_int_equal(str_to_u64(STR_LIT("-1"), &u), -EINVAL);
    assert_int_equal(str_to_u64(str_n("1\0", 2), &u), -EINVAL);
    assert_true(i == INT64_MIN); /* outputs are set on success only */
}

static void
test_doubles(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0}, {"1.5", 1.5}, {"-2", -2}, {"3.6e+06", 3.6e6}, {".5", .5}, {"1E-3", 1e-3}, {"1e300", 1e300}};
    static const char *const bad[] = {"", "nan", "inf", "-inf", "0x10", "1,5", "1 ", " 1", "+1", "1e", "--1", "1.2.3", "e"};
    double d = 0;
    for (size_t n = 0; n < ARRAY_LEN(good); n++) {
        assert_int_equal(str_to_double(str_of(good[n].text), &d), 0);
        assert_true(d == good[n].value);
    }
    for (size_t n = 0; n < ARRAY_LEN(bad); n++)
        assert_int_equal(str_to_double(str_of(bad[n]), &d), -EINVAL);
    assert_int_equal(str_to_double(STR_LIT("1e400"), &d), -ERANGE);
    assert_int_equal(str_to_double(str_n("12345", 2), &d), 0);
    assert_true(d == 12);
}

static void
test_nearest(void **state)
{
    static const char *const names[] = {"work_dir", "port", "ip", "agent_ping_timeout", "master", "quorum"};
    size_t count = ARRAY_LEN(names);
    assert_string_equal(str_nearest("work-dir", names, count), "work_dir");
    assert_string_equal(str_nearest("workdir", names, count), "work_dir");
    assert_string_equal(str_nearest("prot", names, count), "port");
    assert_string_equal(str_nearest("agent_ping_timeuot", names, count), "agent_ping_timeout");
    assert_string_equal(str_nearest("MASTER", names, count), "master");
    assert_string_equal(str_nearest("agent_p", names, count), "agent_ping_timeout");
    assert_null(str_nearest("zookeeper", names, count));
    assert_null(str_nearest("x", names, count));
    assert_null(str_nearest("", names, count));
}

static void
test_errors_are_wrapped_and_cut(void **state)
{
    struct err err = {0};
    assert_int_equal(err_set(&err, -EINVAL, "'%s' is odd", "x"), -EINVAL);
    assert_int_equal(err_wrap(&err, "reading %s", "file"), -EINVAL);
    assert_string_equal(err.text, "reading file: 'x' is odd");
    err_set(&err, -EIO, "again: %s", err.text); /* an argument may lie in the text itself */
    assert_string_equal(err.text, "again: reading file: 'x' is odd");
    errno = ENOENT;
    assert_int_equal(err_errno(&err, "cannot open %s", "f"), -ENOENT);
    assert_string_equal(err.text, "cannot open f: No such file or directory");
    char lots[3000];
    memset(lots, 'y', sizeof(lots) - 1);
    lots[sizeof(lots) - 1] = '\0';
    err_set(&err, -EIO, "%s", lots);
    err_wrap(&err, "p");
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    assert_memory_equal(err.text, "p: yyy", 6);
    err_wrap(&err, "%s", lots);
    assert_true(strlen(err.text) < sizeof(err.text));
    assert_int_equal(err_set(NULL, -EBUSY, "nobody listens"), -EBUSY);
    assert_int_equal(err_wrap(NULL, "nobody listens"), -EIO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices),  cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_errors_are_wrapped_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
