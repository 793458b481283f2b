/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long an address that logs in in vain is not heard, to the millisecond: a hundred failures within ten seconds. The one
 * double beside the registry is an authenticator that believes "right" and wants "more".
 */
#include "audit_log.h"
#include "lone_master.h"

#include <errno.h>

#include "mesos/authenticator.h"
#include "mesos/internal/authentication.pb-c.h"
#include "master/login.h"

#define ACTOR "authenticatee(1)"

static const char *const *
mechanisms(void *instance)
{
    static const char *const names[] = {"WORD", NULL};
    (void)instance;
    return names;
}

static int
session_new(void *instance, const char *mechanism, void **ret_session)
{
    (void)mechanism;
    *ret_session = instance;
    return 0;
}

static int
step(void *instance, void *session, struct mesos_bytes said, struct mesos_bytes *ret_answer)
{
    struct str word = str_n(said.data, said.len);
    (void)instance;
    (void)session;
    *ret_answer = (struct mesos_bytes){"go on", 5};
    return str_is(word, "right") ? 1 : str_is(word, "more") ? 0 : -EACCES;
}

static const char *
principal(void *instance, void *session)
{
    (void)instance;
    (void)session;
    return "somebody";
}

static void
session_free(void *instance, void *session)
{
    (void)instance;
    (void)session;
}

static const struct mesos_authenticator_ops ops = {mechanisms, session_new, step, principal, session_free};
static const struct mesos_module module =
    MODULE_DOUBLE(MESOS_KIND_AUTHENTICATOR, "word", "believes who says the word", NULL, ops);

static const struct mesos_module *const *
modules(void)
{
    static const struct mesos_module *const all[] = {&module, NULL};
    return all;
}

struct place {
    struct world *w;
    struct module *authenticators[1];
    unsigned sessions; /* that were opened */
};

static bool
is_leading(void *arg)
{
    struct world *w = arg;
    return strstr(get(w, "/metrics/snapshot"), "\"master/elected\":1") != NULL;
}

static void
set_up(struct place *place)
{
    struct err err = {0};
    const char *keys[] = {NULL};
    struct world *w = world_new();
    *place = (struct place){.w = w};
    assert_int_equal(host_add_linked(w->host, modules, "test", &err), 0);
    place->authenticators[0] = host_start(w->host, MESOS_KIND_AUTHENTICATOR, "word", keys, keys, 0, &err);
    assert_string_equal(place->authenticators[0] ? "" : err.text, "");
    w->authenticators = place->authenticators;
    w->authenticator_count = 1;
    w->options.authentication_v0_timeout_ns = SECS(15);
    libprocess_spawn(w->agents, ACTOR);
    start_master(w);
    pass(w, 1000);
    assert_true(is_leading(w));
}

static void
forget_notes(struct world *w)
{
    while (w->note_count > 0)
        free(w->notes[--w->note_count].body);
}

static void
say(struct place *place, const char *to_id, const char *name, const void *message)
{
    struct upid to = {.address = place->w->master_at};
    auto_buf struct buf body = {0};
    snprintf(to.id, sizeof(to.id), "%s", to_id);
    message_pack(&body, message);
    libprocess_send(place->w->agents, ACTOR, &to, name, buf_str(&body));
    pass(place->w, 5);
}

/* True when there is a conversation. */
static bool
begins(struct place *place)
{
    Mesos__Internal__AuthenticateMessage message = MESOS__INTERNAL__AUTHENTICATE_MESSAGE__INIT;
    char pid[] = "slave(1)@10.0.0.2:5051";
    message.pid = pid;
    forget_notes(place->w);
    say(place, "master", "mesos.internal.AuthenticateMessage", &message);
    bool begun = heard(place->w, "AuthenticationMechanismsMessage") != NULL;
    place->sessions += begun;
    return begun;
}

/* Whether the answer has that name. */
static bool
hears(struct place *place, const char *word, const char *answer)
{
    Mesos__Internal__AuthenticationStartMessage message = MESOS__INTERNAL__AUTHENTICATION_START_MESSAGE__INIT;
    char mechanism[] = "WORD", session[64];
    message.mechanism = mechanism;
    message.has_data = true;
    message.data.data = (uint8_t *)(uintptr_t)word;
    message.data.len = strlen(word);
    snprintf(session, sizeof(session), "crammd5-authenticator-session(%u)", place->sessions);
    say(place, session, "mesos.internal.AuthenticationStartMessage", &message);
    return heard(place->w, answer) != NULL;
}

static void
assert_told_to_wait(struct place *place)
{
    assert_false(begins(place));
    const struct note *note = heard(place->w, "AuthenticationErrorMessage");
    assert_non_null(note);
    assert_non_null(memmem(note->body, note->len, "Too many authentications have failed", 36));
}

/* Until so long after the first failure. */
static void
pass_until(struct place *place, int64_t first_ms, int64_t after_ms)
{
    int64_t left = first_ms + after_ms - loop_now_ms(place->w->loop);
    assert_true(left > 0);
    pass(place->w, left);
}

static void
test_heard_again_after_ten_seconds(void **state)
{
    struct place place;
    int64_t first_ms = 0;
    (void)state;
    set_up(&place);
    for (int i = 0; i < LOGIN_FAILURES_MAX; i++) {
        assert_true(begins(&place));
        assert_true(hears(&place, "wrong", "AuthenticationFailedMessage"));
        first_ms = first_ms ? first_ms : loop_now_ms(place.w->loop) - 5;
    }
    assert_told_to_wait(&place);
    pass_until(&place, first_ms, LOGIN_FAILURES_MS - 20);
    assert_told_to_wait(&place);
    pass_until(&place, first_ms, LOGIN_FAILURES_MS + 5);
    assert_true(begins(&place));
    assert_true(hears(&place, "right", "AuthenticationCompletedMessage"));
    assert_true(begins(&place)); /* and goes on being heard, with a hundred more tries */
    assert_true(hears(&place, "wrong", "AuthenticationFailedMessage"));
    assert_true(begins(&place));
    world_free(place.w);
}

static void
test_giving_up_is_failing(void **state)
{
    struct place place;
    (void)state;
    set_up(&place);
    for (int i = 0; i < LOGIN_FAILURES_MAX; i++) {
        assert_true(begins(&place)); /* which ends the one before */
        assert_true(hears(&place, "more", "AuthenticationStepMessage"));
    }
    assert_true(begins(&place)); /* the hundredth of them ends only now */
    assert_told_to_wait(&place);
    /* One that was begun and in which nothing was said cost nothing. */
    pass(place.w, LOGIN_FAILURES_MS + 1000);
    for (int i = 0; i < 2 * LOGIN_FAILURES_MAX; i++)
        assert_true(begins(&place));
    world_free(place.w);
}

static void
test_who_goes_on_asking_hears_nothing(void **state)
{
    struct place place;
    (void)state;
    set_up(&place);
    for (int i = 0; i < LOGIN_FAILURES_MAX; i++) {
        assert_true(begins(&place));
        assert_true(hears(&place, "wrong", "AuthenticationFailedMessage"));
    }
    for (int i = 0; i < LOGIN_REFUSALS_MAX; i++)
        assert_told_to_wait(&place);
    for (int i = 0; i < 10; i++) {
        assert_false(begins(&place));
        assert_null(heard(place.w, "AuthenticationErrorMessage"));
    }
    pass(place.w, LOGIN_FAILURES_MS);
    assert_true(begins(&place));
    assert_true(hears(&place, "right", "AuthenticationCompletedMessage"));
    world_free(place.w);
}

/* A driver at that actor, which names a principal or none. */
static void
driver_registers(struct world *w, const char *actor, const char *principal)
{
    Mesos__Internal__RegisterFrameworkMessage message = MESOS__INTERNAL__REGISTER_FRAMEWORK_MESSAGE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    char user[] = "root", name[] = "fw";
    message.framework = &info;
    info.user = user;
    info.name = name;
    info.principal = (char *)(uintptr_t)principal;
    agent_says(w, actor, "mesos.internal.RegisterFrameworkMessage", &message);
    pass(w, 60);
}

static void
test_who_may_not_register_stands_in_the_audit_log(void **state)
{
    static const char *const agent[] = {"\"peer\":\"10.0.0.2:5051\"", "The agent is not authenticated", NULL};
    static const char *const nobody[] = {"\"peer\":\"10.0.0.2:5051\"", "\"claimed\":\"alice\"", "is not authenticated", NULL};
    static const char *const another[] = {"\"peer\":\"10.0.0.2:5051\"", "\"principal\":\"somebody\"", "\"claimed\":\"alice\"",
                                          "does not match authenticated principal 'somebody'", NULL};
    const char *path = *state;
    struct place place;
    set_up(&place);
    place.w->options.authenticate_agents = place.w->options.authenticate_frameworks = true;
    agent_registers(place.w, "slave(1)");
    pass(place.w, 60);
    audit_expect_login_failed(path, agent);
    agent_reregisters(place.w, "slave(1)", "S1");
    pass(place.w, 60);
    audit_expect_login_failed(path, agent);
    driver_registers(place.w, "slave(1)", "alice");
    audit_expect_login_failed(path, nobody);
    assert_true(begins(&place));
    assert_true(hears(&place, "right", "AuthenticationCompletedMessage"));
    driver_registers(place.w, "slave(1)", "alice");
    audit_expect_login_failed(path, another);
    world_free(place.w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heard_again_after_ten_seconds),
        cmocka_unit_test(test_giving_up_is_failing),
        cmocka_unit_test(test_who_goes_on_asking_hears_nothing),
        cmocka_unit_test_setup_teardown(test_who_may_not_register_stands_in_the_audit_log, audit_begin, audit_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
