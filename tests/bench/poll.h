/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP clients that only measure: one request and its time, pollers in another process, a probe of latencies. */
#ifndef BENCH_POLL_H
#define BENCH_POLL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Requests are whole texts, sent as they are. */
struct poll_answer {
    double ms;    /* from sending to the last byte */
    size_t bytes; /* of the body */
    int status;
};

/* On a connection of its own. */
struct poll_answer poll_once(uint16_t port, const char *request);

/* Each of count connections asks again as soon as it has the whole answer, until they are stopped; with a rate, together no
 * more often a second than that: whose turn it is asks on the connection that is free longest, if there is one. */
struct pollers {
    pid_t pid;
    int fd;
    double started_ms;
};
struct poll_sum {
    double secs, p50_ms, p99_ms;
    uint64_t answers, bytes, failed; /* failed: neither 200, 202 nor 429, or cut off */
    uint64_t refused;                /* 429 */
    uint64_t busy;                   /* turns at which no connection was free */
};
void pollers_start(struct pollers *pollers, uint16_t port, const char *request, size_t count);
void pollers_start_paced(struct pollers *pollers, uint16_t port, const char *request, size_t count, double rate);
struct poll_sum pollers_stop(struct pollers *pollers);

/* Asks each of the requests in turn on a connection that stays, one at a time, for so long. */
struct probe {
    const char *request;
    int status;    /* what must come */
    double *times; /* in ms, of all answers; to be freed */
    size_t count, room;
    double p50_ms, p99_ms, worst_ms;
};
void probe_run(uint16_t port, struct probe *probes, size_t count, double secs);
void probe_fini(struct probe *probes, size_t count);

#endif
