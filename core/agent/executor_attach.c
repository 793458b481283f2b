/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An executor has found its agent, over HTTP or libprocess, for the first time or again: what it still carries with it
 * is taken in, what it missed is sent. Called when its contact stands and its answer is on the way.
 */
#include "agent/state.h"

#include <errno.h>

/* Tasks that were sent before the agent restarted, of which the executor knows nothing. */
static void
lost_tasks(struct executor *executor, const struct executor_claims *claims)
{
    struct task *task, *tmp;
    list_foreach_safe (task, tmp, &executor->launched, node) {
        bool known = task->state != MESOS__V1__TASK_STATE__TASK_STAGING;
        for (size_t i = 0; i < claims->task_count && !known; i++)
            known = str_is(str_of(task->id), claims->tasks[i]->task_id->value);
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
repeat_updates(struct executor *executor, const struct executor_claims *claims)
{
    for (size_t i = 0; i < claims->update_count; i++) {
        Mesos__V1__TaskStatus *status = claims->updates[i];
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

static void
on_told(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    (void)arg;
    (void)answer;
    if (status && status != -ENOENT && status != -ENOTSUP && status != -ECANCELED)
        log_warning("cannot tell a container its resources: %s", error ? error : strerror(-status));
}

void
executor_attached(struct executor *executor, const struct executor_claims *claims, bool again)
{
    if (executor->state == EXECUTOR_TERMINATING) {
        executor_send_shutdown(executor);
        return;
    }
    loop_timer_stop(&executor->patience);
    executor->state = EXECUTOR_RUNNING;
    executor->subscribed_before = true;
    if (executor->recovered) /* a containerizer that found a container again does not know what it was given */
        executor_tell_resources(executor, on_told, NULL);
    executor->recovered = false;
    checkpoint_contact(executor);
    repeat_updates(executor, claims);
    if (again)
        lost_tasks(executor, claims);
    recover_heard(executor->agent);
    if (executor->framework->terminating) {
        executor_shutdown(executor);
        return;
    }
    executor_send_queued(executor);
    send_kills(executor);
    /* An executor that we made for one task has no other to wait for. */
    if (executor->generated && list_empty(&executor->launched) && !claims->update_count)
        executor_shutdown(executor);
}
