/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who agents and v0 schedulers are: Mesos's authentication messages, carried between peers and the authenticator modules, and
 * what came of it. A principal is bound to the client's pid until that exits or authenticates again. Called by
 * messages.c with each message, by those that register, and by master.c when a peer exits.
 *
 * Everybody may begin, so what it takes is limited: conversations in all and for each address, and how often an address may
 * fail in a row before it has to wait; a conversation that is given up after it was begun counts as one that failed. The
 * address is that of the connection: one that a sender only names is another's, whom nobody can lock out so.
 */
#ifndef MASTER_LOGIN_H
#define MASTER_LOGIN_H

#include "base/err.h"
#include "mesos/v1/mesos.pb-c.h"
#include "wire/libprocess.h"

struct master;
struct logins;

enum {
    LOGINS_MAX = 8192, /* conversations under way */
    LOGINS_PER_PLACE_MAX = 1024, /* of them from one address */
    LOGIN_FAILURES_MAX = 100, /* from one address within ... */
    LOGIN_FAILURES_MS = 10 * 1000, /* ... this time; then it is not heard until the time is over */
    LOGIN_REFUSALS_MAX = 100, /* an address is told so often meanwhile; then it hears nothing */
    LOGIN_PLACES_MAX = 16384, /* addresses of which failures are remembered */
    LOGIN_WAITING_BYTES = 64 << 20, /* registrations that wait for the end of a conversation, in all */
};

/* There are none (NULL) without an authenticator. */
struct logins *logins_new(struct master *master);
void logins_free(struct logins *logins);

/* AuthenticateMessage: from is the peer's authenticatee, client whom it speaks for. */
void login_begin(struct master *master, const struct upid *from, const char *client);
/* True when `to` is a conversation of ours: the message was for it. */
bool login_message(struct master *master, const struct upid *from, struct str to, struct str name, struct str body);
/* A registration that came while its sender is being asked who it is: true = it is kept, and handled when that is known. */
bool login_awaits(struct master *master, const struct upid *from, const char *name, struct str body);
/* Who that pid has proved to be, or NULL. */
const char *login_principal(const struct master *master, const struct upid *client);
/* That pid has exited, or is nobody any more. */
void login_forget(struct master *master, const struct upid *client);
/* A link broke. */
void login_exited(struct master *master, const struct upid *peer);
/* May it register as an agent? What not is logged: it hears nothing. */
bool login_admits_agent(struct master *master, const struct upid *from);
/* May it be that framework? Not 0: err's text is for the peer. A framework that names no principal is whom its scheduler has
 * logged in as: that is written into info (borrowed from the login), so that leaving it out evades no rule or limit. */
int login_admits_framework(struct master *master, const struct upid *from, Mesos__V1__FrameworkInfo *info, struct err *err);

/* The connection that the message came over, also of one that had to wait: libprocess_connection(). */
uint64_t login_connection(const struct master *master);

#endif
