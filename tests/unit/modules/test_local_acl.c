/* SPDX-License-Identifier: Apache-2.0 */
/* Access control lists: Mesos's tables against ours, both forms read, every refusal with its line, and who may do what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "authorizer/local_acl/match.h"
#include "lib/facts.h"

/* ---- Mesos's tables ---- */

static const struct {
    const char *name;
    uint32_t number;
} actions[] = {
#define ACTION_ROW(number, NAME) {#NAME, number},
    MESOS_ACTIONS(ACTION_ROW)
#undef ACTION_ROW
};

static uint32_t
action_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_is(name, actions[i].name))
            return actions[i].number;
    return 0;
}

static void
compare_field(struct str row)
{
    struct str name = str_cut(&row, '\t');
    str_cut(&row, '\t'); /* field number: JSON does not have it */
    str_cut(&row, '\t'); /* message */
    struct str subject = str_cut(&row, '\t'), object = str_cut(&row, '\t'), names = str_cut(&row, '\t');
    struct str source = str_cut(&row, '\t'), notes = str_cut(&row, '\t');
    int field = acl_field_find(name);
    if (field < 0)
        fail_msg("no field %.*s", STR_ARG(name));
    const struct acl_field *ours = &acl_fields[field];
    assert_true(str_is(subject, "principals") && str_is(object, ours->member));
    while (names.len) {
        struct str action = str_cut(&names, ',');
        int fields[2], count = acl_fields_of(action_of(action), fields);
        if (count == 0 || (fields[0] != field && (count < 2 || fields[1] != field)))
            fail_msg("action %.*s is not decided by %s", STR_ARG(action), ours->name);
    }
    assert_int_equal(ours->kind == ACL_ROLES, str_starts(notes, STR_LIT("hierarchical")));
    assert_int_equal(ours->kind == ACL_WHOLE, str_is(source, "ANY (no value)"));
}

static void
test_fields(void **state)
{
    auto_buf struct buf table = {0};
    facts_read("acls.tsv", &table);
    struct str rest = buf_str(&table);
    int rows = 0;
    str_cut(&rest, '\n');
    str_cut(&rest, '\n'); /* permissive */
    for (; rest.len; rows++)
        compare_field(str_cut(&rest, '\n'));
    assert_int_equal(rows, ACL_FIELD_COUNT);
}

static void
test_actions(void **state)
{
    auto_buf struct buf table = {0};
    facts_read("authorizer-actions.tsv", &table);
    struct str rest = buf_str(&table);
    size_t rows = 0;
    str_cut(&rest, '\n');
    str_cut(&rest, '\n'); /* UNKNOWN */
    while (rest.len) {
        struct str row = str_cut(&rest, '\n'), name = str_cut(&row, '\t'), digits = str_cut(&row, '\t');
        uint64_t number;
        int fields[2];
        str_cut(&row, '\t');
        struct str alias_of = str_cut(&row, '\t');
        assert_int_equal(str_to_u64(digits, &number), 0);
        assert_int_equal(action_of(alias_of.len ? alias_of : name), number);
        assert_true(acl_fields_of((uint32_t)number, fields) > 0);
        rows += alias_of.len == 0;
    }
    assert_int_equal(rows, ARRAY_LEN(actions));
}

/* ---- questions ---- */

static struct acls *
read_lists(const char *text)
{
    struct err err = {0};
    struct acls *acls = acls_read(str_of(text), "acls.json", &err);
    if (!acls)
        fail_msg("%s", err.text);
    return acls;
}

static struct acl_approver *
approver_for(struct acls *acls, const char *who, const char *action, uint32_t *ret_reads)
{
    struct mesos_principal principal = {.size = sizeof(principal), .value = who};
    struct acl_approver *approver = acl_approver_new(acls, who ? &principal : NULL, action_of(str_of(action)), ret_reads);
    assert_non_null(approver);
    return approver;
}

static bool
may(struct acls *acls, const char *who, const char *action, const char *value)
{
    uint32_t reads;
    struct mesos_object object = {.size = sizeof(object), .value = value};
    struct acl_approver *approver = approver_for(acls, who, action, &reads);
    bool yes = acl_approved(approver, &object);
    if (reads == 0)
        assert_int_equal(acl_approved(approver, NULL), yes);
    acl_approver_free(approver);
    return yes;
}

static const char *
explained(struct acls *acls, const char *who, const char *action, const char *value)
{
    static char text[512];
    uint32_t reads;
    struct mesos_object object = {.size = sizeof(object), .value = value};
    struct acl_approver *approver = approver_for(acls, who, action, &reads);
    acl_explain(approver, &object, text, sizeof(text));
    acl_approver_free(approver);
    return text;
}

/* The examples that users of Mesos know. */
static void
test_examples(void **state)
{
    struct acls *jenkins = read_lists("{\"run_tasks\": [\n"
                                      "  {\"principals\": {\"values\": [\"jenkins\"]}, \"users\": {\"values\": [\"jenkins\"]}},\n"
                                      "  {\"principals\": {\"values\": [\"jenkins\"]}, \"users\": {\"type\": \"NONE\"}}\n"
                                      "]}");
    assert_true(may(jenkins, "jenkins", "RUN_TASK", "jenkins"));
    assert_false(may(jenkins, "jenkins", "RUN_TASK", "root"));
    assert_false(may(jenkins, "jenkins", "RUN_TASK", NULL));
    assert_true(may(jenkins, "marathon", "RUN_TASK", "root")); /* permissive */
    assert_true(may(jenkins, NULL, "RUN_TASK", "root"));
    assert_true(may(jenkins, "jenkins", "REGISTER_FRAMEWORK", "prod"));
    assert_string_equal(explained(jenkins, "jenkins", "RUN_TASK", "root"),
                        "acls.json:3: rule 2 of run_tasks (jenkins -> NONE) says no");
    assert_string_equal(explained(jenkins, "jenkins", "RUN_TASK", "jenkins"),
                        "acls.json:2: rule 1 of run_tasks (jenkins -> jenkins) says yes");
    assert_string_equal(explained(jenkins, "marathon", "RUN_TASK", "root"),
                        "acls.json: no rule of run_tasks is for this, and permissive, which is not given, is true: yes");
    acls_unref(jenkins);

    struct acls *no_root = read_lists("{\"run_tasks\": [{\"principals\": {\"type\": \"NONE\"}, \"users\": {\"values\": [\"root\"]}}]}");
    assert_false(may(no_root, "jenkins", "RUN_TASK", "root"));
    assert_false(may(no_root, NULL, "RUN_TASK", "root"));
    assert_true(may(no_root, NULL, "RUN_TASK", "www"));
    acls_unref(no_root);

    struct acls *marathon = read_lists("{\"register_frameworks\": ["
                                       "{\"principals\": {\"values\": [\"marathon\"]}, \"roles\": {\"values\": [\"prod\"]}},"
                                       "{\"principals\": {\"type\": \"NONE\"}, \"roles\": {\"values\": [\"prod\"]}}]}");
    assert_true(may(marathon, "marathon", "REGISTER_FRAMEWORK", "prod"));
    assert_false(may(marathon, "chronos", "REGISTER_FRAMEWORK", "prod"));
    assert_false(may(marathon, NULL, "REGISTER_FRAMEWORK", "prod"));
    assert_true(may(marathon, "chronos", "REGISTER_FRAMEWORK", "batch"));
    acls_unref(marathon);

    struct acls *chronos = read_lists("{\n\"permissive\": false,\n\"register_frameworks\": ["
                                      "{\"principals\": {\"values\": [\"chronos\"]}, \"roles\": {\"values\": [\"batch\"]}}]}");
    assert_true(may(chronos, "chronos", "REGISTER_FRAMEWORK", "batch"));
    assert_false(may(chronos, "chronos", "REGISTER_FRAMEWORK", "prod"));
    assert_false(may(chronos, "marathon", "REGISTER_FRAMEWORK", "batch"));
    assert_false(may(chronos, "chronos", "RUN_TASK", "www"));
    assert_string_equal(explained(chronos, "chronos", "RUN_TASK", "www"),
                        "acls.json:2: no rule of run_tasks is for this, and permissive is false: no");
    acls_unref(chronos);
}

/* The file of a cluster of Mesos 0.22. */
static void
test_old_names(void **state)
{
    struct acls *acls =
        read_lists("{\"permissive\": false,"
                   " \"register_frameworks\": [{\"principals\": {\"values\": [\"marathon\"]}, \"roles\": {\"type\": \"ANY\"}}],"
                   " \"run_tasks\": [{\"principals\": {\"type\": \"ANY\"}, \"users\": {\"values\": [\"www\", \"app\"]}}],"
                   " \"shutdown_frameworks\": ["
                   "   {\"principals\": {\"values\": [\"ops\"]}, \"framework_principals\": {\"values\": [\"marathon\"]}}],"
                   " \"reserve_resources\": [{\"principals\": {\"values\": [\"ops\"]}, \"resources\": {\"type\": \"ANY\"}}],"
                   " \"create_volumes\": [{\"principals\": {\"values\": [\"ops\"]}, \"volume_types\": {\"type\": \"ANY\"}}],"
                   " \"set_quotas\": [{\"principals\": {\"values\": [\"ops\"]}, \"roles\": {\"values\": [\"dev\"]}}]}");
    assert_true(may(acls, "marathon", "REGISTER_FRAMEWORK", "anything"));
    assert_true(may(acls, NULL, "RUN_TASK", "app"));
    assert_false(may(acls, NULL, "RUN_TASK", "root"));
    assert_true(may(acls, "ops", "TEARDOWN_FRAMEWORK", "marathon"));
    assert_false(may(acls, "ops", "TEARDOWN_FRAMEWORK", "chronos"));
    assert_true(may(acls, "ops", "RESERVE_RESOURCES", "dev"));
    assert_false(may(acls, "marathon", "CREATE_VOLUME", "dev"));
    assert_true(may(acls, "ops", "UPDATE_QUOTA", "dev"));
    assert_true(may(acls, "ops", "UPDATE_QUOTA_WITH_CONFIG", "dev"));
    assert_false(may(acls, "ops", "UPDATE_QUOTA_WITH_CONFIG", "prod"));
    acls_unref(acls);
}

/* What Mesos's book shows for --acls and for a template of all actions, with two names that Mesos itself has given up. */
static void
test_names_of_the_book(void **state)
{
    struct acls *acls =
        read_lists("{\"permissive\": false,\n"
                   " \"set_quotas\": [{\"principals\": {\"values\": [\"a\"]}, \"roles\": {\"values\": [\"a\", \"b\"]}}],\n"
                   " \"remove_quotas\": [{\"principals\": {\"values\": [\"z\"]}, \"quota_principals\": {\"values\": [\"a\"]}}],\n"
                   " \"get_weights\": [{\"principals\": {\"values\": [\"a\"]}, \"roles\": {\"type\": \"ANY\"}}]}");
    assert_true(may(acls, "a", "UPDATE_QUOTA", "b"));
    assert_false(may(acls, "z", "UPDATE_QUOTA", "b"));
    assert_true(may(acls, "a", "VIEW_ROLE", "b"));
    assert_false(may(acls, "z", "VIEW_ROLE", "b"));
    assert_non_null(acls->warnings);
    assert_string_equal(acls->warnings->text, "acls.json:3: remove_quotas decides nothing, as in Mesos since 1.3: who may remove a "
                                              "quota is said by update_quotas");
    assert_null(acls->warnings->next);
    acls_unref(acls);
}

static void
test_roles(void **state)
{
    struct acls *acls = read_lists("{\"permissive\": false, \"view_roles\": ["
                                   "{\"principals\": {\"values\": [\"a\"]}, \"roles\": {\"values\": [\"eng/%\", \"*\"]}},"
                                   "{\"principals\": {\"values\": [\"b\"]}, \"roles\": {\"values\": [\"eng\", \"eng/%\"]}}],"
                                   "\"run_tasks\": [{\"principals\": {\"values\": [\"a\"]}, \"users\": {\"values\": [\"eng/%\"]}}]}");
    assert_true(may(acls, "a", "VIEW_ROLE", "eng/web"));
    assert_true(may(acls, "a", "VIEW_ROLE", "eng/web/prod"));
    assert_true(may(acls, "a", "VIEW_ROLE", "*"));
    assert_false(may(acls, "a", "VIEW_ROLE", "eng"));
    assert_false(may(acls, "a", "VIEW_ROLE", "eng/"));
    assert_false(may(acls, "a", "VIEW_ROLE", "engineering/web"));
    assert_false(may(acls, "a", "VIEW_ROLE", "x/eng/web"));
    assert_true(may(acls, "b", "VIEW_ROLE", "eng"));
    assert_false(may(acls, "a", "RUN_TASK", "eng/web")); /* users are no roles */
    acls_unref(acls);
}

/* A request of nobody, or on nothing in particular, meets only rules with ANY and NONE. */
static void
test_any_and_none(void **state)
{
    struct acls *acls = read_lists("{\"permissive\": false, \"view_flags\": ["
                                   "{\"principals\": {\"values\": [\"ops\"]}, \"flags\": {\"type\": \"ANY\"}},"
                                   "{\"principals\": {\"type\": \"NONE\"}, \"flags\": {\"type\": \"ANY\"}}],"
                                   "\"register_agents\": [{\"principals\": {\"type\": \"ANY\"}, \"agents\": {\"type\": \"ANY\"}}],"
                                   "\"view_tasks\": [{\"principals\": {}, \"users\": {\"type\": \"ANY\"}}]}");
    assert_true(may(acls, "ops", "VIEW_FLAGS", NULL));
    assert_false(may(acls, NULL, "VIEW_FLAGS", NULL));
    assert_false(may(acls, "bob", "VIEW_FLAGS", NULL));
    assert_true(may(acls, NULL, "REGISTER_AGENT", NULL));
    assert_true(may(acls, "x", "REGISTER_AGENT", "value that means nothing"));
    assert_false(may(acls, "ops", "VIEW_TASK", "www")); /* {} is for nobody */
    assert_non_null(acls->warnings);
    assert_string_equal(acls->warnings->text, "acls.json:1: principals has neither values nor the type ANY or NONE, so that the rule "
                                              "is for nobody");
    assert_null(acls->warnings->next);
    acls_unref(acls);
}

static void
test_odd_names(void **state)
{
    struct acls *acls = read_lists("{\"permissive\":false,\"run_tasks\":[{\"principals\":{\"values\":[\"a\\\"b\\u00e9\\n\","
                                   " \"\", \"%s\"]},\"users\":{\"type\":\"ANY\"}}]}");
    assert_true(may(acls, "a\"b\xc3\xa9\n", "RUN_TASK", "x"));
    assert_true(may(acls, "", "RUN_TASK", "x"));
    assert_true(may(acls, "%s", "RUN_TASK", "x"));
    assert_false(may(acls, "a", "RUN_TASK", "x"));
    assert_false(may(acls, "A\"b\xc3\xa9\n", "RUN_TASK", "x"));
    acls_unref(acls);
}

/* ---- nested containers ---- */

static bool
may_launch(struct acls *acls, const char *who, const char *user, const char *parent)
{
    uint32_t reads;
    struct mesos_object object = {.size = sizeof(object), .value = user, .parent = parent};
    struct acl_approver *approver = approver_for(acls, who, "LAUNCH_NESTED_CONTAINER", &reads);
    bool yes = acl_approved(approver, &object);
    acl_approver_free(approver);
    return yes;
}

/* Two lists, which both must say yes; whoever names no user gets the parent's. */
static void
test_nested(void **state)
{
    struct acls *acls =
        read_lists("{\"permissive\": false, \"launch_nested_containers_as_user\": ["
                   "{\"principals\": {\"type\": \"ANY\"}, \"users\": {\"values\": [\"www\"]}}],"
                   "\"launch_nested_containers_under_parent_with_user\": ["
                   "{\"principals\": {\"type\": \"ANY\"}, \"users\": {\"values\": [\"app\", \"www\"]}}]}");
    assert_true(may_launch(acls, "x", "www", "app"));
    assert_false(may_launch(acls, "x", "root", "app"));
    assert_false(may_launch(acls, "x", "www", "root"));
    assert_true(may_launch(acls, "x", NULL, "www"));
    assert_false(may_launch(acls, "x", NULL, "app"));
    assert_false(may_launch(acls, "x", NULL, NULL));
    acls_unref(acls);
}

/* An executor's token is good for its own container, whatever the lists say. */
static void
test_claims(void **state)
{
    static const struct {
        const char *container;
        bool yes;
    } cases[] = {{"c1", true}, {"c1.x", true}, {"c1.x.y", true}, {"c12", false}, {"c", false}, {"", false}, {NULL, false}, {"x.c1", false}};
    struct acls *acls = read_lists("{\"permissive\": true, \"view_flags\": ["
                                   "{\"principals\": {\"type\": \"NONE\"}, \"flags\": {\"type\": \"ANY\"}}]}");
    struct mesos_claim claims[] = {{"fid", "f"}, {"eid", "e"}, {"cid", "c1"}};
    struct mesos_principal executor = {.size = sizeof(executor), .claims = claims, .claim_count = 3};
    uint32_t reads;
    struct acl_approver *approver = acl_approver_new(acls, &executor, MESOS_ACTION_KILL_NESTED_CONTAINER, &reads);
    assert_int_equal(reads, MESOS_OBJECT_IDS);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mesos_object object = {.size = sizeof(object), .value = "root", .container = cases[i].container};
        assert_int_equal(acl_approved(approver, &object), cases[i].yes);
    }
    acl_approver_free(approver);
    executor.claim_count = 2; /* no cid: nothing at all */
    approver = acl_approver_new(acls, &executor, MESOS_ACTION_LAUNCH_NESTED_CONTAINER, &reads);
    assert_int_equal(reads, 0);
    assert_false(acl_approved(approver, NULL));
    acl_approver_free(approver);
    approver = acl_approver_new(acls, &executor, MESOS_ACTION_VIEW_FLAGS, &reads); /* otherwise it is nobody */
    assert_false(acl_approved(approver, NULL));
    acl_approver_free(approver);
    acls_unref(acls);
}

/* What answers depend on is told: views ask once for all that are alike. */
static void
test_reads(void **state)
{
    static const struct {
        const char *who, *action;
        uint32_t reads;
    } cases[] = {
        {"a", "VIEW_TASK", MESOS_OBJECT_VALUE}, {"b", "VIEW_TASK", 0}, {"c", "VIEW_TASK", 0}, {NULL, "VIEW_TASK", 0},
        {"a", "VIEW_ROLE", 0}, {"a", "LAUNCH_NESTED_CONTAINER", MESOS_OBJECT_VALUE | MESOS_OBJECT_PARENT},
        {"b", "LAUNCH_NESTED_CONTAINER", 0}, {"a", "LAUNCH_NESTED_CONTAINER_SESSION", MESOS_OBJECT_PARENT},
    };
    struct acls *acls = read_lists(
        "{\"view_tasks\": [{\"principals\": {\"values\": [\"a\"]}, \"users\": {\"values\": [\"www\"]}},"
        " {\"principals\": {\"values\": [\"b\"]}, \"users\": {\"type\": \"ANY\"}},"
        " {\"principals\": {\"type\": \"ANY\"}, \"users\": {\"type\": \"NONE\"}}],"
        " \"launch_nested_containers_as_user\": [{\"principals\": {\"values\": [\"a\"]}, \"users\": {\"values\": [\"www\"]}}],"
        " \"launch_nested_container_sessions_under_parent_with_user\": ["
        "{\"principals\": {\"values\": [\"a\"]}, \"users\": {\"values\": [\"www\"]}}]}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t reads;
        acl_approver_free(approver_for(acls, cases[i].who, cases[i].action, &reads));
        assert_int_equal(reads, cases[i].reads);
    }
    uint32_t reads;
    assert_null(acl_approver_new(acls, NULL, 9999, &reads));
    acls_unref(acls);
}

/* ---- refusals ---- */

static void
refused(const char *text, const char *wanted)
{
    struct err err = {0};
    struct acls *acls = acls_read(str_of(text), "acls.json", &err);
    assert_null(acls);
    assert_string_equal(err.text, wanted);
}

#define RULE(inner) "{\n\"run_tasks\": [\n" inner "\n]}"

static void
test_refusals(void **state)
{
    refused("{\n\n\"run_task\": []}", "acls.json:3: unknown action 'run_task': the nearest is 'run_tasks'");
    refused("{\"permisive\": true}", "acls.json:1: unknown action 'permisive': the nearest is 'permissive'");
    refused("{\"zzzzzzzzzzzzz\": []}", "acls.json:1: unknown action 'zzzzzzzzzzzzz'; there is e.g. 'run_tasks'");
    refused("{\"permissive\": \"true\"}", "acls.json:1: \"permissive\" is true or false");
    refused("{\"run_tasks\": [],\n\"run_tasks\": []}", "acls.json:2: \"run_tasks\" stands here twice: its rules belong into one list");
    refused("{\"run_tasks\": {}}", "acls.json:1: '[' is wanted here, where a list of rules begins");
    refused(RULE("{\"principals\": {\"type\": \"any\"}, \"users\": {}}"), "acls.json:3: unknown type 'any': the nearest is 'ANY'");
    refused(RULE("{\"principals\": {\"type\": \"whoever\"}, \"users\": {}}"),
            "acls.json:3: unknown type 'whoever': there are ANY, NONE and SOME");
    refused(RULE("{\"principals\": {\"type\": \"ANY\"}, \"user\": {\"type\": \"ANY\"}}"),
            "acls.json:3: unknown member 'user' of run_tasks: the nearest is 'users'");
    refused(RULE("{\"principals\": {\"type\": \"ANY\"}}"), "acls.json:3: a rule of run_tasks wants \"users\"");
    refused(RULE("{\"users\": {\"type\": \"ANY\"}}"), "acls.json:3: a rule of run_tasks wants \"principals\"");
    refused(RULE("{\"principals\": {\"value\": [\"a\"]}, \"users\": {}}"),
            "acls.json:3: unknown member 'value': there are \"values\" and \"type\"");
    refused(RULE("{\"principals\": {\"values\": [\"a\",\n 7]}, \"users\": {}}"),
            "acls.json:4: a name is wanted here: a text in double quotes");
    refused(RULE("{\"principals\": {\"values\": \"a\"}, \"users\": {}}"), "acls.json:3: '[' is wanted here, where a list of names begins");
    refused(RULE("{\"principals\": {\"values\": [\"a\\u0000\"]}, \"users\": {}}"), "acls.json:3: a NUL byte in a text");
    refused(RULE("{\"principals\": {\"values\": [\"a\",\n\"J\xfcrgen\"]}, \"users\": {}}"), "acls.json:4: a name is not UTF-8");
    refused(RULE("{\"principals\": {}, \"principals\": {}}"), "acls.json:3: \"principals\" stands here twice");
    refused("{\"view_flags\": [{\"principals\": {\"type\": \"ANY\"}, \"flags\": {\"values\": [\"x\"]}}]}",
            "acls.json:1: the flags of view_flags can only be of the type ANY or NONE");
    refused("{\"view_roles\": [{\"principals\": {\"type\": \"ANY\"},\n\"roles\": {\"values\": [\"%\"]}}]}",
            "acls.json:1: role '%': a '%' stands for all roles below another, as in 'eng/%'; all roles are {\"type\": \"ANY\"}");
    refused("{\"view_roles\": [{\"principals\": {\"type\": \"ANY\"}, \"roles\": {\"values\": [\"a/%/b\"]}}]}",
            "acls.json:1: role 'a/%/b': a '%' stands for all roles below another, as in 'eng/%'");
    refused("{\"get_endpoints\": [{\"principals\": {\"type\": \"ANY\"}, \"paths\": {\"values\": [\"metrics\"]}}]}",
            "acls.json:1: path 'metrics' does not begin with '/', as in '/metrics/snapshot'");
    refused("", "acls.json:1: '{' is wanted here, where the list of ACLs begins");
    refused("[]", "acls.json:1: '{' is wanted here, where the list of ACLs begins");
    refused("{} {}", "acls.json:1: something follows the list's final '}'");
    refused("{\"run_tasks\": [],}", "acls.json:1: a ',' with nothing after it");
    refused("{\"remove_quotas\": [", "acls.json:1: what \"remove_quotas\" says is not JSON");
    refused("{\"run_tasks\": []", "acls.json:1: ',' or '}' is wanted here");
    refused("{\"run_tasks\" []}", "acls.json:1: no ':' after \"run_tasks\"");
    refused("{\"run_tasks", "acls.json:1: this text has no end, or something in it that JSON does not know");
}

static void
test_warnings(void **state)
{
    struct acls *acls = read_lists("{\"get_endpoints\": [\n"
                                   "{\"principals\": {\"type\": \"ANY\", \"values\": [\"a\"]},"
                                   " \"paths\": {\"values\": [\"/system/v1/metrics/v0\", \"/metrics/snapshots\"]}}]}");
    assert_string_equal(acls->warnings->text, "acls.json:2: the values of principals mean nothing beside the type ANY");
    assert_string_equal(acls->warnings->next->text,
                        "acls.json:2: nobody is asked about the path '/metrics/snapshots'; the nearest is '/metrics/snapshot'");
    acls_unref(acls);
}

/* ---- the INI's form ---- */

static void
plain_refused(const char *text, const char *wanted)
{
    struct acls *acls = acls_new("acls");
    struct err err = {0};
    assert_true(acls_add_plain(acls, ACL_FIELD_view_roles, text, &err) < 0);
    assert_string_equal(err.text, wanted);
    acls_unref(acls);
}

static void
test_plain(void **state)
{
    struct acls *acls = acls_new("acls");
    struct err err = {0};
    acls->permissive = false;
    acls->permissive_line = 1;
    assert_int_equal(acls_add_plain(acls, ACL_FIELD_run_tasks, "jenkins, ci->jenkins | NONE -> root|ANY -> ANY", &err), 0);
    assert_true(may(acls, "ci", "RUN_TASK", "jenkins"));
    assert_false(may(acls, "ci", "RUN_TASK", "root"));
    assert_true(may(acls, "x", "RUN_TASK", "www"));
    assert_false(may(acls, "x", "VIEW_TASK", "www"));
    assert_string_equal(explained(acls, "ci", "RUN_TASK", "root"), "acls: run_tasks: rule 2 of run_tasks (NONE -> root) says no");
    assert_string_equal(explained(acls, "ci", "VIEW_TASK", "root"),
                        "acls: permissive: no rule of view_tasks is for this, and permissive is false: no");
    acls_unref(acls);
    plain_refused("", "acls: view_roles: no '->' in '': write PRINCIPALS -> OBJECTS");
    plain_refused("a b", "acls: view_roles: no '->' in 'a b': write PRINCIPALS -> OBJECTS");
    plain_refused("a -> b -> c", "acls: view_roles: a second '->' in one rule: rules have a '|' between them");
    plain_refused("-> b", "acls: view_roles: a name is missing: write ANY, NONE, or names with ',' between them");
    plain_refused("a, -> b", "acls: view_roles: a name is missing after the last ','");
    plain_refused("a, ANY -> b", "acls: view_roles: ANY stands alone, without other names");
    plain_refused("a -> %", "acls: view_roles: role '%': a '%' stands for all roles below another, as in 'eng/%'; all roles are "
                            "{\"type\": \"ANY\"}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_actions),      cmocka_unit_test(test_examples),
        cmocka_unit_test(test_old_names), cmocka_unit_test(test_names_of_the_book),
        cmocka_unit_test(test_roles),        cmocka_unit_test(test_any_and_none),
        cmocka_unit_test(test_odd_names),  cmocka_unit_test(test_nested),       cmocka_unit_test(test_claims),
        cmocka_unit_test(test_reads),      cmocka_unit_test(test_refusals),     cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
