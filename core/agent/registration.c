/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Being known to the leading master, which find_master.c finds: registration with growing random pauses, pings, leaving.
 * Nothing else decides whether the agent counts as registered.
 */
#include "agent/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/find_master.h"

#define NS_PER_MS           1000000LL
#define REGISTRATION_MAX_NS (60LL * 1000 * NS_PER_MS)
#define PING_TIMEOUT_MS     (75 * 1000)
/* Long pauses are to spare a master that has too much to do. One that is not there, whose address refuses connections, is
 * looked for more often: it is to be found soon after it is back. */
#define ABSENT_PAUSES       8
#define LOGIN_AGAIN         4 /* unanswered registrations */
#define SILENCE_TOLD        4 /* registrations without an answer: said at the third, the seventh... */
#define LEAVE_EXTRA_MS      2000
#define LEAVE_FLUSH_MS      100 /* what is still on its way to the master leaves first */

static void on_register(void *arg);
static void on_pings_stopped(void *arg);
static void on_leave(void *arg);

void
registration_init(struct agent *agent)
{
    loop_timer_init(&agent->registration, agent->loop, on_register, agent);
    loop_timer_init(&agent->pings, agent->loop, on_pings_stopped, agent);
    loop_timer_init(&agent->leave, agent->loop, on_leave, agent);
    login_init(agent);
    agent->ping_timeout_ms = PING_TIMEOUT_MS;
}

void
registration_fini(struct agent *agent)
{
    loop_timer_stop(&agent->registration);
    loop_timer_stop(&agent->pings);
    loop_timer_stop(&agent->leave);
    login_fini(agent);
    find_master_stop(agent);
}

void
registration_start(struct agent *agent)
{
    agent->state = AGENT_DISCONNECTED;
    oversubscription_start(agent);
    find_master_start(agent);
}

void
registration_master(struct agent *agent, const struct upid *master)
{
    char text[400];
    if (agent->state == AGENT_TERMINATING)
        return;
    if (!master) {
        log_info("no master leads");
        agent->has_master = false;
        agent->state = AGENT_DISCONNECTED;
        login_reset(agent);
        status_updates_pause(agent->updates);
        loop_timer_stop(&agent->registration);
        loop_timer_stop(&agent->pings);
        return;
    }
    log_info("new master detected at %s", upid_format(master, text));
    if (agent->has_master && !upid_eq(master, &agent->master))
        libprocess_unlink(agent->daemon->libprocess, &agent->master);
    agent->master = *master;
    agent->has_master = true;
    registration_again(agent, NULL);
}

/* Begins from the start: a random wait first, so that a new master is not met by every agent at the same
 * instant. */
void
registration_again(struct agent *agent, const char *why)
{
    if (agent->state == AGENT_TERMINATING || !agent->has_master)
        return;
    if (why)
        log_warning("registering again: %s", why);
    agent->state = AGENT_DISCONNECTED;
    login_reset(agent);
    status_updates_pause(agent->updates);
    loop_timer_stop(&agent->pings);
    agent->registrations = 0;
    agent->backoff_ns = agent->options->registration_backoff_factor_ns;
    if (agent->backoff_ns > REGISTRATION_MAX_NS)
        agent->backoff_ns = REGISTRATION_MAX_NS;
    int64_t wait =
        agent->backoff_ns > 0 ? (int64_t)(loop_random(agent->loop) % (uint64_t)agent->backoff_ns) : 0;
    loop_timer_start_ns(&agent->registration, wait);
}

static const Mesos__V1__AgentInfo__Capability__Type capability_types[] = {
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__MULTI_ROLE,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__HIERARCHICAL_ROLE,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__RESERVATION_REFINEMENT,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__RESOURCE_PROVIDER,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__RESIZE_VOLUME,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__AGENT_OPERATION_FEEDBACK,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__AGENT_DRAINING,
    MESOS__V1__AGENT_INFO__CAPABILITY__TYPE__TASK_RESOURCE_LIMITS,
};

static Mesos__V1__AgentInfo__Capability **
capabilities(struct arena *arena, size_t *ret_count)
{
    Mesos__V1__AgentInfo__Capability **list = arena_alloc(arena, sizeof(capability_types) * sizeof(*list));
    for (size_t i = 0; i < ARRAY_LEN(capability_types); i++) {
        list[i] = arena_alloc(arena, sizeof(*list[i]));
        mesos__v1__agent_info__capability__init(list[i]);
        list[i]->has_type = true;
        list[i]->type = capability_types[i];
    }
    *ret_count = ARRAY_LEN(capability_types);
    return list;
}

static Mesos__V1__UUID *
resource_version(const struct agent *agent, struct arena *arena)
{
    Mesos__V1__UUID *uuid = arena_alloc(arena, sizeof(*uuid));
    mesos__v1__uuid__init(uuid);
    uuid->value.data = memcpy(arena_alloc(arena, UUID_BYTES), agent->resource_version, UUID_BYTES);
    uuid->value.len = UUID_BYTES;
    return uuid;
}

static void
send_register(struct agent *agent, struct arena *arena)
{
    Mesos__Internal__RegisterSlaveMessage message = MESOS__INTERNAL__REGISTER_SLAVE_MESSAGE__INIT;
    message.slave = agent_slave_info(agent, arena);
    message.checkpointed_resources = checkpointed_resources(agent, arena, &message.n_checkpointed_resources);
    message.version = (char[]){MESOS_PROTOCOL_VERSION};
    message.agent_capabilities = capabilities(arena, &message.n_agent_capabilities);
    message.resource_version_uuid = resource_version(agent, arena);
    agent_send_master(agent, "mesos.internal.RegisterSlaveMessage", &message);
}

/* Everything that runs here: what the master takes as the truth about this agent. */
static void
add_executor(const struct executor *executor, Mesos__Internal__ReregisterSlaveMessage *message,
             struct arena *arena)
{
    const struct task *task;
    const struct list *lists[] = {&executor->queued, &executor->launched, &executor->terminated};
    if (executor->state != EXECUTOR_TERMINATED && !executor->generated)
        message->executor_infos[message->n_executor_infos++] = message_unpack(
            &mesos__v1__executor_info__descriptor, checkpoint_executor_bytes(executor, false, arena), arena, NULL);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_foreach (task, lists[i], node)
            message->tasks[message->n_tasks++] = task_message(task, arena);
}

static void
send_reregister(struct agent *agent, struct arena *arena)
{
    Mesos__Internal__ReregisterSlaveMessage message = MESOS__INTERNAL__REREGISTER_SLAVE_MESSAGE__INIT;
    struct framework *framework;
    struct executor *executor;
    size_t executors = 0, tasks = 0;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            executors++;
            tasks += map_count(&executor->tasks);
        }
    message.slave = agent_slave_info(agent, arena);
    message.checkpointed_resources = checkpointed_resources(agent, arena, &message.n_checkpointed_resources);
    message.executor_infos = arena_calloc(arena, executors + 1, sizeof(void *));
    message.tasks = arena_calloc(arena, tasks + 1, sizeof(void *));
    message.frameworks = arena_calloc(arena, map_count(&agent->frameworks) + 1, sizeof(void *));
    map_foreach (framework, &agent->frameworks) {
        map_foreach (executor, &framework->executors)
            add_executor(executor, &message, arena);
        message.frameworks[message.n_frameworks++] =
            message_unpack(&mesos__v1__framework_info__descriptor, packed_str(&framework->info), arena, NULL);
    }
    message.version = (char[]){MESOS_PROTOCOL_VERSION};
    message.agent_capabilities = capabilities(arena, &message.n_agent_capabilities);
    message.resource_version_uuid = resource_version(agent, arena);
    agent_send_master(agent, "mesos.internal.ReregisterSlaveMessage", &message);
}

/* Between half of the pause and all of it. */
static void
pause_then_register(struct agent *agent)
{
    int64_t half = agent->backoff_ns / 2;
    loop_timer_start_ns(
        &agent->registration,
        half + (half > 0 ? (int64_t)(loop_random(agent->loop) % (uint64_t)half) : 1000 * NS_PER_MS));
}

/* A master says nothing to agents that it does not want: what an operator may have forgotten is said here. */
static void
tell_silence(const struct agent *agent)
{
    char master[400];
    if (agent->registrations % SILENCE_TOLD != SILENCE_TOLD - 1)
        return;
    upid_format(&agent->master, master);
    if (agent->setup.authenticatee)
        log_warning("%s answers no registration: see in its log whether its rules (register_agents) keep out the principal of "
                    "--credential=%s", master, agent->options->credential ? agent->options->credential : "");
    else
        log_warning("%s answers no registration: it may want agents to log in (authenticate_agents), and this one has no "
                    "--credential%s", master, agent->setup.secure ? "" : "; or it wants TLS (ssl_enabled)");
}

static void
on_register(void *arg)
{
    struct agent *agent = arg;
    auto_arena struct arena *arena = arena_new(0);
    if (agent->state != AGENT_DISCONNECTED || !agent->has_master)
        return;
    if (agent->registrations % LOGIN_AGAIN == LOGIN_AGAIN - 1)
        login_reset(agent); /* a master that has forgotten who we are does not answer */
    agent->registrations++;
    if (!login_ready(agent))
        return;
    tell_silence(agent);
    libprocess_link(agent->daemon->libprocess, &agent->master);
    if (agent->id)
        send_reregister(agent, arena);
    else
        send_register(agent, arena);
    /* Lost messages, a master that comes up later: again, after up to twice as long as the last time. */
    agent->backoff_ns =
        agent->backoff_ns * 2 > REGISTRATION_MAX_NS ? REGISTRATION_MAX_NS : agent->backoff_ns * 2;
    pause_then_register(agent);
}

void
registration_login_done(struct agent *agent)
{
    on_register(agent);
}

void
registration_update(struct agent *agent)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Internal__UpdateSlaveMessage message = MESOS__INTERNAL__UPDATE_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    Mesos__Internal__UpdateSlaveMessage__Operations operations =
        MESOS__INTERNAL__UPDATE_SLAVE_MESSAGE__OPERATIONS__INIT;
    Mesos__Internal__UpdateSlaveMessage__ResourceProviders providers =
        MESOS__INTERNAL__UPDATE_SLAVE_MESSAGE__RESOURCE_PROVIDERS__INIT;
    if (agent->state != AGENT_RUNNING)
        return;
    id.value = agent->id;
    message.slave_id = &id;
    message.has_update_oversubscribed_resources = true;
    message.update_oversubscribed_resources = true;
    message.oversubscribed_resources =
        resources_to_proto(oversubscription_total(agent), true, arena, &message.n_oversubscribed_resources);
    message.operations = &operations;
    message.resource_version_uuid = resource_version(agent, arena);
    message.resource_providers = &providers;
    agent_send_master(agent, "mesos.internal.UpdateSlaveMessage", &message);
}

void
registration_done(struct agent *agent, struct str id,
                  const Mesos__Internal__MasterSlaveConnection *connection, bool again)
{
    struct err err = {0};
    if (agent->id && !str_is(id, agent->id)) {
        auto_free char *why = xasprintf("registered as %s but got id %.*s", agent->id, STR_ARG(id));
        agent_finish(agent, 1, why);
        return;
    }
    if (connection && connection->has_total_ping_timeout_seconds &&
        connection->total_ping_timeout_seconds > 0 && connection->total_ping_timeout_seconds < 1e6)
        agent->ping_timeout_ms = (int64_t)(connection->total_ping_timeout_seconds * 1000);
    agent->heard_over = libprocess_connection(agent->daemon->libprocess);
    agent->no_contact[0] = '\0';
    if (agent->state == AGENT_RUNNING)
        return; /* a repeated answer */
    if (!agent->id) {
        agent->id = str_dup(id);
        if (checkpoint_agent(agent, &err)) {
            agent_finish(agent, 1, err.text);
            return;
        }
    }
    log_info("%s with master %s; agent id %s", again ? "re-registered" : "registered", agent->master.id,
             agent->id);
    agent->state = AGENT_RUNNING;
    loop_timer_stop(&agent->registration);
    loop_timer_start(&agent->pings, agent->ping_timeout_ms);
    status_updates_resume(agent->updates);
    registration_update(agent);
}

void
registration_ping(struct agent *agent, bool connected)
{
    if (agent->state != AGENT_RUNNING)
        return;
    loop_timer_start(&agent->pings, agent->ping_timeout_ms);
    if (!connected)
        registration_again(agent, "the master counts this agent as disconnected");
}

static void
on_pings_stopped(void *arg)
{
    registration_again(arg, "no ping from the master");
}

/* A certificate that is not accepted, a port where nobody listens: once, until it is for another reason. */
static void
tell_no_contact(struct agent *agent)
{
    const char *why = libprocess_ended(agent->daemon->libprocess);
    char master[400];
    if (!*why || strcmp(why, agent->no_contact) == 0)
        return;
    snprintf(agent->no_contact, sizeof(agent->no_contact), "%s", why);
    log_warning("no connection to %s: %s; it is tried again", upid_format(&agent->master, master), why);
}

void
registration_exited(struct agent *agent, const struct upid *peer)
{
    int64_t most = agent->options->registration_backoff_factor_ns * ABSENT_PAUSES;
    if (!agent->has_master || !upid_eq(peer, &agent->master))
        return;
    tell_no_contact(agent);
    if (agent->state == AGENT_RUNNING)
        registration_again(agent, "the connection to the master has ended");
    else if (agent->state == AGENT_DISCONNECTED && (agent->backoff_ns > most || agent->setup.authenticatee)) {
        login_reset(agent); /* what was proved, was proved over that connection */
        agent->backoff_ns = agent->backoff_ns > most ? most : agent->backoff_ns;
        pause_then_register(agent);
    }
}

/* ---- leaving ---- */

void
agent_unregister(struct agent *agent)
{
    Mesos__Internal__UnregisterSlaveMessage message = MESOS__INTERNAL__UNREGISTER_SLAVE_MESSAGE__INIT;
    Mesos__V1__AgentID id = MESOS__V1__AGENT_ID__INIT;
    if (agent->state == AGENT_TERMINATING)
        return;
    if (agent->id && agent->has_master) {
        id.value = agent->id;
        message.slave_id = &id;
        agent_send_master(agent, "mesos.internal.UnregisterSlaveMessage", &message);
    }
    agent_leave(agent, "unregistered");
}

void
agent_leave(struct agent *agent, const char *why)
{
    struct framework *framework;
    log_info("%s: shutting down every executor", why);
    agent->leave_reason = why;
    agent->state = AGENT_TERMINATING;
    status_updates_pause(agent->updates);
    loop_timer_stop(&agent->registration);
    loop_timer_stop(&agent->pings);
    login_reset(agent);
    /* The next start is a new agent. */
    auto_free char *latest = xasprintf("%s/slaves/latest", agent->meta_dir);
    if (unlink(latest) && errno != ENOENT)
        log_warning("cannot remove %s: %s", latest, strerror(errno));
    loop_timer_start(&agent->leave,
                     agent->options->executor_shutdown_grace_period_ns / NS_PER_MS + LEAVE_EXTRA_MS);
    map_foreach (framework, &agent->frameworks)
        framework_shutdown(framework);
    if (!map_count(&agent->frameworks))
        loop_timer_start(&agent->leave, LEAVE_FLUSH_MS);
}

/* Nothing runs any more, or it has been waited for long enough. */
static void
on_leave(void *arg)
{
    struct agent *agent = arg;
    agent_finish(agent, 0, agent->leave_reason);
}
