/* SPDX-License-Identifier: Apache-2.0 */
/* What an authorizer must do: an approver for each action, one answer whoever asks twice, no for what it does not know, old rules
 * for old approvers when they are reloaded, and the old rules for all when the new ones are wrong. Run on "local_acl". */
#include "contract.h"

#include <unistd.h>

#include "host/kind_authorizer.h"

static const uint32_t actions[] = {
#define ACTION_NUMBER(number, NAME) number,
    MESOS_ACTIONS(ACTION_NUMBER)
#undef ACTION_NUMBER
};

static const char *const jenkins_only =
    "{\"permissive\": false, \"run_tasks\": [{\"principals\": {\"values\": [\"jenkins\"]}, \"users\": {\"values\": [\"www\"]}}]}\n";
static const char *const nobody = "{\"permissive\": false}\n";

struct authorized {
    struct contract contract;
    char *file;
};

static int
setup(void **state)
{
    struct authorized *authorized = xcalloc(1, sizeof(*authorized));
    contract_open(&authorized->contract);
    authorized->file = xasprintf("%s/acls.json", authorized->contract.dir);
    *state = authorized;
    return 0;
}

static int
teardown(void **state)
{
    struct authorized *authorized = *state;
    contract_close(&authorized->contract);
    free(authorized->file);
    free(authorized);
    return 0;
}

static void
write_file(const struct authorized *authorized, const char *text)
{
    struct err err = {0};
    assert_int_equal(file_replace(authorized->file, text, strlen(text), 0600, false, &err), 0);
}

static struct module *
start(struct authorized *authorized, const char *key, const char *value, struct err *err)
{
    return host_start(authorized->contract.host, MESOS_KIND_AUTHORIZER, "local", &key, &value, 1, err);
}

static struct module *
started(struct authorized *authorized, const char *key, const char *value)
{
    struct err err = {0};
    struct module *module = start(authorized, key, value, &err);
    assert_string_equal(module ? "" : err.text, "");
    return module;
}

static bool
asks(struct module *module, void *approver, const char *value)
{
    struct mesos_object object = {.size = sizeof(object), .value = value};
    return authorizer_approved(module, approver, &object);
}

static void *
approver_for(struct module *module, const char *who, uint32_t action)
{
    struct mesos_principal principal = {.size = sizeof(principal), .value = who};
    uint32_t reads;
    return authorizer_approver_new(module, who ? &principal : NULL, action, &reads);
}

/* Every action has an approver; one that says it reads nothing says the same of everything. */
static void
test_every_action(void **state)
{
    struct module *module = started(*state, "acls", jenkins_only);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        for (int named = 0; named < 2; named++) {
            struct mesos_principal principal = {.size = sizeof(principal), .value = "jenkins"};
            uint32_t reads = 99;
            void *approver = authorizer_approver_new(module, named ? &principal : NULL, actions[i], &reads);
            char text[40] = "x";
            assert_non_null(approver);
            assert_true(reads < 16);
            bool whole = authorizer_approved(module, approver, NULL);
            assert_int_equal(asks(module, approver, "www"), asks(module, approver, "www"));
            if (reads == 0)
                assert_int_equal(asks(module, approver, "www"), whole);
            authorizer_explain(module, approver, NULL, text, sizeof(text));
            assert_true(strlen(text) < sizeof(text) && strcmp(text, "x") != 0);
            authorizer_approver_free(module, approver);
        }
    }
}

static void
test_unknown_action(void **state)
{
    struct module *module = started(*state, "acls", "{\"permissive\": true}");
    assert_null(approver_for(module, "jenkins", 9999));
    assert_null(approver_for(module, "jenkins", 0));
}

static void
test_decides(void **state)
{
    struct module *module = started(*state, "acls", jenkins_only);
    void *jenkins = approver_for(module, "jenkins", MESOS_ACTION_RUN_TASK), *other = approver_for(module, "x", MESOS_ACTION_RUN_TASK);
    assert_true(asks(module, jenkins, "www"));
    assert_false(asks(module, jenkins, "root"));
    assert_false(asks(module, other, "www"));
    authorizer_approver_free(module, jenkins);
    authorizer_approver_free(module, other);
}

static void
test_reload(void **state)
{
    struct authorized *authorized = *state;
    struct err err = {0};
    write_file(authorized, jenkins_only);
    struct module *module = started(authorized, "acls_file", authorized->file);
    const char *const *watched = module_watched(module);
    assert_string_equal(watched[0], authorized->file);
    assert_null(watched[1]);
    uint64_t generation = authorizer_generation(module);
    void *old = approver_for(module, "jenkins", MESOS_ACTION_RUN_TASK);
    assert_int_equal(module_reload(module, &err), 0);
    assert_int_equal(authorizer_generation(module), generation); /* the same file: nothing to forget */
    write_file(authorized, nobody);
    assert_int_equal(module_reload(module, &err), 0);
    assert_true(authorizer_generation(module) > generation);
    assert_true(asks(module, old, "www")); /* as it was when that request began */
    authorizer_approver_free(module, old);
    void *now = approver_for(module, "jenkins", MESOS_ACTION_RUN_TASK);
    assert_false(asks(module, now, "www"));
    authorizer_approver_free(module, now);
}

/* What is wrong is refused with its line, and nothing changes. */
static void
test_reload_refused(void **state)
{
    struct authorized *authorized = *state;
    struct err err = {0};
    write_file(authorized, jenkins_only);
    struct module *module = started(authorized, "acls_file", authorized->file);
    uint64_t generation = authorizer_generation(module);
    write_file(authorized, "{\"permissive\": true,\n\n \"run_tasks\": [{\"principals\": {\"type\": \"ALL\"}}]}");
    assert_true(module_reload(module, &err) < 0);
    assert_text(err.text, "acls.json:3: unknown type 'ALL'", NULL);
    unlink(authorized->file);
    assert_true(module_reload(module, &err) < 0);
    assert_text(err.text, "acls.json", NULL);
    assert_int_equal(authorizer_generation(module), generation);
    void *approver = approver_for(module, "jenkins", MESOS_ACTION_RUN_TASK);
    assert_true(asks(module, approver, "www"));
    assert_false(asks(module, approver, "root"));
    authorizer_approver_free(module, approver);
}

static void
refused(struct authorized *authorized, const char *key, const char *value, const char *part)
{
    struct err err = {0};
    assert_null(start(authorized, key, value, &err));
    assert_text(err.text, "local_acl", part, NULL);
}

static void
test_bad_parameters(void **state)
{
    struct authorized *authorized = *state;
    refused(authorized, "acls", "{\"run_task\": []}", "acls:1: unknown action 'run_task': the nearest is 'run_tasks'");
    refused(authorized, "acls", "", "acls:1: '{' is wanted");
    refused(authorized, "acls_file", "/nowhere/acls.json", "/nowhere/acls.json");
    refused(authorized, "permissive", "maybe", "permissive is 'maybe'");
    refused(authorized, "run_tasks", "jenkins", "acls: run_tasks: no '->'");
    refused(authorized, "run_task", "a -> b", "did you mean 'run_tasks'?");
    static const char *const keys[] = {"acls", "run_tasks"}, *const values[] = {"{}", "a -> b"};
    struct err err = {0};
    assert_null(host_start(authorized->contract.host, MESOS_KIND_AUTHORIZER, "local", keys, values, 2, &err));
    assert_text(err.text, "two places", NULL);
}

/* The INI's section. */
static void
test_plain(void **state)
{
    struct module *module = started(*state, "run_tasks", "jenkins -> www | ANY -> NONE");
    void *approver = approver_for(module, "jenkins", MESOS_ACTION_RUN_TASK);
    assert_true(asks(module, approver, "www"));
    assert_false(asks(module, approver, "root"));
    authorizer_approver_free(module, approver);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_every_action), TEST(test_unknown_action), TEST(test_decides), TEST(test_reload),
                                       TEST(test_reload_refused), TEST(test_bad_parameters), TEST(test_plain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
