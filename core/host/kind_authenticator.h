/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind authenticator, as the master makes them. Contracts: mesos/authenticator.h. */
#ifndef HOST_KIND_AUTHENTICATOR_H
#define HOST_KIND_AUTHENTICATOR_H

#include "base/str.h"
#include "host/host.h"
#include "mesos/authenticator.h"

const char *const *authenticator_mechanisms(struct module *module);
bool authenticator_has_mechanism(struct module *module, const char *mechanism);
/* One conversation with a peer; NULL with err. */
struct authenticator_session;
struct authenticator_session *authenticator_session_new(struct module *module, const char *mechanism, struct err *err);
/* As the member: 1, 0, or a negative errno with err. */
int authenticator_session_step(struct authenticator_session *session, struct str said, struct str *ret_answer,
                               struct err *err);
const char *authenticator_session_principal(const struct authenticator_session *session);
void authenticator_session_free(struct authenticator_session *session); /* NULL is fine */

#endif
