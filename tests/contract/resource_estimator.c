/* SPDX-License-Identifier: Apache-2.0 */
/* What a resource estimator must do: answer each question once, with revocable resources of no role. Run on "noop", "fixed". */
#include "usage.h"

#include <stdio.h>
#include "host/kind_resource_estimator.h"
#include "model/resources.h"

static void
ask(struct usage_box *box, struct module *module, int status, const char *expected)
{
    struct answer answer = {0};
    struct err err = {0};
    auto_resources struct resources lent = {0};
    auto_buf struct buf text = {0};
    resource_estimator_oversubscribable(module, on_answer, &answer);
    assert_false(answer.done); /* never inside of the call that asked */
    assert_int_equal(contract_await(&box->contract, &answer), status);
    if (status == 0) {
        Mesos__Slave__Oversubscribable *message = mesos__slave__oversubscribable__unpack(
            NULL, answer.bytes.len, (const uint8_t *)buf_str(&answer.bytes).ptr);
        assert_non_null(message);
        assert_int_equal(resources_from_proto(&lent, message->resources, message->n_resources, &err), 0);
        for (uint32_t i = 0; i < lent.count; i++)
            assert_true(lent.items[i].revocable && !lent.items[i].allocation_role);
        resources_format(&text, &lent);
        assert_string_equal(buf_cstr(&text), expected);
        mesos__slave__oversubscribable__free_unpacked(message, NULL);
    } else {
        assert_text(answer.error, expected, NULL);
    }
    assert_int_equal(answer.count, 1);
    buf_fini(&answer.bytes);
}

static struct module *
start(struct usage_box *box, const char *name, const char *resources)
{
    struct err err = {0};
    struct module *module = usage_start(box, MESOS_KIND_RESOURCE_ESTIMATOR, name, resources ? "resources" : NULL, resources, &err);
    assert_string_equal(module ? "" : err.text, "");
    assert_int_equal(resource_estimator_initialize(module, &box->source, &err), 0);
    return module;
}

static void
test_noop(void **state)
{
    struct usage_box *box = *state;
    struct module *module = start(box, "noop", NULL);
    box->executors = "a 1 1";
    ask(box, module, 0, "");
    ask(box, module, 0, "");
}

static void
test_fixed(void **state)
{
    struct usage_box *box = *state;
    struct module *module = start(box, "org_apache_mesos_FixedResourceEstimator", "cpus:4;mem:10");
    assert_string_equal(module_name(module), "fixed");
    ask(box, module, 0, "cpus{REV}:4; mem{REV}:10");
    box->executors = "a 3 0"; /* firm ones do not count */
    ask(box, module, 0, "cpus{REV}:4; mem{REV}:10");
    box->executors = "a 3 1;b 0 0.5";
    ask(box, module, 0, "cpus{REV}:2.5; mem{REV}:10");
    box->executors = "a 0 3;b 0 3"; /* more than there is, as after a smaller setting */
    ask(box, module, 0, "mem{REV}:10");
    box->executors = "";
    ask(box, module, 0, "cpus{REV}:4; mem{REV}:10");
    box->status = -ETIMEDOUT;
    ask(box, module, -ETIMEDOUT, "usage is not known");
}

/* The agent goes away while it owes the usage. */
static void
test_end_while_asked(void **state)
{
    struct usage_box *box = *state;
    struct module *module = start(box, "fixed", "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":2}}]");
    struct answer answer = {0};
    box->hold = true;
    resource_estimator_oversubscribable(module, on_answer, &answer);
    contract_host_close(&box->contract);
    assert_int_equal(answer.status, -ECANCELED);
    assert_int_equal(answer.count, 1);
}

static void
refuse(struct usage_box *box, const char *resources, const char *part)
{
    struct err err = {0};
    assert_null(usage_start(box, MESOS_KIND_RESOURCE_ESTIMATOR, "fixed", resources ? "resources" : NULL, resources, &err));
    assert_text(err.text, "resources", part, NULL);
}

static void
test_bad_parameters(void **state)
{
    struct usage_box *box = *state;
    refuse(box, NULL, "required");
    refuse(box, "", "required");
    refuse(box, "cpus", "'cpus'");
    refuse(box, "cpus:-1", "'cpus:-1'");
    refuse(box, "cpus(web):1", "plain");
    refuse(box, "cpus:1;cpus:{a}", "cpus:{a}");
    refuse(box, "[{\"name\":1}]", "[{");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, usage_setup, usage_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_noop), TEST(test_fixed), TEST(test_end_while_asked), TEST(test_bad_parameters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
