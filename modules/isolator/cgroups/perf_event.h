/* SPDX-License-Identifier: Apache-2.0 */
/* What perf_event.c (which runs perf) and perf_parse.c (which reads what it writes) share. */
#ifndef ISOLATOR_CGROUPS_PERF_EVENT_H
#define ISOLATOR_CGROUPS_PERF_EVENT_H

#include "base/str.h"

/* The field of mesos.v1.PerfStatistics that an event of perf goes to ("context-switches"), 0 = none. */
unsigned perf_event_field(struct str event);
bool perf_event_is_double(unsigned field); /* milliseconds with a fraction, not a count */

struct perf_line {
    struct str event, cgroup;
    bool counted, supported;
    double value;
};

/* One line of `perf stat -x TAB`: false when it is none (comments, metrics). */
bool perf_line_read(struct str line, struct perf_line *ret);

#endif
