/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RECONCILE: what the master knows of tasks, as updates that want no acknowledgement. Without a list: all
 * tasks of the framework. An agent that may still come back after a failover of the master is not answered
 * for. Who asks without saying on which agent is answered from what is remembered of unreachable tasks.
 */
#include <stdio.h>

#include "base/log.h"
#include "master/calls.h"

static void
send_known(struct framework *framework, const struct task *task, struct arena *arena)
{
    Mesos__V1__TaskStatus status;
    const Mesos__V1__TaskStatus *last = task_last_status(task, arena);
    Mesos__V1__TaskState state = (Mesos__V1__TaskState)(task->has_update ? task->update_state : task->state);
    task_status_of(&status, task, state, MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION,
                   "Reconciliation: Latest task state", arena);
    if (last) {
        status.has_healthy = last->has_healthy;
        status.healthy = last->healthy;
        status.check_status = last->check_status;
        status.container_status = last->container_status;
    }
    framework_send_status(framework, &status);
}

static void
send_unknown(struct framework *framework, const char *task_id, const char *agent_id,
             Mesos__V1__TaskState aware, const char *message, int64_t unreachable_ns, struct arena *arena)
{
    Mesos__V1__TaskStatus status;
    Mesos__V1__TimeInfo since = MESOS__V1__TIME_INFO__INIT;
    task_status_init(&status, framework->master, task_id, agent_id,
                     framework->partition_aware ? aware : MESOS__V1__TASK_STATE__TASK_LOST,
                     MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION, message, arena);
    if (unreachable_ns) {
        since.nanoseconds = unreachable_ns;
        status.unreachable_time = &since;
    }
    framework_send_status(framework, &status);
}

void
reconcile_one(struct framework *framework, const char *task_id, const char *agent_id, struct arena *arena)
{
    struct master *master = framework->master;
    const struct task *task = task_find(framework, task_id);
    const struct task *unreachable = agent_id ? NULL : map_get(&framework->unreachable, str_of(task_id));
    if (unreachable)
        agent_id = arena_strdup(arena, task_agent_id(unreachable));
    struct str id = str_of(agent_id);
    const struct lost_agent *lost = agent_id ? map_get(&master->unreachable, id) : NULL;
    if (task) {
        send_known(framework, task, arena);
    } else if (agent_id && map_get(&master->agents, id)) {
        send_unknown(framework, task_id, agent_id, MESOS__V1__TASK_STATE__TASK_GONE,
                     "Reconciliation: Task is unknown to the agent", 0, arena);
    } else if (agent_id ? map_get(&master->recovered, id) != NULL : map_count(&master->recovered) > 0) {
        log_info("reconcile task=%s framework=%s: no answer while agents are awaited", task_id,
                 framework->id);
    } else if (lost) {
        send_unknown(framework, task_id, agent_id, MESOS__V1__TASK_STATE__TASK_UNREACHABLE,
                     "Reconciliation: Task is unreachable", lost->since_ns, arena);
    } else if (agent_id && map_get(&master->gone, id)) {
        send_unknown(framework, task_id, agent_id, MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR,
                     "Reconciliation: Task is gone", 0, arena);
    } else {
        send_unknown(framework, task_id, agent_id, MESOS__V1__TASK_STATE__TASK_UNKNOWN,
                     "Reconciliation: Task is unknown", 0, arena);
    }
}

int
call_reconcile(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
               struct err *err)
{
    const Mesos__V1__Scheduler__Call__Reconcile *reconcile = call->reconcile;
    (void)err;
    metric_inc(framework->master->m.messages_reconcile_tasks);
    log_info("reconcile framework=%s tasks=%zu%s", framework->id,
             reconcile->n_tasks ? reconcile->n_tasks : map_count(&framework->tasks),
             reconcile->n_tasks ? "" : " (all)");
    for (size_t i = 0; i < reconcile->n_tasks; i++)
        reconcile_one(framework, reconcile->tasks[i]->task_id->value,
                      reconcile->tasks[i]->agent_id ? reconcile->tasks[i]->agent_id->value : NULL, arena);
    struct task *task;
    if (reconcile->n_tasks == 0)
        map_foreach (task, &framework->tasks)
            send_known(framework, task, arena);
    return 202;
}
