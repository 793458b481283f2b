/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to run tasks, as message_run_task.c and message_run_task_group.c hand them to orders.c. */
#ifndef AGENT_ORDERS_H
#define AGENT_ORDERS_H

#include "agent/state.h"

struct order {
    const Mesos__V1__ExecutorInfo *executor; /* NULL = a command task, which gets one */
    Mesos__V1__TaskInfo *const *tasks;
    size_t count;              /* at least one */
    bool group;                /* the tasks live and die together */
    bool launch_known, launch; /* the master's word on whether the executor is to be started */
    /* Filled in by order_take: */
    struct agent *agent;
    struct framework *framework;
    bool generated;
};

/* Does what the order says, as far as this agent's rules let the framework; pid is the framework's, NULL = not told. what: the
 * message's name, for the log. */
void order_take(struct agent *agent, const struct upid *from, struct order *order,
                const Mesos__V1__FrameworkInfo *info, const char *pid, const char *what);

#endif
