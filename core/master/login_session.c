/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One conversation: the actor "crammd5-authenticator-session(N)", whatever the mechanism, since that is what peers know it by. It
 * offers mechanisms, hands what the peer says to the module of the one that it picked, and ends with one word. It hears
 * only the peer that it was opened for, and ends without a word when that exits or takes too long.
 */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "master/login_inside.h"
#include "mesos/internal/authentication.pb-c.h"
#include "wire/message.h"

static void
say(struct master *master, const char *actor, const struct upid *to, const char *name, const void *message)
{
    buf_clear(&master->out);
    if (message)
        message_pack(&master->out, message);
    libprocess_send(master->daemon->libprocess, actor, to, name, buf_str(&master->out));
}

static void
say_error(struct master *master, const char *actor, const struct upid *to, const char *text)
{
    Mesos__Internal__AuthenticationErrorMessage message = MESOS__INTERNAL__AUTHENTICATION_ERROR_MESSAGE__INIT;
    auto_free char *copy = xstrdup(text);
    message.error = copy;
    say(master, actor, to, "mesos.internal.AuthenticationErrorMessage", &message);
}

void
login_refuse(struct master *master, const struct upid *to, const char *text)
{
    say_error(master, "master", to, text);
}

/* ---- its life ---- */

static void
on_timeout(void *arg)
{
    struct login_session *session = arg;
    log_warning("authentication of %s took too long", session->client_pid);
    login_drop(session->logins, take(&session->waiting));
    login_session_end(session);
}

static void
offer(struct login_session *session)
{
    struct master *master = session->logins->master;
    Mesos__Internal__AuthenticationMechanismsMessage message = MESOS__INTERNAL__AUTHENTICATION_MECHANISMS_MESSAGE__INIT;
    char *names[64];
    for (size_t i = 0; i < master->setup.authenticator_count; i++) {
        const char *const *name = authenticator_mechanisms(master->setup.authenticators[i]);
        for (; *name && message.n_mechanisms < ARRAY_LEN(names); name++)
            names[message.n_mechanisms++] = (char *)(uintptr_t)*name;
    }
    message.mechanisms = names;
    say(master, session->actor, &session->peer, "mesos.internal.AuthenticationMechanismsMessage", &message);
}

void
login_session_open(struct logins *logins, struct login_place *place, const struct upid *from, const struct upid *client)
{
    struct master *master = logins->master;
    struct login_session *session = xcalloc(1, sizeof(*session));
    session->logins = logins;
    session->place = place;
    session->peer = *from;
    session->client = *client;
    session->caller = *libprocess_caller(master->daemon->libprocess);
    upid_format(client, session->client_pid);
    snprintf(session->actor, sizeof(session->actor), "crammd5-authenticator-session(%llu)",
             (unsigned long long)++logins->last_session);
    place->sessions++;
    map_add(&logins->sessions, str_of(session->actor), session);
    map_add(&logins->by_client, str_of(session->client_pid), session);
    loop_timer_init(&session->timeout, master->loop, on_timeout, session);
    loop_timer_start_ns(&session->timeout, master->options->authentication_v0_timeout_ns);
    libprocess_spawn(master->daemon->libprocess, session->actor);
    libprocess_link(master->daemon->libprocess, from);
    offer(session);
}

void
login_session_end(struct login_session *session)
{
    struct logins *logins = session->logins;
    map_remove(&logins->sessions, str_of(session->actor));
    map_remove(&logins->by_client, str_of(session->client_pid));
    session->place->sessions--;
    if (session->theirs && !session->decided) /* what it cost was for nothing */
        login_count_failure(logins, session->place);
    loop_timer_stop(&session->timeout);
    libprocess_terminate(logins->master->daemon->libprocess, session->actor);
    login_unlink(logins, &session->peer);
    authenticator_session_free(session->theirs);
    login_deliver(logins, take(&session->waiting));
    free(session);
}

/* ---- what the peer says ---- */

static void
end_with_error(struct login_session *session, const char *text)
{
    struct logins *logins = session->logins;
    log_warning("authentication of %s: %s", session->client_pid, text);
    say_error(logins->master, session->actor, &session->peer, text);
    login_drop(logins, take(&session->waiting));
    login_session_end(session);
}

static void
succeed(struct login_session *session)
{
    struct logins *logins = session->logins;
    say(logins->master, session->actor, &session->peer, "mesos.internal.AuthenticationCompletedMessage", NULL);
    session->decided = true;
    login_succeed(logins, &session->client, authenticator_session_principal(session->theirs));
    login_session_end(session);
}

static void
hear(struct login_session *session, struct str said)
{
    struct master *master = session->logins->master;
    struct err err = {0};
    struct str answer;
    int code = authenticator_session_step(session->theirs, said, &answer, &err);
    if (code == 0) {
        Mesos__Internal__AuthenticationStepMessage message = MESOS__INTERNAL__AUTHENTICATION_STEP_MESSAGE__INIT;
        message.data.data = (uint8_t *)(uintptr_t)answer.ptr;
        message.data.len = answer.len;
        say(master, session->actor, &session->peer, "mesos.internal.AuthenticationStepMessage", &message);
    } else if (code > 0) {
        succeed(session);
    } else if (code == -EACCES) {
        login_fail(session, err.text);
        say(master, session->actor, &session->peer, "mesos.internal.AuthenticationFailedMessage", NULL);
        login_session_end(session);
    } else {
        login_fail(session, err.text);
        end_with_error(session, err.text);
    }
}

static struct module *
find_mechanism(const struct master *master, const char *mechanism)
{
    for (size_t i = 0; i < master->setup.authenticator_count; i++)
        if (authenticator_has_mechanism(master->setup.authenticators[i], mechanism))
            return master->setup.authenticators[i];
    return NULL;
}

static void
start(struct login_session *session, const Mesos__Internal__AuthenticationStartMessage *message)
{
    struct master *master = session->logins->master;
    struct err err = {0};
    if (session->theirs) {
        end_with_error(session, "Unexpected authentication 'start' received");
        return;
    }
    struct module *module = find_mechanism(master, message->mechanism);
    if (!module) {
        login_fail(session, "a mechanism that is not offered");
        end_with_error(session, "no mechanism available");
        return;
    }
    snprintf(session->mechanism, sizeof(session->mechanism), "%s", message->mechanism);
    session->theirs = authenticator_session_new(module, session->mechanism, &err);
    if (!session->theirs) {
        end_with_error(session, err.text);
        return;
    }
    hear(session, str_n(message->data.data, message->has_data ? message->data.len : 0));
}

void
login_session_message(struct login_session *session, struct str name, struct str body)
{
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    if (str_is(name, "mesos.internal.AuthenticationStartMessage")) {
        Mesos__Internal__AuthenticationStartMessage *message =
            MESSAGE_UNPACK(Mesos__Internal__AuthenticationStartMessage, mesos__internal__authentication_start_message, body,
                           arena, &err);
        if (message)
            start(session, message);
    } else if (str_is(name, "mesos.internal.AuthenticationStepMessage")) {
        Mesos__Internal__AuthenticationStepMessage *message =
            MESSAGE_UNPACK(Mesos__Internal__AuthenticationStepMessage, mesos__internal__authentication_step_message, body,
                           arena, &err);
        if (message && session->theirs)
            hear(session, str_n(message->data.data, message->data.len));
        else if (message)
            end_with_error(session, "Unexpected authentication 'step' received");
    }
    if (err.code)
        log_verbose(1, "drop %.*s for %s: %s", STR_ARG(name), session->actor, err.text);
}
