/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SUBSCRIBE: an executor opens its event stream, for the first time or again. It repeats what it believes is
 * not safe yet; what it has never heard of although it was sent to it, is reported as lost.
 */
#include "agent/state.h"

/* Tasks that were sent before the agent restarted, of which the executor knows nothing. */
static void
lost_tasks(struct executor *executor, const Mesos__V1__Executor__Call__Subscribe *subscribe)
{
    struct task *task, *tmp;
    list_foreach_safe (task, tmp, &executor->launched, node) {
        bool known = task->state != MESOS__V1__TASK_STATE__TASK_STAGING;
        for (size_t i = 0; i < subscribe->n_unacknowledged_tasks && !known; i++)
            known = str_is(str_of(task->id), subscribe->unacknowledged_tasks[i]->task_id->value);
        if (known)
            continue;
        if (task->info.len) { /* still at hand: it is simply sent again */
            task_move(task, TASK_QUEUED);
            continue;
        }
        agent_update_make(executor->agent, executor->framework, executor, str_of(task->id),
                          executor->framework->partition_aware ? MESOS__V1__TASK_STATE__TASK_DROPPED
                                                               : MESOS__V1__TASK_STATE__TASK_LOST,
                          MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_RESTARTED,
                          "Task launched during agent restart");
    }
}

static void
repeat_updates(struct executor *executor, const Mesos__V1__Executor__Call__Subscribe *subscribe)
{
    for (size_t i = 0; i < subscribe->n_unacknowledged_updates; i++) {
        Mesos__V1__TaskStatus *status = subscribe->unacknowledged_updates[i]->status;
        if (status->has_uuid && status->uuid.len == UUID_BYTES)
            agent_update(executor->agent, executor->framework, executor, status, true);
    }
}

static void
send_kills(struct executor *executor)
{
    struct task *task;
    auto_arena struct arena *arena = arena_new(256);
    list_foreach (task, &executor->launched, node) {
        if (!task->kill_wanted)
            continue;
        task->kill_wanted = false;
        const Mesos__V1__KillPolicy *policy =
            task->kill_policy.len ? message_unpack(&mesos__v1__kill_policy__descriptor,
                                                   packed_str(&task->kill_policy), arena, NULL)
                                  : NULL;
        executor_send_kill(executor, str_of(task->id), policy);
    }
}

void
call_subscribe(struct executor *executor, const Mesos__V1__Executor__Call *call,
               struct http_exchange *exchange, bool json)
{
    if (executor->state == EXECUTOR_TERMINATED) {
        http_reply_text(exchange, 400, "Executor cannot be found");
        return;
    }
    bool again = executor->subscribed_before || executor->recovered;
    log_info("executor %s of framework %s subscribed%s", executor->id, executor->framework->id,
             again ? " again" : "");
    executor_subscribed(executor, exchange, json);
    if (executor->state == EXECUTOR_TERMINATING) {
        executor_send_shutdown(executor);
        return;
    }
    loop_timer_stop(&executor->patience);
    executor->state = EXECUTOR_RUNNING;
    executor->subscribed_before = true;
    executor->recovered = false;
    checkpoint_http_marker(executor);
    repeat_updates(executor, call->subscribe);
    if (again)
        lost_tasks(executor, call->subscribe);
    recover_heard(executor->agent);
    if (executor->framework->terminating) {
        executor_shutdown(executor);
        return;
    }
    executor_send_queued(executor);
    send_kills(executor);
    /* An executor that we made for one task has no other to wait for. */
    if (executor->generated && list_empty(&executor->launched) && !call->subscribe->n_unacknowledged_updates)
        executor_shutdown(executor);
}
