/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What authenticators and authenticatees must do: find out who somebody is, and nobody else. Run on "cram_md5" and "scram_sha256",
 * each talking to the other kind's module, and against answers that real Apache Mesos gave.
 */
#include "contract.h"

#include <stdio.h>

#include "host/kind_authenticatee.h"
#include "host/kind_authenticator.h"

struct talk {
    struct contract contract;
    char *credentials, *credential;
    const char *options[5];
};

static void
write_file(const char *path, const char *text)
{
    struct err err = {0};
    assert_int_equal(file_replace(path, text, strlen(text), 0600, false, &err), 0);
}

static int
open_talk(void **state)
{
    struct talk *talk = xcalloc(1, sizeof(*talk));
    contract_open(&talk->contract);
    talk->credentials = xasprintf("%s/credentials", talk->contract.dir);
    talk->credential = xasprintf("%s/credential", talk->contract.dir);
    write_file(talk->credentials, "test s3cret\nagent a3cret\r\n\nodd/na@me p%s,=w");
    write_file(talk->credential, "test s3cret\n");
    const char *options[] = {"credentials", talk->credentials, "credential", talk->credential, NULL};
    memcpy(talk->options, options, sizeof(options));
    talk->contract.options = talk->options;
    *state = talk;
    return 0;
}

static int
close_talk(void **state)
{
    struct talk *talk = *state;
    contract_close(&talk->contract);
    free(talk->credentials);
    free(talk->credential);
    free(talk);
    return 0;
}

static bool
never(void *arg)
{
    (void)arg;
    return false;
}

/* What a conversation needs is made ahead, off the loop: it may be asked for too soon. */
static struct authenticatee_session *
open_peer(struct talk *talk, struct module *proves, const char *const *offered, const char **ret_mechanism, struct str *ret_said)
{
    struct err err = {0};
    struct authenticatee_session *peer = authenticatee_session_new(proves, offered, 1, ret_mechanism, ret_said, &err);
    for (int i = 0; !peer && i < 6000; i++) {
        assert_int_equal(err.code, -EAGAIN);
        loop_run_until(talk->contract.loop, never, NULL, 10);
        peer = authenticatee_session_new(proves, offered, 1, ret_mechanism, ret_said, &err);
    }
    assert_non_null(peer);
    return peer;
}

/* One conversation, from the mechanism to its end: what the authenticator says last. */
struct outcome {
    int code;
    char principal[200];
    char *last_answer; /* the last thing that the peer said */
};

/* The credential's side may be told something else than was said: edit is called with each message, NULL = as it is. */
static struct outcome
converse(struct talk *talk, struct module *checks, struct module *proves, void (*edit)(struct buf *said))
{
    struct err err = {0};
    struct outcome outcome = {0};
    struct str said = {0}, answer = {0};
    const char *mechanism = NULL;
    const char *const *offered = authenticator_mechanisms(checks);
    struct authenticatee_session *peer = open_peer(talk, proves, offered, &mechanism, &said);
    assert_string_equal(mechanism, offered[0]);
    struct authenticator_session *session = authenticator_session_new(checks, mechanism, &err);
    assert_string_equal(session ? "" : err.text, "");
    bool finished = false;
    for (;;) {
        auto_buf struct buf copy = {0};
        buf_append_str(&copy, said);
        if (edit)
            edit(&copy);
        free(outcome.last_answer);
        outcome.last_answer = str_dup(buf_str(&copy));
        outcome.code = authenticator_session_step(session, buf_str(&copy), &answer, &err);
        if (outcome.code)
            break;
        int code = authenticatee_session_step(peer, answer, &said, &err);
        if (code < 0 && edit) { /* it found out what was done to its words */
            outcome.code = code;
            break;
        }
        assert_string_equal(code < 0 ? err.text : "", "");
        finished = code == 1;
    }
    assert_true(outcome.code < 0 || finished);
    const char *principal = authenticator_session_principal(session);
    snprintf(outcome.principal, sizeof(outcome.principal), "%s", principal ? principal : "-");
    authenticator_session_free(session);
    authenticatee_session_free(peer);
    return outcome;
}

static void
expect(struct talk *talk, struct module *checks, struct module *proves, const char *principal)
{
    struct outcome outcome = converse(talk, checks, proves, NULL);
    assert_int_equal(outcome.code, principal ? 1 : -EACCES);
    if (principal)
        assert_string_equal(outcome.principal, principal);
    free(outcome.last_answer);
}

static void
both_ways(struct talk *talk, const char *checks_name, const char *proves_name)
{
    struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, checks_name);
    static const char *const good[][2] = {{"agent a3cret", "agent"}, {"odd/na@me p%s,=w\n", "odd/na@me"}, {"test s3cret", "test"}};
    static const char *const bad[] = {"test wrong", "nobody s3cret", "test s3cre", "test s3crett", "agent s3cret"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        write_file(talk->credential, good[i][0]);
        expect(talk, checks, contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, proves_name), good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_file(talk->credential, bad[i]);
        expect(talk, checks, contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, proves_name), NULL);
    }
}

static void
test_cram_md5(void **state)
{
    both_ways(*state, "crammd5", "crammd5");
}

static void
test_scram_sha256(void **state)
{
    both_ways(*state, "scram_sha256", "scram_sha256");
}

/* Challenges and answers of Apache Mesos. */
static void
test_recorded_answers(void **state)
{
    static const char *const recorded[][3] = {
        {"test s3cret\n", "<864427376.60842@sched.example>", "test c5734934066742ec1e36d5154ed120c4"},
        {"agent wrong", "<2899501952.60826@sched.example>", "agent 55d2a4db20ec539dabfaf36483ee0b12"},
    };
    static const char *const offered[] = {"PLAIN", "CRAM-MD5"};
    struct talk *talk = *state;
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
        struct str said, answer;
        const char *mechanism;
        write_file(talk->credential, recorded[i][0]);
        struct module *proves = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, "cram_md5");
        struct authenticatee_session *session = authenticatee_session_new(proves, offered, 2, &mechanism, &said, &err);
        assert_non_null(session);
        assert_string_equal(mechanism, "CRAM-MD5");
        assert_int_equal(said.len, 0);
        assert_int_equal(authenticatee_session_step(session, str_of(recorded[i][1]), &answer, &err), 1);
        assert_true(str_is(answer, recorded[i][2]));
        assert_int_equal(authenticatee_session_step(session, str_of(recorded[i][1]), &answer, &err), -EPROTO);
        authenticatee_session_free(session);
    }
}

static int
step(struct authenticator_session *session, const char *said, struct str *ret_answer)
{
    struct err err = {0};
    return authenticator_session_step(session, str_of(said), ret_answer, &err);
}

static struct authenticator_session *
begin(struct module *checks)
{
    struct err err = {0};
    struct authenticator_session *session = authenticator_session_new(checks, authenticator_mechanisms(checks)[0], &err);
    assert_non_null(session);
    return session;
}

static void
test_replay(void **state)
{
    struct talk *talk = *state;
    struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, "cram_md5");
    struct module *proves = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, "cram_md5");
    struct outcome outcome = converse(talk, checks, proves, NULL);
    assert_int_equal(outcome.code, 1);
    struct authenticator_session *session = begin(checks);
    struct str answer;
    assert_int_equal(step(session, "", &answer), 0);
    assert_int_equal(step(session, outcome.last_answer, &answer), -EACCES);
    authenticator_session_free(session);
    free(outcome.last_answer);
}

static void
cut_digest(struct buf *said)
{
    if (said->len)
        said->len--;
}

static void
test_truncated(void **state)
{
    static const char *const names[] = {"cram_md5", "scram_sha256"};
    struct talk *talk = *state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, names[i]);
        struct module *proves = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, names[i]);
        struct outcome outcome = converse(talk, checks, proves, cut_digest);
        assert_true(outcome.code < 0);
        free(outcome.last_answer);
    }
}

static void
test_nonsense(void **state)
{
    static const char *const names[] = {"cram_md5", "scram_sha256"};
    static const char *const said[] = {"", " ", "test", "test ", " 0123", "test 0123456789abcdef0123456789abcdef", "n,,n=test",
                                       "n,,n=test,r=", "n,,n=test,r=abc", "y,,=", "p=x,,n=test,r=abc", "n,a=agent,n=test,r=abcdefgh",
                                       "\xff\xfe", "c=biws,r=abc,p=AAAA", "%s%n", "n,,n==3D,r=x", "n,,m=x,n=test,r=abc"};
    struct talk *talk = *state;
    auto_buf struct buf huge = {0};
    for (int i = 0; i < 100000; i++)
        buf_putc(&huge, 'a');
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, names[i]);
        for (size_t first = 0; first <= ARRAY_LEN(said); first++) {
            for (size_t second = 0; second < ARRAY_LEN(said); second++) {
                struct authenticator_session *session = begin(checks);
                struct str answer;
                int code = step(session, first < ARRAY_LEN(said) ? said[first] : buf_cstr(&huge), &answer);
                assert_int_not_equal(code, 1);
                if (code == 0)
                    assert_int_not_equal(step(session, said[second], &answer), 1);
                authenticator_session_free(session);
            }
        }
    }
}

static void
test_not_offered(void **state)
{
    static const char *const offered[] = {"PLAIN", "ANONYMOUS"};
    struct talk *talk = *state;
    struct module *proves = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, "cram_md5");
    struct err err = {0};
    const char *mechanism;
    struct str first;
    assert_null(authenticatee_session_new(proves, offered, 2, &mechanism, &first, &err));
    assert_int_equal(err.code, -ENOTSUP);
    assert_null(authenticatee_session_new(proves, NULL, 0, &mechanism, &first, &err));
}

/* A master that does not know the secret is found out. */
static void
test_false_master(void **state)
{
    static const char *const offered[] = {"SCRAM-SHA-256"};
    struct talk *talk = *state;
    struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, "scram_sha256");
    struct module *proves = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, "scram_sha256");
    struct err err = {0};
    const char *mechanism;
    struct str said, answer;
    struct authenticatee_session *peer = authenticatee_session_new(proves, offered, 1, &mechanism, &said, &err);
    struct authenticator_session *session = begin(checks);
    assert_int_equal(authenticator_session_step(session, said, &answer, &err), 0);
    assert_int_equal(authenticatee_session_step(peer, answer, &said, &err), 0); /* not yet content */
    assert_int_equal(authenticatee_session_step(peer, STR_LIT("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), &said, &err), -EPROTO);
    authenticator_session_free(session);
    authenticatee_session_free(peer);
}

/* What the authenticator answers to that name, without the peer's part of it, and that a proof which is none ends alike. */
static char *
answer_to(struct module *checks, const char *name)
{
    auto_free char *first = xasprintf("n,,n=%s,r=abcdefghijkl", name);
    struct authenticator_session *session = begin(checks);
    struct err err = {0};
    struct str answer = {0}, ended = {0}, nonce;
    assert_int_equal(step(session, first, &answer), 0);
    assert_true(str_starts(answer, STR_LIT("r=abcdefghijkl")));
    nonce = str_cut(&answer, ',');
    auto_free char *proof = xasprintf("c=biws,%.*s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", STR_ARG(nonce));
    char *rest = str_dup(answer);
    assert_int_equal(authenticator_session_step(session, str_of(proof), &ended, &err), -EACCES);
    assert_int_equal(ended.len, 0);
    authenticator_session_free(session);
    return rest;
}

/* Nobody finds out by asking who there is: the answer is of the same form, stays the same, and is another for another name; a new
 * set of credentials changes all of them. */
static void
test_unknown_is_like_wrong(void **state)
{
    static const char *const names[] = {"test", "nobody", "agent", "nobody2"};
    struct talk *talk = *state;
    struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, "scram_sha256");
    struct err err = {0};
    char *seen[2][ARRAY_LEN(names)];
    for (size_t turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            auto_free char *again = answer_to(checks, names[i]);
            seen[turn][i] = answer_to(checks, names[i]);
            assert_string_equal(again, seen[turn][i]);
            assert_int_equal(strlen(again), strlen(seen[0][0])); /* s=<salt>,i=4096 */
            assert_true(str_starts(str_of(again), STR_LIT("s=")) && str_ends(str_of(again), STR_LIT(",i=4096")));
            for (size_t j = 0; j < turn * ARRAY_LEN(names) + i; j++)
                assert_string_not_equal(again, seen[j / ARRAY_LEN(names)][j % ARRAY_LEN(names)]);
        }
        assert_int_equal(module_reload(checks, &err), 0);
    }
    for (size_t i = 0; i < 2 * ARRAY_LEN(names); i++)
        free(seen[i / ARRAY_LEN(names)][i % ARRAY_LEN(names)]);
}

static void
test_reload(void **state)
{
    struct talk *talk = *state;
    struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, "cram_md5");
    struct module *proves = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATEE, "cram_md5");
    struct err err = {0};
    expect(talk, checks, proves, "test");
    assert_string_equal(module_watched(checks)[0], talk->credentials);
    write_file(talk->credentials, "test other");
    expect(talk, checks, proves, "test"); /* not before it is told */
    assert_int_equal(module_reload(checks, &err), 0);
    expect(talk, checks, proves, NULL);
    write_file(talk->credentials, "test s3cret\nbroken\n");
    assert_true(module_reload(checks, &err) < 0);
    assert_text(err.text, talk->credentials, "line 2", NULL);
    expect(talk, checks, proves, NULL); /* what was in force stays */
    write_file(talk->credentials, "test s3cret\n");
    assert_int_equal(module_reload(checks, &err), 0);
    expect(talk, checks, proves, "test");
    assert_int_equal(module_reload(proves, &err), 0);
    expect(talk, checks, proves, "test");
}

static void
expect_no_start(struct talk *talk, enum mesos_kind kind, const char *why)
{
    struct err err = {0};
    assert_null(host_start(talk->contract.host, kind, "crammd5", NULL, NULL, 0, &err));
    assert_text(err.text, why, NULL);
}

static void
test_bad_files(void **state)
{
    struct talk *talk = *state;
    write_file(talk->credentials, "test s3cret\ntest again\n");
    write_file(talk->credential, "test s3cret\nagent a3cret\n");
    expect_no_start(talk, MESOS_KIND_AUTHENTICATOR, "line 2: principal 'test' is named twice");
    expect_no_start(talk, MESOS_KIND_AUTHENTICATEE, "has 2 credentials, but one is wanted");
    unlink(talk->credentials);
    unlink(talk->credential);
    expect_no_start(talk, MESOS_KIND_AUTHENTICATOR, "cannot open");
    expect_no_start(talk, MESOS_KIND_AUTHENTICATEE, "cannot open");
    talk->options[0] = NULL; /* nothing is said of files */
    expect_no_start(talk, MESOS_KIND_AUTHENTICATEE, "--credential");
    struct module *checks = contract_start(&talk->contract, MESOS_KIND_AUTHENTICATOR, "crammd5"); /* knows nobody */
    struct authenticator_session *session = begin(checks);
    struct str answer;
    assert_int_equal(step(session, "", &answer), 0);
    assert_int_equal(step(session, "test c5734934066742ec1e36d5154ed120c4", &answer), -EACCES);
    assert_string_equal(authenticator_session_principal(session), "test"); /* as it claimed */
    authenticator_session_free(session);
}

int
main(void)
{
#define TALK(fn) cmocka_unit_test_setup_teardown(fn, open_talk, close_talk)
    const struct CMUnitTest tests[] = {
        TALK(test_cram_md5), TALK(test_scram_sha256), TALK(test_recorded_answers), TALK(test_replay),  TALK(test_truncated),
        TALK(test_nonsense), TALK(test_not_offered),  TALK(test_false_master),     TALK(test_unknown_is_like_wrong),
        TALK(test_reload), TALK(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
