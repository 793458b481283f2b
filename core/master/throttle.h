/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits of frameworks: their messages and calls pass, wait in the order in which they came, or are refused, as the
 * module of kind rate_limiter says. What waits is handed in again when its turn has come; what it costs in memory is limited,
 * too. Whose messages do not pass is read after all others (http_exchange_patient), so that a flood costs nobody else but its
 * sender time. Asked by message_scheduler_call.c and http_scheduler.c; frameworks.c says who goes away.
 */
#ifndef MASTER_THROTTLE_H
#define MASTER_THROTTLE_H

#include "master/state.h"

struct throttle;

/* NULL when limiter is. */
struct throttle *throttle_new(struct master *master, struct module *limiter);
void throttle_free(struct throttle *throttle);

/* The message of a v0 framework that is being handled (master->handled): true = it may go on; false = it waits, or its
 * sender was told that it is refused. Counts it. */
bool throttle_message(struct framework *framework);
/* The same for a call over HTTP: false = it waits and is answered later, or it was answered. what: "ACCEPT". Mesos neither limits
 * nor counts those; here they are limited, too, and counted where there are limits, so that what is received and not processed is
 * what waits or was refused. */
bool throttle_call(struct framework *framework, struct http_exchange *exchange, const char *what);
/* The framework goes away: what waits of it is dropped, and calls are answered that nobody knows it. */
void throttle_forget(struct framework *framework);

#endif
