/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which handler answers a request, as libprocess decides it: the first segment of the path names an actor ("master",
 * "files"); when there is none of that name the request goes to the default actor with its whole path. On the actor
 * the longest route that is a prefix by segments wins. Owners list their endpoints as tables of struct route.
 */
#ifndef DAEMON_ROUTES_H
#define DAEMON_ROUTES_H

#include "wire/http_server.h"

/* One endpoint. Tables end with path NULL and live as long as the router. /help is made from them. */
struct route {
    const char *path; /* below its actor, without trailing slash: "/state"; "" is the actor and all below, "/" it alone */
    const char *methods; /* "POST" or "GET,POST": others get 405 with Allow. NULL = every method */
    /* Owes one answer per exchange, at once or later (http_server.h). */
    void (*handler)(struct http_exchange *exchange, void *arg);
    const char *help; /* one sentence for /help */
    const char *realm; /* authentication realm, NULL = none needed */
    unsigned flags; /* for the owner's gate: ROUTE_... */
    const char *params; /* for /help: query parameters or form fields, "name: meaning; name: meaning"; NULL = none */
    /* Before its handler runs, the peer must be allowed GET_ENDPOINT_WITH_PATH for this path (access_admits_endpoint; nobody
     * else asks that). NULL = the handler asks for what it shows or does. */
    const char *endpoint;
};
enum {
    ROUTE_LEADER = 1, /* only the leading master answers; the gate of the others redirects */
    ROUTE_STREAM = 2, /* bodies of application/recordio are handed over as they come: http_exchange_on_body */
    ROUTE_GET_BY_RULES = 4, /* any method while there are no rules, only GET where there are: as Mesos has it */
    ROUTE_LOCAL = 8, /* there over Unix sockets as well: what executors need, and nothing else is */
};

struct router;
struct firewall; /* daemon/firewall.h */
struct access;

/* default_actor: "master" or "slave(1)". */
struct router *router_new(const char *default_actor);
void router_free(struct router *router);
/* Adds a table below an actor; the actor comes to be with its first table. A path that is already there is replaced. */
void router_mount(struct router *router, const char *actor, const struct route *table, void *arg);
void router_unmount(struct router *router, const char *actor);
/* Asked after a route was found and its method is right, before its handler: true when the gate has answered (or
 * taken over) the exchange. One gate; NULL removes it. */
void router_gate(struct router *router, bool (*gate)(struct http_exchange *exchange, const struct route *route, void *arg),
                 void *arg);
/* Where a route's realm is protected, its peers must say who they are: before methods are looked at, and before the gate. */
struct authentication;
void router_authenticate(struct router *router, struct authentication *authentication);
/* Who is asked about routes with an endpoint; outlives the router. NULL = everything is allowed. */
void router_access(struct router *router, struct access *access);
/* For http_server_stream_bodies, arg = router: does the request's route take its body as a stream? */
bool router_wants_stream(const struct http_request *request, void *router);
/* Answers 404 and 405 itself. libprocess_try comes first. */
void router_handle(struct router *router, struct http_exchange *exchange);
/* For http_server_look: answers what needs no body to be answered (paths that there are not or that are disabled, peers that do
 * not say who they are, methods), and takes the body of every other request. */
void router_look(struct router *router, struct http_exchange *exchange);
/* Endpoints that are disabled: 403 for everybody. Borrowed; NULL = none. */
void router_firewall(struct router *router, const struct firewall *firewall);
/* Every route in order of mounting. */
void router_each(const struct router *router, void (*fn)(const char *actor, const struct route *route, void *arg),
                 void *arg);

/* 200 with a JSON body; wrapped when the request has ?jsonp=<name>. body is copied. */
void reply_json(struct http_exchange *exchange, struct str body);
/* The same with a body of pages (http_server.h): empties rope. */
void reply_json_rope(struct http_exchange *exchange, struct rope *rope);
/* 307 to //hostname:port<path>, as a master that does not lead answers. path NULL = none. */
void reply_redirect(struct http_exchange *exchange, const char *hostname, unsigned port, const char *path);
/* 404 with Mesos's body. */
void reply_not_found(struct http_exchange *exchange);

#endif
