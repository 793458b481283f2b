/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind authenticator: finds out who agents and v0 schedulers are, by SASL mechanisms over Mesos's authentication messages. The
 * master has one or more (--authenticators): it offers the mechanisms of all of them in their order, and the peer picks one.
 * host->daemon_option(host, "credentials") is the file of --credentials, or NULL: only modules of ours must have it.
 *
 * The core carries the messages, keeps time, limits how many conversations there are and remembers the result. A module only
 * computes: every function answers at once, on the loop's thread, and none may wait for anything. All bytes come from
 * peers that nobody knows yet.
 */
#ifndef MESOS_AUTHENTICATOR_H
#define MESOS_AUTHENTICATOR_H

#include "mesos/module.h"

struct mesos_authenticator_ops {
    /* Names of the mechanisms, NULL-terminated, valid for the instance's life: {"CRAM-MD5", NULL}. Required. */
    const char *const *(*mechanisms)(void *instance);
    /* A conversation by that mechanism, one of ours. 0, or a negative errno with fail's text. Required. */
    int (*session_new)(void *instance, const char *mechanism, void **ret_session);
    /*
     * What the peer said; the first time it is what came with its choice of the mechanism (often nothing). *ret_answer is
     * for the peer, valid until the next call for this session.
     *   1        the peer is who it says: principal() tells who. Nothing is sent any more
     *   0        *ret_answer is sent, and the peer is to say more
     *   -EACCES  it is not, with fail's text for the log alone: the peer is told no reason
     *   else     a negative errno with fail's text: what it said makes no sense; the peer is told the text
     * After anything but 0 only principal and session_free are called. Required.
     */
    int (*step)(void *instance, void *session, struct mesos_bytes said, struct mesos_bytes *ret_answer);
    /* Who it is after step gave 1; before, or after a refusal, whom the peer claims to be, or NULL when it has not said so.
     * Valid until session_free. Required. */
    const char *(*principal)(void *instance, void *session);
    void (*session_free)(void *instance, void *session); /* Required. */
};

#endif
