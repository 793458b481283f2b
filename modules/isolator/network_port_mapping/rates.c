/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of as many samples as fit into the window. */
#include "rates.h"

#include <stdlib.h>

enum { RATES = 8 }; /* in the order of the message's fields */

struct sample {
    int64_t at_ms;
    uint64_t rates[RATES]; /* a second */
};

struct rates {
    int64_t window_ms, interval_ms;
    bool has_last;
    int64_t last_ms;
    uint64_t last[RATES];
    size_t next, count, cap;
    struct sample ring[];
};

struct rates *
rates_new(int64_t window_ms, int64_t interval_ms)
{
    size_t cap = (size_t)(window_ms / interval_ms) + 1;
    struct rates *rates = xcalloc(1, sizeof *rates + cap * sizeof rates->ring[0]);
    rates->window_ms = window_ms;
    rates->interval_ms = interval_ms;
    rates->cap = cap;
    return rates;
}

void
rates_free(struct rates *rates)
{
    free(rates);
}

void
rates_sample(struct rates *rates, int64_t now_ms, const struct net_counters *counters)
{
    const uint64_t now[RATES] = {counters->tx_bytes, counters->tx_packets, counters->tx_dropped, counters->tx_errors,
                                 counters->rx_bytes, counters->rx_packets, counters->rx_dropped, counters->rx_errors};
    int64_t passed = now_ms - rates->last_ms;
    if (rates->has_last && passed <= 0)
        return;
    if (rates->has_last) {
        struct sample *sample = &rates->ring[rates->next];
        sample->at_ms = now_ms;
        for (size_t i = 0; i < RATES; i++)
            sample->rates[i] = now[i] < rates->last[i] ? 0 : (now[i] - rates->last[i]) * 1000 / (uint64_t)passed;
        rates->next = (rates->next + 1) % rates->cap;
        rates->count += rates->count < rates->cap;
    }
    memcpy(rates->last, now, sizeof now);
    rates->last_ms = now_ms;
    rates->has_last = true;
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Between the two nearest samples. */
static uint64_t
percentile(const uint64_t *sorted, size_t count, double share)
{
    double position = share * (double)(count - 1);
    size_t below = (size_t)position;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (uint64_t)((position - (double)below) * (double)(sorted[below + 1] - sorted[below]));
}

static Mesos__V1__ResourceStatistics__RatePercentiles *
percentiles(uint64_t *values, size_t count, struct arena *arena)
{
    Mesos__V1__ResourceStatistics__RatePercentiles *all = arena_alloc(arena, sizeof *all);
    mesos__v1__resource_statistics__rate_percentiles__init(all);
    qsort(values, count, sizeof *values, compare);
#define SET(field, value) all->has_##field = true, all->field = (value)
    SET(min, values[0]);
    SET(max, values[count - 1]);
    SET(p50, percentile(values, count, 0.5));
    SET(p90, percentile(values, count, 0.9));
    SET(p95, percentile(values, count, 0.95));
    SET(p99, percentile(values, count, 0.99));
    SET(p999, percentile(values, count, 0.999));
    SET(p9999, percentile(values, count, 0.9999));
    SET(samples, count);
#undef SET
    return all;
}

static Mesos__V1__ResourceStatistics__RatePercentiles *
of_one(const struct rates *rates, size_t which, int64_t since_ms, struct arena *arena)
{
    uint64_t *values = xmalloc((rates->count + 1) * sizeof *values);
    size_t count = 0;
    for (size_t i = 0; i < rates->count; i++)
        if (rates->ring[i].at_ms > since_ms)
            values[count++] = rates->ring[i].rates[which];
    Mesos__V1__ResourceStatistics__RatePercentiles *ret = count ? percentiles(values, count, arena) : NULL;
    free(values);
    return ret;
}

Mesos__V1__ResourceStatistics__RateStatistics *
rates_statistics(const struct rates *rates, int64_t now_ms, struct arena *arena)
{
    Mesos__V1__ResourceStatistics__RateStatistics *all = arena_alloc(arena, sizeof *all);
    int64_t since = now_ms - rates->window_ms;
    mesos__v1__resource_statistics__rate_statistics__init(all);
    all->rx_rate = of_one(rates, 0, since, arena);
    all->rx_packet_rate = of_one(rates, 1, since, arena);
    all->rx_drop_rate = of_one(rates, 2, since, arena);
    all->rx_error_rate = of_one(rates, 3, since, arena);
    all->tx_rate = of_one(rates, 4, since, arena);
    all->tx_packet_rate = of_one(rates, 5, since, arena);
    all->tx_drop_rate = of_one(rates, 6, since, arena);
    all->tx_error_rate = of_one(rates, 7, since, arena);
    all->has_sampling_window_secs = all->has_sampling_interval_secs = true;
    all->sampling_window_secs = (double)rates->window_ms / 1000.0;
    all->sampling_interval_secs = (double)rates->interval_ms / 1000.0;
    return all;
}
