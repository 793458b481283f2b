/* SPDX-License-Identifier: Apache-2.0 */
/* RunTaskGroupMessage: tasks that live and die together under one executor. */
#include "agent/orders.h"

void
message_run_task_group(struct agent *agent, const struct upid *from,
                       const Mesos__Internal__RunTaskGroupMessage *message)
{
    struct order order = {
        .executor = message->executor,
        .group = true,
        .tasks = message->task_group->tasks,
        .count = message->task_group->n_tasks,
        .launch_known = message->has_launch_executor,
        .launch = message->launch_executor,
    };
    if (order.count)
        order_take(agent, from, &order, message->framework, NULL, "RunTaskGroupMessage");
}
