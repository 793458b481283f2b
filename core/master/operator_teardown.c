/* SPDX-License-Identifier: Apache-2.0 */
/* TEARDOWN: an operator ends a framework. */
#include "master/authorize.h"
#include "master/operator.h"
#include "master/orderer.h"

void
operator_teardown(struct operator_call *op)
{
    const char *id = op->call->teardown->framework_id->value;
    struct framework *framework = framework_find(op->master, id);
    if (!framework) {
        audit_order(op->master, op->exchange, "TEARDOWN", id, "No framework found with specified ID");
        http_reply_text(op->exchange, 400, "No framework found with specified ID");
        return;
    }
    if (!admit_teardown(framework, op->exchange))
        return;
    audit_order(op->master, op->exchange, "TEARDOWN", framework->id, NULL);
    framework_teardown(framework, "teardown by an operator");
    operator_reply_done(op->exchange);
}
