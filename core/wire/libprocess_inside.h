/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of libprocess share: libprocess.c (actors, receiving) and libprocess_peers.c (connections to peers,
 * links, sending). Nobody else includes it. */
#ifndef WIRE_LIBPROCESS_INSIDE_H
#define WIRE_LIBPROCESS_INSIDE_H

#include "base/map.h"
#include "wire/libprocess.h"

enum { ADDRESS_TEXT = 128 };

struct libprocess {
    struct loop *loop;
    char self[ADDRESS_TEXT]; /* "ip:port" */
    libprocess_message_fn *on_message;
    libprocess_exited_fn *on_exited;
    void *arg;
    struct map actors; /* id -> struct actor */
    struct map peers; /* address text -> struct peer that takes messages */
    struct list all_peers; /* also those that are only ending */
    struct list dirty; /* corked in this turn */
    struct list late; /* messages that a test holds back */
    int64_t late_until_ns;
    struct loop_timer flush;
    struct secure *secure; /* TLS to peers; NULL = none */
    bool match_peers;
    size_t unread_bytes; /* may wait for one peer */
    bool (*may_send)(void *arg);
    void *guard_arg;
    size_t unlinked; /* peers without a link */
    char ended[256]; /* why the connection ended that on_exited tells of */
    struct buf head; /* scratch */
    char last_from[512]; /* the last sender's text and what it means: peers send many in a row */
    size_t last_from_len;
    struct upid last_upid;
    uint64_t connection; /* of the message that is being received */
    struct address caller; /* likewise */
    struct http_exchange *exchange; /* likewise; NULL = it came at another time */
};

void libprocess_peers_init(struct libprocess *libprocess);
/* Ends all connections; tells nobody. */
void libprocess_peers_fini(struct libprocess *libprocess);

#endif
