/* SPDX-License-Identifier: Apache-2.0 */
/* What login.c (who is who) and login_session.c (one conversation) share. */
#ifndef MASTER_LOGIN_INSIDE_H
#define MASTER_LOGIN_INSIDE_H

#include "base/list.h"
#include "base/map.h"
#include "host/kind_authenticator.h"
#include "master/login.h"
#include "master/state.h"

/* An address that conversations come from: that of the connection, not the one that the sender's name claims. */
struct login_place {
    uint32_t sessions, failures;
    int64_t since_ms; /* the first of these failures */
    uint32_t refusals; /* that it was told of while it has to wait */
    bool told; /* the log knows that it has to wait */
    char ip[64];
};

/* A message that waits for the end of a conversation. */
struct login_waiting {
    struct list node; /* logins->ready, when the end has come */
    struct upid from;
    uint64_t over;
    const char *name; /* static */
    size_t len;
    char body[];
};

struct login_session {
    struct logins *logins;
    struct login_place *place;
    struct upid peer; /* the authenticatee */
    struct upid client; /* whom it speaks for */
    struct address caller; /* whence it was begun */
    struct authenticator_session *theirs; /* NULL until a mechanism was chosen */
    char mechanism[64];
    struct loop_timer timeout;
    struct login_waiting *waiting;
    bool decided; /* it has succeeded, or its failure has been counted */
    char actor[64];
    char client_pid[400];
};

/* One that has proved who it is. */
struct login {
    struct upid client;
    char *principal;
    char pid[];
};

struct logins {
    struct master *master;
    struct map sessions; /* actor -> struct login_session */
    struct map by_client; /* pid -> the same */
    struct map known; /* pid -> struct login */
    struct map places; /* ip -> struct login_place */
    uint64_t last_session;
    size_t waiting_bytes;
    struct list ready; /* struct login_waiting: to be handled */
    struct loop_timer deliver;
    uint64_t over; /* of the message that is being handled late; 0 = none is */
};

/* login.c */
struct login_place *login_place(struct logins *logins, const struct address *caller);
void login_succeed(struct logins *logins, const struct upid *client, const char *principal);
void login_fail(struct login_session *session, const char *reason);
void login_deliver(struct logins *logins, struct login_waiting *waiting);
void login_drop(struct logins *logins, struct login_waiting *waiting);
/* Nobody needs the link to that pid any more, as far as it is up to logins: ends it when no agent and no framework does. */
void login_unlink(struct logins *logins, const struct upid *pid);

/* One more of them from that address. */
void login_count_failure(struct logins *logins, struct login_place *place);

/* login_session.c */
/* While the message that begins it is being received. */
void login_session_open(struct logins *logins, struct login_place *place, const struct upid *from, const struct upid *client);
void login_session_message(struct login_session *session, struct str name, struct str body);
/* Without a word. */
void login_session_end(struct login_session *session);
/* To somebody with whom there is no conversation. */
void login_refuse(struct master *master, const struct upid *to, const char *text);

#endif
