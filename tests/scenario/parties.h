/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several frameworks of one lone master (lone_master.h), each with a principal of its own, over HTTP (v1) or libprocess (v0):
 * what one asks and what it hears is told apart from what the others do. Names and JSON are the same for both kinds.
 */
#ifndef SCENARIO_PARTIES_H
#define SCENARIO_PARTIES_H

#include "notary.h"

enum { PARTY_EVENTS = 64 };

struct party {
    struct world *w;
    const char *name; /* its principal; the name of its actor, too */
    bool v0;
    char id[80];
    /* v1 */
    struct http_client *stream, *calls;
    char stream_id[64];
    Mesos__V1__Scheduler__Event *events[PARTY_EVENTS];
    size_t event_count;
    int status; /* of the last answer, to SUBSCRIBE too; 0 = none yet */
    struct buf answer; /* its body, when it is no stream */
};

void party_init(struct party *party, struct world *w, const char *name, bool v0);
void party_fini(struct party *party);
/* A new framework; it has an id afterwards. */
void party_joins(struct party *party);
/*
 * SUBSCRIBE with an id that may be another's, as somebody (NULL = says nobody's name). v1: over a new stream, which becomes the
 * party's only when it is subscribed; v0: `force`.
 */
void party_claims(struct party *party, const char *id, const char *principal, bool force);
/* One call in the name of that id; members: JSON after the id, beginning with "type". v1: returns the status. */
int party_calls(struct party *party, const char *id, const char *members);
/* v0: another message. */
void party_says(struct party *party, const char *name, const void *message);
/* How much it was told: heartbeats do not count. */
size_t party_heard(const struct party *party);
/* Of the last of each kind that it was told: its first offer; NULL when there was none. */
const Mesos__V1__Offer *party_offer(const struct party *party);
const Mesos__V1__TaskStatus *party_status(const struct party *party);
const char *party_error(const struct party *party);

#endif
