/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proving to the master who this agent is, before it registers: Mesos's authentication messages, from the actor
 * "crammd5-authenticatee(N)", carried to and from the authenticatee module. Called by registration.c alone, and by agent.c with
 * messages. Without such a module there is nothing to prove.
 */
#ifndef AGENT_LOGIN_H
#define AGENT_LOGIN_H

#include "host/kind_authenticatee.h"
#include "loop/loop.h"
#include "wire/libprocess.h"

struct agent;

struct agent_login {
    char actor[64]; /* "" = nothing is under way */
    unsigned long long last; /* the N of the last actor */
    struct upid session; /* the master's end of the conversation, once it has spoken */
    bool has_session;
    struct authenticatee_session *theirs;
    bool said_all; /* our last word is said: the master may be content */
    bool done; /* it is */
    unsigned failures; /* in a row */
    struct loop_timer timer; /* the time-out of what is under way, or the pause before the next try */
};

void login_init(struct agent *agent);
void login_fini(struct agent *agent);
/* May it register? If not, it is on its way to: registration_login_done() is called then. */
bool login_ready(struct agent *agent);
/* Another master, or the same one that has forgotten us: what was proved counts no more. */
void login_reset(struct agent *agent);
/* True when `to` is ours. */
bool login_message(struct agent *agent, const struct upid *from, struct str to, struct str name, struct str body);

#endif
