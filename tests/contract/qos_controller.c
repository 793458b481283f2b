/* SPDX-License-Identifier: Apache-2.0 */
/* What a QoS controller must do: owe its answer until there is something to correct, then name who must go and nobody else.
 * Run on "noop" and "load". */
#include "usage.h"

#include <stdio.h>
#include "host/kind_qos_controller.h"

static struct module *
start(struct usage_box *box, const char *name, const char *key, const char *value)
{
    struct err err = {0};
    struct module *module = usage_start(box, MESOS_KIND_QOS_CONTROLLER, name, key, value, &err);
    assert_string_equal(module ? "" : err.text, "");
    assert_int_equal(qos_controller_initialize(module, &box->source, &err), 0);
    return module;
}

static bool
never(void *arg)
{
    return false;
}

static void
pass(struct usage_box *box, int64_t ms)
{
    loop_run_until(box->contract.loop, never, NULL, ms);
}

/* "a b": executors to kill. */
static void
expect(const struct answer *answer, const char *expected)
{
    auto_buf struct buf text = {0};
    Mesos__Slave__QoSCorrections *message = mesos__slave__qo_scorrections__unpack(
        NULL, answer->bytes.len, (const uint8_t *)buf_str(&answer->bytes).ptr);
    assert_non_null(message);
    for (size_t i = 0; i < message->n_corrections; i++) {
        const Mesos__Slave__QoSCorrection *correction = message->corrections[i];
        assert_int_equal(correction->type, MESOS__SLAVE__QO_SCORRECTION__TYPE__KILL);
        assert_string_equal(correction->kill->framework_id->value, "f1");
        auto_free char *container = xasprintf("container-of-%s", correction->kill->executor_id->value);
        assert_string_equal(correction->kill->container_id->value, container);
        buf_printf(&text, "%s%s", i ? " " : "", correction->kill->executor_id->value);
    }
    assert_string_equal(buf_cstr(&text), expected);
    mesos__slave__qo_scorrections__free_unpacked(message, NULL);
}

static void
test_noop(void **state)
{
    struct usage_box *box = *state;
    struct answer answer = {0};
    qos_controller_corrections(start(box, "noop", NULL, NULL), on_answer, &answer);
    pass(box, 50);
    assert_false(answer.done);
    contract_host_close(&box->contract);
    assert_int_equal(answer.status, -ECANCELED);
    assert_int_equal(answer.count, 1);
}

static void
test_overloaded(void **state)
{
    struct usage_box *box = *state;
    struct answer answer = {0};
    struct module *module = start(box, "org_apache_mesos_LoadQoSController", "load_threshold_5min", "-1");
    assert_string_equal(module_name(module), "load");
    box->executors = "a 1 0;b 1 0.5;c 0 2";
    qos_controller_corrections(module, on_answer, &answer);
    assert_false(answer.done);
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    expect(&answer, "b c");
    /* Nobody is left who could go: the answer waits until there is somebody. */
    box->executors = "a 1 0";
    box->asked = 0;
    qos_controller_corrections(module, on_answer, &answer);
    pass(box, 1500);
    assert_false(answer.done);
    assert_in_range(box->asked, 1, 2); /* once a second, not in a circle */
    box->executors = "a 1 0;d 0 1";
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    expect(&answer, "d");
    buf_fini(&answer.bytes);
}

static void
test_usage_that_fails(void **state)
{
    struct usage_box *box = *state;
    struct answer answer = {0};
    struct module *module = start(box, "load", "load_threshold_15min", "-0.5");
    box->executors = "c 0 2";
    box->status = -ETIMEDOUT;
    qos_controller_corrections(module, on_answer, &answer);
    pass(box, 100);
    assert_false(answer.done);
    box->status = 0;
    assert_int_equal(contract_await(&box->contract, &answer), 0);
    expect(&answer, "c");
    buf_fini(&answer.bytes);
}

static void
test_idle(void **state)
{
    struct usage_box *box = *state;
    struct answer answer = {0};
    box->executors = "c 0 2";
    qos_controller_corrections(start(box, "load", "load_threshold_15min", "1e9"), on_answer, &answer);
    pass(box, 1200); /* past the second look */
    assert_false(answer.done);
    assert_int_equal(box->asked, 0);
    contract_host_close(&box->contract); /* while the answer is owed */
    assert_int_equal(answer.count, 1);
}

static void
test_end_while_asked(void **state)
{
    struct usage_box *box = *state;
    struct answer answer = {0};
    box->hold = true;
    qos_controller_corrections(start(box, "load", "load_threshold_15min", "-1"), on_answer, &answer);
    assert_int_equal(box->asked, 1);
    contract_host_close(&box->contract);
    assert_int_equal(answer.count, 1);
}

static void
test_bad_parameters(void **state)
{
    static const char *const bad[] = {"", "many", "1x", "nan", "inf", "-"};
    struct usage_box *box = *state;
    struct err err = {0};
    assert_null(usage_start(box, MESOS_KIND_QOS_CONTROLLER, "load", NULL, NULL, &err));
    assert_text(err.text, "no threshold is set", "load_threshold_5min", "load_threshold_15min", NULL);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_free char *quoted = xasprintf("'%s'", bad[i]);
        assert_null(usage_start(box, MESOS_KIND_QOS_CONTROLLER, "load", "load_threshold_5min", bad[i], &err));
        assert_text(err.text, "load_threshold_5min", quoted, "number", NULL);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, usage_setup, usage_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_noop),           TEST(test_overloaded),
                                       TEST(test_usage_that_fails), TEST(test_idle),
                                       TEST(test_end_while_asked), TEST(test_bad_parameters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
