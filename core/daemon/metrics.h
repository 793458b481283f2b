/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and timers by name ("master/tasks_finished"). Pushed ones are a plain double that the owner adds to
 * directly; pulled ones ask a function when somebody looks. Names come and go with frameworks and modules.
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "base/buf.h"
#include "loop/loop.h"

struct metrics;
struct metric {
    double value;
};

struct metrics *metrics_new(struct loop *loop);
void metrics_free(struct metrics *metrics);

/* The counter or gauge of that name, made when it is not there; valid until metrics_remove. */
struct metric *metrics_get(struct metrics *metrics, const char *name);
static inline void
metric_add(struct metric *metric, double delta)
{
    metric->value += delta;
}
static inline void
metric_inc(struct metric *metric)
{
    metric->value += 1;
}
static inline void
metric_set(struct metric *metric, double value)
{
    metric->value = value;
}
/* A gauge that is asked for when read; replaces one of the same name. fn may not add or remove metrics. */
void metrics_pull(struct metrics *metrics, const char *name, double (*fn)(void *arg), void *arg);

/* A timer: shows its last value as <name> and, over the values of the last hour (at most 1000), <name>/count /max /min
 * /p50 /p90 /p95 /p99 /p999 /p9999. name ends in a unit: "registrar/state_store_ms". */
struct metric_timer;
struct metric_timer *metrics_timer(struct metrics *metrics, const char *name);
void metric_timer_record(struct metric_timer *timer, double value);
/* Another window than an hour, for what happens rarely. */
void metric_timer_window(struct metric_timer *timer, int64_t window_ns);
/* Records a value under a name that may not be there yet. */
void metrics_time(struct metrics *metrics, const char *name, double value);

/* Forgets one name (whatever its kind), or all that begin with a prefix. Unknown is fine. */
void metrics_remove(struct metrics *metrics, const char *name);
void metrics_remove_prefix(struct metrics *metrics, const char *prefix);

/* Every value, sorted by name. */
void metrics_each(struct metrics *metrics, void (*fn)(const char *name, double value, void *arg), void *arg);
/* {"name":1.0,...}: body of /metrics/snapshot. */
void metrics_snapshot(struct metrics *metrics, struct buf *out);
/*
 * The same values in Prometheus' text format 0.0.4, or OpenMetrics 1.0: families in order of name, with HELP and TYPE as
 * the table of metrics says. What the table does not know (a module's own) is mesos_module_metric{name="..."}.
 */
void metrics_prometheus(struct metrics *metrics, bool openmetrics, struct buf *out);
/* system/cpus_total, load and memory gauges. */
void metrics_add_system(struct metrics *metrics);

#endif
