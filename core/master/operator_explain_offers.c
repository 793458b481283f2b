/* SPDX-License-Identifier: Apache-2.0 */
/* EXPLAIN_OFFERS: why a framework is not offered more. Ours: Mesos has no such call, and its number is far from its own. */
#include <errno.h>

#include "master/explain.h"
#include "master/operator.h"

void
operator_explain_offers(struct operator_call *op)
{
    const Mesos__V1__Master__Call__ExplainOffers *asked = op->call->explain_offers;
    Mesos__V1__Master__Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    auto_sight struct sight *sight = sight_of(op->master, op->exchange);
    struct err err = {0};
    response.explain_offers =
        explain_offers(op->master, sight, asked->framework_id->value, asked->agent_id ? asked->agent_id->value : NULL,
                       asked->role, op->arena, &err);
    if (response.explain_offers)
        operator_answer(op, &response, MESOS__V1__MASTER__RESPONSE__TYPE__EXPLAIN_OFFERS);
    else
        http_reply_text(op->exchange, err.code == -ENOENT ? 400 : 501, "%s", err.text);
}
