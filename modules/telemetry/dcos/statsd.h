/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's own statsd packets said: a set of figures by name and tags. Packets come from tasks, which may send
 * anything: every number here is bounded, and what is over a bound is dropped and counted.
 */
#ifndef DCOS_STATSD_H
#define DCOS_STATSD_H

#include "base/map.h"

enum {
    STATSD_PACKET_MAX = 8192, /* longer datagrams are dropped whole */
    STATSD_NAME_MAX = 255,
    STATSD_TAGS_MAX = 16, /* of one figure */
    STATSD_TAG_BYTES = 512, /* of all its tags */
    STATSD_SAMPLES = 128, /* newest values of a timer that its percentiles are of */
    STATSD_MEMBERS = 1024, /* distinct values that a set tells apart */
};

enum statsd_kind { STATSD_COUNTER, STATSD_GAUGE, STATSD_TIMER, STATSD_SET };

struct statsd_timer {
    double count, sum, lower, upper; /* count: with sample rates */
    double samples[STATSD_SAMPLES];
    uint32_t sample_count; /* ever */
};

struct statsd_figure {
    enum statsd_kind kind;
    double value; /* counter, gauge */
    double at_secs; /* wall clock of the last packet */
    struct statsd_timer *timer;
    uint64_t *members; /* hashes of a set's values */
    uint32_t member_count, member_cap;
    uint32_t tag_count;
    const char *name;
    const char *tags[STATSD_TAGS_MAX]; /* "key:value" or "key" */
    size_t key_len;
    char key[]; /* what it is found by: name, then tags; the texts above are behind it */
};

struct statsd {
    struct map figures;
    uint32_t max_figures;
    uint64_t packets, bad, dropped; /* bad: lines that are no statsd; dropped: over a bound */
};

void statsd_init(struct statsd *statsd, uint32_t max_figures);
void statsd_fini(struct statsd *statsd);
/* One datagram: lines of name:value|type[|@rate][|#tag:value,...]. */
void statsd_packet(struct statsd *statsd, struct str packet, double now_secs);
/* The value below which a share p of the timer's newest values lies. */
double statsd_percentile(const struct statsd_timer *timer, double p);

#endif
