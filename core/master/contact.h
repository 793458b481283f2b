/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a framework is reached: over the event stream that its SUBSCRIBE opened (v1), or as a libprocess actor at its
 * pid (v0 drivers). contact.c says what is to be told, stream.c and driver.c how it looks on their wire, and
 * subscribe.c decides who may be at the other end. No other file knows that there are two kinds.
 */
#ifndef MASTER_CONTACT_H
#define MASTER_CONTACT_H

#include "mesos/internal/messages.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/libprocess.h"

struct framework;
struct master;

/* One end of a subscription that is being made. Borrowed. */
struct contact {
    const struct upid *pid; /* v0; the members below are for v1, where it is NULL */
    struct http_exchange *stream; /* started already */
    const char *stream_id;
    bool json;
};

/* Where a peer is: the other end of the stream, or where the driver listens. The framework's: NULL while it is not connected. */
const struct address *contact_peer(const struct contact *contact);
const struct address *framework_peer(const struct framework *framework);

/* contact.c: the timer of a stream's heartbeats, with the framework as its argument */
void framework_heartbeat(void *framework);
/* Nothing more is said over the present contact. */
void framework_contact_end(struct framework *framework);

/* stream.c: one record of one event to an exchange. */
void stream_send_event(struct master *master, struct http_exchange *stream, bool json,
                       const Mesos__V1__Scheduler__Event *event);

/* driver.c: the messages that v0 drivers know. What they have no message for (heartbeats, operations) is not sent. */
void driver_send_event(struct framework *framework, const Mesos__V1__Scheduler__Event *event);
/* An agent's update, as it came: uuid, latest state and the pid that wants the acknowledgement. */
void driver_send_update(struct framework *framework, Mesos__Internal__StatusUpdateMessage *message);
/* Answers to SUBSCRIBE; again: it was known before and has not failed over. */
void driver_send_registered(struct framework *framework, bool again);
/* To somebody who is no framework (any more). */
void driver_send_error(struct master *master, const struct upid *to, const char *text);

/*
 * subscribe.c: SUBSCRIBE of either kind, from its checks to the first event. force (v0): a framework that is known under
 * another pid is taken over. Not 0: refused, and nothing was told to anybody; err->text is for who asked.
 */
int framework_subscribe(struct master *master, const Mesos__V1__Scheduler__Call__Subscribe *subscribe, bool force,
                        const struct contact *contact, struct arena *arena, struct err *err);
/* The connected framework whose driver listens there; NULL = none. */
struct framework *framework_at(struct master *master, const struct upid *pid);

#endif
