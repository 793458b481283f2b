/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching for containerizers: runs mesos-fetcher, one process per container, and decides what of the cache it uses.
 * A URI that should be cached is downloaded once, also when several containers want it at the same time.
 */
#ifndef AGENT_FETCHER_H
#define AGENT_FETCHER_H

#include "daemon/metrics.h"
#include "host/kind_containerizer.h"
#include "loop/loop.h"

struct fetcher;

struct fetcher_setup {
    struct loop *loop;
    struct metrics *metrics; /* NULL = nobody counts */
    const char *launcher_dir; /* where mesos-fetcher is; the texts are copied */
    const char *cache_dir; /* NULL = nothing is cached */
    uint64_t cache_size_bytes;
    const char *frameworks_home, *hadoop_home; /* NULL = none */
    int64_t stall_timeout_ns; /* 0 = the program's default */
};

/* Removes what an earlier run left in the cache, soon. */
struct fetcher *fetcher_new(const struct fetcher_setup *setup);
/* Kills what runs; no callback comes any more. NULL is fine. */
void fetcher_free(struct fetcher *fetcher);
/* What containerizers are lent. */
struct containerizer_fetcher fetcher_lent(struct fetcher *fetcher);

#endif
