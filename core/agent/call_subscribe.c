/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE: an executor opens its event stream, for the first time or again. */
#include "agent/state.h"

void
call_subscribe(struct executor *executor, const Mesos__V1__Executor__Call *call,
               struct http_exchange *exchange, bool json)
{
    if (executor->state == EXECUTOR_TERMINATED) {
        http_reply_text(exchange, 400, "Executor cannot be found");
        return;
    }
    bool again = executor->subscribed_before || executor->recovered;
    log_info("executor %s of framework %s subscribed%s", executor->id, executor->framework->id,
             again ? " again" : "");
    executor_subscribed(executor, exchange, json);
    const Mesos__V1__Executor__Call__Subscribe *subscribe = call->subscribe;
    auto_free Mesos__V1__TaskStatus **updates =
        xcalloc(subscribe->n_unacknowledged_updates + 1, sizeof(*updates));
    for (size_t i = 0; i < subscribe->n_unacknowledged_updates; i++)
        updates[i] = subscribe->unacknowledged_updates[i]->status;
    struct executor_claims claims = {subscribe->unacknowledged_tasks, subscribe->n_unacknowledged_tasks, updates,
                                     subscribe->n_unacknowledged_updates};
    executor_attached(executor, &claims, again);
}
