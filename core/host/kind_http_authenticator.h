/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind http_authenticator, as core/daemon/authentication.c and the agent make them. Contracts:
 * mesos/http_authenticator.h. */
#ifndef HOST_KIND_HTTP_AUTHENTICATOR_H
#define HOST_KIND_HTTP_AUTHENTICATOR_H

#include "base/arena.h"
#include "host/host.h"
#include "mesos/http_authenticator.h"

#define HTTP_AUTHENTICATOR_TIMEOUT_MS (30 * 1000)
enum { HTTP_TOKEN_BYTES = 8 << 10, HTTP_ANSWER_ITEMS = 64 };

/* done gets the answer; http_authenticator_read makes sense of it. */
void http_authenticator_ask(struct module *module, const struct mesos_http_request *request, host_done_fn *done, void *arg);
const char *http_authenticator_scheme(const struct module *module);

/* What an answer says: exactly one of principal, forbidden and challenges. */
struct http_verdict {
    const struct mesos_principal *principal;
    const char *forbidden;
    const char *failed, *claimed; /* why a login has failed and whose it was said to be; NULL = none was tried, not told */
    const char *challenges[HTTP_ANSWER_ITEMS];
    size_t challenge_count;
};
/* The verdict lives in arena. An answer that breaks the contract: -EPROTO. */
int http_authenticator_read(struct mesos_bytes answer, struct arena *arena, struct http_verdict *ret, struct err *err);

/* -ENOTSUP when the module makes no tokens. */
int http_authenticator_issue(struct module *module, const struct mesos_principal *principal, char token[HTTP_TOKEN_BYTES],
                             struct err *err);

#endif
