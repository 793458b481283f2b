/* SPDX-License-Identifier: Apache-2.0 */
/* What HTTP authenticators share: the Authorization header of a request, and answers in the form of http_authenticator.h. */
#ifndef MODULES_COMMON_AUTHORIZATION_H
#define MODULES_COMMON_AUTHORIZATION_H

#include "base/buf.h"
#include "mesos/http_authenticator.h"

/* What follows the scheme, without blanks around it; ptr NULL when there is no such header, when it is of another scheme, or when
 * there are several Authorization headers, of which nobody can know which one was meant. Borrowed from the request. */
struct str authorization_of(const struct mesos_http_request *request, const char *scheme);
/* One pair of an answer. */
void authorization_say(struct buf *answer, const char *name, const char *value);
/* Answers the call with what was said, and empties it. */
void authorization_reply(const struct mesos_host *host, struct mesos_call *call, struct buf *answer);

#endif
