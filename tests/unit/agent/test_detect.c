/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent says it has: given, detected, and both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/state.h"
#include "base/file.h"

static char root[] = "/tmp/test_detect.XXXXXX";

struct fixture {
    struct agent agent;
    struct agent_options options;
    struct err err;
};

static int
detect(struct fixture *fixture, const char *resources, const char *attributes, const char *role)
{
    *fixture =
        (struct fixture){.options = {.resources = resources, .attributes = attributes, .default_role = role}};
    fixture->agent.options = &fixture->options;
    fixture->agent.work_dir = root;
    fixture->agent.attributes_arena = arena_new(0);
    return agent_detect(&fixture->agent, &fixture->err);
}

static void
done(struct fixture *fixture)
{
    resources_fini(&fixture->agent.total);
    arena_free(fixture->agent.attributes_arena);
}

static const struct mesos_resource *
find(const struct resources *resources, const char *name)
{
    for (uint32_t i = 0; i < resources->count; i++)
        if (!strcmp(resources->items[i].name, name))
            return &resources->items[i];
    return NULL;
}

static void
test_everything_is_detected(void **state)
{
    struct fixture fixture;
    assert_int_equal(detect(&fixture, NULL, NULL, "*"), 0);
    const struct resources *total = &fixture.agent.total;
    assert_int_equal(resources_scalar(total, "cpus"), sysconf(_SC_NPROCESSORS_ONLN) * 1000);
    assert_true(resources_scalar(total, "mem") > 0);
    assert_true(resources_scalar(total, "mem") <
                (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / (1 << 20) * 1000);
    assert_true(resources_scalar(total, "disk") > 0);
    const struct mesos_resource *ports = find(total, "ports");
    assert_non_null(ports);
    assert_int_equal(ports->range_count, 1);
    assert_int_equal(ports->ranges[0].begin, 31000);
    assert_int_equal(ports->ranges[0].end, 32000);
    done(&fixture);
}

static void
test_what_is_given_is_taken_and_the_rest_detected(void **state)
{
    struct fixture fixture;
    assert_int_equal(detect(&fixture, "cpus:2.5;ports:[1-2]", NULL, "prod"), 0);
    const struct resources *total = &fixture.agent.total;
    assert_int_equal(resources_scalar(total, "cpus"), 2500);
    assert_string_equal(find(total, "cpus")->role, "prod");
    assert_string_equal(find(total, "mem")->role, "prod");
    assert_int_equal(find(total, "ports")->ranges[0].begin, 1);
    assert_true(resources_scalar(total, "mem") > 0 && resources_scalar(total, "disk") > 0);
    done(&fixture);
}

static void
test_roles_in_the_text_win(void **state)
{
    struct fixture fixture;
    assert_int_equal(detect(&fixture, "cpus(prod):8;cpus:1;mem:10;disk:10", NULL, "*"), 0);
    auto_resources struct resources prod = {0};
    resources_reserved(&prod, &fixture.agent.total, "prod");
    assert_int_equal(resources_scalar(&prod, "cpus"), 8000);
    assert_int_equal(resources_scalar(&fixture.agent.total, "cpus"), 9000);
    done(&fixture);
}

static void
test_errors_name_the_flag(void **state)
{
    struct fixture fixture;
    assert_int_not_equal(detect(&fixture, "cpus:-1", NULL, "*"), 0);
    assert_non_null(strstr(fixture.err.text, "--resources"));
    done(&fixture);
    assert_int_not_equal(detect(&fixture, NULL, "rack", "*"), 0);
    assert_non_null(strstr(fixture.err.text, "--attributes"));
    done(&fixture);
}

static void
test_attributes(void **state)
{
    struct fixture fixture;
    assert_int_equal(detect(&fixture, NULL, "rack:r1;speed:10", "*"), 0);
    assert_int_equal(fixture.agent.attribute_count, 2);
    assert_string_equal(fixture.agent.attributes[0]->text->value, "r1");
    done(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_detected),
        cmocka_unit_test(test_what_is_given_is_taken_and_the_rest_detected),
        cmocka_unit_test(test_roles_in_the_text_win),
        cmocka_unit_test(test_errors_name_the_flag),
        cmocka_unit_test(test_attributes),
    };
    if (!mkdtemp(root))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dir_remove(root, NULL);
    return failed;
}
