/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module token_bucket: --rate_limits as Mesos reads them. Each principal that is named has a bucket, all others share one.
 * A bucket holds `burst` tokens (one, as in Mesos), so that messages go 1/qps after each other; they are spaced by when they
 * came, so that a late question loses nothing.
 */
#include <errno.h>
#include <math.h>

#include "base/file.h"
#include "mesos/rate_limiter.h"
#include "rate_limiter/token_bucket/limits.h"

enum { MAX_BYTES = 4 << 20 };

struct token_bucket {
    const struct mesos_host *host;
    const char *text, *file;
    int64_t burst;
    struct limits *limits;
    uint64_t generation;
    const char *watched[2];
};

/* What is in force, for the log. */
static void
tell(const struct token_bucket *bucket)
{
    const struct limits *limits = bucket->limits;
    const struct limit *fallback = limits->fallback;
    if (fallback->limited)
        MESOS_LOG(bucket->host, INFO, "rate limits: %zu principals, all others together %g a second", map_count(&limits->by_principal),
                  1000 / fallback->interval_ms);
    else
        MESOS_LOG(bucket->host, INFO, "rate limits: %zu principals, others are not limited", map_count(&limits->by_principal));
    if (!fallback->limited && fallback->capacity != UINT64_MAX)
        MESOS_LOG(bucket->host, WARNING, "rate limits: aggregate_default_capacity means nothing without aggregate_default_qps");
    const struct limit *limit;
    map_foreach (limit, &limits->by_principal)
        if (!limit->limited && limit->capacity != UINT64_MAX)
            MESOS_LOG(bucket->host, WARNING, "rate limits: the capacity of %s means nothing without its qps", limit->key);
}

/* Buckets that stay are as full as they were. */
static void
keep_tokens(struct limits *fresh, const struct limits *old)
{
    struct limit *limit;
    map_foreach (limit, &fresh->by_key) {
        const struct limit *before = old ? map_get(&old->by_key, str_of(limit->key)) : NULL;
        if (before)
            limit->next_ms = before->next_ms - before->interval_ms + limit->interval_ms;
    }
}

static int
load(struct token_bucket *bucket)
{
    auto_buf struct buf content = {0};
    struct err err = {0};
    struct limits *fresh;
    if (bucket->file && file_read(bucket->file, MAX_BYTES, &content, &err) < 0)
        return (bucket->host->fail)(bucket->host, err.code, "%s", err.text);
    fresh = limits_read(bucket->file ? buf_str(&content) : str_of(bucket->text ? bucket->text : "{}"), &err);
    if (!fresh)
        return (bucket->host->fail)(bucket->host, -EINVAL, "%s: %s", bucket->file ? bucket->file : "rate_limits", err.text);
    keep_tokens(fresh, bucket->limits);
    limits_free(bucket->limits);
    bucket->limits = fresh;
    bucket->generation++;
    tell(bucket);
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct token_bucket *bucket = instance;
    bucket->host = host;
    bucket->watched[0] = bucket->file;
    if (bucket->burst < 1)
        return host->fail(host, -EINVAL, "burst: %lld is less than 1", (long long)bucket->burst);
    return load(bucket);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct token_bucket *bucket = instance;
    limits_free(bucket->limits);
    bucket->limits = NULL;
    if (call)
        bucket->host->reply(bucket->host, call, 0, (struct mesos_bytes){0});
}

static int
reload(void *instance)
{
    struct token_bucket *bucket = instance;
    return bucket->file ? load(bucket) : 0;
}

static const char *const *
watched(void *instance)
{
    return ((struct token_bucket *)instance)->watched;
}

static int
limit(void *instance, const char *principal, struct mesos_rate_limit *ret)
{
    const struct limits *limits = ((struct token_bucket *)instance)->limits;
    const struct limit *found = map_get(&limits->by_principal, str_of(principal));
    if (!found)
        found = limits->fallback;
    if (!found->limited)
        return 0;
    ret->key = found->key;
    ret->capacity = found->capacity;
    return 1;
}

static int64_t
admit(void *instance, const char *key, int64_t arrived_ms)
{
    const struct token_bucket *bucket = instance;
    struct limit *found = map_get(&bucket->limits->by_key, str_of(key));
    double now_ms, start_ms, wait_ms;
    if (!found)
        return 0;
    now_ms = (double)bucket->host->now_ms(bucket->host);
    start_ms = fmax(found->next_ms, (double)arrived_ms - (double)(bucket->burst - 1) * found->interval_ms);
    if (start_ms <= now_ms) {
        found->next_ms = start_ms + found->interval_ms;
        return 0;
    }
    wait_ms = ceil(start_ms - now_ms);
    return wait_ms < 1e9 ? (int64_t)wait_ms : 1000000000;
}

static uint64_t
generation(void *instance)
{
    return ((struct token_bucket *)instance)->generation;
}

static const struct mesos_option options[] = {
    {"rate_limits", MESOS_OPTION_STRING, offsetof(struct token_bucket, text), NULL,
     "The limits in Mesos's JSON; --rate_limits without a file."},
    {"rate_limits_file", MESOS_OPTION_PATH, offsetof(struct token_bucket, file), NULL,
     "A file with them, read again at a reload; --rate_limits of a file."},
    {"burst", MESOS_OPTION_INT, offsetof(struct token_bucket, burst), "1",
     "How many messages may go at once after a silence; Mesos has 1."},
    {NULL, 0, 0, NULL, NULL},
};

static const struct mesos_rate_limiter_ops ops = {.limit = limit, .admit = admit, .generation = generation};

static const struct mesos_module module = {
    MESOS_MODULE(RATE_LIMITER, ops, struct token_bucket),
    .name = "token_bucket",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "Messages a second by principal, as --rate_limits says.",
    .options = options,
    .start = start,
    .stop = stop,
    .reload = reload,
    .watched = watched,
};

MESOS_MODULES(&module);
