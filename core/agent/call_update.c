/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE: an executor reports the state of one of its tasks. */
#include "agent/state.h"

void
call_update(struct executor *executor, const Mesos__V1__Executor__Call *call, struct http_exchange *exchange,
            bool json)
{
    (void)json;
    http_reply(exchange, 202, NULL, STR_LIT(""));
    if (executor->state == EXECUTOR_TERMINATED) {
        log_warning("dropping an update of executor %s, which has ended", executor->id);
        agent_count(executor->agent, "slave/invalid_status_updates");
        return;
    }
    agent_update(executor->agent, executor->framework, executor, call->update->status, true);
}
