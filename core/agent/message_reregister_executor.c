/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReregisterExecutorMessage: a v0 executor answers the agent that has restarted, with the tasks and updates that it
 * does not know to be safe. It says so again when it is called again; one that is not awaited must end.
 */
#include "agent/state.h"

static struct executor *
find(struct agent *agent, const struct upid *from, const Mesos__Internal__ReregisterExecutorMessage *message)
{
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    struct executor *executor =
        framework ? executor_find(framework, str_of(message->executor_id->value)) : NULL;
    bool ready = agent->id && agent->state != AGENT_TERMINATING &&
                 (agent->state != AGENT_RECOVERING || agent->reconnecting);
    const char *why = "nobody waits for it";
    if (executor && ready && !framework->terminating && executor->state == EXECUTOR_REGISTERING &&
        !(why = executor_driver_refusal(executor, from)))
        return executor;
    if (executor && executor->state == EXECUTOR_RUNNING && executor->has_pid &&
        upid_eq(&executor->upid, from)) {
        log_info("executor %s of framework %s has re-registered before", executor->id, framework->id);
        return NULL;
    }
    log_warning("shutting down executor %s of framework %s at %s: %s", message->executor_id->value,
                message->framework_id->value, from->id, why);
    libprocess_send(agent->daemon->libprocess, AGENT_ACTOR, from, "mesos.internal.ShutdownExecutorMessage",
                    STR_LIT(""));
    return NULL;
}

void
message_reregister_executor(struct agent *agent, const struct upid *from,
                            const Mesos__Internal__ReregisterExecutorMessage *message)
{
    struct executor *executor = find(agent, from, message);
    if (!executor)
        return;
    auto_free Mesos__V1__TaskStatus **updates = xcalloc(message->n_updates + 1, sizeof(*updates));
    for (size_t i = 0; i < message->n_updates; i++)
        updates[i] = driver_status(message->updates[i]);
    struct executor_claims claims = {message->tasks, message->n_tasks, updates, message->n_updates};
    log_info("executor %s of framework %s re-registered", executor->id, executor->framework->id);
    executor_driver_set(executor, from);
    executor_driver_link(executor);
    executor_driver_reregistered(executor);
    executor_attached(executor, &claims, true);
}
