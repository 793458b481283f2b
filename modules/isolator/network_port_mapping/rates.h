/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a container's counters grew, sample by sample over a window, and the percentiles of that. */
#ifndef PORT_MAPPING_RATES_H
#define PORT_MAPPING_RATES_H

#include "base/arena.h"
#include "mesos/v1/mesos.pb-c.h"
#include "netlink.h"

struct rates; /* of one container */

/* window and interval in milliseconds. */
struct rates *rates_new(int64_t window_ms, int64_t interval_ms);
void rates_free(struct rates *rates);
/* counters: of the host's end, so what it sends is what the container receives. now_ms never goes back. */
void rates_sample(struct rates *rates, int64_t now_ms, const struct net_counters *counters);
/* Of the samples in the window before now_ms; a rate without samples is left out. */
Mesos__V1__ResourceStatistics__RateStatistics *rates_statistics(const struct rates *rates, int64_t now_ms,
                                                                struct arena *arena);

#endif
