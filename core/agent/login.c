/* SPDX-License-Identifier: Apache-2.0 */
/* See login.h. Each try has an actor of its own, so that what belongs to an earlier one finds nobody. */
#include <errno.h>
#include <stdio.h>

#include "agent/state.h"
#include "mesos/internal/authentication.pb-c.h"

static void on_timer(void *arg);
static void begin(struct agent *agent);

void
login_init(struct agent *agent)
{
    loop_timer_init(&agent->login.timer, agent->loop, on_timer, agent);
}

/* What is under way is given up. */
static void
give_up(struct agent *agent)
{
    struct agent_login *login = &agent->login;
    loop_timer_stop(&login->timer);
    if (*login->actor)
        libprocess_terminate(agent->daemon->libprocess, login->actor);
    authenticatee_session_free(login->theirs);
    login->theirs = NULL;
    login->has_session = login->said_all = false;
    *login->actor = '\0';
}

void
login_fini(struct agent *agent)
{
    give_up(agent);
}

void
login_reset(struct agent *agent)
{
    give_up(agent);
    agent->login.done = false;
    agent->login.failures = 0;
}

bool
login_ready(struct agent *agent)
{
    if (!agent->setup.authenticatee || agent->login.done)
        return true;
    if (!*agent->login.actor && !loop_timer_running(&agent->login.timer))
        begin(agent);
    return false;
}

/* ---- what we say ---- */

static void
say(struct agent *agent, const struct upid *to, const char *name, const void *message)
{
    auto_buf struct buf out = {0};
    message_pack(&out, message);
    libprocess_send(agent->daemon->libprocess, agent->login.actor, to, name, buf_str(&out));
}

/* factor * 2^failures, as far as max goes. */
static int64_t
spread_ns(const struct agent *agent)
{
    const struct agent_options *options = agent->options;
    unsigned doublings = agent->login.failures < 20 ? agent->login.failures : 20;
    int64_t spread = options->authentication_backoff_factor_ns, most = options->authentication_timeout_max_ns;
    while (doublings-- && spread < most)
        spread *= 2;
    return spread < most ? spread : most;
}

static int64_t
random_below(struct agent *agent, int64_t limit)
{
    return limit > 0 ? (int64_t)(loop_random(agent->loop) % (uint64_t)limit) : 0;
}

static void
begin(struct agent *agent)
{
    struct agent_login *login = &agent->login;
    const struct agent_options *options = agent->options;
    Mesos__Internal__AuthenticateMessage message = MESOS__INTERNAL__AUTHENTICATE_MESSAGE__INIT;
    char master[400];
    int64_t timeout = options->authentication_timeout_min_ns + random_below(agent, spread_ns(agent));
    snprintf(login->actor, sizeof(login->actor), "crammd5-authenticatee(%llu)", ++login->last);
    libprocess_spawn(agent->daemon->libprocess, login->actor);
    libprocess_link(agent->daemon->libprocess, &agent->master);
    log_info("authenticating with master %s", upid_format(&agent->master, master));
    message.pid = agent->pid;
    say(agent, &agent->master, "mesos.internal.AuthenticateMessage", &message);
    loop_timer_start_ns(&login->timer,
                        timeout < options->authentication_timeout_max_ns ? timeout : options->authentication_timeout_max_ns);
}

/* ---- how it ends ---- */

static void
fail(struct agent *agent, const char *why)
{
    int64_t pause = 100 * 1000000LL + random_below(agent, spread_ns(agent));
    log_warning("failed to authenticate with the master: %s; it is tried again", why);
    give_up(agent);
    agent->login.failures++;
    loop_timer_start_ns(&agent->login.timer, pause);
}

/* The time-out was pause enough. */
static void
on_timer(void *arg)
{
    struct agent *agent = arg;
    if (*agent->login.actor) {
        log_warning("authentication with the master timed out; it is tried again");
        give_up(agent);
        agent->login.failures++;
    }
    begin(agent);
}

static void
on_completed(struct agent *agent)
{
    char master[400];
    if (!agent->login.said_all) {
        fail(agent, "the master is content before it can be");
        return;
    }
    log_info("authenticated with master %s", upid_format(&agent->master, master));
    give_up(agent);
    agent->login.done = true;
    agent->login.failures = 0;
    registration_login_done(agent);
}

static void
on_refused(struct agent *agent)
{
    char master[400];
    auto_free char *why = xasprintf("Master %s refused authentication", upid_format(&agent->master, master));
    log_error("%s: its credentials have another secret for the principal of --credential=%s, or none", why,
              agent->options->credential ? agent->options->credential : "");
    give_up(agent);
    agent_finish(agent, 1, why);
}

/* ---- what the master says ---- */

static void
on_mechanisms(struct agent *agent, const Mesos__Internal__AuthenticationMechanismsMessage *message)
{
    struct agent_login *login = &agent->login;
    Mesos__Internal__AuthenticationStartMessage answer = MESOS__INTERNAL__AUTHENTICATION_START_MESSAGE__INIT;
    const char *mechanism = NULL;
    struct str first = {0};
    struct err err = {0};
    if (login->theirs) {
        fail(agent, "the master offers mechanisms twice");
        return;
    }
    login->theirs = authenticatee_session_new(agent->setup.authenticatee, (const char *const *)message->mechanisms,
                                              message->n_mechanisms, &mechanism, &first, &err);
    if (!login->theirs) {
        fail(agent, err.text);
        return;
    }
    answer.mechanism = (char *)(uintptr_t)mechanism;
    answer.has_data = true;
    answer.data.data = (uint8_t *)(uintptr_t)first.ptr;
    answer.data.len = first.len;
    say(agent, &login->session, "mesos.internal.AuthenticationStartMessage", &answer);
}

static void
on_step(struct agent *agent, const Mesos__Internal__AuthenticationStepMessage *message)
{
    struct agent_login *login = &agent->login;
    Mesos__Internal__AuthenticationStepMessage answer = MESOS__INTERNAL__AUTHENTICATION_STEP_MESSAGE__INIT;
    struct str said = {0};
    struct err err = {0};
    if (!login->theirs) {
        fail(agent, "Unexpected authentication 'step' received");
        return;
    }
    int code = authenticatee_session_step(login->theirs, str_n(message->data.data, message->data.len), &said, &err);
    if (code < 0) {
        fail(agent, err.text);
        return;
    }
    login->said_all = code > 0;
    answer.data.data = (uint8_t *)(uintptr_t)said.ptr;
    answer.data.len = said.len;
    say(agent, &login->session, "mesos.internal.AuthenticationStepMessage", &answer);
}

/* Who speaks first at the master's address is the other end from then on. */
static bool
is_master(struct agent *agent, const struct upid *from)
{
    struct agent_login *login = &agent->login;
    struct upid at_master = agent->master;
    if (login->has_session)
        return upid_eq(&login->session, from);
    snprintf(at_master.id, sizeof(at_master.id), "%s", from->id);
    return upid_eq(&at_master, from);
}

static void
hear(struct agent *agent, struct str name, struct str body, struct err *err)
{
    auto_arena struct arena *arena = arena_new(0);
    if (str_is(name, "mesos.internal.AuthenticationMechanismsMessage")) {
        Mesos__Internal__AuthenticationMechanismsMessage *message =
            MESSAGE_UNPACK(Mesos__Internal__AuthenticationMechanismsMessage, mesos__internal__authentication_mechanisms_message,
                           body, arena, err);
        if (message)
            on_mechanisms(agent, message);
    } else if (str_is(name, "mesos.internal.AuthenticationStepMessage")) {
        Mesos__Internal__AuthenticationStepMessage *message = MESSAGE_UNPACK(
            Mesos__Internal__AuthenticationStepMessage, mesos__internal__authentication_step_message, body, arena, err);
        if (message)
            on_step(agent, message);
    } else if (str_is(name, "mesos.internal.AuthenticationCompletedMessage")) {
        on_completed(agent);
    } else if (str_is(name, "mesos.internal.AuthenticationFailedMessage")) {
        on_refused(agent);
    } else if (str_is(name, "mesos.internal.AuthenticationErrorMessage")) {
        Mesos__Internal__AuthenticationErrorMessage *message = MESSAGE_UNPACK(
            Mesos__Internal__AuthenticationErrorMessage, mesos__internal__authentication_error_message, body, arena, err);
        if (message)
            fail(agent, message->error ? message->error : "no reason given");
    }
}

bool
login_message(struct agent *agent, const struct upid *from, struct str to, struct str name, struct str body)
{
    struct agent_login *login = &agent->login;
    struct err err = {0};
    if (!*login->actor || !str_is(to, login->actor))
        return false;
    if (!is_master(agent, from)) {
        log_verbose(1, "drop %.*s: it is not from the master that is asked", STR_ARG(name));
        return true;
    }
    if (strcmp(from->id, agent->master.id) != 0) { /* "master" itself only says why there is no conversation */
        login->session = *from;
        login->has_session = true;
    }
    hear(agent, name, body, &err);
    if (err.code)
        log_warning("drop %.*s: %s", STR_ARG(name), err.text);
    return true;
}
