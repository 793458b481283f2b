/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind http_authenticator: who sends an HTTP request. Both daemons have one or several for each of their realms
 * (--http_authenticators, --http_framework_authenticators); where a realm has several they are asked in their order until one
 * knows the peer, and a refusal carries the challenges of all.
 *
 * Modules of others find files by host->daemon_option: "credentials" is a master's file of principals and secrets,
 * "http_credentials" an agent's, "jwt_secret_key" that of the key for executors' tokens; NULL where it is not given. Only our
 * own basic and jwt have them in parameters.
 */
#ifndef MESOS_HTTP_AUTHENTICATOR_H
#define MESOS_HTTP_AUTHENTICATOR_H

#include "mesos/principal.h"

struct mesos_http_header {
    const char *name, *value;
};

/* What an authenticator may look at; borrowed for the call that gets it. The body is not among it: it may not be there yet. */
struct mesos_http_request {
    size_t size;
    const char *realm; /* "mesos-master-readonly", for the challenge */
    const char *method, *path; /* "GET", "/master/state"; the path is not decoded and has no query */
    const struct mesos_http_header *headers; /* in their order, names as they came */
    size_t header_count;
    const char *peer; /* "10.0.0.7:41234", or the path of a Unix socket */
};

struct mesos_http_authenticator_ops {
    const char *scheme; /* "Basic": for logs. Required. */
    /*
     * Who is it? Answers with strings that each end with a NUL, in pairs of a name and its value:
     *     "principal", "alice"             it is alice
     *     "claim.cid", "1234"              it is somebody of whom a token says cid=1234; may stand several times and beside
     *                                      "principal"
     *     "challenge", "Basic realm=..."   nobody knows; the value is for WWW-Authenticate of the answer 401. May stand
     *                                      several times, and excludes the two above
     *     "forbidden", "why"               it is known that this peer may not come in: 403; excludes the others above
     *     "failed", "wrong secret"         beside a challenge: a login was tried, and why it failed; for the audit log
     *     "claimed", "alice"               beside "failed" or "forbidden": who the peer said it was
     * or with a negative errno and fail's text: it could not be found out, and the request is refused with 500. Answers to requests of
     * one connection are waited for in their order. Required.
     */
    void (*authenticate)(void *instance, const struct mesos_http_request *request, struct mesos_call *call);
    /*
     * A token that this module will answer for with that principal, for executors of an agent: at most size bytes with the
     * final NUL. 0, or a negative errno with fail's text. NULL = it makes none.
     */
    int (*issue)(void *instance, const struct mesos_principal *principal, char *out, size_t size);
};

#endif
