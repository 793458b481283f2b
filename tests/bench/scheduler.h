/* SPDX-License-Identifier: Apache-2.0 */
/* A framework over the v1 scheduler API, protobuf both ways, as quick as our own HTTP client is. */
#ifndef BENCH_SCHEDULER_H
#define BENCH_SCHEDULER_H

#include "base/arena.h"
#include "base/buf.h"
#include "loop/loop.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"

struct scheduler;
struct scheduler_handler {
    void (*on_subscribed)(struct scheduler *scheduler); /* may be NULL */
    void (*on_offers)(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count);
    void (*on_update)(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status); /* may be NULL */
    bool checkpoint; /* its tasks outlive their agent */
    const char *principal; /* NULL = none */
};

struct scheduler {
    struct loop *loop;
    const struct scheduler_handler *handler;
    void *arg;
    struct http_client *stream, *calls;
    struct arena *arena; /* the event that is being handled */
    struct buf out;
    char *framework_id, *stream_id;
    bool ending;        /* torn down: the stream may end */
    size_t outstanding; /* calls that are not answered yet */
};

/* {"type":"SUPPRESS"} of a framework over HTTP, as a whole request; stream_id from its subscription. */
char *scheduler_suppress_request(const struct scheduler *scheduler);
void scheduler_init(struct scheduler *scheduler, struct loop *loop, uint16_t port, const char *role,
                    const struct scheduler_handler *handler, void *arg);
void scheduler_fini(struct scheduler *scheduler);
/* Tasks `<prefix><first>` and on, each with these resources and this command, on one offer. What is left of
 * the offer comes back at once. */
struct scheduler_tasks {
    const char *prefix, *command;
    size_t first, count;
    double cpus, mem;
    const char *pod; /* id of the default executor that runs them as a group; NULL = each alone */
    const char *const *users; /* who runs them, by turns; NULL = the framework's user */
    size_t user_count;
};
void scheduler_launch(struct scheduler *scheduler, const Mesos__V1__Offer *offer,
                      const struct scheduler_tasks *tasks);
void scheduler_decline(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count,
                       double refuse_secs);
void scheduler_acknowledge(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status);
void scheduler_teardown(struct scheduler *scheduler);
/* The amount of a scalar resource in an offer. */
double scheduler_scalar(const Mesos__V1__Offer *offer, const char *name);

#endif
