/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /stats.json, as daemons before release 0.23 had it: a flat object whose names are from before /metrics/snapshot.
 * Each is made from metrics of today by a table of the owner's.
 */
#ifndef DAEMON_OLD_STATS_H
#define DAEMON_OLD_STATS_H

#include "daemon/metrics.h"
#include "wire/http_server.h"

struct old_stat {
    const char *name; /* of then; NULL ends the table */
    const char *metrics[10]; /* of today: their sum is its value. The first NULL ends them */
    bool exact; /* fractions count: a percentage; else it is a whole number */
};

void reply_old_stats(struct http_exchange *exchange, struct metrics *metrics, const struct old_stat *table);

#endif
