/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, sizes, UUIDs, base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/units.h"

#define SECS 1000000000LL

static void
test_durations_both_ways(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *back;
    } rows[] = {
        {"5mins", 300 * SECS, "5mins"},
        {"1.5hrs", 5400 * SECS, "90mins"},
        {"90secs", 90 * SECS, "90secs"},
        {"1.5secs", 3 * SECS / 2, "1500ms"},
        {"0ns", 0, "0ns"},
        {"1weeks", 604800 * SECS, "1weeks"},
        {"10days", 864000 * SECS, "10days"},
        {"9223372036854775807ns", INT64_MAX, NULL},
        {"0.1us", 100, "100ns"},
        {"250ms", SECS / 4, "250ms"},
        {"75secs", 75 * SECS, "75secs"},
        {"3days", 259200 * SECS, "3days"},
    };
    char text[32];
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ns = -1, again = -1;
        assert_int_equal(duration_parse(str_of(rows[i].text), &ns, &err), 0);
        assert_true(ns == rows[i].ns);
        if (!rows[i].back)
            continue;
        assert_string_equal(duration_format(ns, text), rows[i].back);
        assert_int_equal(duration_parse(str_of(text), &again, &err), 0);
        assert_true(again == ns);
    }
}

static void
test_durations_that_are_none(void **state)
{
    static const char *const bad[] = {"",     "5",    "mins",    "5 mins", "5min", "5m",   "-5secs", "+5secs",
                                      "nansecs", "infsecs", "1e999secs", "5MINS",  "5secs ", "0x5secs", "1..5secs"};
    static const char *const large[] = {"1e10weeks", "99999999999999secs", "9223372036854775808ns", "15251weeks"};
    int64_t ns = 42;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err.text[0] = '\0';
        assert_true(duration_parse(str_of(bad[i]), &ns, &err) < 0);
        assert_non_null(strstr(err.text, bad[i])); /* names the value */
    }
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        assert_int_equal(duration_parse(str_of(large[i]), &ns, &err), -ERANGE);
    assert_true(ns == 42);
}

static void
test_sizes(void **state)
{
    static const char *const bad[] = {"", "5", "KB", "1.5GB", "-1B", "5kb", "5 GB", "0x1B"};
    uint64_t bytes = 0;
    char text[32];
    struct err err;
    assert_int_equal(bytes_parse(STR_LIT("12500KB"), &bytes, &err), 0);
    assert_true(bytes == 12500ULL * 1024);
    assert_string_equal(bytes_format(bytes, text), "12500KB");
    assert_int_equal(bytes_parse(STR_LIT("3TB"), &bytes, &err), 0);
    assert_string_equal(bytes_format(bytes, text), "3TB");
    assert_string_equal(bytes_format(0, text), "0B");
    assert_string_equal(bytes_format(1023, text), "1023B");
    assert_string_equal(bytes_format(2048, text), "2KB");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(bytes_parse(str_of(bad[i]), &bytes, &err), -EINVAL);
    assert_int_equal(bytes_parse(STR_LIT("16777216TB"), &bytes, &err), -ERANGE);
}

static void
test_uuids(void **state)
{
    unsigned char one[UUID_BYTES], two[UUID_BYTES];
    char text[UUID_TEXT];
    uuid_random(one);
    uuid_random(two);
    assert_memory_not_equal(one, two, UUID_BYTES);
    assert_int_equal(one[6] >> 4, 4);
    assert_int_equal(one[8] >> 6, 2);
    assert_int_equal(uuid_parse(str_of(uuid_format(one, text)), two), 0);
    assert_memory_equal(one, two, UUID_BYTES);
    assert_int_equal(uuid_parse(STR_LIT("F2D5E33F-74C8-482B-B746-D8BDB92E50D0"), two), 0);
    assert_string_equal(uuid_format(two, text), "f2d5e33f-74c8-482b-b746-d8bdb92e50d0");
    static const char *const bad[] = {"", "f2d5e33f-74c8-482b-b746-d8bdb92e50d", "f2d5e33f-74c8-482b-b746-d8bdb92e50d00",
                                      "f2d5e33f074c8-482b-b746-d8bdb92e50d0", "g2d5e33f-74c8-482b-b746-d8bdb92e50d0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(uuid_parse(str_of(bad[i]), two), -EINVAL);
}

static void
test_base64(void **state)
{
    static const char *const pairs[][2] = {{"", ""},         {"f", "Zg=="},       {"fo", "Zm8="},
                                           {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
    static const char *const bad[] = {"Z", "Zg=", "Zg", "Zg==Zg==", "====", "Zm9v!", "Z=g=", "Zm 9v==="};
    auto_buf struct buf buf = {0};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        buf_clear(&buf);
        base64_encode(&buf, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(buf_cstr(&buf), pairs[i][1]);
        buf_clear(&buf);
        assert_int_equal(base64_decode(&buf, str_of(pairs[i][1])), 0);
        assert_string_equal(buf_cstr(&buf), pairs[i][0]);
    }
    buf_clear(&buf);
    buf_puts(&buf, "kept");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(base64_decode(&buf, str_of(bad[i])), -EINVAL);
        assert_string_equal(buf_cstr(&buf), "kept");
    }
    buf_clear(&buf);
    assert_int_equal(base64_decode(&buf, STR_LIT("-_-_")), 0); /* the URL alphabet */
    assert_memory_equal(buf_data(&buf), "\xfb\xff\xbf", 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_both_ways), cmocka_unit_test(test_durations_that_are_none),
        cmocka_unit_test(test_sizes),               cmocka_unit_test(test_uuids),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
