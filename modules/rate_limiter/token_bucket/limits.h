/* SPDX-License-Identifier: Apache-2.0 */
/* Mesos's RateLimits, read from JSON: who may send how much. Pure; used by token_bucket.c and the fuzz target. */
#ifndef TOKEN_BUCKET_LIMITS_H
#define TOKEN_BUCKET_LIMITS_H

#include "base/map.h"

struct limit {
    char *key;          /* "default", or "principal " and its name */
    bool limited;       /* false: named only to be exempt */
    double interval_ms; /* between two messages */
    uint64_t capacity;
    double next_ms; /* when the next one may go */
};

struct limits {
    struct map by_principal; /* principal -> struct limit */
    struct map by_key;       /* key -> struct limit, limited ones */
    struct limit *fallback;  /* for all others together; NULL = none */
};

/* NULL with err: what is wrong, and where. */
struct limits *limits_read(struct str text, struct err *err);
void limits_free(struct limits *limits); /* NULL is fine */

#endif
