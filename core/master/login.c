/* SPDX-License-Identifier: Apache-2.0 */
/* Who is who; see login.h. Conversations are login_session.c's. */
#include "master/login_inside.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "master/messages.h"

static void on_deliver(void *arg);

struct logins *
logins_new(struct master *master)
{
    if (!master->setup.authenticator_count)
        return NULL;
    struct logins *logins = xcalloc(1, sizeof(*logins));
    logins->master = master;
    list_init(&logins->ready);
    loop_timer_init(&logins->deliver, master->loop, on_deliver, logins);
    return logins;
}

static void
login_free(struct login *login)
{
    free(login->principal);
    free(login);
}

void
logins_free(struct logins *logins)
{
    struct login_session *session;
    struct login_place *place;
    struct login *login;
    if (!logins)
        return;
    map_foreach (session, &logins->sessions)
        login_session_end(session);
    map_foreach (login, &logins->known)
        login_free(login);
    map_foreach (place, &logins->places)
        free(place);
    while (!list_empty(&logins->ready))
        login_drop(logins, list_first(&logins->ready, struct login_waiting, node));
    loop_timer_stop(&logins->deliver);
    map_fini(&logins->sessions);
    map_fini(&logins->by_client);
    map_fini(&logins->known);
    map_fini(&logins->places);
    free(logins);
}

/* ---- addresses ---- */

static bool
is_over(const struct logins *logins, const struct login_place *place)
{
    return loop_now_ms(logins->master->loop) - place->since_ms >= LOGIN_FAILURES_MS;
}

/* Forgets those that matter no more. */
static void
sweep(struct logins *logins)
{
    struct login_place *place;
    map_foreach (place, &logins->places) {
        if (place->sessions || (place->failures && !is_over(logins, place)))
            continue;
        map_remove(&logins->places, str_of(place->ip));
        free(place);
    }
}

/* NULL: there are too many. */
struct login_place *
login_place(struct logins *logins, const struct address *caller)
{
    char ip[64] = "";
    struct login_place *place = map_get(&logins->places, str_of(address_ip(caller, ip)));
    if (!place && map_count(&logins->places) >= LOGIN_PLACES_MAX)
        sweep(logins);
    if (!place && map_count(&logins->places) >= LOGIN_PLACES_MAX)
        return NULL;
    if (!place) {
        place = xcalloc(1, sizeof(*place));
        memcpy(place->ip, ip, sizeof(ip));
        map_add(&logins->places, str_of(place->ip), place);
    }
    if (place->failures && is_over(logins, place)) {
        place->failures = place->refusals = 0;
        place->told = false;
    }
    return place;
}

/* Why there is no conversation for it now; NULL: there may be. */
static const char *
too_much(struct logins *logins, struct login_place *place)
{
    if (!place || map_count(&logins->sessions) >= LOGINS_MAX || place->sessions >= LOGINS_PER_PLACE_MAX)
        return "Too many authentications are in progress";
    if (place->failures < LOGIN_FAILURES_MAX)
        return NULL;
    if (!place->told)
        log_warning("authentication: %u failures from %s, which is not heard for a while", place->failures, place->ip);
    place->told = true;
    return "Too many authentications have failed";
}

/* ---- conversations ---- */

static bool
same_place(const struct upid *a, const struct upid *b)
{
    char one[64], other[64];
    return strcmp(address_ip(&a->address, one), address_ip(&b->address, other)) == 0;
}

void
login_begin(struct master *master, const struct upid *from, const char *pid)
{
    struct logins *logins = master->logins;
    struct upid client;
    char text[400];
    if (!logins) {
        log_warning("refuse to authenticate pid=%s: no authenticator is loaded", pid);
        login_refuse(master, from, "No authenticator loaded");
        return;
    }
    if (upid_parse(str_of(pid), &client, NULL)) {
        login_refuse(master, from, "The pid to authenticate is no pid");
        return;
    }
    /* Who answers at `from` speaks for its own machine only: nobody else's login is to be ended or replaced by it. */
    if (!same_place(from, &client)) {
        log_warning("refuse to authenticate pid=%s for %s: they are not at one address", pid, upid_format(from, text));
        login_refuse(master, from, "The pid to authenticate is at another address");
        return;
    }
    struct login_place *place = login_place(logins, libprocess_caller(master->daemon->libprocess));
    const char *why = too_much(logins, place);
    if (why) {
        /* Each answer may take a connection: one that goes on asking has none. */
        if (!place || place->failures < LOGIN_FAILURES_MAX || place->refusals++ < LOGIN_REFUSALS_MAX)
            login_refuse(master, from, why);
        return;
    }
    struct login_session *former = map_get(&logins->by_client, str_of(upid_format(&client, text)));
    if (former) {
        log_info("authentication of %s begins anew", text);
        login_session_end(former);
    }
    login_forget(master, &client);
    login_session_open(logins, place, from, &client);
}

bool
login_message(struct master *master, const struct upid *from, struct str to, struct str name, struct str body)
{
    struct login_session *session = master->logins ? map_get(&master->logins->sessions, to) : NULL;
    if (!session)
        return false;
    if (upid_eq(from, &session->peer))
        login_session_message(session, name, body);
    else
        log_verbose(1, "drop %.*s for %s: it is not from its peer", STR_ARG(name), session->actor);
    return true;
}

void
login_count_failure(struct logins *logins, struct login_place *place)
{
    if (!place->failures++)
        place->since_ms = loop_now_ms(logins->master->loop);
}

void
login_fail(struct login_session *session, const char *reason)
{
    struct master *master = session->logins->master;
    struct login_place *place = session->place;
    const char *claimed = session->theirs ? authenticator_session_principal(session->theirs) : NULL;
    struct audit_who who = {NULL, &session->caller};
    login_count_failure(session->logins, place);
    session->decided = true;
    if (claimed)
        log_warning("refuse to authenticate pid=%s principal=\"%s\": %s", session->client_pid, claimed, reason);
    else
        log_warning("refuse to authenticate pid=%s: %s", session->client_pid, reason);
    audit_login_failed(master->daemon->audit, who, *session->mechanism ? session->mechanism : "SASL", claimed, reason);
}

/* ---- what came of it ---- */

void
login_succeed(struct logins *logins, const struct upid *client, const char *principal)
{
    char pid[400];
    size_t len = strlen(upid_format(client, pid));
    login_forget(logins->master, client);
    struct login *login = xcalloc(1, sizeof(*login) + len + 1);
    memcpy(login->pid, pid, len);
    login->client = *client;
    login->principal = xstrdup(principal);
    map_add(&logins->known, str_of(login->pid), login);
    libprocess_link(logins->master->daemon->libprocess, client);
    log_info("authenticated principal=\"%s\" pid=%s", principal, pid);
}

static struct login *
find(const struct master *master, const struct upid *client)
{
    char pid[400];
    return master->logins ? map_get(&master->logins->known, str_of(upid_format(client, pid))) : NULL;
}

const char *
login_principal(const struct master *master, const struct upid *client)
{
    const struct login *login = find(master, client);
    return login ? login->principal : NULL;
}

void
login_forget(struct master *master, const struct upid *client)
{
    struct login *login = find(master, client);
    if (!login)
        return;
    map_remove(&master->logins->known, str_of(login->pid));
    login_unlink(master->logins, &login->client);
    login_free(login);
}

void
login_exited(struct master *master, const struct upid *peer)
{
    struct login_session *session;
    if (!master->logins)
        return;
    login_forget(master, peer);
    map_foreach (session, &master->logins->sessions) {
        if (!upid_eq(&session->peer, peer))
            continue;
        login_drop(master->logins, take(&session->waiting));
        login_session_end(session);
    }
}

void
login_unlink(struct logins *logins, const struct upid *pid)
{
    struct master *master = logins->master;
    const struct framework *framework;
    const struct login_session *session;
    char text[400];
    const struct agent *agent = map_get(&master->agents_by_pid, str_of(upid_format(pid, text)));
    if ((agent && agent->connected) || find(master, pid))
        return;
    map_foreach (framework, &master->frameworks)
        if (framework->connected && framework_is_at(framework, pid))
            return;
    map_foreach (session, &logins->sessions)
        if (upid_eq(&session->peer, pid))
            return;
    libprocess_unlink(master->daemon->libprocess, pid);
}

/* known: as whom it has logged in, or NULL. */
static void
audit(struct master *master, const struct upid *from, const char *known, const char *claimed, const char *reason)
{
    struct mesos_principal principal = {.size = sizeof(principal), .value = known};
    audit_login_failed(master->daemon->audit, (struct audit_who){known ? &principal : NULL, &from->address}, NULL, claimed,
                       reason);
}

bool
login_admits_agent(struct master *master, const struct upid *from)
{
    char pid[400];
    if (!master->options->authenticate_agents || login_principal(master, from))
        return true;
    log_warning("refuse to register the agent at %s: it is not authenticated", upid_format(from, pid));
    audit(master, from, NULL, NULL, "The agent is not authenticated");
    return false;
}

int
login_admits_framework(struct master *master, const struct upid *from, Mesos__V1__FrameworkInfo *info, struct err *err)
{
    const char *known = login_principal(master, from), *principal = info->principal;
    char pid[400];
    int status = 0;
    if (master->options->authenticate_frameworks && !known)
        status = err_set(err, -EACCES, "Framework at %s is not authenticated", upid_format(from, pid));
    else if (known && principal && strcmp(known, principal) != 0)
        status = err_set(err, -EACCES, "Framework principal '%s' does not match authenticated principal '%s'", principal, known);
    if (status) {
        audit(master, from, known, principal, err->text);
        return status;
    }
    if (known && !principal) {
        log_warning("the framework at %s names no principal in its FrameworkInfo: it is '%s', as whom it has authenticated",
                    upid_format(from, pid), known);
        info->principal = (char *)(uintptr_t)known;
    }
    return 0;
}

/* ---- registrations that came too early ---- */

bool
login_awaits(struct master *master, const struct upid *from, const char *name, struct str body)
{
    struct logins *logins = master->logins;
    char pid[400];
    struct login_session *session = logins ? map_get(&logins->by_client, str_of(upid_format(from, pid))) : NULL;
    if (!session)
        return false;
    login_drop(logins, take(&session->waiting)); /* sent again */
    if (logins->waiting_bytes + body.len > LOGIN_WAITING_BYTES) {
        log_warning("drop %s from %s: too much waits for authentications already", name, pid);
        return true;
    }
    log_info("%s from %s waits: its authentication is still in progress", name, pid);
    struct login_waiting *waiting = xcalloc(1, sizeof(*waiting) + body.len + 1);
    waiting->from = *from;
    waiting->over = login_connection(master);
    waiting->name = name;
    waiting->len = body.len;
    if (body.len)
        memcpy(waiting->body, body.ptr, body.len);
    list_init(&waiting->node);
    logins->waiting_bytes += body.len;
    session->waiting = waiting;
    return true;
}

void
login_drop(struct logins *logins, struct login_waiting *waiting)
{
    if (!waiting)
        return;
    logins->waiting_bytes -= waiting->len;
    list_remove(&waiting->node);
    free(waiting);
}

/* Not from here: somebody is in the middle of something. */
void
login_deliver(struct logins *logins, struct login_waiting *waiting)
{
    if (!waiting)
        return;
    list_push(&logins->ready, &waiting->node);
    loop_timer_start(&logins->deliver, 0);
}

static void
on_deliver(void *arg)
{
    struct logins *logins = arg;
    struct master *master = logins->master;
    while (!list_empty(&logins->ready) && !master->ended) {
        struct login_waiting *waiting = list_first(&logins->ready, struct login_waiting, node);
        list_remove(&waiting->node);
        list_init(&waiting->node);
        logins->over = waiting->over;
        messages_handle(master, &waiting->from, STR_LIT("master"), str_of(waiting->name), str_n(waiting->body, waiting->len));
        logins->over = 0;
        login_drop(logins, waiting);
    }
}

uint64_t
login_connection(const struct master *master)
{
    return master->logins && master->logins->over ? master->logins->over
                                                  : libprocess_connection(master->daemon->libprocess);
}
