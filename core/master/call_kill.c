/* SPDX-License-Identifier: Apache-2.0 */
/* KILL: passed on to the task's agent; a task that is not known is reconciled instead. */
#include <string.h>

#include "base/log.h"
#include "master/calls.h"

int
call_kill(struct framework *framework, const Mesos__V1__Scheduler__Call *call, struct arena *arena,
          struct err *err)
{
    const Mesos__V1__Scheduler__Call__Kill *kill = call->kill;
    const char *agent_id = kill->agent_id ? kill->agent_id->value : NULL;
    struct task *task = task_find(framework, kill->task_id->value);
    (void)err;
    metric_inc(framework->master->m.messages_kill_task);
    if (!task) {
        log_warning("kill of an unknown task task=%s framework=%s", kill->task_id->value, framework->id);
        reconcile_one(framework, kill->task_id->value, agent_id, arena);
        return 202;
    }
    if (agent_id && strcmp(agent_id, task->agent->id) != 0) {
        log_warning("drop kill task=%s framework=%s: it is on agent %s, not on %s", task->id, framework->id,
                    task->agent->id, agent_id);
        return 202;
    }
    log_info("kill task=%s framework=%s agent=%s", task->id, framework->id, task->agent->id);
    task->killed = true;
    if (!task->agent->connected)
        return 202; /* it is told when it comes back */
    Mesos__Internal__KillTaskMessage message = MESOS__INTERNAL__KILL_TASK_MESSAGE__INIT;
    message.framework_id = framework->info->id;
    message.task_id = kill->task_id;
    message.kill_policy = kill->kill_policy;
    agent_send(task->agent, "mesos.internal.KillTaskMessage", &message);
    return 202;
}
