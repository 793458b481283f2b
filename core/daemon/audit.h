/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: who was refused, who could not log in, and what operators changed, as JSON lines in a file that only we may
 * read (--audit_log, or beside the log files of --log_dir). Each line is written before the function returns, so before
 * the peer hears the answer. A file that was moved away is made anew. Without a file the same facts go to the ordinary log.
 *
 *   {"time":"2026-11-21T15:26:41.123Z","event":"refused","principal":"jenkins","peer":"10.0.0.1:4711","action":"RUN_TASK",
 *    "object":"root"}
 *   event "refused" with "times" and "since": so many more since then; without an action: of all sorts
 *   event "login-failed": method, claimed (the principal that was claimed), reason; "times" when many were left out. With a
 *    principal: who has logged in as that and claims to be another
 *   event "write": action, object, outcome ("done", or why not)
 *
 * What peers send is cut to 512 bytes each. It never gets secrets: callers hand over names.
 */
#ifndef DAEMON_AUDIT_H
#define DAEMON_AUDIT_H

#include "loop/address.h"
#include "loop/loop.h"
#include "mesos/authorizer.h"

struct audit;
struct http_exchange;

/* path NULL: no file. NULL with err: the file cannot be opened. */
struct audit *audit_new(struct loop *loop, const char *path, struct err *err);
void audit_free(struct audit *audit); /* NULL is fine */

/* Who it was: an exchange knows both; v0 handlers know a principal and at times an address. All may be NULL. */
struct audit_who {
    const struct mesos_principal *principal;
    const struct address *peer;
};
struct audit_who audit_asker(const struct http_exchange *exchange);

/* An authorizer's no that somebody acted upon. action: "RUN_TASK", or the call that is taken from nobody there.
 * core/daemon/access.c calls it for handlers. object may be NULL.
 * Within ten seconds the same refusal of the same principal at the same address is written five times, and at their end once more
 * with "times", how often it was repeated, and "since"; beyond a hundred lines the others are counted and written as one. */
void audit_refused(struct audit *audit, struct audit_who who, const char *action, const struct mesos_object *object);
/* method: "CRAM-MD5", "Basic", "Bearer", NULL = it logs in by none of them; claimed: the name that the peer gave, NULL = none. More
 * than 20 within one second are counted and written as one line. */
void audit_login_failed(struct audit *audit, struct audit_who who, const char *method, const char *claimed, const char *reason);
/* An operator's write. what: the call or endpoint ("TEARDOWN", "/machine/down"); object: what it was done to, in a few
 * words (an id, a role); outcome: NULL = done, else why not. Refusals by the authorizer are audit_refused's. */
void audit_write(struct audit *audit, struct audit_who who, const char *what, const char *object, const char *outcome);

#endif
