/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cyrus SASL as our authenticator and authenticatee modules use it: one mechanism per module, credentials of ours, and nothing of
 * the host's own SASL configuration: neither its files, nor SASL_PATH, nor its sasldb, nor syslog. Of its plug-ins only
 * CRAM-MD5 and SCRAM are loaded. No function here waits, apart from sasl_client_ready, which may ask for this host's name.
 *
 * Not for several threads, but for sasl_client_ready.
 */
#ifndef MODULES_COMMON_SASL_H
#define MODULES_COMMON_SASL_H

#include <sasl/sasl.h>

#include "common/credentials.h"
#include "common/scram_keys.h"

/* Process-wide, once for each side; later calls find it done. 0, or -errno and err. */
int sasl_server_ready(struct err *err);
int sasl_client_begin(struct err *err);

/* ---- the side that checks ---- */

struct sasl_server;
/* mechanism: "CRAM-MD5"; must live as long as the session. credentials: where the set lies that is in force when the peer
 * names itself; borrowed. keys: of the same set. NULL with err: also when the mechanism's plug-in is not installed. */
struct sasl_server *sasl_server_open(const char *mechanism, struct credentials *const *credentials, struct scram_keys *keys,
                                     struct err *err);
/* As authenticator's member `step`. */
int sasl_server_hear(struct sasl_server *server, struct str said, struct str *ret_answer, struct err *err);
const char *sasl_server_principal(const struct sasl_server *server);
void sasl_server_close(struct sasl_server *server);

/* ---- the side that proves ---- */

struct sasl_client;
/* The costly part of a conversation to come. Looks up this host's name, so that it may wait: at start, or off the loop. */
struct sasl_client *sasl_client_ready(struct err *err);
/* *ret_first: what is said along with the mechanism's name. credential: borrowed for the conversation. */
int sasl_client_open(struct sasl_client *client, const char *mechanism, const struct credential *credential,
                     struct str *ret_first, struct err *err);
/* As authenticatee's member `step`. */
int sasl_client_hear(struct sasl_client *client, struct str said, struct str *ret_answer, struct err *err);
void sasl_client_close(struct sasl_client *client);

#endif
