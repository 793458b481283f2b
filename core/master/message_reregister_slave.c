/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReregisterSlaveMessage: an agent that has an id comes (back), with all that it runs. What it runs and we
 * did not know becomes known; what we know and it does not run is asked about in the answer.
 */
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/messages.h"
#include "master/subscribers.h"
#include "wire/message.h"

typedef Mesos__Internal__ReregisterSlaveMessage Message;

/* Same machine, as far as frameworks and operators can tell? */
static const char *
moved(const struct agent *agent, const struct upid *from, const Mesos__SlaveInfo *info)
{
    char was[64], is[64];
    if (strcmp(agent->hostname, info->hostname) != 0)
        return "Agent attempted to re-register with a different hostname";
    if (strcmp(address_ip(&agent->upid.address, was), address_ip(&from->address, is)) != 0)
        return "Agent attempted to re-register with a different IP address";
    return NULL;
}

static bool
info_changed(const struct agent *agent, const Mesos__SlaveInfo *info, struct arena *arena)
{
    size_t size = mesos__slave_info__get_packed_size(info);
    unsigned char *bytes = arena_alloc(arena, size + 1);
    mesos__slave_info__pack(info, bytes);
    return size != agent->info_len || memcmp(bytes, agent->info, size) != 0;
}

void
message_reregister_slave(struct master *master, const struct upid *from, Message *message, struct str body)
{
    struct err err;
    char pid[400];
    metric_inc(master->m.messages_reregister_slave);
    upid_format(from, pid);
    if (map_get(&master->admissions, str_of(pid)))
        return;
    if (!message->slave->id ||
        agent_info_validate(master, message->slave, message->version, message->checkpointed_resources,
                            message->n_checkpointed_resources, &err)) {
        auto_free char *reason =
            xasprintf("Re-registration message validation failed: %s",
                      message->slave->id ? err.text : "Expecting 'slave.id' to be present");
        agent_shutdown(master, from, reason);
        return;
    }
    const char *id = message->slave->id->value;
    if (map_get(&master->gone, str_of(id))) {
        agent_shutdown(master, from, "Agent has been marked gone");
        return;
    }
    struct agent *agent = agent_find(master, id);
    if (agent && agent->leaving)
        return; /* it will try again, and the registry knows by then */
    const char *why = agent ? moved(agent, from, message->slave) : NULL;
    if (why) {
        agent_shutdown(master, from, why);
        return;
    }
    struct agent *former = map_get(&master->agents_by_pid, str_of(pid));
    if (former && former != agent && !former->leaving)
        agent_unregistered(former, "another agent re-registered at the same address");
    bool admitted = agent && !info_changed(agent, message->slave, master->arena);
    admission_start(master, from, message->slave, body, true, !admitted);
}

/* Frameworks that only this agent knows are kept until they subscribe. */
static void
recover_frameworks(struct master *master, const Message *message)
{
    for (size_t i = 0; i < message->n_frameworks; i++) {
        const Mesos__V1__FrameworkInfo *info = message->frameworks[i];
        if (!info->id || framework_find(master, info->id->value) ||
            map_get(&master->completed_ids, str_of(info->id->value)))
            continue;
        struct framework *framework = framework_add(master, info, info->id->value);
        framework->recovered = true;
        log_info("recover framework=%s name=\"%s\"", framework->id, info->name);
        framework_announce(framework);
        framework_await(framework, master->options->agent_reregister_timeout_ns / 1000000);
        subscribers_framework_added(framework);
    }
}

/* The framework of something that the agent runs; NULL when it has ended. */
static struct framework *
owner(struct master *master, const Mesos__V1__FrameworkID *id)
{
    return id ? framework_find(master, id->value) : NULL;
}

static void
take_executors(struct agent *agent, const Message *message)
{
    struct executor *executor, *next;
    struct master *master = agent->master;
    struct err err;
    /* What exited while the agent was away is not in the list. */
    list_foreach_safe (executor, next, &agent->executors, agent_node) {
        bool found = false;
        for (size_t i = 0; i < message->n_executor_infos && !found; i++) {
            const Mesos__V1__ExecutorInfo *info = message->executor_infos[i];
            found = strcmp(info->executor_id->value, executor->id) == 0 &&
                    owner(master, info->framework_id) == executor->framework;
        }
        if (!found)
            executor_remove(executor, true);
    }
    for (size_t i = 0; i < message->n_executor_infos; i++) {
        const Mesos__V1__ExecutorInfo *info = message->executor_infos[i];
        struct framework *framework = owner(master, info->framework_id);
        auto_resources struct resources resources = {0};
        if (!framework || executor_find(framework, agent, info->executor_id->value))
            continue;
        if (resources_from_proto(&resources, info->resources, info->n_resources, &err)) {
            log_warning("drop executor=%s of agent=%s: %s", info->executor_id->value, agent->id, err.text);
            continue;
        }
        executor_add(framework, agent, info, &resources);
    }
}

static void
tell_returned(const struct task *task)
{
    struct framework *framework = task->framework;
    struct arena *arena = framework->master->arena;
    Mesos__V1__TaskStatus status;
    const Mesos__V1__TaskStatus *last = task_last_status(task, arena);
    task_status_init(&status, framework->master, task->id, task->agent->id, (Mesos__V1__TaskState)task->state,
                     MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REREGISTERED,
                     "Unreachable agent re-reregistered", arena);
    if (last) {
        status.has_healthy = last->has_healthy;
        status.healthy = last->healthy;
        status.check_status = last->check_status;
        status.container_status = last->container_status;
    }
    framework_send_status(framework, &status);
}

static void
take_tasks(struct agent *agent, const Message *message, bool was_unreachable)
{
    struct err err;
    for (size_t i = 0; i < message->n_tasks; i++) {
        const Mesos__V1__Task *from = message->tasks[i];
        struct framework *framework = owner(agent->master, from->framework_id);
        if (!framework)
            continue;
        struct task *task = task_find(framework, from->task_id->value);
        if (!task) {
            task = map_get(&framework->unreachable, str_of(from->task_id->value));
            if (task)
                task_forget(task);
            task = task_adopt(framework, agent, from, &err);
            if (!task) {
                log_warning("drop task=%s of agent=%s: %s", from->task_id->value, agent->id, err.text);
                continue;
            }
            if (was_unreachable)
                tell_returned(task);
        }
        if (task->agent == agent)
            task->seen = true;
    }
}

/* A task that the agent does not run any more, among others of the same framework. */
static void
ask_about(const struct task *task, Mesos__Internal__ReconcileTasksMessage **list, size_t *count, size_t room)
{
    struct arena *arena = task->framework->master->arena;
    Mesos__Internal__ReconcileTasksMessage *message = NULL;
    for (size_t i = 0; i < *count && !message; i++)
        if (strcmp(list[i]->framework_id->value, task->framework->id) == 0)
            message = list[i];
    if (!message) {
        message = arena_alloc(arena, sizeof(*message));
        mesos__internal__reconcile_tasks_message__init(message);
        message->framework_id = task->framework->info->id;
        message->framework = task->framework->info;
        message->statuses = arena_calloc(arena, room, sizeof(*message->statuses));
        list[(*count)++] = message;
    }
    Mesos__V1__TaskStatus *status = arena_alloc(arena, sizeof(*status));
    task_status_init(status, task->framework->master, task->id, task->agent->id,
                     (Mesos__V1__TaskState)task->state, MESOS__V1__TASK_STATUS__REASON__REASON_RECONCILIATION,
                     "Reconciliation", arena);
    message->statuses[message->n_statuses++] = status;
}

static void
send_reregistered(struct agent *agent)
{
    struct arena *arena = agent->master->arena;
    Mesos__Internal__SlaveReregisteredMessage message = MESOS__INTERNAL__SLAVE_REREGISTERED_MESSAGE__INIT;
    Mesos__Internal__MasterSlaveConnection connection = MESOS__INTERNAL__MASTER_SLAVE_CONNECTION__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    struct task *task;
    size_t missing = 0;
    list_foreach (task, &agent->tasks, agent_node)
        missing += !task->seen;
    message.reconciliations = arena_calloc(arena, missing + 1, sizeof(*message.reconciliations));
    list_foreach (task, &agent->tasks, agent_node) {
        if (!task->seen)
            ask_about(task, message.reconciliations, &message.n_reconciliations, missing);
        task->seen = false;
    }
    id.value = agent->id;
    message.slave_id = &id;
    message.connection = &connection;
    connection.has_total_ping_timeout_seconds = true;
    connection.total_ping_timeout_seconds = agent_ping_timeout_secs(agent->master);
    agent_send(agent, "mesos.internal.SlaveReregisteredMessage", &message);
}

static void
tell_frameworks(struct agent *agent, const Message *message)
{
    struct master *master = agent->master;
    for (size_t i = 0; i < message->n_frameworks; i++) {
        Mesos__V1__FrameworkID *id = message->frameworks[i]->id;
        struct framework *framework = owner(master, id);
        if (framework && !framework->recovered) {
            framework_tell_agent(framework, agent);
        } else if (id && !framework && map_get(&master->completed_ids, str_of(id->value))) {
            Mesos__Internal__ShutdownFrameworkMessage shutdown =
                MESOS__INTERNAL__SHUTDOWN_FRAMEWORK_MESSAGE__INIT;
            shutdown.framework_id = id;
            log_info("end framework=%s on agent=%s: it was removed", id->value, agent->id);
            agent_send(agent, "mesos.internal.ShutdownFrameworkMessage", &shutdown);
        }
    }
}

/* Forgets that it was awaited or lost; true when frameworks were told that it is unreachable. */
static bool
welcome(struct master *master, const char *id)
{
    struct recovered_agent *recovered = map_remove(&master->recovered, str_of(id));
    recovered_agent_free(recovered);
    struct lost_agent *lost = map_remove(&master->unreachable, str_of(id));
    free(lost);
    return lost != NULL;
}

void
reregister_finish(struct admission *admission, Message *message)
{
    struct master *master = admission->master;
    struct agent *agent = agent_find(master, admission->id);
    struct err err;
    if (!message || (agent && agent->leaving))
        return;
    bool known = agent != NULL, was_unreachable = welcome(master, admission->id);
    struct agent_news news = {
        .from = &admission->from,
        .info = message->slave,
        .version = message->version,
        .capabilities = message->agent_capabilities,
        .capability_count = message->n_agent_capabilities,
        .resource_version = message->resource_version_uuid,
        .checkpointed = message->checkpointed_resources,
        .checkpointed_count = message->n_checkpointed_resources,
    };
    recover_frameworks(master, message);
    if (known ? agent_update(agent, &news, &err) != 0 : (agent = agent_add(master, &news, &err)) == NULL) {
        log_error("agent %s passed its checks and cannot be added: %s", admission->id, err.text);
        return;
    }
    agent->returned = true;
    agent->reregistered_secs = loop_wall_secs(master->loop);
    agent_touch(agent);
    if (known)
        offers_rescind_agent(agent);
    take_executors(agent, message);
    take_tasks(agent, message, was_unreachable);
    metric_inc(master->m.slave_reregistrations);
    log_info("reregister agent=%s pid=%s hostname=%s tasks=%zu", agent->id, agent->pid, agent->hostname,
             message->n_tasks);
    agent_observe(agent);
    send_reregistered(agent);
    tell_frameworks(agent, message);
    if (known)
        agent_reannounce(agent);
    else
        agent_announce(agent);
}
