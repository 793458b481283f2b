/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a metric besides its value: kind, meaning, and how Prometheus is shown it. One table for both
 * daemons, asked by the name that is registered, so that /metrics/snapshot and /metrics cannot say different things.
 */
#ifndef DAEMON_METRICS_TABLE_H
#define DAEMON_METRICS_TABLE_H

#include "base/buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_TIMER };

struct metric_row {
    /* "master/tasks_running", or with words for what varies: <id> is text without '/', <role*> may hold some. */
    const char *name;
    enum metric_kind kind;
    /* Prometheus' family, a counter's without _total. NULL: not shown there, being the sum of others or their old name. */
    const char *family;
    const char *labels; /* "state=running,role=<role>": words stand for what they matched; NULL = none */
    double scale; /* times the value: to seconds and bytes */
    const char *help; /* one sentence, the same for all rows of a family */
};

/* The row for a registered name, NULL when the table has none (a module's own metric). */
const struct metric_row *metric_row_find(const char *name);
/* What is between the braces for that name: role="web",state="running". Values are escaped and made valid UTF-8. */
void metric_row_labels(const struct metric_row *row, const char *name, struct buf *out);
/* key="value" with the value escaped; a comma first when out is not empty. */
void metric_label(struct buf *out, struct str key, struct str value);
/* For tests: the rows in order, NULL after the last. */
const struct metric_row *metric_row_at(size_t i);

#endif
