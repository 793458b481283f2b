/* SPDX-License-Identifier: Apache-2.0 */
/* MESSAGE: bytes of an executor for its scheduler; nobody promises that they arrive. */
#include "agent/state.h"

void
call_message(struct executor *executor, const Mesos__V1__Executor__Call *call, struct http_exchange *exchange,
             bool json)
{
    (void)json;
    http_reply(exchange, 202, NULL, STR_LIT(""));
    executor_says(executor, str_n(call->message->data.data, call->message->data.len));
}
