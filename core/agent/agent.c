/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as an object: making, starting, ending it, and what comes in over libprocess. Policy of any kind
 * is elsewhere. */
#include "agent/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/fetcher.h"
#include "base/file.h"

static void on_message(const struct upid *from, struct str to_id, struct str name, struct str body,
                       void *arg);
static void on_exited(const struct upid *peer, void *arg);
static int agent_listen(struct agent *agent, struct err *err);

struct agent *
agent_new(const struct agent_setup *setup, struct err *err)
{
    const struct agent_options *options = setup->options;
    if (!options->common.work_dir) {
        err_set(err, -EINVAL,
                "--work_dir is missing: a directory for sandboxes and checkpoints, e.g. /var/lib/mesos");
        return NULL;
    }
    if (!setup->containerizer_count || !setup->election) {
        err_set(err, -EINVAL, "the agent needs a containerizer and an election module");
        return NULL;
    }
    struct agent *agent = xcalloc(1, sizeof(*agent));
    agent->setup = *setup;
    agent->loop = setup->loop;
    agent->options = options;
    agent->hostname = xstrdup(setup->hostname);
    agent->work_dir = xstrdup(options->common.work_dir);
    agent->meta_dir = xasprintf("%s/meta", agent->work_dir);
    agent->runtime_dir = xstrdup(options->runtime_dir);
    agent->launcher_dir =
        xstrdup(options->common.launcher_dir ? options->common.launcher_dir : MESOS_LIBEXECDIR);
    if (setup->executor_socket)
        agent->socket_path = xstrdup(setup->executor_socket);
    else
        agent->socket_path = options->domain_socket_location ? xstrdup(options->domain_socket_location)
                                                             : xasprintf("%s/agent.sock", agent->runtime_dir);
    agent->attributes_arena = arena_new(256);
    list_init(&agent->completed);
    list_init(&agent->container_calls);
    list_init(&agent->usage_questions);
    uuid_random(agent->resource_version);
    registration_init(agent);
    struct status_updates_sink sink = agent_updates_sink;
    sink.arg = agent;
    agent->updates = status_updates_new(agent->loop, &sink);
    if (agent_detect(agent, err)) {
        agent_free(agent);
        return NULL;
    }
    return agent;
}

static void
agent_lend_fetcher(struct agent *agent)
{
    const struct agent_options *options = agent->options;
    struct fetcher_setup setup = {
        .loop = agent->loop,
        .metrics = agent->daemon->metrics,
        .launcher_dir = agent->launcher_dir,
        .cache_dir = options->fetcher_cache_dir,
        .cache_size_bytes = options->fetcher_cache_size_bytes,
        .frameworks_home = options->frameworks_home,
        .hadoop_home = options->hadoop_home,
        .stall_timeout_ns = options->fetcher_stall_timeout_ns,
    };
    agent->fetcher = fetcher_new(&setup);
    struct containerizer_fetcher lent = fetcher_lent(agent->fetcher);
    containerizer_lend_fetcher(agent->setup.host, &lent);
}

int
agent_start(struct agent *agent, struct err *err)
{
    int status = agent_listen(agent, err);
    if (status)
        return status;
    agent->gc = gc_new(agent);
    for (size_t i = 0; i < agent->setup.containerizer_count; i++)
        containerizer_initialize(agent->setup.containerizers[i], agent->setup.isolators,
                                 agent->setup.isolator_count, agent->setup.container_logger);
    agent_lend_fetcher(agent);
    if ((status = agent_telemetry_start(agent, err)) || (status = oversubscription_init(agent, err)))
        return status;
    firewall_tell(agent->daemon->firewall, agent->daemon->router, AGENT_ACTOR);
    return recover_start(agent, err);
}

static int
agent_listen_executors(struct agent *agent, struct err *err)
{
    struct address at;
    if (agent->setup.executor_fd > 0)
        return daemon_listen_fd(agent->daemon, agent->setup.executor_fd, err);
    auto_free char *text = xasprintf("unix:%s", agent->socket_path);
    int status = address_parse(str_of(text), &at, err);
    return status ? status : daemon_listen(agent->daemon, &at, err);
}

static int
agent_listen(struct agent *agent, struct err *err)
{
    struct daemon_setup setup = {
        .actor = AGENT_ACTOR,
        .log_path = "/slave/log",
        .listen = agent->setup.listen,
        .listen_fd = agent->setup.listen_fd,
        .advertise = agent->setup.advertise,
        .conf = agent->setup.set,
        .host = agent->setup.host,
        .options = &agent->options->common,
        .secure = agent->setup.secure,
        .authorizer = agent->setup.authorizer,
        .realms = agent->setup.realms,
        .realm_count = agent->setup.realm_count,
        .on_message = on_message,
        .on_exited = on_exited,
        .arg = agent,
    };
    int status;
    if ((status = dir_make(agent->work_dir, 0755, err)) || (status = dir_make(agent->runtime_dir, 0755, err)))
        return status;
    agent->daemon = daemon_new(agent->loop, &setup, err);
    if (!agent->daemon)
        return err && err->code ? err->code : -EIO;
    struct upid self = {.address = agent->daemon->self};
    snprintf(self.id, sizeof(self.id), "%s", AGENT_ACTOR);
    upid_format(&self, agent->pid);
    address_format(&agent->daemon->self, agent->endpoint);
    address_ip(&agent->daemon->self, agent->ip);
    files_describe(agent->daemon->files, files_describe_sandbox, agent);
    router_mount(agent->daemon->router, AGENT_ACTOR, agent_routes, agent);
    agent_metrics_add(agent);
    if (agent_listen_executors(agent, err))
        return err_wrap(err, "executors' socket (--domain_socket_location)");
    /* Tasks run as other users and must reach it. (On an in-memory network there is no file.) */
    if (chmod(agent->socket_path, 0777) && errno != ENOENT)
        return err_errno(err, "cannot open %s for executors", agent->socket_path);
    return 0;
}

void
agent_free(struct agent *agent)
{
    struct framework *framework, *tmp;
    if (!agent)
        return;
    registration_fini(agent);
    oversubscription_free(agent);
    recover_free(agent);
    map_foreach (framework, &agent->frameworks)
        framework_free(framework);
    map_fini(&agent->frameworks);
    list_foreach_safe (framework, tmp, &agent->completed, node)
        framework_free(framework);
    status_updates_free(agent->updates);
    if (agent->fetcher)
        containerizer_lend_fetcher(agent->setup.host, NULL);
    fetcher_free(agent->fetcher);
    gc_free(agent->gc);
    daemon_free(agent->daemon);
    operator_calls_forget(agent);
    agent_telemetry_stop(agent);
    resources_fini(&agent->total);
    packed_fini(&agent->checkpointed);
    packed_fini(&agent->drain_config);
    arena_free(agent->attributes_arena);
    free(agent->hostname);
    free(agent->work_dir);
    free(agent->meta_dir);
    free(agent->runtime_dir);
    free(agent->launcher_dir);
    free(agent->socket_path);
    free(agent->id);
    free(agent->master_hostname);
    free(agent);
}

void
agent_finish(struct agent *agent, int exit_status, const char *reason)
{
    if (agent->finished)
        return;
    agent->finished = true;
    if (exit_status)
        log_error("agent ends: %s", reason);
    else
        log_info("agent ends: %s", reason);
    if (agent->setup.finished)
        agent->setup.finished(agent->setup.arg, exit_status, reason);
}

void
agent_reload(struct agent *agent, const char *why)
{
    reload_now(agent->daemon->reload, why);
}

struct metrics *
agent_metrics(const struct agent *agent)
{
    return agent->daemon->metrics;
}

const char *
agent_id(const struct agent *agent)
{
    return agent->id;
}

bool
agent_registered(const struct agent *agent)
{
    return agent->state == AGENT_RUNNING;
}

void
agent_send_master_bytes(struct agent *agent, const char *name, struct str body)
{
    if (agent->has_master)
        libprocess_send(agent->daemon->libprocess, AGENT_ACTOR, &agent->master, name, body);
}

void
agent_send_master(struct agent *agent, const char *name, const void *message)
{
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    agent_send_master_bytes(agent, name, buf_str(&body));
}

bool
agent_hears_late(const struct agent *agent)
{
    return agent->state == AGENT_DISCONNECTED || libprocess_connection(agent->daemon->libprocess) < agent->heard_over;
}

/* Orders are taken from the one master that is believed to lead, and only while the agent knows its own
 * state. */
bool
agent_from_master(const struct agent *agent, const struct upid *from, const char *what)
{
    if (!agent->has_master || !upid_eq(from, &agent->master)) {
        log_warning("dropping %s from %s, which is not the leading master", what, from->id);
        return false;
    }
    if (agent->state == AGENT_RECOVERING || agent->state == AGENT_TERMINATING) {
        log_warning("dropping %s: the agent is %s", what,
                    agent->state == AGENT_RECOVERING ? "recovering" : "terminating");
        return false;
    }
    return true;
}

static void
on_exited(const struct upid *peer, void *arg)
{
    registration_exited(arg, peer);
}

/* One table row per message: its name, its descriptor and the file that takes it. */
struct message_row {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    void (*deliver)(struct agent *agent, const struct upid *from, const void *message);
};

#define MESSAGE(Type, type, name)                                                                            \
    static void deliver_##name(struct agent *agent, const struct upid *from, const void *message)            \
    {                                                                                                        \
        message_##name(agent, from, message);                                                                \
    }
#include "agent/messages.def"
#undef MESSAGE

static const struct message_row message_rows[] = {
#define MESSAGE(Type, type, name)                                                                            \
    {"mesos.internal." #Type, &mesos__internal__##type##__descriptor, deliver_##name},
#include "agent/messages.def"
#undef MESSAGE
};

static void
on_message(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct agent *agent = arg;
    if (login_message(agent, from, to_id, name, body))
        return;
    for (size_t i = 0; i < ARRAY_LEN(message_rows); i++) {
        if (!str_is(name, message_rows[i].name))
            continue;
        struct err err = {0};
        auto_arena struct arena *arena = arena_new(0);
        void *message = message_unpack(message_rows[i].descriptor, body, arena, &err);
        if (message)
            message_rows[i].deliver(agent, from, message);
        else
            log_warning("dropping %s from %s: %s", message_rows[i].name, from->id, err.text);
        return;
    }
    log_verbose(1, "dropping unknown message %.*s from %s", STR_ARG(name), from->id);
}

void
agent_describe(const struct agent *agent, char *out, size_t size)
{
    static const char *const states[] = {
        [AGENT_RECOVERING] = "recovering", [AGENT_DISCONNECTED] = "looking for a master",
        [AGENT_RUNNING] = "registered", [AGENT_TERMINATING] = "ending: its executors are shut down"};

    if (agent->state == AGENT_RUNNING)
        snprintf(out, size, "registered as %s: %zu frameworks", agent->id, map_count(&agent->frameworks));
    else
        snprintf(out, size, "%s", states[agent->state]);
}
