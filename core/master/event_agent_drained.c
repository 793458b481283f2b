/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A draining agent on its way to empty: it is told to end its tasks; when the last acknowledged update has left, executors
 * that wait for work are asked to go; when nothing is left the agent is drained, or gone when that was wished. An agent
 * that is away is not looked at: only it knows what still runs there.
 */
#include "base/log.h"
#include "master/marks.h"

void
agent_tell_drain(struct agent *agent)
{
    struct marked_agent *marked = marked_agent(agent->master, agent->id);
    Mesos__Internal__DrainSlaveMessage message = MESOS__INTERNAL__DRAIN_SLAVE_MESSAGE__INIT;
    struct drain_message drain;
    agent->draining = marked && marked->marks.state == MESOS__V1__DRAIN_STATE__DRAINING;
    if (!agent->draining)
        return;
    marked->drain_start_secs = loop_wall_secs(agent->master->loop);
    message.config = marks_drain_info(&marked->marks, &drain)->config;
    log_info("drain agent=%s pid=%s", agent->id, agent->pid);
    agent_send(agent, "mesos.internal.DrainSlaveMessage", &message);
    agent_touch(agent);
    agent_drain_check(agent);
}

void
agent_drain_check(struct agent *agent)
{
    struct master *master = agent->master;
    if (agent->draining && !master->ended && !loop_timer_running(&master->drain_check))
        loop_timer_start(&master->drain_check, 0);
}

/* Once each: who does not go is ended by the agent after its grace period. */
static void
end_executors(struct agent *agent)
{
    struct executor *executor;
    list_foreach (executor, &agent->executors, agent_node) {
        Mesos__Internal__ShutdownExecutorMessage message = MESOS__INTERNAL__SHUTDOWN_EXECUTOR_MESSAGE__INIT;
        Mesos__V1__ExecutorID id = MESOS__V1__EXECUTOR_ID__INIT;
        if (executor->told_to_end)
            continue;
        executor->told_to_end = true;
        id.value = executor->id;
        message.executor_id = &id;
        message.framework_id = executor->framework->info->id;
        log_info("shutdown executor=%s framework=%s agent=%s: the agent drains", executor->id,
                 executor->framework->id, agent->id);
        agent_send(agent, "mesos.internal.ShutdownExecutorMessage", &message);
    }
}

void
on_drain_check(void *arg)
{
    struct master *master = arg;
    struct marked_agent *marked;
    map_foreach (marked, &master->marked) {
        struct agent *agent = agent_find(master, marked->id);
        if (!agent || agent->leaving || !agent->connected || !agent->draining || marked->writes || marked->going)
            continue;
        if (!list_empty(&agent->tasks))
            continue;
        if (list_empty(&agent->executors))
            agent_drained(master, agent->id);
        else
            end_executors(agent);
    }
}
