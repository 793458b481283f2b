/* SPDX-License-Identifier: Apache-2.0 */
/* What a call and a framework must look like, with the texts that schedulers know from Mesos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "master/calls.h"
#include "wire/message.h"

static struct arena *arena;

static Mesos__V1__Scheduler__Call *
call_of(const char *json)
{
    struct err err = {0};
    Mesos__V1__Scheduler__Call *call =
        MESSAGE_FROM_JSON(Mesos__V1__Scheduler__Call, mesos__v1__scheduler__call, str_of(json), arena, &err);
    assert_string_equal(call ? "" : err.text, "");
    return call;
}

static void
test_calls(void **state)
{
    static const struct {
        const char *json, *text; /* NULL = fine */
    } cases[] = {
        {"{}", "Expecting 'type' to be present"},
        {"{\"type\":\"NOPE\"}", "Expecting 'type' to be present"},
        {"{\"type\":\"REVIVE\"}", "Expecting 'framework_id' to be present"},
        {"{\"type\":\"REVIVE\",\"framework_id\":{\"value\":\"f\"}}", NULL},
        {"{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"f\"}}", NULL},
        {"{\"type\":\"SUPPRESS\",\"framework_id\":{\"value\":\"f\"}}", NULL},
        {"{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"f\"}}", "Expecting 'accept' to be present"},
        {"{\"type\":\"DECLINE\",\"framework_id\":{\"value\":\"f\"}}", "Expecting 'decline' to be present"},
        {"{\"type\":\"KILL\",\"framework_id\":{\"value\":\"f\"}}", "Expecting 'kill' to be present"},
        {"{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"f\"},\"reconcile\":{}}", NULL},
        {"{\"type\":\"SUBSCRIBE\"}", "Expecting 'subscribe' to be present"},
        {"{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":\"u\",\"name\":\"n\"}}}", NULL},
        {"{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"b\"},\"subscribe\":{\"framework_info\":{"
         "\"user\":\"u\","
         "\"name\":\"n\",\"id\":{\"value\":\"a\"}}}}",
         "'framework_id' differs from 'subscribe.framework_info.id'"},
        {"{\"type\":\"ACKNOWLEDGE\",\"framework_id\":{\"value\":\"f\"},\"acknowledge\":{\"agent_id\":{"
         "\"value\":\"a\"},"
         "\"task_id\":{\"value\":\"t\"},\"uuid\":\"AAAA\"}}",
         "Not a valid UUID"},
        {"{\"type\":\"ACKNOWLEDGE\",\"framework_id\":{\"value\":\"f\"},\"acknowledge\":{\"agent_id\":{"
         "\"value\":\"a\"},"
         "\"task_id\":{\"value\":\"t\"},\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}",
         NULL},
        /* Apache's master dies of this one. */
        {"{\"type\":\"UNKNOWN\",\"framework_id\":{\"value\":\"f\"}}",
         "Calls of type 'UNKNOWN' are not supported"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        int rc = call_validate(call_of(cases[i].json), &err);
        assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
        assert_int_equal(rc != 0, cases[i].text != NULL);
    }
}

static void
test_every_listed_call_has_a_function(void **state)
{
    const ProtobufCEnumDescriptor *type = &mesos__v1__scheduler__call__type__descriptor;
    (void)state;
    for (unsigned i = 0; i < type->n_values; i++) {
        Mesos__V1__Scheduler__Call__Type value = (Mesos__V1__Scheduler__Call__Type)type->values[i].value;
        bool other = value == MESOS__V1__SCHEDULER__CALL__TYPE__UNKNOWN ||
                     value == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE;
        assert_int_equal(call_function(value) == NULL, other);
        assert_string_equal(call_name(value), type->values[i].name);
    }
}

static Mesos__V1__FrameworkInfo *
info_of(const char *members)
{
    struct err err = {0};
    char *json = arena_printf(arena, "{\"user\":\"root\",\"name\":\"n\"%s}", members);
    Mesos__V1__FrameworkInfo *info =
        MESSAGE_FROM_JSON(Mesos__V1__FrameworkInfo, mesos__v1__framework_info, str_of(json), arena, &err);
    assert_string_equal(info ? "" : err.text, "");
    return info;
}

#define MULTI ",\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]"

static void
test_frameworks(void **state)
{
    static const struct {
        const char *members, *text;
    } cases[] = {
        {"", NULL},
        {",\"role\":\"x\"", NULL},
        {MULTI ",\"roles\":[\"a\",\"a/b\"]", NULL},
        {MULTI, NULL},
        {MULTI ",\"role\":\"x\"",
         "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"},
        {",\"roles\":[\"*\"]",
         "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"},
        {MULTI ",\"roles\":[\"a\",\"b\",\"a\"]", "'FrameworkInfo.roles' contains duplicate items: { a }"},
        {MULTI ",\"roles\":[\"/a\"]",
         "'FrameworkInfo.roles' contains invalid role: Role '/a' cannot start with a slash"},
        {",\"id\":{\"value\":\"a/b\"}", "'a/b' contains invalid characters"},
        {",\"id\":{\"value\":\"\"}", NULL},
        {",\"failover_timeout\":-1", NULL},
        {",\"failover_timeout\":1e30", "The framework failover_timeout (1e+30) is invalid"},
        {",\"role\":\"stage\"", "Role 'stage' is not present in the master's --roles"},
    };
    struct master_options options = {.root_submissions = true};
    static const char *roles[] = {"x", "a", "a/b", "b"};
    struct master master = {.options = &options};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        bool closed = strstr(cases[i].members, "stage") != NULL;
        master.role_list = closed ? roles : NULL;
        master.role_list_count = closed ? ARRAY_LEN(roles) : 0;
        framework_info_validate(&master, info_of(cases[i].members), &err);
        assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
    }
    struct err err = {0};
    options.root_submissions = false;
    assert_int_not_equal(framework_info_validate(&master, info_of(""), &err), 0);
    assert_string_equal(err.text,
                        "User 'root' is not allowed to run frameworks without --root_submissions set");
}

static void
test_suppressed_and_updates(void **state)
{
    char a[] = "a", z[] = "zz", y[] = "yy";
    char *none_of_them[] = {z, a, y};
    struct err err = {0};
    (void)state;
    const Mesos__V1__FrameworkInfo *info = info_of(MULTI ",\"roles\":[\"a\"]");
    assert_int_equal(suppressed_validate(info, none_of_them + 1, 1, arena, &err), 0);
    assert_int_not_equal(suppressed_validate(info, none_of_them, 3, arena, &err), 0);
    assert_string_equal(err.text, "Suppressed roles { zz, yy } are not contained in the set of roles");
    assert_int_equal(framework_update_validate(info_of(""), info_of(",\"failover_timeout\":7"), &err), 0);
    framework_update_validate(info_of(""), info_of(",\"checkpoint\":true"), &err);
    assert_string_equal(
        err.text,
        "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from 'false' to 'true'");
    framework_update_validate(info_of(""), info_of(",\"principal\":\"p\""), &err);
    assert_string_equal(err.text, "Changing framework's principal is not allowed.");
}

static void
test_text_format(void **state)
{
    static const char json[] =
        "{\"type\":\"CUSTOM\",\"executor_id\":{\"value\":\"my-exec\"},\"name\":\"cus\\\"tom\",\"source\":"
        "\"src\","
        "\"command\":{\"value\":\"run\",\"shell\":false,\"arguments\":[\"a\",\"b\"]},\"data\":\"AAEC\","
        "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}}]}";
    static const char text[] =
        "data: \"\\000\\001\\002\"\nresources {\n  name: \"cpus\"\n  type: SCALAR\n  scalar {\n    "
        "value: 0.1\n  }\n}\ncommand {\n  value: \"run\"\n  shell: false\n  arguments: \"a\"\n  "
        "arguments: \"b\"\n}\nname: \"cus\\\"tom\"\nsource: \"src\"\ntype: CUSTOM\n";
    auto_buf struct buf out = {0};
    struct err err = {0};
    (void)state;
    Mesos__V1__ExecutorInfo *info =
        MESSAGE_FROM_JSON(Mesos__V1__ExecutorInfo, mesos__v1__executor_info, str_of(json), arena, &err);
    assert_non_null(info);
    message_to_text(&out, &info->base);
    assert_non_null(strstr(buf_cstr(&out), "executor_id {\n  value: \"my-exec\"\n}\n"));
    assert_non_null(strstr(buf_cstr(&out), text));
}

static void
test_filters(void **state)
{
    Mesos__V1__Filters filters = MESOS__V1__FILTERS__INIT;
    (void)state;
    assert_float_equal(filter_secs(NULL), 5, 0);
    assert_float_equal(filter_secs(&filters), 5, 0);
    static const double given[] = {0, 1.5, -1, 1e300}, wanted[] = {0, 1.5, 5, 365.0 * 24 * 3600};
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        filters.refuse_seconds = given[i];
        assert_float_equal(filter_secs(&filters), wanted[i], 0);
    }
}

/* A message can name more roles than anybody could compare with each other. */
static void
test_many_roles(void **state)
{
    static Mesos__V1__FrameworkInfo__Capability multi_role = MESOS__V1__FRAMEWORK_INFO__CAPABILITY__INIT;
    Mesos__V1__FrameworkInfo__Capability *capabilities[] = {&multi_role};
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    struct master_options options = {.root_submissions = true};
    struct master master = {.options = &options};
    struct err err = {0};
    size_t many = 1000000;
    char **roles = arena_calloc(arena, many, sizeof(*roles));
    char name[] = "f", user[] = "u";
    for (size_t i = 0; i < many; i++)
        roles[i] = arena_printf(arena, "role-%zu", i);
    multi_role.has_type = true;
    multi_role.type = MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE;
    info.name = name;
    info.user = user;
    info.capabilities = capabilities;
    info.n_capabilities = 1;
    info.roles = roles;
    info.n_roles = 5;
    assert_true(suppressed_validate(&info, roles, many, arena, &err) < 0);
    assert_int_equal(suppressed_validate(&info, roles, 5, arena, &err), 0);
    assert_int_equal(framework_info_validate(&master, &info, &err), 0);
    info.n_roles = many;
    assert_true(framework_info_validate(&master, &info, &err) < 0);
    assert_non_null(strstr(err.text, "1000000"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),       cmocka_unit_test(test_every_listed_call_has_a_function),
        cmocka_unit_test(test_frameworks),  cmocka_unit_test(test_suppressed_and_updates),
        cmocka_unit_test(test_many_roles),  cmocka_unit_test(test_text_format), cmocka_unit_test(test_filters),
    };
    arena = arena_new(0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
