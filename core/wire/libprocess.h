/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libprocess messages: POST /<id>/<message name> in both directions, links, exits. Byte-compatible with Apache Mesos
 * (facts: tests/facts and the golden exchanges). Delivery is at most once and in order per connection; there are no
 * answers but 202/404 which senders ignore.
 */
#ifndef WIRE_LIBPROCESS_H
#define WIRE_LIBPROCESS_H

#include "wire/http_server.h"

/* Actor address "id@ip:port". */
struct upid {
    char id[256];
    struct address address;
};

int upid_parse(struct str text, struct upid *ret, struct err *err); /* numeric addresses only */
char *upid_format(const struct upid *upid, char out[400]);
bool upid_eq(const struct upid *a, const struct upid *b);

struct libprocess;

/* A message for a local actor. name: "mesos.internal.PingSlaveMessage". body is borrowed. */
typedef void libprocess_message_fn(const struct upid *from, struct str to_id, struct str name, struct str body,
                                   void *arg);
/* A linked peer's connection has broken or could not be made. */
typedef void libprocess_exited_fn(const struct upid *peer, void *arg);

/* self: the address that peers reach us at (advertised). */
struct libprocess *libprocess_new(struct loop *loop, const struct address *self, libprocess_message_fn *on_message,
                                  libprocess_exited_fn *on_exited, void *arg);
void libprocess_free(struct libprocess *libprocess);
/* Declares a local actor id; requests for others get 404. */
void libprocess_spawn(struct libprocess *libprocess, const char *id);
void libprocess_terminate(struct libprocess *libprocess, const char *id);
bool libprocess_has(const struct libprocess *libprocess, struct str id);

/* Whether messages are refused (400) that name another address as their sender's than the one they come from. */
void libprocess_match_peers(struct libprocess *libprocess, bool match);
/* How much may wait for a peer that does not read, before its connection counts as broken; 0 = as it is. */
void libprocess_limit(struct libprocess *libprocess, size_t unread_bytes);
/* TLS for connections to peers from now on; peers are known by their addresses. NULL = none. */
void libprocess_secure(struct libprocess *libprocess, struct secure *secure);
/* stream_guard for every connection to a peer, present ones and those to come. NULL ends it. */
void libprocess_guard(struct libprocess *libprocess, bool (*may_send)(void *arg), void *arg);

/* While a message is being received: the number of the connection that it came over; later ones have greater numbers.
 * Delivery is in order per connection only: what a peer sent over an earlier one may come after what it sent since. */
uint64_t libprocess_connection(const struct libprocess *libprocess);
/* Likewise: the address at its other end. What a message names as its sender, its sender may have made up. */
const struct address *libprocess_caller(const struct libprocess *libprocess);
/* While a message is being received: http_exchange_patient for its connection. */
void libprocess_patient(struct libprocess *libprocess, bool patient);
/* To be called first by the HTTP handler: true when the exchange was a libprocess message (it is answered then). */
bool libprocess_try(struct libprocess *libprocess, struct http_exchange *exchange);
/* The same beforehand, for http_server_look: true when it is a message; its body was taken, or refused. */
bool libprocess_look(struct libprocess *libprocess, struct http_exchange *exchange);

/* Sends from the local actor `from_id`. Uses the link to that address when there is one, else a temporary connection
 * that closes after its queue is empty. Loss is silent. */
void libprocess_send(struct libprocess *libprocess, const char *from_id, const struct upid *to, const char *name,
                     struct str body);
/* Opens (or reuses) the persistent connection to the peer's address; on_exited tells once when it ends. */
void libprocess_link(struct libprocess *libprocess, const struct upid *peer);
/* The same over a fresh socket that replaces the old one under the same entry. */
void libprocess_relink(struct libprocess *libprocess, const struct upid *peer);
void libprocess_unlink(struct libprocess *libprocess, const struct upid *peer);
/* Within on_exited: why that connection ended, "" when nobody knows. */
const char *libprocess_ended(const struct libprocess *libprocess);

#endif
