/* SPDX-License-Identifier: Apache-2.0 */
/* ExitedExecutorMessage: an executor that a framework brought has ended; its resources come back and the
 * framework is told. */
#include "base/log.h"
#include "master/messages.h"

void
message_exited_executor(struct master *master, const struct upid *from,
                        Mesos__Internal__ExitedExecutorMessage *message, struct str body)
{
    struct agent *agent = agent_speaking(master, message->slave_id->value, from, "exited executor");
    struct framework *framework = framework_find(master, message->framework_id->value);
    struct executor *executor =
        agent && framework ? executor_find(framework, agent, message->executor_id->value) : NULL;
    (void)body;
    metric_inc(master->m.messages_exited_executor);
    if (!executor) {
        log_warning("drop exited executor=%s framework=%s agent=%s: unknown", message->executor_id->value,
                    message->framework_id->value, message->slave_id->value);
        return;
    }
    log_info("exited executor=%s framework=%s agent=%s status=%d", executor->id, framework->id, agent->id,
             message->status);
    executor_remove(executor, true);
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Failure failure = MESOS__V1__SCHEDULER__EVENT__FAILURE__INIT;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE;
    event.failure = &failure;
    failure.agent_id = message->slave_id;
    failure.executor_id = message->executor_id;
    failure.has_status = true;
    failure.status = message->status;
    framework_send(framework, &event);
}
