/* SPDX-License-Identifier: Apache-2.0 */
/* JSON both ways: the writer's text, what the parser tolerates as Mesos does, and the sentence for everything
 * else. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mesos/v1/mesos.pb-c.h"
#include "mesos/v1/quota/quota.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/json.h"
#include "wire/limits.h"
#include "wire/message.h"

/* ---- writer ---- */

static void
check_double(double value, const char *want)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_double(&json, value);
    assert_string_equal(buf_cstr(&out), want);
}

static void
test_doubles_are_shortest(void **state)
{
    check_double(0, "0.0");
    check_double(-0.0, "-0.0");
    check_double(4, "4.0");
    check_double(0.1, "0.1");
    check_double(0.00001, "0.00001");
    check_double(1e-6, "0.000001");
    check_double(1e-7, "1e-7");
    check_double(1.25e-7, "1.25e-7");
    check_double(-2.5, "-2.5");
    check_double(31000.001, "31000.001");
    check_double(1795221681.039094, "1795221681.039094");
    check_double(3999999999.999999, "3999999999.999999");
    check_double(4000000000.5, "4000000000.5");
    check_double(1e15, "1000000000000000.0");
    check_double(1e20, "100000000000000000000.0");
    check_double(1e21, "1e21");
    check_double(1.5e300, "1.5e300");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(DBL_MAX, "1.7976931348623157e308");
    check_double(DBL_MIN, "2.2250738585072014e-308");
    check_double(5e-324, "5e-324");
    check_double((double)NAN, "null");
    check_double((double)INFINITY, "null");
}

static void
test_doubles_read_back(void **state)
{
    uint64_t seed = 7;
    for (int i = 0; i < 50000; i++) {
        auto_buf struct buf out = {0};
        struct json json = json_on(&out);
        double value;
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t bits = seed ^ seed >> 29;
        memcpy(&value, &bits, sizeof(value));
        if (i & 1)
            value = (double)(bits >> 11) / 1e9;
        if (!isfinite(value))
            continue;
        json_double(&json, value);
        assert_true(strtod(buf_cstr(&out), NULL) == value);
    }
}

static void
test_writer(void **state)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_object(&json);
    json_key_text(&json, "a", "q\"b\\s/\b\f\n\r\t\x01\x1f\x7f");
    json_key(&json, "list");
    json_array(&json);
    json_int(&json, INT64_MIN);
    json_uint(&json, UINT64_MAX);
    json_bool(&json, true);
    json_null(&json);
    json_object(&json);
    json_object_end(&json);
    json_raw(&json, STR_LIT("[1,2]"));
    json_array_end(&json);
    json_key_str(&json, STR_LIT("k\"ey"));
    json_string(&json, STR_LIT("ok \xc3\xb6 bad \xff\xc3 over \xc0\x80 half \xed\xa0\x80 nul \0."));
    json_key_int(&json, "n", -1);
    json_key_double(&json, "d", 1.5);
    json_key_bool(&json, "f", false);
    json_object_end(&json);
    assert_string_equal(
        buf_cstr(&out),
        "{\"a\":\"q\\\"b\\\\s/\\b\\f\\n\\r\\t\\u0001\\u001F\x7f\",\"list\":[-9223372036854775808,"
        "18446744073709551615,true,null,{},[1,2]],\"k\\\"ey\":\"ok \xc3\xb6 bad "
        "\xef\xbf\xbd\xef\xbf\xbd over \xef\xbf\xbd\xef\xbf\xbd half "
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd nul \\u0000.\",\"n\":-1,\"d\":1.5,\"f\":false}");
}

/* ---- parser ---- */

/* A framework description with one more member. */
static Mesos__V1__FrameworkInfo *
parse_with(const char *member, struct arena *arena, struct err *err)
{
    char text[4096];
    snprintf(text, sizeof(text), "{\"user\":\"u\",\"name\":\"n\"%s%s}", *member ? "," : "", member);
    return MESSAGE_FROM_JSON(Mesos__V1__FrameworkInfo, mesos__v1__framework_info, str_of(text), arena, err);
}

static void
test_tolerated(void **state)
{
    static const struct {
        const char *member, *json;
    } cases[] = {
        {"", ""},
        {"\"unknown\":{\"a\":[1,{\"b\":null}],\"c\":\"\\u00e9\"}", ""},
        {"\"checkpoint\":null,\"id\":null,\"roles\":null,\"failover_timeout\":null", ""},
        {"\"failover_timeout\":\"3.5\"", "\"failover_timeout\":3.5,\"checkpoint\":false"},
        {"\"checkpoint\":\"true\"", "\"failover_timeout\":0.0,\"checkpoint\":true"},
        {"\"roles\":\"single\"", "\"roles\":[\"single\"]"},
        {"\"roles\":[\"a\",null,\"b\"]", "\"roles\":[\"a\",\"b\"]"},
        {"\"roles\":[]", ""},
        {"\"roles\":[\"a\",\"b\"],\"roles\":[\"c\"]", "\"roles\":[\"c\"]"},
        {"\"hostname\":\"a\",\"hostname\":null", ""},
        {"\"hostname\":\"a\",\"hostname\":\"b\"", "\"hostname\":\"b\""},
        {"\"capabilities\":{\"type\":\"GPU_RESOURCES\"}", "\"capabilities\":[{\"type\":\"GPU_RESOURCES\"}]"},
        {"\"capabilities\":[{\"type\":\"FROM_THE_FUTURE\"},{\"type\":\"gpu_resources\"}]",
         "\"capabilities\":[{},{}]"},
        {"\"hostname\":\"\\ud83d\\udc27\\u20ac\\u00f6\\/\\b\"",
         "\"hostname\":\"\xf0\x9f\x90\xa7\xe2\x82\xac\xc3\xb6/\\b\""},
        {" \t\r\n \"hostname\" : \"x\" ", "\"hostname\":\"x\""},
        {"\"role\":\"*\"", "\"role\":\"*\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_arena struct arena *arena = arena_new(0);
        auto_buf struct buf out = {0};
        struct err err = {0};
        Mesos__V1__FrameworkInfo *info = parse_with(cases[i].member, arena, &err);
        if (!info)
            fail_msg("%s: %s", cases[i].member, err.text);
        message_to_json(&out, info);
        if (!strstr(buf_cstr(&out), cases[i].json))
            fail_msg("%s gave %s", cases[i].member, buf_cstr(&out));
        if (!*cases[i].json)
            assert_string_equal(
                buf_cstr(&out),
                "{\"user\":\"u\",\"name\":\"n\",\"failover_timeout\":0.0,\"checkpoint\":false}");
    }
}

static void
check_number(const char *text, int64_t want)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    auto_free char *json = xasprintf("{\"nanoseconds\":%s}", text);
    Mesos__V1__TimeInfo *time =
        MESSAGE_FROM_JSON(Mesos__V1__TimeInfo, mesos__v1__time_info, str_of(json), arena, &err);
    if (!time)
        fail_msg("%s: %s", json, err.text);
    assert_int_equal(time->nanoseconds, want);
}

static void
test_whole_numbers(void **state)
{
    check_number("0", 0);
    check_number("-7", -7);
    check_number("007", 7);
    check_number("3.6e+06", 3600000);
    check_number("3.6E6", 3600000);
    check_number("5.0", 5);
    check_number("1e0", 1);
    check_number("\"12\"", 12);
    check_number("\" 1.5e1 \"", 15);
    check_number("9223372036854775807", INT64_MAX);
    check_number("-9223372036854775808", INT64_MIN);
    check_number("1795222572112577024", INT64_C(1795222572112577024));
}

static void
check_refused(const ProtobufCMessageDescriptor *type, const char *json, const char *why)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    assert_null(message_from_json(type, str_of(json), arena, &err));
    if (strcmp(err.text, why) != 0)
        fail_msg("%s: %s\nshould be\n%s", json, err.text, why);
    assert_int_equal(err.code, -EINVAL);
}

static void
test_syntax_errors(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"{", ""},
        {"{\"type\":", ""},
        {"{\"a\" 1}", "1}"},
        {"{\"a\":1,}", "}"},
        {"{a:1}", "a:1}"},
        {"{\"a\":[1 2]}", "2]}"},
        {"{\"a\":tru}", "}"},
        {"{\"a\":xyz}", "xyz}"},
        {"{\"a\":nan}", "an}"},
        {"{\"a\":Infinity}", "Infinity}"},
        {"{\"a\":-}", "}"},
        {"{\"a\":1e999}", "}"},
        {"{\"a\":1.2.3}", "}"},
        {"{\"a\":\"x", ""},
        {"{\"a\":\"\\q\"}", "\"}"},
        {"{\"a\":\"\\ud800x\"}", "x\"}"},
        {"{\"a\":\"\\u12g4\"}", "g4\"}"},
        {"{\"a\":\"\x01\"}", "\"}"},
        {"{\"user\":5 5}", "5}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_free char *why =
            xasprintf("Failed to parse body into JSON: syntax error at line 1 near: %s", cases[i][1]);
        check_refused(&mesos__v1__framework_info__descriptor, cases[i][0], why);
    }
    check_refused(&mesos__v1__scheduler__call__descriptor, "\n\n +\nx",
                  "Failed to parse body into JSON: syntax error at line 3 near: +");
    check_refused(
        &mesos__v1__scheduler__call__descriptor, "{} x",
        "Failed to parse body into JSON: Parsed JSON included non-whitespace trailing characters: x");
    /* Not JSON at all beats a wrong field before. */
    check_refused(&mesos__v1__scheduler__call__descriptor, "{\"type\":5,",
                  "Failed to parse body into JSON: syntax error at line 1 near: ");
}

static void
test_conversion_errors(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "Expecting a JSON object"},
        {"\"x\"", "Expecting a JSON object"},
        {"null", "Expecting a JSON object"},
        {"{\"type\":5}", "Not expecting a JSON number for field 'type'"},
        {"{\"type\":true}", "Not expecting a JSON boolean for field 'type'"},
        {"{\"type\":{}}", "Not expecting a JSON object for field 'type'"},
        {"{\"type\":[]}", "Not expecting a JSON array for field 'type'"},
        {"{\"kill\":\"x\"}", "Not expecting a JSON string for field 'kill'"},
        {"{\"kill\":{}}", "Missing required fields: kill.task_id"},
        {"{\"kill\":{\"task_id\":null}}", "Missing required fields: kill.task_id"},
        {"{\"kill\":{\"task_id\":{\"value\":\"a\\u0000b\"}}}",
         "A string may not contain a NUL character, but field 'value' does"},
        {"{\"subscribe\":{\"framework_info\":{\"id\":{}}}}",
         "Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name, "
         "subscribe.framework_info.id.value"},
        {"{\"accept\":{\"filters\":{\"refuse_seconds\":\"soon\"}}}",
         "Failed to parse 'soon' as a JSON number for field 'refuse_seconds'"},
        {"{\"subscribe\":{\"framework_info\":{\"checkpoint\":\"maybe\"}}}",
         "Failed to parse 'maybe' as a JSON boolean for field 'checkpoint'"},
        {"{\"accept\":{\"operations\":[{\"launch\":{\"task_infos\":[{\"resources\":[{\"type\":\"NONE\"}]}]}}]"
         "}}",
         "Failed to find enum for 'NONE'"},
        {"{\"message\":{\"data\":\"a*b\"}}",
         "Failed to base64 decode bytes field 'data': Invalid character '*'"},
        {"{\"subscribe\":{\"framework_info\":{\"offer_filters\":[]}}}",
         "Not expecting a JSON array for field 'offer_filters'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_free char *why = xasprintf("Failed to convert JSON into Call protobuf: %s", cases[i][1]);
        check_refused(&mesos__v1__scheduler__call__descriptor, cases[i][0], why);
    }
    check_refused(
        &mesos__v1__time_info__descriptor, "{\"nanoseconds\":1.5}",
        "Failed to convert JSON into TimeInfo protobuf: Number 1.5 is out of range for field 'nanoseconds'");
    check_refused(
        &mesos__v1__time_info__descriptor, "{\"nanoseconds\":9223372036854775808}",
        "Failed to convert JSON into TimeInfo protobuf: Number 9223372036854775808 is out of range for field "
        "'nanoseconds'");
    check_refused(&mesos__v1__value__range__descriptor, "{\"begin\":-1,\"end\":2}",
                  "Failed to convert JSON into Range protobuf: Number -1 is out of range for field 'begin'");
    check_refused(
        &mesos__v1__agent_info__descriptor, "{\"port\":2147483648}",
        "Failed to convert JSON into AgentInfo protobuf: Number 2147483648 is out of range for field 'port'");
}

static void
test_bytes(void **state)
{
    static const char *const cases[][2] = {{"", ""},        {"YQ==", "a"},      {"YWI=", "ab"},
                                           {"YWJj", "abc"}, {"YW\\nJj", "abc"}, {"YWI", "ab"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_arena struct arena *arena = arena_new(0);
        struct err err = {0};
        auto_free char *json =
            xasprintf("{\"data\":\"%s\",\"agent_id\":{\"value\":\"a\"},\"executor_id\":{\"value\":\"e\"}}",
                      cases[i][0]);
        Mesos__V1__Scheduler__Call__Message *message =
            MESSAGE_FROM_JSON(Mesos__V1__Scheduler__Call__Message, mesos__v1__scheduler__call__message,
                              str_of(json), arena, &err);
        if (!message)
            fail_msg("%s: %s", json, err.text);
        assert_true(str_eq(str_n(message->data.data, message->data.len), str_of(cases[i][1])));
    }
}

static void
test_maps(void **state)
{
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf out = {0};
    struct err err = {0};
    Mesos__V1__Quota__QuotaConfig *config =
        MESSAGE_FROM_JSON(Mesos__V1__Quota__QuotaConfig, mesos__v1__quota__quota_config,
                          STR_LIT("{\"role\":\"r\",\"limits\":{\"mem\":{\"value\":1},\"cpus\":{\"value\":2},"
                                  "\"mem\":{\"value\":3},\"x\":null}}"),
                          arena, &err);
    if (!config)
        fail_msg("%s", err.text);
    message_to_json(&out, config);
    assert_string_equal(buf_cstr(&out),
                        "{\"role\":\"r\",\"limits\":{\"cpus\":{\"value\":2.0},\"mem\":{\"value\":3.0}}}");
    check_refused(
        &mesos__v1__quota__quota_config__descriptor, "{\"role\":\"r\",\"limits\":{\"cpus\":{}}}",
        "Failed to convert JSON into QuotaConfig protobuf: Missing required fields: limits[0].value.value");
}

static void
nest(struct buf *out, size_t levels, const char *open, const char *middle, const char *close)
{
    for (size_t i = 0; i < levels; i++)
        buf_puts(out, open);
    buf_puts(out, middle);
    for (size_t i = 0; i < levels; i++)
        buf_puts(out, close);
}

static void
test_nesting_is_limited(void **state)
{
    static const char deep[] = "Failed to parse body into JSON: nested deeper than 100 levels";
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf fits = {0}, ids = {0}, lists = {0}, skipped = {0};
    nest(&fits, 99, "{\"value\":\"c\",\"parent\":", "{\"value\":\"c\"}", "}");
    assert_non_null(message_from_json(&mesos__v1__container_id__descriptor, buf_str(&fits), arena, NULL));
    nest(&ids, 10000, "{\"value\":\"c\",\"parent\":", "{\"value\":\"c\"}", "}");
    check_refused(&mesos__v1__container_id__descriptor, buf_cstr(&ids), deep);
    buf_puts(&lists, "{\"roles\":");
    nest(&lists, 10000, "[", "", "]");
    buf_puts(&lists, "}");
    check_refused(&mesos__v1__framework_info__descriptor, buf_cstr(&lists), deep);
    buf_puts(&skipped, "{\"unknown\":");
    nest(&skipped, 10000, "[{\"a\":", "1", "}]");
    buf_puts(&skipped, "}");
    check_refused(&mesos__v1__framework_info__descriptor, buf_cstr(&skipped), deep);
}

static void
test_memory_is_limited(void **state)
{
    enum { COUNT = 4 << 20 };
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf text = {0};
    struct err err = {0};
    buf_puts(&text, "{\"network_infos\":[{}");
    for (size_t i = 0; i < COUNT; i++)
        buf_puts(&text, ",{}");
    buf_puts(&text, "]}");
    assert_null(message_from_json(&mesos__v1__container_status__descriptor, buf_str(&text), arena, &err));
    assert_int_equal(err.code, -EFBIG);
    assert_true(arena_bytes(arena) < (size_t)LIMIT_MESSAGE_MEMORY + (4 << 20));
}

static void
test_truncated_anywhere(void **state)
{
    static const char text[] =
        "{\"framework_id\":{\"value\":\"f\\u00e9\"},\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":"
        "[{\"value\":\"o\"}],\"filters\":{\"refuse_seconds\":1.5e0},\"x\":[true,null]}}";
    auto_arena struct arena *arena = arena_new(0);
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        auto_free char *part = xmalloc(len + 1);
        memcpy(part + 1, text, len);
        assert_null(
            message_from_json(&mesos__v1__scheduler__call__descriptor, str_n(part + 1, len), arena, NULL));
    }
    assert_non_null(message_from_json(&mesos__v1__scheduler__call__descriptor, str_of(text), arena, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_are_shortest),
        cmocka_unit_test(test_doubles_read_back),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_tolerated),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_syntax_errors),
        cmocka_unit_test(test_conversion_errors),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_nesting_is_limited),
        cmocka_unit_test(test_memory_is_limited),
        cmocka_unit_test(test_truncated_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
