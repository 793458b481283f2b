/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the registry of metrics: what metrics.c and metrics_prometheus.c both look at. */
#ifndef DAEMON_METRICS_INSIDE_H
#define DAEMON_METRICS_INSIDE_H

#include "base/map.h"
#include "daemon/metrics.h"
#include "daemon/metrics_table.h"

enum { TIMER_VALUES = 1000 };
#define TIMER_WINDOW_NS (INT64_C(3600) * 1000000000)

struct metric_timer {
    struct loop *loop;
    int64_t window_ns;
    uint64_t recorded; /* ever */
    double sum; /* of all that was recorded ever */
    struct {
        int64_t at_ns;
        double value;
    } *ring; /* TIMER_VALUES once something was recorded */
};

struct entry {
    struct metric metric; /* first: what metrics_get hands out */
    double (*pull)(void *arg);
    void *arg;
    struct metric_timer *timer;
    const struct metric_row *row; /* found when Prometheus first looks */
    bool row_known;
    char name[];
};

struct metrics {
    struct loop *loop;
    struct map entries;
    struct entry **by_name, **by_family; /* sorted; NULL when names came or went since */
    size_t family_count;
};

static inline double
entry_value(const struct entry *entry)
{
    return entry->pull ? entry->pull(entry->arg) : entry->metric.value;
}
/* The sorted values of the timer's window. */
size_t metric_timer_values(const struct metric_timer *timer, double values[TIMER_VALUES]);
/* p is 0 to 1; values are sorted and not empty. */
double metrics_percentile(const double *values, size_t count, double p);

#endif
