/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of resources: parsing, arithmetic, texts, messages; and random sums against a table that counts by hand. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/resources.h"

static struct resources
parse(const char *text)
{
    struct resources r = {0};
    struct err err = {0};
    if (resources_parse(&r, str_of(text), "*", &err))
        fail_msg("%s: %s", text, err.text);
    return r;
}

static void
assert_text(const struct resources *r, const char *want)
{
    auto_buf struct buf out = {0};
    resources_format(&out, r);
    assert_string_equal(buf_cstr(&out), want);
}

static void
assert_parse_fails(const char *text, const char *want)
{
    struct resources r = {0};
    struct err err = {0};
    assert_int_equal(resources_parse(&r, str_of(text), "*", &err), -EINVAL);
    assert_int_equal(r.count, 0);
    assert_string_equal(err.text, want);
}

static void
parses_and_formats(void **state)
{
    static const char *const same[] = {
        "cpus:4; mem:4096; disk:10000; ports:[31000-32000]",
        "cpus(reservations: [(STATIC,web)]):0.1; mem:32",
        "ports:[1-5, 7-9]",
        "bugs:{a, b}",
        "",
    };
    static const char *const texts[] = {
        "cpus:4;mem:4096;disk:10000;ports:[31000-32000]",
        "cpus(web):0.1;mem:32;gpus:0",
        "ports:[7-8,1-3];ports:[2-5, 9-9]",
        "bugs : {b,a,b} ",
        "",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strstr(texts[i], "{b,a,b}"))
            continue; /* doubles in a set are refused: below */
        auto_resources struct resources r = parse(texts[i]);
        assert_text(&r, same[i]);
    }
    auto_resources struct resources set = parse("bugs:{b,a}");
    assert_text(&set, same[3]);
}

static void
default_role_is_for_those_without(void **state)
{
    (void)state;
    auto_resources struct resources r = {0};
    assert_int_equal(resources_parse(&r, STR_LIT("cpus(prod):8;mem:1024"), "dev/a", NULL), 0);
    assert_text(&r, "cpus(reservations: [(STATIC,prod)]):8; mem(reservations: [(STATIC,dev/a)]):1024");
    assert_string_equal(r.items[1].role, "dev/a");
}

static void
refuses_bad_text(void **state)
{
    (void)state;
    assert_parse_fails("cpus", "Bad value for resources, missing or extra ':' in cpus");
    assert_parse_fails("cpus:1:2", "Bad value for resources, missing or extra ':' in cpus:1:2");
    assert_parse_fails("cpus(a:1", "Bad value for resources, mismatched parentheses in cpus(a:1");
    assert_parse_fails("ports:[1-2", "Failed to parse resource ports value [1-2 error: Mismatched brackets");
    assert_parse_fails("ports:[1-x]",
                       "Failed to parse resource ports value [1-x] error: Expecting non-negative integers in 'x'");
    assert_parse_fails("ports:[1-2,3]",
                       "Failed to parse resource ports value [1-2,3] error: Expecting one or more \"ranges\"");
    assert_parse_fails("cpus:many", "Bad type for resource cpus value many type TEXT");
    assert_parse_fails("cpus:-1", "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0");
    assert_parse_fails("cpus( a b):1", "Resource 'cpus(reservations: [(STATIC,a b)]):1' is invalid: Role component 'a "
                                       "b' is invalid because it contains backspace or whitespace");
    assert_parse_fails("cpus:1;cpus(a):[1-2]",
                       "Resources with the same name ('cpus') but different types are not allowed");
    assert_parse_fails("bugs:{b,a,b}",
                       "Resource 'bugs:{b, a, b}' is invalid: Invalid set resource: duplicated elements");
    assert_parse_fails("[{\"name\":\"cpus\"", "Bad JSON for resources, an array is wanted: line 1: "
                                              "'}' expected near end of file");
    assert_parse_fails("[{\"type\":\"SCALAR\"}]", "Resource 0 of the JSON array: 'name' must be given");
    static const char *const specials[] = {"cpus:nan", "cpus:inf", "cpus:-inf", "cpus:1e999", "cpus:1e300"};
    for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
        struct resources r = {0};
        struct err err = {0};
        assert_int_equal(resources_parse(&r, str_of(specials[i]), "*", &err), -EINVAL);
        assert_non_null(strstr(err.text, "nvalid scalar"));
    }
}

static void
reads_json(void **state)
{
    (void)state;
    auto_resources struct resources r = parse(
        "[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":2.5},\"role\":\"prod\",\"x\":1},"
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":5,\"end\":9}]}},"
        "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10},\"reservations\":[{\"type\":\"DYNAMIC\","
        "\"role\":\"a\",\"principal\":\"p1\"}],\"disk\":{\"source\":{\"type\":\"MOUNT\",\"mount\":{\"root\":\"/d\"}}}}]");
    assert_text(&r, "cpus(reservations: [(STATIC,prod)]):2.5; ports:[5-9]; "
                    "disk(reservations: [(DYNAMIC,a,p1)])[MOUNT:/d]:10");
    assert_int_equal(r.items[2].has_disk, 2);
}

static void
adds_and_subtracts(void **state)
{
    (void)state;
    auto_resources struct resources a = parse("cpus:1;cpus(web):2;ports:[1-10]"), b = parse("cpus:0.5;ports:[4-5]"),
                            c = parse("cpus:2"), d = parse("ports:[5-12]");
    assert_true(resources_contains(&a, &b));
    assert_false(resources_contains(&a, &c));
    assert_false(resources_contains(&a, &d));
    resources_subtract(&a, &b);
    assert_text(&a, "cpus:0.5; cpus(reservations: [(STATIC,web)]):2; ports:[1-3, 6-10]");
    resources_subtract_most(&a, &c);
    resources_subtract_most(&a, &d);
    assert_text(&a, "cpus(reservations: [(STATIC,web)]):2; ports:[1-3]");
    resources_add(&a, &b);
    assert_text(&a, "cpus(reservations: [(STATIC,web)]):2; ports:[1-5]; cpus:0.5");
    assert_int_equal(resources_scalar(&a, "cpus"), 2500);
    auto_resources struct resources e = {0};
    resources_copy(&e, &a);
    assert_true(resources_equal(&a, &e));
    resources_subtract(&e, &a);
    assert_true(resources_empty(&e));
    assert_null(e.items);
}

static void
a_view_may_name_a_thing_twice(void **state)
{
    (void)state;
    auto_resources struct resources a = parse("cpus:1"), half = parse("cpus:0.6");
    struct mesos_resource twice[2] = {half.items[0], half.items[0]};
    assert_true(resources_contains(&a, &half));
    assert_false(resources_contains_view(&a, (struct mesos_resources){sizeof(twice[0]), 2, twice}));
}

static void
allocation_is_part_of_the_identity(void **state)
{
    (void)state;
    auto_resources struct resources a = parse("cpus:1"), b = parse("cpus:1");
    resources_allocate(&a, "web");
    assert_text(&a, "cpus(allocated: web):1");
    assert_false(resources_contains(&a, &b));
    resources_add(&a, &b);
    assert_int_equal(a.count, 2);
    resources_allocate(&a, NULL);
    assert_text(&a, "cpus:2");
}

static void
whole_disks_are_not_divided(void **state)
{
    (void)state;
    static const char one[] = "[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10},"
                              "\"disk\":{\"source\":{\"type\":\"MOUNT\",\"mount\":{\"root\":\"/d\"}}}}]";
    static const char part[] = "[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":5},"
                               "\"disk\":{\"source\":{\"type\":\"MOUNT\",\"mount\":{\"root\":\"/d\"}}}}]";
    auto_resources struct resources a = parse(one), b = parse(part), plain = parse("disk:10");
    assert_true(resources_contains(&a, &a));
    assert_false(resources_contains(&a, &b));
    assert_false(resources_contains(&a, &plain));
    resources_subtract_most(&a, &b);
    assert_text(&a, "disk[MOUNT:/d]:10");
}

static Mesos__V1__Resource
scalar(const char *name, Mesos__V1__Value__Scalar *value, double number)
{
    Mesos__V1__Resource item = MESOS__V1__RESOURCE__INIT;
    *value = (Mesos__V1__Value__Scalar)MESOS__V1__VALUE__SCALAR__INIT;
    value->value = number;
    item.name = (char *)(uintptr_t)name;
    item.type = MESOS__V1__VALUE__TYPE__SCALAR;
    item.scalar = value;
    return item;
}

static void
numbers_from_outside(void **state)
{
    static const struct {
        double value;
        int64_t thousandths; /* -1: refused */
    } cases[] = {{0, 0},        {0.00001, 0}, {0.0005, 1}, {0.1 + 0.2, 300}, {1e300, -1}, {-0.1, -1},
                 {(double)NAN, -1}, {(double)INFINITY, -1}, {-0.0, 0}, {9e12, 9000000000000000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Mesos__V1__Value__Scalar value;
        Mesos__V1__Resource item = scalar("cpus", &value, cases[i].value), *items = &item;
        struct resources r = {0};
        struct err err = {0};
        int rc = resources_from_proto(&r, &items, 1, &err);
        assert_int_equal(rc, cases[i].thousandths < 0 ? -EINVAL : 0);
        assert_int_equal(resources_scalar(&r, "cpus"), cases[i].thousandths < 0 ? 0 : cases[i].thousandths);
        resources_fini(&r);
    }
}

static void
messages_keep_both_forms(void **state)
{
    (void)state;
    auto_arena struct arena *arena = arena_new(0);
    auto_resources struct resources r = parse("cpus(prod):4;mem:10"), back = {0};
    resources_allocate(&r, "prod");
    for (int old = 0; old < 2; old++) {
        size_t count;
        Mesos__V1__Resource **items = resources_to_proto(&r, old, arena, &count);
        assert_int_equal(count, 2);
        assert_int_equal(items[0]->n_reservations, old ? 0 : 1);
        assert_string_equal(items[0]->role, old ? "prod" : "*");
        assert_string_equal(items[0]->allocation_info->role, "prod");
        /* Plain ones say "*" aloud in the old form and nothing in the new one. */
        assert_int_equal(mesos__v1__resource__get_packed_size(items[1]) -
                             (items[1]->allocation_info ? 2 + 6 : 0),
                         old ? 5 + 2 + 11 + 3 : 5 + 2 + 11);
        assert_int_equal(resources_from_proto(&back, items, count, NULL), 0);
        assert_true(resources_equal(&r, &back));
    }
}

static void
refined_reservations_stay_refined(void **state)
{
    (void)state;
    auto_resources struct resources r = parse("[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},"
        "\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"},{\"type\":\"DYNAMIC\",\"role\":\"a/b\"}]}]");
    assert_string_equal(r.items[0].role, "a/b");
    auto_arena struct arena *arena = arena_new(0);
    size_t count;
    Mesos__V1__Resource **items = resources_to_proto(&r, true, arena, &count);
    assert_int_equal(items[0]->n_reservations, 2);
    assert_parse_fails("[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},"
        "\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"},{\"type\":\"DYNAMIC\",\"role\":\"b\"}]}]",
        "Resource 'cpus(reservations: [(STATIC,a),(DYNAMIC,b)]):1' is invalid: Invalid refined reservation: role 'b' "
        "is not a refinement of 'a'");
}

static void
state_numbers(void **state)
{
    (void)state;
    auto_resources struct resources r = parse("cpus:3.9;cpus(web):0.1;mem:4064;ports:[1-2,5-9];bugs:{b,a}"), none = {0};
    auto_buf struct buf out = {0};
    resources_format_json(&out, &r);
    assert_string_equal(buf_cstr(&out), "{\"disk\":0.0,\"mem\":4064.0,\"gpus\":0.0,\"cpus\":4.0,"
                                        "\"ports\":\"[1-2, 5-9]\",\"bugs\":\"{a, b}\"}");
    buf_clear(&out);
    resources_format_json(&out, &none);
    assert_string_equal(buf_cstr(&out), "{\"disk\":0.0,\"mem\":0.0,\"gpus\":0.0,\"cpus\":0.0}");
}

static void
too_much_is_refused_before_it_costs(void **state)
{
    (void)state;
    auto_buf struct buf text = {0};
    for (int i = 0; i <= RESOURCES_MAX; i++)
        buf_printf(&text, "n%d:1;", i);
    assert_parse_fails(buf_cstr(&text), "Too many resources: 4097, at most 4096 are taken");
    buf_clear(&text);
    buf_puts(&text, "ports:[");
    for (int i = 0; i <= RESOURCES_RANGES_MAX; i++)
        buf_printf(&text, "%s%d-%d", i ? "," : "", 2 * i + 1, 2 * i + 1);
    buf_puts(&text, "]");
    assert_parse_fails(buf_cstr(&text), "Too many ranges in resources: 16385, at most 16384 are taken");
}

/* Random sums against counters: 3 scalars by 2 roles, and 64 ports as bits. */
struct naive {
    int64_t scalars[3][2];
    uint64_t ports;
};

static uint64_t
next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static const char *const names[3] = {"cpus", "mem", "disk"};
static const char *const roles[2] = {"*", "web"};

static struct resources
random_resources(uint64_t *seed, struct naive *ret)
{
    auto_buf struct buf text = {0};
    *ret = (struct naive){0};
    for (size_t n = next(seed) % 4; n; n--) {
        unsigned name = next(seed) % 3, role = next(seed) % 2, amount = next(seed) % 3000;
        buf_printf(&text, "%s(%s):%u.%03u;", names[name], roles[role], amount / 1000, amount % 1000);
        ret->scalars[name][role] += amount;
    }
    for (size_t n = next(seed) % 4; n; n--) {
        unsigned begin = next(seed) % 64, end = begin + next(seed) % (64 - begin);
        buf_printf(&text, "ports:[%u-%u];", begin, end);
        for (unsigned i = begin; i <= end; i++)
            ret->ports |= UINT64_C(1) << i;
    }
    struct resources r = {0};
    assert_int_equal(resources_parse(&r, buf_str(&text), "*", NULL), 0);
    return r;
}

static bool
naive_contains(const struct naive *a, const struct naive *b)
{
    bool all = (b->ports & ~a->ports) == 0;
    for (size_t i = 0; i < 6; i++)
        all = all && (&a->scalars[0][0])[i] >= (&b->scalars[0][0])[i];
    return all;
}

static void
naive_change(struct naive *a, const struct naive *b, bool add)
{
    a->ports = add ? a->ports | b->ports : a->ports & ~b->ports;
    for (size_t i = 0; i < 6; i++) {
        int64_t *at = &(&a->scalars[0][0])[i], by = (&b->scalars[0][0])[i];
        *at = add ? *at + by : *at > by ? *at - by : 0;
    }
}

static void
assert_agrees(const struct resources *r, const struct naive *n)
{
    auto_arena struct arena *arena = arena_new(0);
    for (size_t name = 0; name < 3; name++)
        for (size_t role = 0; role < 2; role++) {
            auto_resources struct resources part = {0};
            resources_reserved(&part, r, roles[role]);
            assert_int_equal(resources_scalar(&part, names[name]), n->scalars[name][role]);
        }
    uint32_t count;
    const struct mesos_range *ranges = resources_ranges(r, "ports", arena, &count);
    uint64_t bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(i == 0 || ranges[i].begin > ranges[i - 1].end + 1);
        for (uint64_t port = ranges[i].begin; port <= ranges[i].end; port++)
            bits |= UINT64_C(1) << port;
    }
    assert_int_equal(bits, n->ports);
}

static void
random_sums_agree_with_counters(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (int round = 0; round < 60; round++) {
        auto_resources struct resources sum = {0};
        struct naive counted = {0};
        for (int step = 0; step < 25; step++) {
            struct naive n;
            auto_resources struct resources more = random_resources(&seed, &n);
            bool add = next(&seed) % 2;
            assert_int_equal(resources_contains(&sum, &more), naive_contains(&counted, &n));
            if (add)
                resources_add(&sum, &more);
            else if (naive_contains(&counted, &n))
                resources_subtract(&sum, &more);
            else
                resources_subtract_most(&sum, &more);
            naive_change(&counted, &n, add);
            assert_agrees(&sum, &counted);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_formats),
        cmocka_unit_test(default_role_is_for_those_without),
        cmocka_unit_test(refuses_bad_text),
        cmocka_unit_test(reads_json),
        cmocka_unit_test(adds_and_subtracts),
        cmocka_unit_test(a_view_may_name_a_thing_twice),
        cmocka_unit_test(allocation_is_part_of_the_identity),
        cmocka_unit_test(whole_disks_are_not_divided),
        cmocka_unit_test(numbers_from_outside),
        cmocka_unit_test(messages_keep_both_forms),
        cmocka_unit_test(refined_reservations_stay_refined),
        cmocka_unit_test(state_numbers),
        cmocka_unit_test(too_much_is_refused_before_it_costs),
        cmocka_unit_test(random_sums_agree_with_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
