/* SPDX-License-Identifier: Apache-2.0 */
/* KillTaskMessage: handed to the task's executor; a task that its executor has not seen yet ends here. */
#include "agent/state.h"

static void
kill_queued(struct task *task)
{
    struct executor *executor = task->executor;
    struct task *other, *tmp;
    uint32_t group = task->group;
    const struct framework *framework = executor->framework;
    log_info("task %s of framework %s killed before its executor had it", task->id, framework->id);
    /* Tasks of a group live and die together. */
    list_foreach_safe (other, tmp, &executor->queued, node) {
        if (other != task && (!group || other->group != group))
            continue;
        agent_update_make(executor->agent, executor->framework, executor, str_of(other->id),
                          MESOS__V1__TASK_STATE__TASK_KILLED,
                          MESOS__V1__TASK_STATUS__REASON__REASON_TASK_KILLED_DURING_LAUNCH,
                          "Killed before delivery to the executor");
    }
    if (executor->state == EXECUTOR_REGISTERING && list_empty(&executor->queued) &&
        list_empty(&executor->launched))
        executor_shutdown(executor);
}

/* The executor is between two connections: it hears of the kill when it subscribes again. */
static void
kill_later(struct task *task, const Mesos__V1__KillPolicy *policy)
{
    auto_buf struct buf bytes = {0};
    log_info("executor %s is not connected; the kill of task %s waits", task->executor->id, task->id);
    if (policy)
        message_pack(&bytes, policy);
    task->kill_wanted = true;
    packed_set(&task->kill_policy, buf_str(&bytes));
}

void
task_kill(struct task *task, const Mesos__V1__KillPolicy *policy)
{
    if (task->place == TASK_QUEUED) {
        kill_queued(task);
    } else if (task->place == TASK_LAUNCHED) {
        if (executor_reachable(task->executor) && !task->executor->recovered)
            executor_send_kill(task->executor, str_of(task->id), policy);
        else
            kill_later(task, policy);
    }
}

void
message_kill_task(struct agent *agent, const struct upid *from,
                  const Mesos__Internal__KillTaskMessage *message)
{
    struct str task_id = str_of(message->task_id->value);
    if (!agent_from_master(agent, from, "KillTaskMessage"))
        return;
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    if (!framework || framework->terminating) {
        log_warning("ignoring kill of task %s: framework %s is not here", message->task_id->value,
                    message->framework_id->value);
        return;
    }
    struct task *task = framework_task(framework, task_id);
    if (!task) {
        if (framework_ended_task(framework, task_id)) /* a kill that crossed with its end says nothing new */
            log_info("ignoring kill of task %s: it has ended", message->task_id->value);
        else if (!status_updates_pending(agent->updates, str_of(framework->id), task_id))
            agent_update_drop(agent, framework, STR_LIT(""), task_id,
                              MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED,
                              "Cannot find executor");
        return;
    }
    task_kill(task, message->kill_policy);
}
