/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RegisterExecutorMessage: the driver of a v0 executor has started. One that nobody waits for, or that should have come over
 * HTTP with a token, is told to end.
 */
#include "agent/state.h"

void
message_register_executor(struct agent *agent, const struct upid *from,
                          const Mesos__Internal__RegisterExecutorMessage *message)
{
    struct framework *framework = framework_find(agent, str_of(message->framework_id->value));
    struct executor *executor =
        framework ? executor_find(framework, str_of(message->executor_id->value)) : NULL;
    bool awaited = executor && executor->state == EXECUTOR_REGISTERING && agent->id &&
                   agent->state != AGENT_TERMINATING && !framework->terminating &&
                   (agent->state != AGENT_RECOVERING || agent->reconnecting);
    const char *why = awaited ? executor_driver_refusal(executor, from) : "nobody waits for it";
    if (why) {
        log_warning("shutting down executor %s of framework %s at %s: %s", message->executor_id->value,
                    message->framework_id->value, from->id, why);
        libprocess_send(agent->daemon->libprocess, AGENT_ACTOR, from, "mesos.internal.ShutdownExecutorMessage",
                        STR_LIT(""));
        return;
    }
    bool again = executor->subscribed_before || executor->recovered;
    struct executor_claims claims = {0};
    log_info("executor %s of framework %s registered", executor->id, framework->id);
    executor_driver_set(executor, from);
    executor_driver_link(executor);
    executor_driver_registered(executor);
    executor_attached(executor, &claims, again);
}
