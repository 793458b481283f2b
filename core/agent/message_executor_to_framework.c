/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExecutorToFrameworkMessage: bytes of a v0 executor for its scheduler; nobody promises that they arrive. A v0 scheduler
 * gets them straight from here, one over HTTP by way of the master.
 */
#include "agent/state.h"

void
executor_says(struct executor *executor, struct str data)
{
    struct agent *agent = executor->agent;
    struct framework *framework = executor->framework;
    Mesos__Internal__ExecutorToFrameworkMessage message =
        MESOS__INTERNAL__EXECUTOR_TO_FRAMEWORK_MESSAGE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    struct upid scheduler;
    if (!agent->id || agent->state != AGENT_RUNNING) {
        agent_count(agent, "slave/invalid_framework_messages");
        return;
    }
    agent_id.value = agent->id;
    framework_id.value = framework->id;
    executor_id.value = executor->id;
    message.slave_id = &agent_id;
    message.framework_id = &framework_id;
    message.executor_id = &executor_id;
    message.data.data = (uint8_t *)(uintptr_t)data.ptr;
    message.data.len = data.len;
    agent_count(agent, "slave/valid_framework_messages");
    if (framework->pid && upid_parse(str_of(framework->pid), &scheduler, NULL) == 0 && scheduler.id[0]) {
        auto_buf struct buf body = {0};
        message_pack(&body, &message);
        libprocess_send(agent->daemon->libprocess, AGENT_ACTOR, &scheduler,
                        "mesos.internal.ExecutorToFrameworkMessage", buf_str(&body));
    } else {
        agent_send_master(agent, "mesos.internal.ExecutorToFrameworkMessage", &message);
    }
}

void
message_executor_to_framework(struct agent *agent, const struct upid *from,
                              const Mesos__Internal__ExecutorToFrameworkMessage *message)
{
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    struct executor *executor =
        framework ? executor_find(framework, str_of(message->executor_id->value)) : NULL;
    if (executor && executor->has_pid && upid_eq(&executor->upid, from)) {
        executor_says(executor, str_n(message->data.data, message->data.len));
        return;
    }
    log_warning("dropping a message of executor %s of framework %s: it is not from its address",
                message->executor_id->value, message->framework_id->value);
    agent_count(agent, "slave/invalid_framework_messages");
}
