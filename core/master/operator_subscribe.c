/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE: the exchange becomes a stream of events; subscribers.c has it from then on. */
#include "master/operator.h"
#include "master/subscribers.h"

static void
subscribe(struct http_exchange *exchange, void *arg)
{
    const struct operator_call *op = arg;
    subscribers_add(op->master, exchange, op->json);
}

void
operator_subscribe(struct operator_call *op)
{
    struct operator_call *later = arena_alloc(op->arena, sizeof(*later));
    *later = *op;
    views_await(op->master->views, op->json ? VIEW_JSON : VIEW_PROTO, op->exchange, subscribe, later);
}
