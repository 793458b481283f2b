/* SPDX-License-Identifier: Apache-2.0 */
/* What a rate limiter must do: limits by principal, one message at a time, times that can be counted on. Run on token_bucket. */
#include "contract.h"

#include "host/kind_rate_limiter.h"

static struct module *
start(struct contract *contract, const char *key, const char *value, struct err *err)
{
    return host_start(contract->host, MESOS_KIND_RATE_LIMITER, "token_bucket", &key, &value, 1, err);
}

static void
assert_limit(struct module *module, const char *principal, const char *key, uint64_t capacity)
{
    struct mesos_rate_limit limit;
    bool limited = rate_limiter_limit(module, principal, &limit);
    assert_int_equal(limited, key != NULL);
    if (key) {
        assert_string_equal(limit.key, key);
        assert_true(limit.capacity == capacity);
    }
}

static void
test_limits_are_by_principal(void **state)
{
    struct err err = {0};
    struct module *module = start(*state, "rate_limits",
                                  "{\"limits\": [{\"principal\": \"a\", \"qps\": 2, \"capacity\": 3},"
                                  " {\"principal\": \"default\", \"qps\": 1}, {\"principal\": \"free\", \"capacity\": 1}],"
                                  " \"aggregate_default_qps\": 5, \"aggregate_default_capacity\": 0}", &err);
    assert_string_equal(module ? "" : err.text, "");
    assert_limit(module, "a", "principal a", 3);
    assert_limit(module, "default", "principal default", UINT64_MAX);
    assert_limit(module, "free", NULL, 0);
    assert_limit(module, "other", "default", 0);
    assert_limit(module, "", "default", 0);
}

static void
test_nobody_else_is_limited_without_a_default(void **state)
{
    struct err err = {0};
    struct module *module = start(*state, "rate_limits", "{\"limits\": [{\"principal\": \"a\", \"qps\": 2}]}", &err);
    assert_string_equal(module ? "" : err.text, "");
    assert_limit(module, "a", "principal a", UINT64_MAX);
    assert_limit(module, "b", NULL, 0);
    assert_limit(module, "", NULL, 0);
    assert_true(rate_limiter_admit(module, "no such key", 0) == 0);
}

/* What came together goes at the rate, however late it is asked for; a silence gives no more than one at once. */
static void
test_messages_are_spaced_by_when_they_came(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    struct module *module = start(contract, "rate_limits", "{\"aggregate_default_qps\": 0.001}", &err);
    assert_string_equal(module ? "" : err.text, "");
    int64_t came_ms = loop_now_ms(contract->loop);
    assert_true(rate_limiter_admit(module, "default", came_ms) == 0);
    int64_t wait_ms = rate_limiter_admit(module, "default", came_ms);
    assert_true(wait_ms > 900 * 1000 && wait_ms <= 1000 * 1000);
    assert_true(rate_limiter_admit(module, "default", came_ms) > 900 * 1000); /* asking costs nothing */
    /* One that came two intervals ago, and is asked for only now, had its turn then; so had the next. */
    module = start(contract, "rate_limits", "{\"limits\": [{\"principal\": \"p\", \"qps\": 0.001}]}", &err);
    assert_string_equal(module ? "" : err.text, "");
    came_ms = loop_now_ms(contract->loop) - 2500 * 1000;
    assert_true(rate_limiter_admit(module, "principal p", came_ms) == 0);
    assert_true(rate_limiter_admit(module, "principal p", came_ms) == 0);
    assert_true(rate_limiter_admit(module, "principal p", came_ms) == 0);
    wait_ms = rate_limiter_admit(module, "principal p", came_ms);
    assert_true(wait_ms > 400 * 1000 && wait_ms <= 500 * 1000);
}

static void
test_a_changed_file_keeps_what_was_used(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    auto_free char *path = xasprintf("%s/limits", contract->dir);
    static const char slow[] = "{\"aggregate_default_qps\": 0.001}", slower[] = "{\"aggregate_default_qps\": 0.0005}", bad[] = "{\n]",
                      foreign[] = "{\"limits\":\n[{\"principal\": \"\xe9\"}]}";
    assert_int_equal(file_replace(path, slow, strlen(slow), 0644, false, &err), 0);
    struct module *module = start(contract, "rate_limits_file", path, &err);
    assert_string_equal(module ? "" : err.text, "");
    assert_string_equal(module_watched(module)[0], path);
    uint64_t generation = rate_limiter_generation(module);
    assert_true(rate_limiter_admit(module, "default", loop_now_ms(contract->loop)) == 0);
    assert_int_equal(file_replace(path, bad, strlen(bad), 0644, false, &err), 0);
    assert_true(module_reload(module, &err) < 0);
    assert_text(err.text, path, "line 2", NULL);
    assert_int_equal(file_replace(path, foreign, strlen(foreign), 0644, false, &err), 0);
    assert_true(module_reload(module, &err) < 0);
    assert_text(err.text, path, ": line 2, column 16: limits[0]: 'principal' is not UTF-8", NULL);
    assert_true(rate_limiter_generation(module) == generation);
    assert_limit(module, "x", "default", UINT64_MAX);
    assert_int_equal(file_replace(path, slower, strlen(slower), 0644, false, &err), 0);
    assert_int_equal(module_reload(module, &err), 0);
    assert_true(rate_limiter_generation(module) != generation);
    assert_true(rate_limiter_admit(module, "default", loop_now_ms(contract->loop)) > 1900 * 1000);
}

static void
test_nonsense_is_refused(void **state)
{
    static const char *const cases[][2] = {
        {"[]", "no JSON object"}, {"{\"limits\": 3}", "must be an array"}, {"{\"limits\": [3]}", "limits[0]: it is no object"},
        {"{\"limits\": [{}]}", "'principal' must be a text"}, {"{\"limits\": [{\"principal\": \"\"}]}", "'principal' must be a text"},
        {"{\"limits\": [{\"principal\": \"a\\u0000b\"}]}", "'principal' must be a text"},
        {"{\"limits\": [{\"principal\": \"a\", \"qps\": 0}]}", "'qps' must be a number above zero"},
        {"{\"limits\": [{\"principal\": \"a\", \"qps\": \"1\"}]}", "'qps' must be a number above zero"},
        {"{\"limits\": [{\"principal\": \"a\", \"qps\": 1, \"capacity\": -1}]}", "'capacity' must be a whole number"},
        {"{\"limits\": [{\"principal\": \"a\", \"qps\": 1, \"capacity\": 1.5}]}", "'capacity' must be a whole number"},
        {"{\"limits\": [{\"principal\": \"a\"}, {\"principal\": \"a\"}]}", "limits[1]: principal 'a' has a limit already"},
        {"{\"limits\": [{\"principal\": \"a\", \"qp\": 1}]}", "'qp': the nearest known name is 'qps'"},
        {"{\"agregate_default_qps\": 1}", "the nearest known name is 'aggregate_default_qps'"},
        {"{\"aggregate_default_qps\": -2}", "'aggregate_default_qps' must be a number above zero"},
        {"{\"limits\": [], \"limits\": []}", "duplicate"},
        {"{\"limits\": []} []", "something follows"}, {"{\"limits\": [{\"principal\": \"a\"} {}]}", "this is not JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_null(start(*state, "rate_limits", cases[i][0], &err));
        assert_text(err.text, "token_bucket", cases[i][1], NULL);
    }
}

/* Slips of the pen and of the meaning alike. */
static void
test_what_is_refused_is_refused_with_its_line(void **state)
{
#define FIRST "{\n \"limits\": [\n  {\"principal\": \"a\",\n   \"qps\": 1},\n"
    static const char *const cases[][2] = {
        {FIRST "  {\"principal\": \"b\",\n   \"qps\": 0}]}", ": line 6, column 11: limits[1]: principal 'b': 'qps' must be"},
        {FIRST "  {\n\n   \"qps\": 1\n}]}", ": line 5, column 3: limits[1]: 'principal' must be"},
        {FIRST "  {\"qps\": 1,\n   \"principal\":\n\"a\"\n}]}", ": line 7, column 1: limits[1]: principal 'a' has a limit already"},
        {FIRST "  {\"principal\": \"b\",\n   \"qp\": 1}]}", ": line 6, column 4: limits[1]: unknown member 'qp'"},
        {FIRST "  {\"qps\": 1,\n   \"principal\": \"J\xfcrgen\"}]}", ": line 6, column 17: limits[1]: 'principal' is not UTF-8"},
        {FIRST "  3]}", ": line 5, column 3: limits[1]: it is no object"},
        {FIRST " ]}", ": line 5, column 2: there is a comma too many before ']'"},
        {FIRST "  {\"principal\": \"b\"}],\n\n\"aggregate_default_capacity\": -1}", ": line 7, column 31: 'aggregate_default_capacity'"},
        {FIRST "  {\"principal\": \"b\"}\n\n", ": line 7, column 1: this is not JSON"}, {"", ": line 1, column 1: it is no JSON object"},
    };
    struct contract *contract = *state;
    auto_free char *path = xasprintf("%s/limits", contract->dir);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_int_equal(file_replace(path, cases[i][0], strlen(cases[i][0]), 0644, false, &err), 0);
        assert_null(start(contract, "rate_limits_file", path, &err));
        assert_text(err.text, path, cases[i][1], NULL);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limits_are_by_principal, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_nobody_else_is_limited_without_a_default, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_messages_are_spaced_by_when_they_came, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_changed_file_keeps_what_was_used, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_nonsense_is_refused, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused_is_refused_with_its_line, contract_setup, contract_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
