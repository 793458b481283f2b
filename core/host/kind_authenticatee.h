/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind authenticatee, as the agent makes them. Contracts: mesos/authenticatee.h. */
#ifndef HOST_KIND_AUTHENTICATEE_H
#define HOST_KIND_AUTHENTICATEE_H

#include "base/str.h"
#include "host/host.h"
#include "mesos/authenticatee.h"

/* One conversation with a master; NULL with err. */
struct authenticatee_session;
struct authenticatee_session *authenticatee_session_new(struct module *module, const char *const *mechanisms, size_t count,
                                                        const char **ret_mechanism, struct str *ret_first,
                                                        struct err *err);
/* As the member: 1, 0, or a negative errno with err. */
int authenticatee_session_step(struct authenticatee_session *session, struct str said, struct str *ret_answer,
                               struct err *err);
void authenticatee_session_free(struct authenticatee_session *session); /* NULL is fine */

#endif
