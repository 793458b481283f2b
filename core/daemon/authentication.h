/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sends a request. Each realm that is protected has authenticator modules, which are asked one after the other until one
 * knows the peer; refusals (401 with every challenge, 403, 500) are answered here. The router asks before gates and handlers.
 */
#ifndef DAEMON_AUTHENTICATION_H
#define DAEMON_AUTHENTICATION_H

#include "wire/http_server.h"

struct audit;
struct module;
struct authentication;

/* audit: where failed logins go. */
struct authentication *authentication_new(struct audit *audit);
/* After the HTTP server is gone. Modules may still owe answers: nobody hears them. */
void authentication_free(struct authentication *authentication);
/* Protects a realm: "mesos-master-readonly". Routes may also name it by what follows the daemon's part, "readonly". */
void authentication_protect(struct authentication *authentication, const char *realm, struct module *const *authenticators,
                            size_t count);
/* Is anybody asked there? realm NULL: no. */
bool authentication_wanted(const struct authentication *authentication, const char *realm);

/*
 * Finds out who sends exchange, whose realm is protected, and then calls go_on from the loop, with the principal set. Exchanges of
 * one connection come back in the order in which they were begun. A refused one is answered, and one whose peer leaves is
 * forgotten: go_on is not called. The body of a stream is not read meanwhile. An exchange that was let in before it had its body
 * (http_server_look) goes on at once: nobody is asked again.
 */
void authentication_begin(struct authentication *authentication, struct http_exchange *exchange, const char *realm,
                          void (*go_on)(struct http_exchange *exchange, void *arg), void *arg);
/* How many wait at this moment. */
size_t authentication_waiting(const struct authentication *authentication);

#endif
