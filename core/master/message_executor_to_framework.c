/* SPDX-License-Identifier: Apache-2.0 */
/* ExecutorToFrameworkMessage: bytes for a framework, passed on without being looked at; lost when it is away.
 */
#include "base/log.h"
#include "master/messages.h"

void
message_executor_to_framework(struct master *master, const struct upid *from,
                              Mesos__Internal__ExecutorToFrameworkMessage *message, struct str body)
{
    struct framework *framework = framework_find(master, message->framework_id->value);
    struct agent *agent = agent_speaking(master, message->slave_id->value, from, "ExecutorToFrameworkMessage");
    (void)body;
    metric_inc(master->m.messages_executor_to_framework);
    if (!agent || !framework || !framework->connected) {
        metric_inc(master->m.invalid_executor_to_framework);
        log_warning("drop message of executor=%s to framework=%s: %s", message->executor_id->value,
                    message->framework_id->value,
                    agent ? "it is not connected" : "its agent is not registered");
        return;
    }
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Message payload = MESOS__V1__SCHEDULER__EVENT__MESSAGE__INIT;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__MESSAGE;
    event.message = &payload;
    payload.agent_id = message->slave_id;
    payload.executor_id = message->executor_id;
    payload.data = message->data;
    metric_inc(master->m.valid_executor_to_framework);
    framework_send(framework, &event);
}
