/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a secret resolver must do: hand out a VALUE as it is, answer each question once, and never tell a secret in an error. Run on
 * "value" and "file"; of "file" also what it reads and what it refuses to.
 */
#include "contract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/kind_secret_resolver.h"
#include "mesos/v1/mesos.pb-c.h"

#define SECRET "the secret of this test"

static const char *const names[] = {"value", "file"};

static char *
in_dir(const struct contract *contract, const char *name)
{
    return xasprintf("%s/secrets/%s", contract->dir, name);
}

static void
put(const struct contract *contract, const char *name, struct str bytes, mode_t mode)
{
    auto_free char *path = in_dir(contract, name);
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void
make_dir(const struct contract *contract, const char *name, mode_t mode)
{
    auto_free char *path = in_dir(contract, name);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int
open_world(void **state)
{
    contract_setup(state);
    make_dir(*state, "", 0700);
    return 0;
}

static struct module *
start(struct contract *contract, const char *name)
{
    auto_free char *dir = in_dir(contract, "");
    const char *const keys[] = {"dir"}, *const values[] = {dir};
    struct err err = {0};
    struct module *module =
        host_start(contract->host, MESOS_KIND_SECRET_RESOLVER, name, keys, values, strcmp(name, "file") == 0, &err);
    assert_string_equal(module ? "" : err.text, "");
    return module;
}

static int
ask(struct contract *contract, struct module *module, const Mesos__V1__Secret *secret, struct answer *answer)
{
    auto_free uint8_t *packed = xmalloc(mesos__v1__secret__get_packed_size(secret) + 1);
    size_t len = mesos__v1__secret__pack(secret, packed);
    secret_resolver_resolve(module, str_n(packed, len), on_answer, answer);
    assert_false(answer->done); /* never inside the call */
    return contract_await(contract, answer);
}

static int
ask_value(struct contract *contract, struct module *module, struct str bytes, struct answer *answer)
{
    Mesos__V1__Secret secret = MESOS__V1__SECRET__INIT;
    Mesos__V1__Secret__Value value = MESOS__V1__SECRET__VALUE__INIT;
    value.data.data = (uint8_t *)(uintptr_t)bytes.ptr;
    value.data.len = bytes.len;
    secret.has_type = true;
    secret.type = MESOS__V1__SECRET__TYPE__VALUE;
    secret.value = &value;
    return ask(contract, module, &secret, answer);
}

static int
ask_reference(struct contract *contract, struct module *module, const char *name, const char *key, struct answer *answer)
{
    Mesos__V1__Secret secret = MESOS__V1__SECRET__INIT;
    Mesos__V1__Secret__Reference reference = MESOS__V1__SECRET__REFERENCE__INIT;
    reference.name = (char *)(uintptr_t)name;
    reference.key = (char *)(uintptr_t)key;
    secret.has_type = true;
    secret.type = MESOS__V1__SECRET__TYPE__REFERENCE;
    secret.reference = &reference;
    return ask(contract, module, &secret, answer);
}

/* ---- any of the kind ---- */

static void
test_values(void **state)
{
    struct answer answer = {0};
    const struct str bytes[] = {STR_LIT(SECRET), STR_LIT(""), STR_LIT("a\0b\n")};
    for (size_t m = 0; m < ARRAY_LEN(names); m++) {
        struct module *module = start(*state, names[m]);
        for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
            assert_int_equal(ask_value(*state, module, bytes[i], &answer), 0);
            assert_true(str_eq(buf_str(&answer.bytes), bytes[i]));
        }
        contract_host_close(*state);
        contract_host_open(*state);
    }
    buf_fini(&answer.bytes);
}

static void
test_nonsense(void **state)
{
    struct answer answer = {0};
    for (size_t m = 0; m < ARRAY_LEN(names); m++) {
        struct module *module = start(*state, names[m]);
        Mesos__V1__Secret none = MESOS__V1__SECRET__INIT;
        assert_true(ask(*state, module, &none, &answer) < 0);
        none.has_type = true;
        none.type = MESOS__V1__SECRET__TYPE__VALUE;
        assert_true(ask(*state, module, &none, &answer) < 0);
        none.type = MESOS__V1__SECRET__TYPE__REFERENCE;
        assert_true(ask(*state, module, &none, &answer) < 0);
        secret_resolver_resolve(module, STR_LIT("\x0a\xff\xff"), on_answer, &answer);
        assert_true(contract_await(*state, &answer) < 0);
        contract_host_close(*state);
        contract_host_open(*state);
    }
    buf_fini(&answer.bytes);
}

/* Stopped while it owes an answer: that comes once, as a refusal or as the secret. */
static void
test_stop(void **state)
{
    struct contract *contract = *state;
    struct answer answer = {0};
    put(contract, "one", STR_LIT(SECRET), 0600);
    for (size_t m = 0; m < ARRAY_LEN(names); m++) {
        struct module *module = start(contract, names[m]);
        Mesos__V1__Secret secret = MESOS__V1__SECRET__INIT;
        Mesos__V1__Secret__Reference reference = MESOS__V1__SECRET__REFERENCE__INIT;
        uint8_t packed[64];
        reference.name = (char *)(uintptr_t)"one";
        secret.has_type = true;
        secret.type = MESOS__V1__SECRET__TYPE__REFERENCE;
        secret.reference = &reference;
        answer.count = 0;
        secret_resolver_resolve(module, str_n(packed, mesos__v1__secret__pack(&secret, packed)), on_answer, &answer);
        contract_host_close(contract);
        assert_int_equal(answer.count, 1);
        contract_host_open(contract);
    }
    buf_fini(&answer.bytes);
}

/* ---- value ---- */

static void
test_value_refuses_references(void **state)
{
    struct answer answer = {0};
    assert_true(ask_reference(*state, start(*state, "value"), "db", NULL, &answer) < 0);
    assert_text(answer.error, "Default secret resolver cannot resolve references", "'db'", NULL);
}

/* ---- file ---- */

static void
test_files(void **state)
{
    struct contract *contract = *state;
    struct answer answer = {0};
    put(contract, "one", STR_LIT(SECRET "\n"), 0600);
    put(contract, "empty", STR_LIT(""), 0400);
    make_dir(contract, "db", 0700);
    put(contract, "db/password", STR_LIT("a\0b"), 0600);
    struct module *module = start(contract, "file");
    assert_int_equal(ask_reference(contract, module, "one", NULL, &answer), 0);
    assert_true(str_eq(buf_str(&answer.bytes), STR_LIT(SECRET "\n"))); /* all of its bytes */
    assert_int_equal(ask_reference(contract, module, "one", "", &answer), 0);
    assert_int_equal(ask_reference(contract, module, "empty", NULL, &answer), 0);
    assert_int_equal(answer.bytes.len, 0);
    assert_int_equal(ask_reference(contract, module, "db", "password", &answer), 0);
    assert_true(str_eq(buf_str(&answer.bytes), STR_LIT("a\0b")));
    make_dir(contract, "my", 0700); /* as Mesos's book names one */
    make_dir(contract, "my/secret", 0700);
    put(contract, "my/secret/username", STR_LIT("my-user"), 0600);
    assert_int_equal(ask_reference(contract, module, "/my/secret", "username", &answer), 0);
    assert_true(str_eq(buf_str(&answer.bytes), STR_LIT("my-user")));
    assert_int_equal(ask_reference(contract, module, "my/secret/username", NULL, &answer), 0);
    put(contract, "later", STR_LIT("new"), 0600); /* looked up each time */
    assert_int_equal(ask_reference(contract, module, "later", NULL, &answer), 0);
    buf_fini(&answer.bytes);
}

static void
test_names_that_lead_elsewhere(void **state)
{
    static const char *const bad[][2] = {{"..", NULL},          {".", NULL},     {"", NULL},        {"../secrets/one", NULL},
                                         {"/etc/passwd", NULL}, {"db/", NULL},   {".hidden", NULL}, {"one", "x"},
                                         {"db", "../one"},      {"db", ".."},    {"..", "one"},     {"db", "a/b"},
                                         {"link", NULL},        {"linked", "x"}, {"db", "link"},    {"no-such", NULL},
                                         {"db", NULL},          {"pipe", NULL},
                                         {"db/../one", NULL},   {"//one", NULL}, {"db//x", NULL},   {"/", NULL},
                                         {"linked/x", NULL},    {"db/link", NULL}, {"", "one"},     {"one/x", NULL},
                                         {"db", "/x"},          {"db/.", "x"},   {"/../secrets", "one"}, {"loose/in", "x"}};
    struct contract *contract = *state;
    struct answer answer = {0};
    put(contract, "one", STR_LIT(SECRET), 0600);
    put(contract, ".hidden", STR_LIT(SECRET), 0600);
    make_dir(contract, "db", 0700);
    put(contract, "db/x", STR_LIT(SECRET), 0600);
    make_dir(contract, "loose", 0777);
    make_dir(contract, "loose/in", 0700);
    put(contract, "loose/in/x", STR_LIT(SECRET), 0600);
    auto_free char *link = in_dir(contract, "link"), *linked = in_dir(contract, "linked"), *inner = in_dir(contract, "db/link"),
                   *pipe = in_dir(contract, "pipe");
    assert_int_equal(symlink("one", link), 0);
    assert_int_equal(symlink("db", linked), 0);
    assert_int_equal(symlink("x", inner), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    struct module *module = start(contract, "file");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (ask_reference(contract, module, bad[i][0], bad[i][1], &answer) == 0)
            fail_msg("'%s' with key '%s' is a secret", bad[i][0], bad[i][1] ? bad[i][1] : "");
        assert_null(strstr(answer.error, SECRET));
    }
    assert_int_equal(ask_reference(contract, module, "one", NULL, &answer), 0); /* the answer was no accident */
    buf_fini(&answer.bytes);
}

static void
test_files_of_others(void **state)
{
    static const mode_t bad[] = {0640, 0604, 0620, 0602, 0666, 0610};
    struct contract *contract = *state;
    struct answer answer = {0};
    struct module *module = start(contract, "file");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_free char *name = xasprintf("mode%zu", i);
        put(contract, name, STR_LIT(SECRET), bad[i]);
        assert_int_equal(ask_reference(contract, module, name, NULL, &answer), -EACCES);
        assert_text(answer.error, name, "0600", NULL);
    }
    make_dir(contract, "open", 0777);
    put(contract, "open/x", STR_LIT(SECRET), 0600);
    assert_int_equal(ask_reference(contract, module, "open", "x", &answer), -EACCES);
    if (geteuid() == 0) {
        put(contract, "theirs", STR_LIT(SECRET), 0600);
        auto_free char *path = in_dir(contract, "theirs");
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(ask_reference(contract, module, "theirs", NULL, &answer), -EACCES);
        assert_text(answer.error, "belongs to user 65534", NULL);
    }
    auto_free char *dir = in_dir(contract, "");
    put(contract, "one", STR_LIT(SECRET), 0600);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(ask_reference(contract, module, "one", NULL, &answer), -EACCES);
}

static void
test_size(void **state)
{
    struct contract *contract = *state;
    struct answer answer = {0};
    auto_free char *much = xcalloc(1, MESOS_SECRET_MAX + 1);
    put(contract, "most", str_n(much, MESOS_SECRET_MAX), 0600);
    put(contract, "more", str_n(much, MESOS_SECRET_MAX + 1), 0600);
    struct module *module = start(contract, "file");
    assert_int_equal(ask_reference(contract, module, "most", NULL, &answer), 0);
    assert_int_equal(answer.bytes.len, MESOS_SECRET_MAX);
    assert_int_equal(ask_reference(contract, module, "more", NULL, &answer), -EFBIG);
    buf_fini(&answer.bytes);
}

static void
test_directory(void **state)
{
    struct contract *contract = *state;
    const char *const keys[] = {"dir"}, *const relative[] = {"secrets"}, *const missing[] = {"/no/such/directory"};
    struct err err = {0};
    assert_null(host_start(contract->host, MESOS_KIND_SECRET_RESOLVER, "file", keys, relative, 1, &err));
    assert_text(err.text, "absolute path", "'secrets'", NULL);
    assert_null(host_start(contract->host, MESOS_KIND_SECRET_RESOLVER, "file", keys, missing, 1, &err));
    assert_text(err.text, "/no/such/directory", "is no directory", NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_world, contract_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),          TEST(test_nonsense), TEST(test_stop), TEST(test_value_refuses_references), TEST(test_files),
        TEST(test_names_that_lead_elsewhere), TEST(test_files_of_others), TEST(test_size), TEST(test_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
