/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE: the exchange becomes a stream of events; subscribers.c has it from then on. */
#include "master/operator.h"
#include "master/subscribers.h"

void
operator_subscribe(struct operator_call *op)
{
    subscribers_add(op->master, op->exchange, op->json);
}
