/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReregisterSlaveMessage: an agent that has an id comes (back), with all that it runs. What it runs and we
 * did not know becomes known; what we know and it does not run is asked about in the answer.
 */
#include <string.h>

#include "base/log.h"
#include "daemon/audit.h"
#include "host/kind_allocator.h"
#include "master/login.h"
#include "master/event_agent_lost.h"
#include "master/marks.h"
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

/* Another agent goes by this id and is alive: the link to it stands and it answers. A copied work_dir does that. It keeps
 * its place; who comes second is heard when the first is silent. */
static bool
usurps(const struct agent *agent, const struct upid *from)
{
    char pid[400];
    if (!agent || !agent->connected || agent->missed_pings > 0 || upid_eq(&agent->upid, from))
        return false;
    log_warning("drop reregister agent=%s pid=%s: its id is in use by the live agent at %s; does one of them run in a "
                "copy of the other's work_dir?",
                agent->id, upid_format(from, pid), agent->pid);
    return true;
}

/* Sent before what the agent has said since over a later connection: by its former process, or in an attempt that was
 * given up while the network was away. What it tells of tasks and executors was true then. */
static bool
is_stale(struct master *master, const char *id, uint64_t over)
{
    const struct agent *agent = agent_find(master, id);
    const struct lost_agent *lost = map_get(&master->unreachable, str_of(id));
    uint64_t last = agent && agent->connected ? agent->heard_over : lost && !agent ? lost->heard_over : 0;
    if (over >= last)
        return false;
    log_warning("drop reregister agent=%s: it came late, over an earlier connection than its last one", id);
    return true;
}

static bool
info_is(const Mesos__SlaveInfo *info, const void *known, size_t known_len, struct arena *arena)
{
    size_t size = mesos__slave_info__get_packed_size(info);
    if (size != known_len)
        return false;
    unsigned char *bytes = arena_alloc(arena, size + 1);
    mesos__slave_info__pack(info, bytes);
    return memcmp(bytes, known, size) == 0;
}

/* Does the registry have it just so? */
static bool
is_admitted(struct master *master, const struct agent *agent, const struct recovered_agent *recovered,
            const Mesos__SlaveInfo *info)
{
    return agent       ? info_is(info, agent->info, agent->info_len, master->arena)
           : recovered ? info_is(info, recovered->info, recovered->info_len, master->arena)
                       : false;
}

void
message_reregister_slave(struct master *master, const struct upid *from, Message *message, struct str body)
{
    struct err err;
    char pid[400];
    if (login_awaits(master, from, "mesos.internal.ReregisterSlaveMessage", body))
        return;
    metric_inc(master->m.messages_reregister_slave);
    upid_format(from, pid);
    if (map_get(&master->admissions, str_of(pid)) || !login_admits_agent(master, from))
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
    if (!agent_may_enter(master, from, message->slave, id))
        return;
    if (map_get(&master->gone, str_of(id))) {
        agent_shutdown(master, from, "Agent has been marked gone");
        return;
    }
    struct agent *agent = agent_find(master, id);
    struct recovered_agent *recovered = map_get(&master->recovered, str_of(id));
    const struct marked_agent *marked = marked_agent(master, id);
    if ((agent && agent->leaving) || (recovered && recovered->marking) || (marked && marked->going))
        return; /* it will try again, and the registry knows by then */
    uint64_t over = login_connection(master);
    if (is_stale(master, id, over))
        return;
    const char *why = agent ? moved(agent, from, message->slave) : NULL;
    if (why) {
        agent_shutdown(master, from, why);
        return;
    }
    if (usurps(agent, from))
        return;
    struct agent *former = map_get(&master->agents_by_pid, str_of(pid));
    if (former && former != agent && !former->leaving)
        agent_unregistered(former, "another agent re-registered at the same address");
    if (is_admitted(master, agent, recovered, message->slave)) {
        reregister_finish(master, from, message, over);
        return;
    }
    if (master->options->registry_strict && !agent && !recovered && !map_get(&master->unreachable, str_of(id))) {
        agent_shutdown(master, from, "The registry does not know this agent, and --registry_strict admits no others");
        return;
    }
    if (recovered)
        recovered->returning = true;
    admission_start(master, from, message->slave, body, true);
}

/* While its agents are away a master does not know whose an id was, and whoever came first has it: that is to be found out. */
static void
tell_other_principal(const struct framework *framework, const Mesos__V1__FrameworkInfo *info, const char *agent_id)
{
    struct mesos_principal is = {.size = sizeof(is), .value = framework->info->principal};
    const struct audit_who who = {is.value && *is.value ? &is : NULL, framework_peer(framework)};
    if (!info->principal || !*info->principal || (is.value && strcmp(is.value, info->principal) == 0))
        return;
    auto_free char *why = xasprintf("framework %s is subscribed as '%s', and agent %s knows it as '%s'", framework->id,
                                    is.value ? is.value : "", agent_id, info->principal);
    log_warning("%s: has somebody taken its id while its agents were away?", why);
    audit_login_failed(framework->master->daemon->audit, who, NULL, info->principal, why);
}

/* Frameworks that only this agent knows are kept until they subscribe. */
static void
recover_frameworks(struct master *master, const Message *message)
{
    for (size_t i = 0; i < message->n_frameworks; i++) {
        const Mesos__V1__FrameworkInfo *info = message->frameworks[i];
        const struct framework *known = info->id ? framework_find(master, info->id->value) : NULL;
        struct err err;
        if (known)
            tell_other_principal(known, info, message->slave->id->value);
        if (!info->id || !info->id->value[0] || known ||
            map_get(&master->completed_ids, str_of(info->id->value)))
            continue;
        if (framework_info_check(info, &err)) {
            log_warning("drop framework=%s that agent=%s tells of: %s", info->id->value,
                        message->slave->id->value, err.text);
            continue;
        }
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
tell_returned(const struct task *task, const char *message)
{
    struct framework *framework = task->framework;
    struct arena *arena = framework->master->arena;
    Mesos__V1__TaskStatus status;
    const Mesos__V1__TaskStatus *last = task_last_status(task, arena);
    task_status_of(&status, task, (Mesos__V1__TaskState)task->state,
                   MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REREGISTERED, message, arena);
    if (last) {
        status.has_healthy = last->has_healthy;
        status.healthy = last->healthy;
        status.check_status = last->check_status;
        status.container_status = last->container_status;
    }
    framework_send_status(framework, &status);
}

/* One that the framework knows to have ended: its last update was acknowledged, and only the agent has not heard it. It
 * will say it again and is answered then. Nothing follows upon such an end: who tells of the task in another state tells of
 * times past. */
static bool
is_over(const struct framework *framework, const Mesos__V1__Task *from)
{
    const struct task *done = map_get(&framework->done_ids, str_of(from->task_id->value));
    if (done && done->acknowledged && task_state_terminal((Mesos__V1__TaskState)done->update_state))
        return true;
    struct str uuid = from->has_status_update_uuid
                          ? str_n((const char *)from->status_update_uuid.data, from->status_update_uuid.len)
                          : (struct str){0};
    return task_state_terminal(from->state) && task_was_acknowledged(framework, from->task_id->value, uuid);
}

static bool
was_gone(const struct framework *framework, const char *task_id)
{
    const struct task *done = map_get(&framework->done_ids, str_of(task_id));
    return done && (done->state == MESOS__V1__TASK_STATE__TASK_GONE ||
                    done->state == MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR);
}

/* A task that the master does not count to this agent. news: what the framework is told, if anything. */
static struct task *
take_task(struct framework *framework, struct agent *agent, const Mesos__V1__Task *from, const char *news)
{
    struct err err;
    const char *id = from->task_id->value;
    struct task *former = map_get(&framework->unreachable, str_of(id));
    bool gone = was_gone(framework, id);
    if (is_over(framework, from))
        return NULL;
    if (former)
        task_forget(former);
    task_forget_completed(framework, id);
    struct task *task = task_adopt(framework, agent, from, &err);
    if (!task) {
        log_warning("drop task=%s of agent=%s: %s", id, agent->id, err.text);
        return NULL;
    }
    task->killed = gone; /* the framework was told that it does not run any more: so be it */
    if (news && !gone)
        tell_returned(task, news);
    return task;
}

static void
take_tasks(struct agent *agent, const Message *message, const char *news)
{
    for (size_t i = 0; i < message->n_tasks; i++) {
        const Mesos__V1__Task *from = message->tasks[i];
        struct framework *framework = owner(agent->master, from->framework_id);
        if (!framework)
            continue;
        struct task *task = task_find(framework, from->task_id->value);
        if (!task)
            task = take_task(framework, agent, from, news);
        if (task && task->agent == agent)
            task->seen = true;
    }
}

/* What was unreachable with the agent and did not come back with it will never come. Who knows the state hears so; the
 * others were told that it is lost. */
static void
end_missing(struct agent *agent, struct lost_agent *lost)
{
    struct arena *arena = agent->master->arena;
    struct task *task, *next;
    list_foreach_safe (task, next, &lost->tasks, agent_node) {
        Mesos__V1__TaskStatus status;
        log_info("gone task=%s framework=%s: agent=%s came back without it", task->id, task->framework->id, agent->id);
        task_status_of(&status, task, MESOS__V1__TASK_STATE__TASK_GONE,
                       MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REREGISTERED,
                       "Reconciliation: Task is unknown to the agent", arena);
        if (task->framework->partition_aware) {
            task_update(task, &status, status.state, (struct str){0});
            framework_send_status(task->framework, &status);
        }
        task_complete(task);
    }
}

/* KILL may have been asked for while the agent was away. */
static void
kill_again(struct agent *agent)
{
    struct task *task;
    list_foreach (task, &agent->tasks, agent_node) {
        if (!task->killed || task_state_terminal((Mesos__V1__TaskState)task->state))
            continue;
        Mesos__Internal__KillTaskMessage message = MESOS__INTERNAL__KILL_TASK_MESSAGE__INIT;
        Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
        id.value = task->id;
        message.framework_id = task->framework->info->id;
        message.task_id = &id;
        log_info("kill again task=%s framework=%s agent=%s", task->id, task->framework->id, agent->id);
        agent_send(agent, "mesos.internal.KillTaskMessage", &message);
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
    struct task *task, *next;
    size_t missing = 0;
    list_foreach_safe (task, next, &agent->tasks, agent_node) {
        /* An agent forgets a task that ended when it is acknowledged: that happened behind our back. */
        if (!task->seen && task_state_terminal((Mesos__V1__TaskState)task->state))
            task_complete(task);
        else
            missing += !task->seen;
    }
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

/* Forgets that it was awaited; true when it was. One whose turn to be marked unreachable had not come is spared. */
static bool
welcome(struct master *master, const char *id)
{
    struct recovered_agent *recovered = map_remove(&master->recovered, str_of(id));
    if (recovered && recovered->leaving)
        metric_inc(master->m.slave_unreachable_canceled);
    recovered_agent_free(recovered);
    return recovered != NULL;
}

void
reregister_finish(struct master *master, const struct upid *from, Message *message, uint64_t over)
{
    struct err err;
    if (!message)
        return;
    const char *id = message->slave->id->value;
    struct agent *agent = agent_find(master, id);
    if ((agent && agent->leaving) || usurps(agent, from) || is_stale(master, id, over))
        return;
    bool known = agent != NULL, awaited = welcome(master, id);
    struct lost_agent *lost = map_remove(&master->unreachable, str_of(id));
    struct agent_news news = {
        .from = from,
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
        log_error("agent %s passed its checks and cannot be added: %s", id, err.text);
        lost_agent_free(lost);
        return;
    }
    agent->returned = true;
    agent->heard_over = over;
    agent->reregistered_secs = loop_wall_secs(master->loop);
    agent_touch(agent);
    if (known)
        offers_rescind_agent(agent);
    take_executors(agent, message);
    take_tasks(agent, message,
               lost              ? "Unreachable agent re-reregistered"
               : known           ? "Agent re-registered"
               : awaited         ? NULL
                                 : "Unknown agent reregistered");
    if (lost)
        end_missing(agent, lost);
    lost_agent_free(lost);
    metric_inc(master->m.slave_reregistrations);
    log_info("reregister agent=%s pid=%s hostname=%s tasks=%zu", agent->id, agent->pid, agent->hostname,
             message->n_tasks);
    agent_observe(agent);
    send_reregistered(agent);
    kill_again(agent);
    tell_frameworks(agent, message);
    agent_tell_drain(agent);
    if (known)
        agent_reannounce(agent);
    else
        agent_announce(agent);
}
