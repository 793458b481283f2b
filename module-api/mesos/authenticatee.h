/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind authenticatee: proves to a master who we are, the other side of kind authenticator. An agent has one
 * (--authenticatee) when it has a credential, and always when it is none of ours. host->daemon_option(host, "credential") is the
 * credential's file, or NULL.
 *
 * As there, the core carries the messages and keeps time, and a module only computes: every function answers at once, on the
 * loop's thread. All bytes come from somebody who says to be the master.
 */
#ifndef MESOS_AUTHENTICATEE_H
#define MESOS_AUTHENTICATEE_H

#include "mesos/module.h"

struct mesos_authenticatee_ops {
    /*
     * Begins a conversation by one of the mechanisms that the master offers (count of them, borrowed). *ret_mechanism is the
     * one that is taken, *ret_first what is said along with it (may be empty); both valid until the next call for this session.
     * 0; -ENOTSUP with fail's text: none of them is ours, and asking again does not help; -EAGAIN: later; other negative
     * errnos with fail's text. Required.
     */
    int (*session_new)(void *instance, const char *const *mechanisms, size_t count, void **ret_session,
                       const char **ret_mechanism, struct mesos_bytes *ret_first);
    /*
     * What the master said; *ret_answer is our answer, valid until the next call for this session.
     *   1    the answer is our last word: the master may say that it is content. Before that, it may not, and who says so
     *        is not believed
     *   0    more is to follow
     *   else a negative errno with fail's text: it makes no sense, or that is not the master; nothing is answered
     * Required.
     */
    int (*step)(void *instance, void *session, struct mesos_bytes said, struct mesos_bytes *ret_answer);
    void (*session_free)(void *instance, void *session); /* Required. */
};

#endif
