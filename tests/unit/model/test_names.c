/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, ids and attributes: what is taken and what Mesos answers to the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/attributes.h"
#include "model/role.h"

static void
assert_role(const char *role, const char *want)
{
    struct err err = {0};
    int rc = role_check(str_of(role), &err);
    assert_int_equal(rc, want ? -EINVAL : 0);
    if (want)
        assert_string_equal(err.text, want);
}

static void
assert_weights(const char *text, const char *want)
{
    auto_buf struct buf out = {0};
    struct err err = {0};
    if (weights_read(str_of(text), &out, &err) < 0)
        assert_string_equal(err.text, want);
    else
        assert_string_equal(buf_cstr(&out), want);
}

static void
weights(void **state)
{
    (void)state;
    assert_weights("", "");
    assert_weights("a=1,b/c= 2.5 ", "a=1,b/c=2.5");
    assert_weights("a=1\n\n b=2 , c=3\n", "a=1,b=2,c=3");
    assert_weights("a=0", "'a=0' gives role 'a' no weight above zero: write role=weight,role=weight");
    assert_weights("a=1,b=nan", "'b=nan' gives role 'b' no weight above zero: write role=weight,role=weight");
    assert_weights("a=1\nb=2\nc\n", "line 3: 'c' gives role 'c' no weight above zero: write role=weight,role=weight");
    assert_weights("=3", "'=3' gives role '' no weight above zero: write role=weight,role=weight");
}

static void
roles(void **state)
{
    (void)state;
    assert_role("*", NULL);
    assert_role("web", NULL);
    assert_role("a/b/c-d", NULL);
    assert_role("", "Role names cannot be the empty string");
    assert_role("/a", "Role '/a' cannot start with a slash");
    assert_role("a/", "Role 'a/' cannot end with a slash");
    assert_role("a//b", "Role 'a//b' cannot contain two adjacent slashes");
    assert_role("..", "Role '..' cannot include '..' as a component");
    assert_role("a/./b", "Role 'a/./b' cannot include '.' as a component");
    assert_role("a/*", "Role 'a/*' cannot include '*' as a component");
    assert_role("-a", "Role component '-a' is invalid because it starts with a dash");
    assert_role("a/-b", "Role component '-b' is invalid because it starts with a dash");
    assert_role("a b", "Role component 'a b' is invalid because it contains backspace or whitespace");
    assert_role("x/a\b", "Role component 'a\b' is invalid because it contains backspace or whitespace");
}

static void
roles_lie_within(void **state)
{
    (void)state;
    assert_true(role_within(STR_LIT("a"), STR_LIT("a")));
    assert_true(role_within(STR_LIT("a/b"), STR_LIT("a")));
    assert_false(role_within(STR_LIT("ab"), STR_LIT("a")));
    assert_false(role_within(STR_LIT("a"), STR_LIT("a/b")));
    assert_false(role_within(STR_LIT("a"), STR_LIT("*")));
}

static void
ids(void **state)
{
    char overlong[257];
    struct err err;
    (void)state;
    memset(overlong, 'x', sizeof(overlong) - 1);
    overlong[256] = '\0';
    assert_int_equal(id_check(STR_LIT("a b.c"), NULL, &err), 0);
    assert_int_equal(id_check(str_n(overlong, 255), NULL, &err), 0);
    assert_int_equal(id_check(str_of(overlong), NULL, &err), -EINVAL);
    assert_string_equal(err.text, "ID must not be greater than 255 characters");
    assert_int_equal(id_check(STR_LIT(""), NULL, &err), -EINVAL);
    assert_string_equal(err.text, "ID must not be empty");
    assert_int_equal(id_check(STR_LIT(".."), NULL, &err), -EINVAL);
    assert_string_equal(err.text, "'..' is disallowed");
    assert_int_equal(id_check(STR_LIT("a/b"), "TaskID", &err), -EINVAL);
    assert_string_equal(err.text, "TaskID: 'a/b' contains invalid characters");
    assert_int_equal(id_check(STR_LIT("a\nb"), NULL, &err), -EINVAL);
}

static void
attributes(void **state)
{
    (void)state;
    auto_arena struct arena *arena = arena_new(0);
    struct err err = {0};
    size_t count = 0;
    Mesos__V1__Attribute **items = attributes_parse(
        STR_LIT("rack:abc;zone:west:2;level:10;keys:[1000-1500];s:{b, a}"), arena, &count, &err);
    assert_non_null(items);
    assert_int_equal(count, 5);
    assert_string_equal(items[1]->text->value, "west:2");
    assert_int_equal(items[2]->type, MESOS__V1__VALUE__TYPE__SCALAR);
    assert_int_equal(items[3]->ranges->range[0]->end, 1500);
    auto_buf struct buf out = {0};
    attributes_format(&out, items, count);
    assert_string_equal(buf_cstr(&out), "rack:abc;zone:west:2;level:10;keys:[1000-1500];s:{b, a}");
    assert_null(attributes_parse(STR_LIT("rack"), arena, &count, &err));
    assert_string_equal(err.text, "Invalid attribute key:value pair 'rack'");
    assert_null(attributes_parse(STR_LIT("a:[1-"), arena, &count, &err));
    assert_string_equal(err.text, "Invalid attribute 'a:[1-': Mismatched brackets");
    assert_non_null(attributes_parse(STR_LIT(""), arena, &count, &err));
    assert_int_equal(count, 0);
    assert_non_null(attributes_parse((struct str){0}, arena, &count, &err)); /* the option is unset */
    assert_int_equal(count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights), cmocka_unit_test(roles),
        cmocka_unit_test(roles_lie_within),
        cmocka_unit_test(ids),
        cmocka_unit_test(attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
