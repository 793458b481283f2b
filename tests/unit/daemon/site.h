/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon on a virtual clock and network, asked as a client asks it; and recorded answers to compare with. */
#ifndef TEST_DAEMON_SITE_H
#define TEST_DAEMON_SITE_H

#include "../wire/world.h"
#include "daemon/daemon.h"

struct site {
    struct world world;
    struct daemon *daemon;
    struct buf answer;
    struct buf received; /* names of messages */
};

/* actor is "master" or "slave(1)". For cmocka: state is a struct site. */
int site_master(void **state);
int site_agent(void **state);
int site_close(void **state);

/* The whole answer, dates as "D". Valid until the next call. A request without blank adds " HTTP/1.1" and CR LF. */
const char *site_ask(struct site *site, const char *request);
const char *site_get(struct site *site, const char *target);
/* What follows the head. */
const char *site_body(const char *answer);

/* The answer recorded as tests/facts/traces/<name>.res, dates as "D", to be freed. */
char *recorded(const char *name);
/* Sends the request line and headers recorded as <name>.req, and expects the recorded answer byte for byte. */
void expect_recorded(struct site *site, const char *name);
/* The same, but only status and headers, lengths aside: the body is the daemon's own matter. */
void expect_recorded_head(struct site *site, const char *name);

#endif
