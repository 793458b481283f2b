/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents that all come back to a master at once, over sockets of their own: each address of 127.0.0.0/8 opens one
 * connection and is called back on another, as libprocess has it. Written for speed: it shares the machine with whom it
 * measures. Also the plain server that the master is compared with.
 */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

struct storm {
    size_t addresses; /* agents share one when descriptors are too few */
    size_t agents;
    size_t window; /* addresses that are under way at the same time */
    struct str *first; /* by agent: the request that brings it back, head and all */
    struct str *then;  /* by agent: the request when it is back */
    uint16_t port;     /* of the master */
    /* What came out. */
    double began_ms, ended_ms; /* the first connection, the last answer */
    size_t back;               /* agents */
    uint64_t bytes_out, bytes_in;
};

/* The most addresses that this process's descriptors allow, when each takes two here and two in the master. */
size_t storm_most_addresses(void);
/* The port that agents listen on, all addresses at once. */
uint16_t storm_listen(int *ret_fd);
/* Runs until every agent is back or timeout_ms have passed. */
void storm_run(struct storm *storm, int listen_fd, int timeout_ms);
/* A child that takes the same requests, answers each, and calls back with `reply` for each that names `what`. */
pid_t plain_server(uint16_t agents_port, const char *what, struct str reply, uint16_t *ret_port);

#endif
