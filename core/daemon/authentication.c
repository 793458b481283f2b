/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks authenticator modules who sends a request and lets it in or answers it. Keeps, for each connection, requests in their order
 * while modules take their time. Must never let a request in about which nothing was said.
 */
#include "daemon/authentication.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "daemon/audit.h"
#include "host/kind_http_authenticator.h"

struct realm {
    struct realm *next;
    char *name;
    const char *short_name; /* in name: behind "mesos-master-" */
    struct module **authenticators;
    size_t count;
};

struct authentication {
    struct audit *audit;
    struct realm *realms;
    struct map lines; /* connection number -> struct line */
    struct list orphans; /* struct waiting whose peers have gone: modules still owe answers */
    size_t waiting;
};

/* The requests of one connection that are not through yet, in their order. */
struct line {
    uint64_t connection;
    struct list waiting;
};

enum outcome { UNDECIDED, LET_IN, UNKNOWN_PEER, FORBIDDEN_PEER, CANNOT_SAY };

struct waiting {
    struct list node; /* in line->waiting or among the orphans */
    struct authentication *owner; /* NULL: it is gone */
    struct line *line;
    struct http_exchange *exchange; /* NULL: its peer is gone */
    const struct realm *realm;
    struct mesos_http_request request; /* points into the exchange's arena */
    size_t asked; /* how many of the realm's authenticators */
    enum outcome outcome;
    struct buf challenges; /* as WWW-Authenticate will have them */
    bool forbidden;
    const char *method, *claimed, *failed; /* of the last login that was tried in vain; NULL = none was tried */
    void (*go_on)(struct http_exchange *exchange, void *arg);
    void *arg;
};

static void on_answer(void *arg, int status, const char *error, struct mesos_bytes answer);

struct authentication *
authentication_new(struct audit *audit)
{
    struct authentication *authentication = xcalloc(1, sizeof(*authentication));
    authentication->audit = audit;
    list_init(&authentication->orphans);
    return authentication;
}

static void
realms_free(struct realm *realm)
{
    while (realm) {
        struct realm *next = realm->next;
        free(realm->name);
        free(realm->authenticators);
        free(realm);
        realm = next;
    }
}

void
authentication_free(struct authentication *authentication)
{
    struct waiting *waiting, *next;
    if (!authentication)
        return;
    list_foreach_safe (waiting, next, &authentication->orphans, node) {
        list_remove(&waiting->node);
        waiting->owner = NULL; /* on_answer frees it */
    }
    map_fini(&authentication->lines);
    realms_free(authentication->realms);
    free(authentication);
}

/* "mesos-agent-resource-provider" -> "resource-provider" */
static const char *
short_name(const char *name)
{
    const char *first = strchr(name, '-'), *second = first ? strchr(first + 1, '-') : NULL;
    return second ? second + 1 : name;
}

void
authentication_protect(struct authentication *authentication, const char *name, struct module *const *authenticators,
                       size_t count)
{
    struct realm *realm = xcalloc(1, sizeof(*realm));
    realm->name = xstrdup(name);
    realm->short_name = short_name(realm->name);
    realm->authenticators = xmemdup(authenticators, count * sizeof(*authenticators));
    realm->count = count;
    realm->next = authentication->realms;
    authentication->realms = realm;
}

static const struct realm *
realm_find(const struct authentication *authentication, const char *name)
{
    const struct realm *realm = authentication->realms;
    while (realm && strcmp(realm->name, name) != 0 && strcmp(realm->short_name, name) != 0)
        realm = realm->next;
    return realm;
}

bool
authentication_wanted(const struct authentication *authentication, const char *realm)
{
    return realm && realm_find(authentication, realm);
}

size_t
authentication_waiting(const struct authentication *authentication)
{
    return authentication->waiting;
}

/* ---- lines ---- */

static struct line *
line_of(struct authentication *authentication, uint64_t connection)
{
    struct line *line = map_get(&authentication->lines, str_n(&connection, sizeof(connection)));
    if (line)
        return line;
    line = xcalloc(1, sizeof(*line));
    line->connection = connection;
    list_init(&line->waiting);
    map_add(&authentication->lines, str_n(&line->connection, sizeof(line->connection)), line);
    return line;
}

static void
leave_line(struct waiting *waiting)
{
    struct line *line = waiting->line;
    list_remove(&waiting->node);
    waiting->line = NULL;
    waiting->owner->waiting--;
    if (!list_empty(&line->waiting))
        return;
    map_remove(&waiting->owner->lines, str_n(&line->connection, sizeof(line->connection)));
    free(line);
}

static void
waiting_free(struct waiting *waiting)
{
    buf_fini(&waiting->challenges);
    free(waiting);
}

/* ---- the end ---- */

/* Why it failed, of a login that no authenticator took for one of its scheme; NULL = none was tried. Not what was sent: that may
 * be a secret without its scheme. */
static const char *
unclaimed(const struct mesos_http_request *request)
{
    size_t sent = 0;
    for (size_t i = 0; i < request->header_count; i++)
        sent += str_ieq(str_of(request->headers[i].name), STR_LIT("Authorization"));
    if (sent > 1)
        return "there are several Authorization headers";
    return sent ? "no authenticator takes the Authorization header that was sent" : NULL;
}

static void
refuse(struct http_exchange *exchange, const struct waiting *waiting)
{
    static const char type[] = "text/plain; charset=utf-8";
    struct http_header challenges = {STR_LIT("WWW-Authenticate"), buf_str(&waiting->challenges)};
    const char *failed = waiting->failed;
    if (!failed && waiting->outcome == UNKNOWN_PEER)
        failed = unclaimed(&waiting->request);
    if (failed)
        audit_login_failed(waiting->owner->audit, audit_asker(exchange), waiting->method, waiting->claimed, failed);
    if (waiting->outcome == UNKNOWN_PEER)
        http_reply_headers(exchange, 401, &challenges, 1, type, STR_LIT("401 Unauthorized."));
    else if (waiting->outcome == FORBIDDEN_PEER)
        http_reply(exchange, 403, type, STR_LIT("403 Forbidden."));
    else
        http_reply(exchange, 500, type, STR_LIT("500 Internal Server Error."));
}

/* It is its turn and its outcome is known. */
static void
finish(struct waiting *waiting)
{
    struct http_exchange *exchange = waiting->exchange;
    leave_line(waiting);
    http_exchange_on_gone(exchange, NULL, NULL);
    if (http_exchange_request(exchange)->body_follows)
        http_exchange_pause_body(exchange, false);
    if (waiting->outcome == LET_IN) {
        http_exchange_set_realm(exchange, waiting->realm->name);
        waiting->go_on(exchange, waiting->arg);
    } else
        refuse(exchange, waiting);
    waiting_free(waiting);
}

/* Lets those go that nobody of their connection is before. Handlers may do anything meanwhile. */
static void
advance(struct authentication *authentication, uint64_t connection)
{
    struct line *line;
    while ((line = map_get(&authentication->lines, str_n(&connection, sizeof(connection))))) {
        struct waiting *first = list_first(&line->waiting, struct waiting, node);
        if (first->outcome == UNDECIDED)
            return;
        finish(first);
    }
}

static void
decide(struct waiting *waiting, enum outcome outcome)
{
    waiting->outcome = outcome;
    advance(waiting->owner, waiting->line->connection);
}

/* Every authenticator has spoken, and nobody knows the peer. */
static enum outcome
no_answer(const struct waiting *waiting)
{
    if (waiting->challenges.len > 0)
        return UNKNOWN_PEER;
    return waiting->forbidden ? FORBIDDEN_PEER : CANNOT_SAY;
}

/* ---- asking ---- */

static void
ask_next(struct waiting *waiting)
{
    if (waiting->asked == waiting->realm->count) {
        decide(waiting, no_answer(waiting));
        return;
    }
    http_authenticator_ask(waiting->realm->authenticators[waiting->asked++], &waiting->request, on_answer, waiting);
}

/* True when the peer is known. */
static bool
take_answer(struct waiting *waiting, struct mesos_bytes answer)
{
    struct arena *arena = http_exchange_request(waiting->exchange)->arena;
    struct http_verdict verdict;
    struct err err = {0};
    if (http_authenticator_read(answer, arena, &verdict, &err) < 0) {
        log_warning("who asks for %s is not known: %s", waiting->request.path, err.text);
        return false;
    }
    for (size_t i = 0; i < verdict.challenge_count; i++)
        buf_printf(&waiting->challenges, "%s%s", waiting->challenges.len ? "," : "", verdict.challenges[i]);
    waiting->forbidden |= verdict.forbidden != NULL;
    if (verdict.failed) {
        waiting->failed = verdict.failed;
        waiting->claimed = verdict.claimed;
        waiting->method = http_authenticator_scheme(waiting->realm->authenticators[waiting->asked - 1]);
    }
    if (verdict.principal)
        http_exchange_set_principal(waiting->exchange, verdict.principal);
    return verdict.principal != NULL;
}

static void
on_answer(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct waiting *waiting = arg;
    if (!waiting->exchange) {
        if (waiting->owner)
            list_remove(&waiting->node);
        waiting_free(waiting);
        return;
    }
    if (status < 0)
        log_warning("who asks for %s is not known: %s", waiting->request.path, error);
    else if (take_answer(waiting, answer)) {
        decide(waiting, LET_IN);
        return;
    }
    ask_next(waiting);
}

/* Its peer is gone; if a module still owes an answer, that comes to nobody. Those behind it are of the same connection and are
 * told next: nobody's turn comes on a connection that is being closed. */
static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct waiting *waiting = arg;
    bool owed = waiting->outcome == UNDECIDED;
    leave_line(waiting);
    waiting->exchange = NULL;
    if (owed)
        list_push(&waiting->owner->orphans, &waiting->node);
    else
        waiting_free(waiting);
}

/* What the modules are shown; all of it lives as long as the exchange. */
static struct mesos_http_request
show(const struct http_exchange *exchange, const char *realm)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct arena *arena = request->arena;
    size_t count = request->headers.count;
    struct mesos_http_header *headers = arena_alloc(arena, (count + 1) * sizeof(*headers));
    char peer[128];
    for (size_t i = 0; i < count; i++)
        headers[i] = (struct mesos_http_header){arena_strdup(arena, request->headers.items[i].name),
                                                arena_strdup(arena, request->headers.items[i].value)};
    return (struct mesos_http_request){
        .size = sizeof(struct mesos_http_request),
        .realm = realm,
        .method = arena_strdup(arena, request->method),
        .path = arena_strdup(arena, request->path),
        .headers = headers,
        .header_count = count,
        .peer = arena_strdup(arena, str_of(address_format(http_exchange_peer(exchange), peer))),
    };
}

void
authentication_begin(struct authentication *authentication, struct http_exchange *exchange, const char *realm,
                     void (*go_on)(struct http_exchange *exchange, void *arg), void *arg)
{
    const struct realm *found = realm_find(authentication, realm);
    const char *known = http_exchange_realm(exchange);
    if (known && strcmp(known, found->name) == 0) {
        go_on(exchange, arg);
        return;
    }
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));
    waiting->owner = authentication;
    waiting->exchange = exchange;
    waiting->realm = found;
    waiting->request = show(exchange, waiting->realm->name);
    waiting->go_on = go_on;
    waiting->arg = arg;
    waiting->line = line_of(authentication, http_exchange_connection(exchange));
    list_push(&waiting->line->waiting, &waiting->node);
    authentication->waiting++;
    http_exchange_on_gone(exchange, on_gone, waiting);
    if (http_exchange_request(exchange)->body_follows)
        http_exchange_pause_body(exchange, true);
    ask_next(waiting);
}
