/* SPDX-License-Identifier: Apache-2.0 */
/* MESSAGE: bytes of an executor for its scheduler, by way of the master; nobody promises that they arrive. */
#include "agent/state.h"

void
call_message(struct executor *executor, const Mesos__V1__Executor__Call *call, struct http_exchange *exchange,
             bool json)
{
    struct agent *agent = executor->agent;
    Mesos__Internal__ExecutorToFrameworkMessage message =
        MESOS__INTERNAL__EXECUTOR_TO_FRAMEWORK_MESSAGE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    (void)json;
    http_reply(exchange, 202, NULL, STR_LIT(""));
    if (!agent->id || agent->state != AGENT_RUNNING) {
        agent_count(agent, "slave/invalid_framework_messages");
        return;
    }
    agent_id.value = agent->id;
    message.slave_id = &agent_id;
    message.framework_id = call->framework_id;
    message.executor_id = call->executor_id;
    message.data = call->message->data;
    agent_send_master(agent, "mesos.internal.ExecutorToFrameworkMessage", &message);
    agent_count(agent, "slave/valid_framework_messages");
}
