/* SPDX-License-Identifier: Apache-2.0 */
/* Credential files: both forms, every way in which they end, and what is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "common/credentials.h"

static struct credentials *
must_parse(const char *text)
{
    struct err err = {0};
    struct credentials *credentials = credentials_parse(str_of(text), "file", &err);
    if (!credentials)
        fail_msg("%s: %s", text, err.text);
    return credentials;
}

static void
expect_secret(const struct credentials *credentials, const char *principal, const char *secret)
{
    const struct credential *found = credentials_find(credentials, str_of(principal));
    assert_non_null(found);
    assert_string_equal(found->principal, principal);
    assert_string_equal(found->secret, secret);
    assert_int_equal(found->secret_len, strlen(secret));
}

static void
expect_refusal(struct str text, const char *why)
{
    struct err err = {0};
    assert_null(credentials_parse(text, "file", &err));
    if (!strstr(err.text, why))
        fail_msg("'%s' says nothing of '%s'", err.text, why);
    assert_null(strstr(err.text, "hidden")); /* the secret of all bad files here */
}

static void
test_both_forms_and_every_end(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "alice a1\nbob b1",
        "alice a1\nbob b1\n",
        "alice a1\r\nbob b1\r\n",
        "\n  alice\ta1  \n\n\tbob    b1\t\n\n",
        "\xef\xbb\xbf" "alice a1\nbob b1\n",
        "{\"credentials\":[{\"principal\":\"alice\",\"secret\":\"a1\"},{\"secret\":\"b1\",\"principal\":\"bob\"}]}",
        "\xef\xbb\xbf{ \"credentials\" : [\r\n{\"principal\":\"alice\",\"secret\":\"a1\",\"note\":[{}]},\r\n"
        "{\"principal\":\"bob\",\"secret\":\"b\\u0031\"}]\r\n, \"more\": null}\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct credentials *credentials = must_parse(texts[i]);
        assert_int_equal(credentials_count(credentials), 2);
        expect_secret(credentials, "alice", "a1");
        expect_secret(credentials, "bob", "b1");
        credentials_free(credentials);
    }
}

static void
test_nobody(void **state)
{
    (void)state;
    struct credentials *credentials = must_parse("");
    assert_int_equal(credentials_count(credentials), 0);
    assert_null(credentials_only(credentials));
    assert_false(credentials_match(credentials, STR_LIT("alice"), STR_LIT("a1")));
    assert_false(credentials_match(credentials, STR_LIT(""), STR_LIT("")));
    credentials_free(credentials);
    credentials = must_parse("{\"credentials\": []}");
    assert_int_equal(credentials_count(credentials), 0);
    credentials_free(credentials);
    credentials_free(NULL);
}

static void
test_odd_names(void **state)
{
    (void)state;
    struct credentials *credentials =
        must_parse("{\"credentials\":[{\"principal\":\"two words\",\"secret\":\" \\\"s\\\" \"},"
                   "{\"principal\":\"#\\u00e9%\",\"secret\":\"{}\"}]}");
    expect_secret(credentials, "two words", " \"s\" ");
    expect_secret(credentials, "#\xc3\xa9%", "{}");
    credentials_free(credentials);
    credentials = must_parse("org/team@host [\"x\"]\nÅse a#b\n");
    expect_secret(credentials, "org/team@host", "[\"x\"]");
    expect_secret(credentials, "Åse", "a#b");
    credentials_free(credentials);
}

static void
test_refusals(void **state)
{
    (void)state;
    expect_refusal(STR_LIT("a hidden\nb\n"), "file, line 2: expected a principal and a secret, but there is one word");
    expect_refusal(STR_LIT("a hidden\r\n\r\nb hidden c\r\n"), "file, line 3: expected a principal and a secret, but there are more");
    expect_refusal(STR_LIT("a hidden\nb 1\na hidden\n"), "file, line 3: principal 'a' is named twice");
    expect_refusal(STR_LIT("# hidden"), "file, line 1: there are no comments here");
    expect_refusal(STR_LIT("a hid\0den\n"), "file, line 1: the secret of 'a' has a NUL");
    expect_refusal(STR_LIT("a\x1b hidden\n"), "file, line 1: the principal has a control character");
    expect_refusal(STR_LIT("{"), "file, line 1: this is not JSON");
    expect_refusal(STR_LIT("{\n\"credentials\": [\n{\"principal\": \"a\" \"secret\": \"hidden\"}]}"), "file, line 3: this is not JSON");
    expect_refusal(STR_LIT("{}"), "file, line 1: there is no member 'credentials'");
    expect_refusal(STR_LIT("{\"credentials\": {}}"), "'credentials' must be a list");
    expect_refusal(STR_LIT("{\"credentials\": [],\n\"credentials\": []}"), "line 2: 'credentials' is given twice");
    expect_refusal(STR_LIT("{\"credentials\": [\n\"hidden\"]}"), "line 2: a credential must be an object");
    expect_refusal(STR_LIT("{\"credentials\": [\n{\"secret\": \"hidden\"}]}"), "line 2: a credential without 'principal'");
    expect_refusal(STR_LIT("{\"credentials\": [\n\n{\"principal\": \"a\"}]}"), "line 3: the credential of 'a' has no 'secret'");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"a\", \"secret\": 5}]}"), "'secret' must be a string");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"a\", \"principal\": \"b\"}]}"), "'principal' is given twice");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"\", \"secret\": \"hidden\"}]}"), "a principal has 1 to");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"a\", \"secret\": \"\"}]}"), "a secret has 1 to");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"a\\nb\", \"secret\": \"hidden\"}]}"), "a control character");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"a\", \"secret\": \"hid\\u0000den\"}]}"), "has a NUL");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\":\"a\",\"secret\":\"x\"},\n{\"secret\":\"hidden\",\"principal\":\"a\"}]}"),
                   "line 2: principal 'a' is named twice");
    expect_refusal(STR_LIT("{\"credentials\": []}\n{}"), "line 2: there is more behind the end");
    expect_refusal(STR_LIT("{\"credentials\": [\n{\"principal\": \"a\", \"secret\": \"hidden\"},\n]}"),
                   "line 3: there is a comma too many before ']'");
    expect_refusal(STR_LIT("{\"credentials\": [{\"principal\": \"a\", \"secret\": \"hidden\",\n}]}"),
                   "line 2: there is a comma too many before '}'");
    expect_refusal(STR_LIT("{\"credentials\": [\n  x]}"), "line 2: a credential must be an object");
    expect_refusal(STR_LIT("{\"credentials\": [{\n  x}]}"), "line 2: this is not JSON from column 3 on");
    expect_refusal(STR_LIT("[{\"principal\": \"a\", \"secret\": \"hidden\"}]\n"), "line 1: JSON begins with '{' here");
    expect_refusal(STR_LIT("{\"principal\": \"a\", \"secret\": \"hidden\"}"), "a list is wanted, {\"credentials\":");
}

static void
test_too_much(void **state)
{
    (void)state;
    auto_buf struct buf text = {0};
    buf_puts(&text, "a ");
    for (int i = 0; i <= CREDENTIAL_SECRET_MAX; i++)
        buf_putc(&text, 'x');
    expect_refusal(buf_str(&text), "a secret has 1 to 4096 bytes");
    buf_clear(&text);
    for (int i = 0; i <= CREDENTIAL_PRINCIPAL_MAX; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, " hidden");
    expect_refusal(buf_str(&text), "a principal has 1 to 1024 bytes");
    buf_clear(&text);
    for (int i = 0; i <= CREDENTIALS_MAX; i++)
        buf_printf(&text, "p%d s\n", i);
    expect_refusal(buf_str(&text), "line 200001: more than 200000 credentials");
    buf_clear(&text);
    buf_puts(&text, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buf_putc(&text, '[');
    expect_refusal(buf_str(&text), "nested too deeply");
    expect_refusal(str_n(buf_data(&text), CREDENTIALS_FILE_MAX + 1), "file is larger than");
}

static void
test_a_single_one(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "agent a3cret", "agent a3cret\n", "\nagent\ta3cret\r\n",
        "{\"principal\": \"agent\", \"secret\": \"a3cret\"}\n",
    };
    static const char *const bad[] = {"", "\n", "a b\nc d\n", "{\"credentials\":[{\"principal\":\"a\",\"secret\":\"b\"}]}",
                                      "{\"principal\": \"agent\"}"};
    struct err err = {0};
    assert_null(credential_parse(str_of(bad[3]), "file", &err));
    assert_non_null(strstr(err.text, "file, line 1: this is a list, as --credentials of a master wants it"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct credentials *one = credential_parse(str_of(texts[i]), "file", &err);
        assert_non_null(one);
        assert_string_equal(credentials_only(one)->principal, "agent");
        assert_string_equal(credentials_only(one)->secret, "a3cret");
        credentials_free(one);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(credential_parse(str_of(bad[i]), "file", &err));
    assert_null(credential_parse(STR_LIT("a b\nc d\n"), "file", &err));
    assert_string_equal(err.text, "file has 2 credentials, but one is wanted");
}

static void
test_match(void **state)
{
    (void)state;
    struct credentials *credentials = must_parse("alice a1\nbob b1");
    assert_true(credentials_match(credentials, STR_LIT("alice"), STR_LIT("a1")));
    assert_false(credentials_match(credentials, STR_LIT("alice"), STR_LIT("b1")));
    assert_false(credentials_match(credentials, STR_LIT("alice"), STR_LIT("a")));
    assert_false(credentials_match(credentials, STR_LIT("alice"), STR_LIT("a1a1")));
    assert_false(credentials_match(credentials, STR_LIT("alice"), STR_LIT("a1\0")));
    assert_false(credentials_match(credentials, STR_LIT("alice"), STR_LIT("")));
    assert_false(credentials_match(credentials, STR_LIT("carol"), STR_LIT("a1")));
    assert_false(credentials_match(credentials, STR_LIT(""), STR_LIT("a1")));
    credentials_free(credentials);
}

static void
test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/credentials.XXXXXX";
    auto_fd int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "alice a1\n", 9), 9);
    struct err err = {0};
    bool exposed = true;
    struct credentials *credentials = credentials_read(path, &exposed, &err);
    assert_non_null(credentials);
    assert_false(exposed);
    credentials_free(credentials);
    assert_int_equal(fchmod(fd, 0644), 0);
    credentials = credential_read(path, &exposed, &err);
    assert_non_null(credentials);
    assert_true(exposed);
    credentials_free(credentials);
    assert_int_equal(write(fd, "alice\n", 6), 6);
    assert_null(credentials_read(path, NULL, &err));
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, ", line 2: "));
    unlink(path);
    assert_null(credentials_read(path, NULL, &err));
    assert_int_equal(err.code, -ENOENT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_forms_and_every_end), cmocka_unit_test(test_nobody), cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_too_much), cmocka_unit_test(test_a_single_one),
        cmocka_unit_test(test_match), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
