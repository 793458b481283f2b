/* SPDX-License-Identifier: Apache-2.0 */
/* What an http_authenticator must do, and what "basic" and "jwt" must not be lured into. */
#include "contract.h"

#include <stdio.h>
#include "base/units.h"
#include "host/kind_http_authenticator.h"

#define REALM "mesos-master-readonly"

/* A file in the contract's directory; the caller frees its path. */
static char *
file_with(const struct contract *contract, const char *name, const char *text)
{
    struct err err = {0};
    char *path = xasprintf("%s/%s", contract->dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, false, &err), 0);
    return path;
}

static struct module *
start(struct contract *contract, const char *name, const char *key, const char *path)
{
    struct err err = {0};
    struct module *module = host_start(contract->host, MESOS_KIND_HTTP_AUTHENTICATOR, name, &key, &path, 1, &err);
    if (!module)
        fail_msg("%s", err.text);
    return module;
}

/* Asks with count Authorization headers; the verdict lives in arena. */
static struct http_verdict
ask(struct contract *contract, struct module *module, const char *const *values, size_t count, struct arena *arena)
{
    struct mesos_http_header headers[4] = {{"Host", "here"}};
    struct mesos_http_request request = {.size = sizeof(request), .realm = REALM, .method = "GET", .path = "/state",
                                         .headers = headers, .header_count = count + 1, .peer = "127.0.0.1:1"};
    struct answer answer = {0};
    struct http_verdict verdict = {0};
    struct err err = {0};
    for (size_t i = 0; i < count; i++)
        headers[i + 1] = (struct mesos_http_header){i % 2 ? "authorization" : "Authorization", values[i]};
    http_authenticator_ask(module, &request, on_answer, &answer);
    assert_false(answer.done); /* never inside the call that asked */
    assert_int_equal(contract_await(contract, &answer), 0);
    struct mesos_bytes bytes = {buf_data(&answer.bytes), answer.bytes.len};
    if (http_authenticator_read(bytes, arena, &verdict, &err) < 0)
        fail_msg("%s", err.text);
    buf_fini(&answer.bytes);
    return verdict;
}

static struct http_verdict
ask_one(struct contract *contract, struct module *module, const char *value, struct arena *arena)
{
    return ask(contract, module, &value, value ? 1 : 0, arena);
}

static void
assert_refused(struct contract *contract, struct module *module, const char *value, const char *challenge)
{
    auto_arena struct arena *arena = arena_new(0);
    struct http_verdict verdict = ask_one(contract, module, value, arena);
    assert_null(verdict.principal);
    assert_int_equal(verdict.challenge_count, 1);
    assert_string_equal(verdict.challenges[0], challenge);
}

/* ---- basic ---- */

static char *
basic_of(const char *text)
{
    auto_buf struct buf out = {0};
    buf_puts(&out, "Basic ");
    base64_encode(&out, text, strlen(text));
    return buf_take(&out);
}

static struct module *
start_basic(struct contract *contract)
{
    auto_free char *path = file_with(contract, "credentials", "alice one\nbob b:1:\ncarol tw\xc3\xb6");
    return start(contract, "basic", "credentials", path);
}

static void
test_basic_knows_who_has_the_secret(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_basic(contract);
    static const char *const good[][2] = {{"alice:one", "alice"}, {"bob:b:1:", "bob"}, {"carol:tw\xc3\xb6", "carol"}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        auto_arena struct arena *arena = arena_new(0);
        auto_free char *value = basic_of(good[i][0]);
        struct http_verdict verdict = ask_one(contract, module, value, arena);
        assert_non_null(verdict.principal);
        assert_string_equal(verdict.principal->value, good[i][1]);
        assert_int_equal(verdict.principal->claim_count, 0);
    }
    auto_arena struct arena *arena = arena_new(0);
    assert_non_null(ask_one(contract, module, "bASIC  YWxpY2U6b25l", arena).principal); /* schemes know no case */
    assert_string_equal(http_authenticator_scheme(module), "Basic");
}

static void
test_basic_refuses_everybody_else(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_basic(contract);
    static const char challenge[] = "Basic realm=\"" REALM "\"";
    static const char *const bad[] = {"alice:two", "alice:one ", "alice:onf", "alice:", "alice", ":", "", ":one", "mallory:one",
                                      "ALICE:one", "alice:one\nbob:b", "bob:b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_free char *value = basic_of(bad[i]);
        assert_refused(contract, module, value, challenge);
    }
    static const char *const odd[] = {NULL, "", "Basic", "Basic ", "Basic !!!!", "Basic YWxpY2U6b25", "Bearer YWxpY2U6b25l",
                                      "YWxpY2U6b25l", "Basic YWxpY2U6b25l,YWxpY2U6b25l", "Basic YWxpY2U6b25lAA=="};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        assert_refused(contract, module, odd[i], challenge);
}

static void
test_two_headers_are_nobody(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_basic(contract);
    auto_arena struct arena *arena = arena_new(0);
    auto_free char *alice = basic_of("alice:one"), *bob = basic_of("bob:b:1:");
    const char *const both[] = {alice, bob}, *const twice[] = {alice, alice};
    assert_null(ask(contract, module, both, 2, arena).principal);
    assert_null(ask(contract, module, twice, 2, arena).principal);
}

static void
test_failed_logins_are_told_without_the_secret(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_basic(contract);
    auto_arena struct arena *arena = arena_new(0);
    auto_free char *value = basic_of("alice:hunter2");
    struct http_verdict verdict = ask_one(contract, module, value, arena);
    assert_string_equal(verdict.claimed, "alice");
    assert_non_null(verdict.failed);
    assert_null(strstr(verdict.failed, "hunter2"));
    assert_null(ask_one(contract, module, NULL, arena).failed); /* nobody has tried */
}

static void
test_a_bad_file_leaves_the_old_one(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_basic(contract);
    auto_arena struct arena *arena = arena_new(0);
    auto_free char *old = basic_of("alice:one"), *new = basic_of("dave:four");
    auto_free char *bad = file_with(contract, "credentials", "dave four\ndave five\n");
    struct err err = {0};
    assert_true(module_reload(module, &err) < 0);
    assert_text(err.text, bad, "2", NULL);
    assert_non_null(ask_one(contract, module, old, arena).principal);
    free(file_with(contract, "credentials", "dave four"));
    assert_int_equal(module_reload(module, &err), 0);
    assert_null(ask_one(contract, module, old, arena).principal);
    assert_non_null(ask_one(contract, module, new, arena).principal);
}

/* ---- jwt ---- */

static struct module *
start_jwt(struct contract *contract)
{
    auto_free char *path = file_with(contract, "key", "a key of many bytes\n");
    return start(contract, "jwt", "key_file", path);
}

static void
test_jwt_knows_its_own_tokens(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_jwt(contract);
    auto_arena struct arena *arena = arena_new(0);
    const struct mesos_claim claims[] = {{"fid", "f-1"}, {"eid", "caf\xc3\xa9 \"x\""}, {"cid", "c-1"}};
    struct mesos_principal principal = {.size = sizeof(principal), .claims = claims, .claim_count = ARRAY_LEN(claims)};
    char token[HTTP_TOKEN_BYTES];
    struct err err = {0};
    assert_int_equal(http_authenticator_issue(module, &principal, token, &err), 0);
    auto_free char *value = xasprintf("Bearer %s", token);
    struct http_verdict verdict = ask_one(contract, module, value, arena);
    assert_non_null(verdict.principal);
    assert_null(verdict.principal->value);
    assert_int_equal(verdict.principal->claim_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(verdict.principal->claims[i].key, claims[i].key);
        assert_string_equal(verdict.principal->claims[i].value, claims[i].value);
    }
    principal.value = "ops";
    assert_int_equal(http_authenticator_issue(module, &principal, token, &err), 0);
    auto_free char *named = xasprintf("bearer %s", token);
    assert_string_equal(ask_one(contract, module, named, arena).principal->value, "ops");
}

static void
test_jwt_refuses_everything_else(void **state)
{
    struct contract *contract = *state;
    struct module *module = start_jwt(contract);
    struct mesos_principal principal = {.size = sizeof(principal), .value = "ops"};
    char token[HTTP_TOKEN_BYTES];
    struct err err = {0};
    assert_int_equal(http_authenticator_issue(module, &principal, token, &err), 0);
    assert_refused(contract, module, NULL, "Bearer realm=\"" REALM "\"");
    assert_refused(contract, module, "Basic YWxpY2U6b25l", "Bearer realm=\"" REALM "\"");
    for (size_t i = 0; token[i]; i++) { /* any change anywhere */
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        auto_free char *value = xasprintf("Bearer %s", token);
        assert_refused(contract, module, value, "Bearer realm=\"" REALM "\", error=\"invalid_token\"");
        token[i] = was;
    }
    free(file_with(contract, "key", "another key"));
    auto_free char *value = xasprintf("Bearer %s", token);
    assert_int_equal(module_reload(module, &err), 0);
    assert_refused(contract, module, value, "Bearer realm=\"" REALM "\", error=\"invalid_token\"");
}

static void
test_starts_that_cannot_be(void **state)
{
    struct contract *contract = *state;
    struct err err = {0};
    assert_null(host_start(contract->host, MESOS_KIND_HTTP_AUTHENTICATOR, "basic", NULL, NULL, 0, &err));
    assert_text(err.text, "--credentials", "--http_credentials", NULL);
    assert_null(host_start(contract->host, MESOS_KIND_HTTP_AUTHENTICATOR, "jwt", NULL, NULL, 0, &err));
    assert_text(err.text, "--jwt_secret_key", NULL);
    auto_free char *empty = file_with(contract, "empty", "");
    const char *key = "key_file", *path = empty;
    assert_null(host_start(contract->host, MESOS_KIND_HTTP_AUTHENTICATOR, "jwt", &key, &path, 1, &err));
    assert_text(err.text, "empty", NULL);
    auto_free char *twice = file_with(contract, "twice", "a b\na c");
    key = "credentials";
    path = twice;
    assert_null(host_start(contract->host, MESOS_KIND_HTTP_AUTHENTICATOR, "basic", &key, &path, 1, &err));
    assert_text(err.text, "twice", "2", NULL);
}

static void
test_answers_that_break_the_contract(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {{"", 0}, {"principal", 9}, {"principal\0al", 12}, {"principal\0\0", 11}, {"who\0al\0", 7},
               {"principal\0al\0challenge\0Basic\0", 29}, {"forbidden\0no\0challenge\0Basic\0", 29}, {"claimed\0al\0", 11},
               {"\0\0", 2}};
    auto_arena struct arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_verdict verdict;
        struct err err = {0};
        assert_int_equal(http_authenticator_read((struct mesos_bytes){bad[i].bytes, bad[i].len}, arena, &verdict, &err), -EPROTO);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_basic_knows_who_has_the_secret, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_basic_refuses_everybody_else, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_two_headers_are_nobody, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_failed_logins_are_told_without_the_secret, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_a_bad_file_leaves_the_old_one, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_jwt_knows_its_own_tokens, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_jwt_refuses_everything_else, contract_setup, contract_teardown),
        cmocka_unit_test_setup_teardown(test_starts_that_cannot_be, contract_setup, contract_teardown),
        cmocka_unit_test(test_answers_that_break_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
