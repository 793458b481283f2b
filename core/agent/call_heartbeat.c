/* SPDX-License-Identifier: Apache-2.0 */
/* HEARTBEAT: the executor keeps its connection in use. */
#include "agent/state.h"

void
call_heartbeat(struct executor *executor, const Mesos__V1__Executor__Call *call,
               struct http_exchange *exchange, bool json)
{
    (void)executor;
    (void)call;
    (void)json;
    http_reply(exchange, 202, NULL, STR_LIT(""));
}
