/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of containers, for the isolators that hand them over: asks the agent's resolver for all that a container wants,
 * then lets the isolator go on. Without a resolver a VALUE is what it says and a REFERENCE is refused, as Mesos's default
 * has it. Nobody here writes a secret anywhere; what was held is wiped.
 */
#ifndef MODULES_COMMON_SECRET_H
#define MODULES_COMMON_SECRET_H

#include "base/str.h"
#include "mesos/module.h"
#include "mesos/v1/mesos.pb-c.h"

/* What a VALUE says, borrowed from it. err's text is Mesos's. */
int secret_resolve(const Mesos__V1__Secret *secret, struct str *ret, struct err *err);
/* Is it one thing and says what? err's text is Mesos's. */
int secret_check(const Mesos__V1__Secret *secret, struct err *err);

struct secret_item;
struct secrets {
    struct secret_item *items;
    size_t count, open;
    void (*done)(void *arg);
    void *arg;
};
/* Asks for all of the list. done(arg) comes once, at once or from the loop, when all have been answered; never after the
 * instance that asks was stopped. The list is borrowed for the call. */
void secrets_ask(struct secrets *secrets, const struct mesos_host *host, const Mesos__V1__Secret *const *list, size_t count,
                 void (*done)(void *arg), void *arg);
/* Of the i-th in the list, borrowed; or why there is none. */
int secrets_get(const struct secrets *secrets, size_t i, struct str *ret, struct err *err);
/* Also while it asks, when the instance is being stopped. */
void secrets_fini(struct secrets *secrets);

#endif
