/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind rate_limiter: how many messages frameworks may send. A master has at most one (--rate_limiter, when --rate_limits says
 * something); without one nobody is limited.
 *
 * A module reads what --rate_limits says, the text or its file's, by host->daemon_option(host, "rate_limits"); only our own
 * token_bucket has it in parameters.
 *
 * The module knows limits and counts; the core keeps the messages that wait, in the order in which they came. Frameworks
 * are known by their principals. Every call is answered at once, on the loop's thread.
 *
 * The source of it: mesos.RateLimits in tests/facts/wire, and what a Mesos master did with a framework that sent too much, in
 * tests/facts/traces/11b-rate-limits: messages wait, one more than the capacity is answered with an error.
 */
#ifndef MESOS_RATE_LIMITER_H
#define MESOS_RATE_LIMITER_H

#include "mesos/module.h"

/* A limit: messages that share one wait in one queue. */
struct mesos_rate_limit {
    size_t size;
    const char *key; /* which limit it is, any text; borrowed from the module until its next call, copied by the core */
    uint64_t capacity; /* how many messages may wait; UINT64_MAX = any number. One more is refused */
};

struct mesos_rate_limiter_ops {
    /* The limit for messages of frameworks with this principal ("" = the framework gave none): 1 and *ret, or 0 = there is none
     * and they pass. *ret comes with its size and any capacity; the module sets key, and capacity when there is one. Required. */
    int (*limit)(void *instance, const char *principal, struct mesos_rate_limit *ret);
    /* May the oldest message go that waits for that limit, or one that has just come while none waits? arrived_ms: when it
     * came, on the host's clock. 0 = yes, and it is counted; else in how many ms (1 or more) to ask again. A key that is no
     * limit any more passes. Required. */
    int64_t (*admit)(void *instance, const char *key, int64_t arrived_ms);
    /* Changes whenever the answers of `limit` may: those that wait are sorted anew then, and none of them is refused. NULL = they
     * never change. */
    uint64_t (*generation)(void *instance);
};

#endif
