/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of DC/OS's answers: {"datapoints":[{"name","value","unit","timestamp","tags"}],"dimensions":{}}. */
#ifndef DCOS_ANSWER_H
#define DCOS_ANSWER_H

#include "base/buf.h"

struct tag {
    const char *key, *value; /* value NULL: left out */
};

void answer_text(struct buf *out, const char *text); /* a JSON string; bytes that are no UTF-8 are replaced */
void answer_begin(struct buf *out);
/* unit: "count", "bytes", "seconds", "percent" or "". tags end with key NULL; NULL = none. */
void answer_point(struct buf *out, const char *name, double value, const char *unit, double at_secs, const struct tag *tags);
/* dimensions end with key NULL. */
void answer_end(struct buf *out, const struct tag *dimensions);

/* The machine's figures, for /node; may block: for another thread. previous: /proc/stat's line of the last time, in and
 * out, for what the processors did since. */
struct node_times {
    double user, system, idle, wait, total;
};
void node_points(struct buf *out, struct node_times *previous, double now_secs);

#endif
