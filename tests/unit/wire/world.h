/* SPDX-License-Identifier: Apache-2.0 */
/* A loop on a virtual clock with an in-memory network, and raw callers on it, for the tests of servers and clients. */
#ifndef TEST_WIRE_WORLD_H
#define TEST_WIRE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "loop/stream.h"

struct world {
    struct loop *loop;
    struct stream_net *net;
};

void world_open(struct world *world);
void world_close(struct world *world);
/* Lets everything happen that can happen within ms of virtual time. */
void world_pass(struct world *world, int64_t ms);
struct address world_address(const char *text);

/* One end of a connection that only collects bytes. */
struct caller {
    struct stream *stream;
    struct buf in;
    bool connected, eof, closed;
};
/* Zeroed before; ends with caller_close. */
void caller_open(struct caller *caller, struct world *world, const char *to);
void caller_adopt(struct caller *caller, struct stream *stream);
void caller_send(struct caller *caller, const char *text);
void caller_close(struct caller *caller);
/* What has come, with the value of each Date header replaced by "D". Valid until the next call. */
const char *caller_text(struct caller *caller);
void caller_forget(struct caller *caller); /* drops what has come */
void replace_dates(struct buf *text);

#endif
