/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two streams that are connected with each other, over TCP, a Unix socket or in memory: for the tests of streams. Compiled with
 * TEST_OVER_TLS they are so with TLS.
 */
#ifndef LOOP_TWO_ENDS_H
#define LOOP_TWO_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "loop/secure.h"
#include "loop/stream.h"

enum kind { TCP, UNIX, MEMORY };

/* One end as the tests see it. */
struct end {
    struct stream *stream;
    struct buf got;
    bool connected, eof, closed;
    int drains, close_code;
    size_t eat_at_most; /* per on_data; 0 = all */
    size_t got_at_eof;
    bool pause_after_data, close_on_data;
};

struct fixture {
    struct loop *loop;
    struct stream_net *net;
    struct stream_listener *listener;
    struct secure *secure; /* NULL: without TLS */
    struct end client, server;
};

/* Writes into the struct end that is its argument. */
extern const struct stream_handler two_ends_handler;

/* Before and after all tests of a program: what TLS needs, if anything. */
int two_ends_begin(void **state);
int two_ends_end(void **state);

/* A loop (in memory: of a virtual clock) with a listener, whose connections become f->server. shape may be NULL. */
void fixture_open(struct fixture *f, enum kind kind, const struct stream_net_shape *shape);
/* f->client is connected with f->server. */
void fixture_connect(struct fixture *f, const struct stream_handler *client_handler);
/* The first half of it, to wherever. */
struct stream *connect_to(struct fixture *f, const struct address *to, const struct stream_handler *client_handler);
void fixture_close(struct fixture *f);
/* Just that many bytes have come. */
void wait_for(struct fixture *f, const struct buf *got, size_t want);
/* Bytes of which no two pieces are alike, for free(). */
char *pattern(size_t len);

/* To wait for, with loop_run_until(): */
bool both_up(void *arg);  /* struct fixture */
bool is_true(void *arg);  /* bool */
bool all_gone(void *arg); /* struct end: another thread may have sent the last of it, and the sender hears of that in a turn of its own */
bool nothing(void *arg);  /* NULL: the time that is given passes */

#endif
