/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An executor's line to its agent: the SUBSCRIBE stream and the calls beside it, over the agent's Unix socket or TCP.
 * Subscribes again by itself when the line breaks, for as long as recovery allows. Knows nothing of tasks.
 */
#ifndef EXECUTOR_AGENT_LINK_H
#define EXECUTOR_AGENT_LINK_H

#include "base/arena.h"
#include "loop/address.h"
#include "loop/loop.h"
#include "mesos/v1/executor/executor.pb-c.h"
#include "wire/http.h"

struct agent_link;

/* What the agent put into our environment. Strings are borrowed and outlive the link. */
struct agent_link_options {
    struct address agent;
    const char *host; /* for the Host header */
    const char *target; /* "/slave(1)/api/v1/executor" */
    struct secure *secure; /* TLS; NULL = none, as over the Unix socket */
    const char *token; /* executor authentication; NULL = none */
    const char *framework_id, *executor_id;
    bool checkpoint; /* outlive the agent */
    int64_t recovery_timeout_ms; /* then give up */
    int64_t backoff_max_ms; /* between attempts */
};

struct agent_link_handler {
    /* Fill `subscribe` with what the agent may have missed; allocations from arena. */
    void (*on_subscribe)(Mesos__V1__Executor__Call__Subscribe *subscribe, struct arena *arena, void *arg);
    /* One event; valid during the call. */
    void (*on_event)(const Mesos__V1__Executor__Event *event, void *arg);
    /* The stream broke; another attempt follows unless on_given_up comes. */
    void (*on_lost)(const struct err *why, void *arg);
    void (*on_given_up)(const struct err *why, void *arg);
};

/* Begins to subscribe at once. */
struct agent_link *agent_link_new(struct loop *loop, const struct agent_link_options *options,
                                  const struct agent_link_handler *handler, void *arg);
void agent_link_free(struct agent_link *link);
bool agent_link_subscribed(const struct agent_link *link);
/* Sends one call; its ids are filled in. Only while subscribed; a failure drops the line, and the next SUBSCRIBE
 * repeats what was not acknowledged. */
void agent_link_call(struct agent_link *link, Mesos__V1__Executor__Call *call);

/* A connection to the agent. */
struct http_client *agent_link_client(struct loop *loop, const struct agent_link_options *options);

/* Content types and the token, for this and other calls to the agent. *authorization backs the last header: the caller
 * frees it after sending. */
size_t agent_link_headers(const struct agent_link_options *options, char **authorization,
                          struct http_header headers[4]);

#endif
