/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open only on purpose: a daemon that listens beyond loopback without demanding logins says so, at its start and daily in the
 * log, in the metric security/open_without_authentication and on the master's page; with --require_authentication it does
 * not start. One that demands logins and lets anybody speak for others over libprocess says that at its start, or does not
 * start either.
 */
#ifndef DAEMON_OPENNESS_H
#define DAEMON_OPENNESS_H

#include "loop/address.h"
#include "loop/loop.h"

struct option_set;
struct metrics;
struct openness;

/* Is it refused to listen there with these options? 0, or -EPERM with a sentence that says what to set. */
int openness_check(const struct option_set *set, const struct address *listen, struct err *err);
/* Watches over what was bound. set may be NULL (tests): nothing is said. */
struct openness *openness_new(struct loop *loop, struct metrics *metrics, const struct option_set *set, const struct address *bound);
/* What is open and what to set, as the log says it; NULL = logins are demanded, or nobody else gets here. */
const char *openness_sentence(const struct openness *openness);
void openness_free(struct openness *openness); /* NULL is fine */

#endif
