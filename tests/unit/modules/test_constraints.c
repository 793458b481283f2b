/* SPDX-License-Identifier: Apache-2.0 */
/* Offer constraints as the default allocator reads them: verdicts, refusals in Mesos's words, limits, hostile regexes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <time.h>

#include <cmocka.h>

#include "allocator/hierarchical_drf/constraints.h"
#include "mesos/v1/mesos.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/message.h"

static const struct regex_limits usual = {4096, 100};

static void
pack_json(const ProtobufCMessageDescriptor *type, const char *json, struct buf *out)
{
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    void *message = message_from_json(type, str_of(json), arena, &err);
    if (!message)
        fail_msg("%s: %s", json, err.text);
    message_pack(out, message);
}

/* {"selector": selector, "predicate": predicate} for role r, alone in its group. */
static int
read_one(struct constraints **ret, const char *selector, const char *predicate, const struct regex_limits *limits,
         struct err *err)
{
    auto_buf struct buf packed = {0};
    auto_free char *json = xasprintf("{\"role_constraints\":{\"r\":{\"groups\":[{\"attribute_constraints\":"
                                     "[{\"selector\":{%s},\"predicate\":{%s}}]}]}}}",
                                     selector, predicate);
    pack_json(&mesos__v1__scheduler__offer_constraints__descriptor, json, &packed);
    *ret = NULL;
    return constraints_new(ret, buf_str(&packed), limits, err);
}

static struct buf agent;

/* rack is text twice (the first counts), size a scalar, ports ranges, tags a set. */
static int
make_agent(void **state)
{
    auto_buf struct buf info = {0};
    (void)state;
    pack_json(&mesos__v1__agent_info__descriptor,
              "{\"hostname\":\"node7.example\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}}],"
              "\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":{\"value\":\"r12\"}},"
              "{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":{\"value\":\"r13\"}},"
              "{\"name\":\"empty\",\"type\":\"TEXT\",\"text\":{\"value\":\"\"}},"
              "{\"name\":\"size\",\"type\":\"SCALAR\",\"scalar\":{\"value\":3}}],"
              "\"domain\":{\"fault_domain\":{\"region\":{\"name\":\"north\"},\"zone\":{\"name\":\"n-1\"}}}}",
              &info);
    constraints_traits(&agent, buf_str(&info));
    assert_true(agent.len > 0 && agent.len < info.len); /* what is of no concern is not kept */
    return 0;
}

static int
drop_agent(void **state)
{
    (void)state;
    buf_fini(&agent);
    return 0;
}

#define ATTRIBUTE(name) "\"attribute_name\":\"" name "\""
#define PSEUDO(name)    "\"pseudoattribute_type\":\"" name "\""

static void
test_predicates(void **state)
{
    static const struct {
        const char *selector, *predicate;
        bool admitted;
    } cases[] = {
        {ATTRIBUTE("rack"), "\"exists\":{}", true},
        {ATTRIBUTE("nope"), "\"exists\":{}", false},
        {ATTRIBUTE("rack"), "\"not_exists\":{}", false},
        {ATTRIBUTE("nope"), "\"not_exists\":{}", true},
        {ATTRIBUTE("rack"), "\"text_equals\":{\"value\":\"r12\"}", true},
        {ATTRIBUTE("rack"), "\"text_equals\":{\"value\":\"r13\"}", false},
        {ATTRIBUTE("empty"), "\"text_equals\":{\"value\":\"\"}", true},
        {ATTRIBUTE("empty"), "\"text_matches\":{\"regex\":\"\"}", true},
        {ATTRIBUTE("nope"), "\"text_equals\":{\"value\":\"\"}", false},
        {ATTRIBUTE("rack"), "\"text_not_equals\":{\"value\":\"r12\"}", false},
        {ATTRIBUTE("rack"), "\"text_not_equals\":{\"value\":\"r1\"}", true},
        {ATTRIBUTE("nope"), "\"text_not_equals\":{\"value\":\"r12\"}", true},
        {ATTRIBUTE("rack"), "\"text_matches\":{\"regex\":\"r[0-9]+\"}", true},
        {ATTRIBUTE("rack"), "\"text_matches\":{\"regex\":\"r1\"}", false}, /* the whole of it, not a part */
        {ATTRIBUTE("rack"), "\"text_not_matches\":{\"regex\":\"r1\"}", true},
        {ATTRIBUTE("rack"), "\"text_not_matches\":{\"regex\":\"r.*\"}", false},
        {ATTRIBUTE("nope"), "\"text_matches\":{\"regex\":\".*\"}", false},
        {ATTRIBUTE("nope"), "\"text_not_matches\":{\"regex\":\".*\"}", true},
        /* What is no text passes every comparison of texts. */
        {ATTRIBUTE("size"), "\"text_equals\":{\"value\":\"4\"}", true},
        {ATTRIBUTE("size"), "\"text_not_equals\":{\"value\":\"3\"}", true},
        {ATTRIBUTE("size"), "\"text_matches\":{\"regex\":\"x\"}", true},
        {ATTRIBUTE("size"), "\"text_not_matches\":{\"regex\":\".*\"}", true},
        {PSEUDO("HOSTNAME"), "\"text_matches\":{\"regex\":\"node\\\\d\\\\.example\"}", true},
        {PSEUDO("HOSTNAME"), "\"text_equals\":{\"value\":\"node7\"}", false},
        {PSEUDO("REGION"), "\"text_equals\":{\"value\":\"north\"}", true},
        {PSEUDO("ZONE"), "\"text_equals\":{\"value\":\"n-1\"}", true},
        {PSEUDO("ZONE"), "\"not_exists\":{}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct constraints *constraints;
        struct err err = {0};
        if (read_one(&constraints, cases[i].selector, cases[i].predicate, &usual, &err))
            fail_msg("%s %s: %s", cases[i].selector, cases[i].predicate, err.text);
        if (constraints_admit(constraints_of(constraints, "r"), buf_str(&agent)) != cases[i].admitted)
            fail_msg("%s %s should be %d", cases[i].selector, cases[i].predicate, cases[i].admitted);
        assert_null(constraints_of(constraints, "other"));
        constraints_free(constraints);
    }
}

static void
test_an_agent_without_a_domain(void **state)
{
    struct constraints *constraints;
    (void)state;
    assert_int_equal(read_one(&constraints, PSEUDO("REGION"), "\"exists\":{}", &usual, NULL), 0);
    assert_false(constraints_admit(constraints_of(constraints, "r"), STR_LIT("\x0a\x01h")));
    assert_false(constraints_admit(constraints_of(constraints, "r"), (struct str){0}));
    constraints_free(constraints);
}

/* Any group, all of its constraints. */
static void
test_groups(void **state)
{
    auto_buf struct buf packed = {0}, why = {0};
    struct constraints *constraints = NULL;
    (void)state;
    pack_json(&mesos__v1__scheduler__offer_constraints__descriptor,
              "{\"role_constraints\":{\"a\":{\"groups\":[{\"attribute_constraints\":["
              "{\"selector\":{\"attribute_name\":\"rack\"},\"predicate\":{\"exists\":{}}},"
              "{\"selector\":{\"attribute_name\":\"rack\"},\"predicate\":{\"text_equals\":{\"value\":\"r9\"}}}]},"
              "{\"attribute_constraints\":[{\"selector\":{\"pseudoattribute_type\":\"REGION\"},"
              "\"predicate\":{\"text_matches\":{\"regex\":\"n.*\"}}}]}]},"
              "\"b\":{\"groups\":[{\"attribute_constraints\":["
              "{\"selector\":{\"attribute_name\":\"rack\"},\"predicate\":{\"exists\":{}}},"
              "{\"selector\":{\"attribute_name\":\"rack\"},\"predicate\":{\"text_equals\":{\"value\":\"r9\"}}}]}]}}}",
              &packed);
    assert_int_equal(constraints_new(&constraints, buf_str(&packed), &usual, NULL), 0);
    assert_true(constraints_admit(constraints_of(constraints, "a"), buf_str(&agent)));
    assert_false(constraints_admit(constraints_of(constraints, "b"), buf_str(&agent)));
    constraints_why(constraints_of(constraints, "b"), buf_str(&agent), &why);
    assert_string_equal(buf_cstr(&why), "group 1 wants that attribute 'rack' equals 'r9'");
    constraints_free(constraints);
}

static void
test_nothing_is_constrained(void **state)
{
    struct constraints *constraints = (struct constraints *)8;
    (void)state;
    assert_int_equal(constraints_new(&constraints, (struct str){0}, &usual, NULL), 0);
    assert_null(constraints);
    assert_null(constraints_of(NULL, "r"));
}

static void
test_refusals(void **state)
{
    static const struct {
        const char *selector, *predicate, *text;
    } cases[] = {
        {"", "\"exists\":{}",
         "A role r has an invalid 'AttributeConstraint': Exactly one of 'AttributeConstraint::Selector::name' or "
         "'AttributeConstraint::Selector::pseudoattribute_type' must be set"},
        {PSEUDO("UNKNOWN"), "\"exists\":{}",
         "A role r has an invalid 'AttributeConstraint': Unknown pseudoattribute type"},
        {ATTRIBUTE("x"), "", "A role r has an invalid 'AttributeConstraint': Unknown predicate type"},
        {ATTRIBUTE("x"), "\"text_matches\":{\"regex\":\"a(b\"}",
         "A role r has an invalid 'AttributeConstraint': Failed to construct regex from pattern 'a(b': missing ): a(b"},
        {ATTRIBUTE("x"), "\"text_not_matches\":{\"regex\":\"a{900}\"}",
         "A role r has an invalid 'AttributeConstraint': Failed to construct regex from pattern 'a{900}': pattern too "
         "large - compile failed"},
        {ATTRIBUTE("x"), "\"text_matches\":{\"regex\":\"(a?){40}b\"}", NULL}, /* see below */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct constraints *constraints;
        struct err err = {0};
        assert_int_equal(read_one(&constraints, cases[i].selector, cases[i].predicate, &usual, &err), -EINVAL);
        assert_null(constraints);
        if (cases[i].text)
            assert_string_equal(err.text, cases[i].text);
    }
}

static void
test_a_program_that_is_too_large(void **state)
{
    static const struct regex_limits roomy = {1 << 20, 100};
    struct constraints *constraints;
    struct err err = {0};
    (void)state;
    assert_int_equal(read_one(&constraints, ATTRIBUTE("x"), "\"text_matches\":{\"regex\":\"a{200}\"}", &roomy, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "A role r has an invalid 'AttributeConstraint': Regex 'a{200}' is too complex: "
                                     "program size of "));
    assert_non_null(strstr(err.text, " is larger than maximum of 100 allowed"));
    static const struct regex_limits wide = {1 << 20, 1000};
    assert_int_equal(read_one(&constraints, ATTRIBUTE("x"), "\"text_matches\":{\"regex\":\"a{200}\"}", &wide, &err), 0);
    constraints_free(constraints);
}

static void
test_empty_parts(void **state)
{
    auto_buf struct buf no_groups = {0}, empty_group = {0};
    struct constraints *constraints = NULL;
    struct err err = {0};
    (void)state;
    pack_json(&mesos__v1__scheduler__offer_constraints__descriptor, "{\"role_constraints\":{\"r\":{}}}", &no_groups);
    assert_int_equal(constraints_new(&constraints, buf_str(&no_groups), &usual, &err), -EINVAL);
    assert_string_equal(err.text,
                        "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role r");
    pack_json(&mesos__v1__scheduler__offer_constraints__descriptor, "{\"role_constraints\":{\"r\":{\"groups\":[{}]}}}",
              &empty_group);
    assert_int_equal(constraints_new(&constraints, buf_str(&empty_group), &usual, &err), -EINVAL);
    assert_string_equal(
        err.text, "'OfferConstraints::RoleConstraints::groups' for role rcontains an empty RoleConstraints::Group");
}

/* One role, one group with `count` times the same constraint. */
static int
read_many(struct constraints **ret, const char *predicate, size_t count, struct err *err)
{
    auto_buf struct buf json = {0}, packed = {0};
    buf_puts(&json, "{\"role_constraints\":{\"r\":{\"groups\":[{\"attribute_constraints\":[");
    for (size_t i = 0; i < count; i++)
        buf_printf(&json, "%s{\"selector\":{\"attribute_name\":\"a\"},\"predicate\":{%s}}", i ? "," : "", predicate);
    buf_puts(&json, "]}]}}}");
    pack_json(&mesos__v1__scheduler__offer_constraints__descriptor, buf_cstr(&json), &packed);
    return constraints_new(ret, buf_str(&packed), &usual, err);
}

static void
test_counts_are_capped(void **state)
{
    struct constraints *constraints = NULL;
    struct err err = {0};
    (void)state;
    assert_int_equal(read_many(&constraints, "\"exists\":{}", CONSTRAINTS_MAX, &err), 0);
    constraints_free(constraints);
    constraints = NULL;
    assert_int_equal(read_many(&constraints, "\"exists\":{}", CONSTRAINTS_MAX + 1, &err), -EINVAL);
    assert_string_equal(err.text, "A role r has an invalid 'AttributeConstraint': More than 10000 constraints");
    assert_int_equal(read_many(&constraints, "\"text_matches\":{\"regex\":\"a\"}", CONSTRAINTS_REGEXES_MAX + 1, &err),
                     -EINVAL);
    assert_string_equal(err.text, "A role r has an invalid 'AttributeConstraint': More than 1000 regexes");
}

/* Expressions that ruin other engines: refused or matched, but never slowly. */
static void
test_hostile_regexes(void **state)
{
    static const char *const hostile[] = {
        "(a*)*b", "(a|a)*b", "(a|aa)+$", "([a-zA-Z]+)*$", "(.*)*(.*)*(.*)*x", "a?a?a?a?a?a?a?a?aaaaaaaa",
        "((((((((((a*)*)*)*)*)*)*)*)*)*)*", "(x+x+)+y", "((a{100}){100}){100}", "(((.{1000}){1000}){1000})",
        "\\\\pL{1000}", "[^\\\\x00]{999}{999}", "(?i)(\\\\pN|\\\\pL)*z", "(", "[", "*", "a**", "\\\\C*", "(?P<n>a", "x{2,1}",
    };
    auto_buf struct buf traits = {0}, text = {0};
    (void)state;
    for (size_t i = 0; i < 20000; i++)
        buf_putc(&text, 'a');
    auto_free char *json = xasprintf("{\"hostname\":\"%s\",\"attributes\":[]}", buf_cstr(&text));
    auto_buf struct buf info = {0};
    pack_json(&mesos__v1__agent_info__descriptor, json, &info);
    constraints_traits(&traits, buf_str(&info));
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct constraints *constraints;
        struct err err = {0};
        auto_free char *predicate = xasprintf("\"text_matches\":{\"regex\":\"%s\"}", hostile[i]);
        if (read_one(&constraints, PSEUDO("HOSTNAME"), predicate, &usual, &err)) {
            assert_true(strlen(err.text) > 20);
            continue;
        }
        constraints_admit(constraints_of(constraints, "r"), buf_str(&traits));
        constraints_free(constraints);
    }
    /* As many as one framework may have, each as costly as its limits allow. */
    struct constraints *constraints = NULL;
    struct err err = {0};
    read_many(&constraints, "\"text_matches\":{\"regex\":\"((((.{1000}){1000}){1000}))\"}", CONSTRAINTS_REGEXES_MAX, &err);
    constraints_free(constraints);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_true(after.tv_sec - before.tv_sec < 20); /* an exponential engine would need years */
}

static void
test_a_giant_pattern(void **state)
{
    auto_buf struct buf pattern = {0};
    struct constraints *constraints;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < 300000; i++)
        buf_puts(&pattern, "(a|");
    auto_free char *predicate = xasprintf("\"text_matches\":{\"regex\":\"%s\"}", buf_cstr(&pattern));
    assert_int_equal(read_one(&constraints, ATTRIBUTE("a"), predicate, &usual, &err), -EINVAL);
    assert_true(strlen(err.text) < sizeof(err.text) - 1); /* the pattern is shortened, the reason is there */
    assert_non_null(strstr(err.text, "...': "));
    auto_free char *larger =
        xasprintf("\"text_matches\":{\"regex\":\"%s%s\"}", buf_cstr(&pattern), buf_cstr(&pattern));
    assert_int_equal(read_one(&constraints, ATTRIBUTE("a"), larger, &usual, &err), -EINVAL);
    assert_non_null(strstr(err.text, "Regexes of more than 1048576 bytes together"));
}

/* Bytes that are no protobuf: read as far as they go. */
static void
test_garbage(void **state)
{
    uint64_t seed = 12345;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[40];
        struct constraints *constraints = NULL;
        size_t len = (size_t)(round % 40);
        for (size_t i = 0; i < len; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            bytes[i] = (unsigned char)((seed >> 60) ? (seed >> 33) % 24 : seed >> 40);
        }
        if (len > 2)
            bytes[0] = 0x0a;
        constraints_new(&constraints, str_n(bytes, len), &usual, NULL);
        constraints_free(constraints);
        auto_buf struct buf traits = {0};
        constraints_traits(&traits, str_n(bytes, len));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predicates),
        cmocka_unit_test(test_an_agent_without_a_domain),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_nothing_is_constrained),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_program_that_is_too_large),
        cmocka_unit_test(test_empty_parts),
        cmocka_unit_test(test_counts_are_capped),
        cmocka_unit_test(test_hostile_regexes),
        cmocka_unit_test(test_a_giant_pattern),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, make_agent, drop_agent);
}
