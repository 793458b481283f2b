/* SPDX-License-Identifier: Apache-2.0 */
/* RunTaskMessage: one task, with an executor of the framework's or with a command. */
#include "agent/orders.h"

void
message_run_task(struct agent *agent, const struct upid *from, const Mesos__Internal__RunTaskMessage *message)
{
    struct order order = {
        .executor = message->task->executor,
        .tasks = (Mesos__V1__TaskInfo *[]){message->task},
        .count = 1,
        .launch_known = message->has_launch_executor,
        .launch = message->launch_executor,
    };
    order_take(agent, from, &order, message->framework, message->pid, "RunTaskMessage");
}
