/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often an agent tries to log in: with pauses that grow, each partly by chance, so that a thousand agents do not come back
 * together. The double beside the containers is an authenticatee that never comes to say a word.
 */
#include "lone_agent.h"

#include <errno.h>

#include "mesos/authenticatee.h"

enum { TIMEOUT_MIN_MS = 5 * 1000, TIMEOUT_MAX_MS = 60 * 1000, FACTOR_MS = 1000, PAUSE_MIN_MS = 100, HOUR_MS = 3600 * 1000 };

static int
session_new(void *instance, const char *const *mechanisms, size_t count, void **ret_session, const char **ret_mechanism,
            struct mesos_bytes *ret_first)
{
    (void)instance;
    (void)mechanisms;
    (void)count;
    (void)ret_session;
    (void)ret_mechanism;
    (void)ret_first;
    return -ENOTSUP;
}

static int
step(void *instance, void *session, struct mesos_bytes said, struct mesos_bytes *ret_answer)
{
    (void)instance;
    (void)session;
    (void)said;
    (void)ret_answer;
    return -EINVAL;
}

static void
session_free(void *instance, void *session)
{
    (void)instance;
    (void)session;
}

static const struct mesos_authenticatee_ops ops = {session_new, step, session_free};
static const struct mesos_module module =
    MODULE_DOUBLE(MESOS_KIND_AUTHENTICATEE, "mute", "says nothing", NULL, ops);

static const struct mesos_module *const *
modules(void)
{
    static const struct mesos_module *const all[] = {&module, NULL};
    return all;
}

/* An agent that has to log in first; its clock stands at the start. */
static void
demand_login(struct world *w, const char *login_error)
{
    struct err err = {0};
    assert_int_equal(host_add_linked(w->host, modules, "test", &err), 0);
    w->authenticatee = host_start(w->host, MESOS_KIND_AUTHENTICATEE, "mute", NULL, NULL, 0, &err);
    assert_string_equal(w->authenticatee ? "" : err.text, "");
    w->options.authentication_backoff_factor_ns = (int64_t)FACTOR_MS * 1000000;
    w->options.authentication_timeout_min_ns = (int64_t)TIMEOUT_MIN_MS * 1000000;
    w->options.authentication_timeout_max_ns = (int64_t)TIMEOUT_MAX_MS * 1000000;
    w->login_error = login_error;
    restart(w);
}

/* Every pause lies between least and least plus what the number of failures allows, never above most; once they have grown,
 * there are long ones and short ones. */
static void
assert_grows(const struct world *w, int64_t least, int64_t most)
{
    int64_t longest = 0, shortest = most, spread = FACTOR_MS;
    size_t tries = heard_times(w, "AuthenticateMessage");
    assert_in_range(tries, 30, NOTES - 1);
    assert_int_equal(tries, w->note_count); /* it has not registered */
    for (size_t i = 1; i < tries; i++) {
        int64_t pause = w->notes[i].at_ms - w->notes[i - 1].at_ms;
        int64_t allowed = least + spread < most ? least + spread : most;
        assert_in_range(pause, least, allowed + 10 /* of the way */);
        if (spread < TIMEOUT_MAX_MS) {
            spread *= 2;
            continue;
        }
        longest = pause > longest ? pause : longest;
        shortest = pause < shortest ? pause : shortest;
    }
    assert_true(longest > TIMEOUT_MAX_MS / 2);
    assert_true(shortest < TIMEOUT_MAX_MS / 2);
}

static void
test_a_master_that_is_silent(void **state)
{
    struct world *w = *state;
    demand_login(w, NULL);
    pass(w, HOUR_MS);
    assert_grows(w, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
}

static void
test_a_master_that_is_in_no_mood(void **state)
{
    struct world *w = *state;
    demand_login(w, "later");
    pass(w, HOUR_MS);
    assert_grows(w, PAUSE_MIN_MS, PAUSE_MIN_MS + TIMEOUT_MAX_MS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {CASE(test_a_master_that_is_silent), CASE(test_a_master_that_is_in_no_mood)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
