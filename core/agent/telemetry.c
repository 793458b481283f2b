/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells its telemetry module of containers, and answers it. Without a module nothing here does anything. */
#include "agent/state.h"
#include "daemon/telemetry.h"

#include <errno.h>

struct agent_telemetry {
    struct agent *agent;
    struct mesos_telemetry_source source;
    struct telemetry *telemetry;
};

/* One container with what is known of its framework, for as long as a call lasts. */
static void
with_container(const struct executor *executor, void (*fn)(void *arg, const struct mesos_telemetry_container *container),
               void *arg)
{
    auto_arena struct arena *arena = arena_new(0);
    const struct framework *framework = executor->framework;
    const Mesos__V1__FrameworkInfo *info =
        message_unpack(&mesos__v1__framework_info__descriptor, packed_str(&framework->info), arena, NULL);
    struct mesos_telemetry_container container = {.size = sizeof(container),
                                                  .container_id = executor->container_id,
                                                  .executor_id = executor->id,
                                                  .executor_name = executor->name,
                                                  .framework_id = framework->id,
                                                  .framework_name = info ? info->name : NULL,
                                                  .framework_principal = info ? info->principal : NULL,
                                                  .framework_role = executor->role,
                                                  .source = executor->source};
    struct task *task, *only = NULL;
    map_foreach (task, &executor->tasks)
        only = map_count(&executor->tasks) == 1 ? task : NULL;
    if (only) {
        container.task_id = only->id;
        const Mesos__V1__TaskInfo *task_info =
            message_unpack(&mesos__v1__task_info__descriptor, packed_str(&only->info), arena, NULL);
        container.task_name = task_info ? task_info->name : NULL;
    }
    fn(arg, &container);
}

static bool
has_container(const struct executor *executor)
{
    return executor->in_container && executor->state != EXECUTOR_TERMINATED;
}

/* ---- the source ---- */

static const char *
source_id(void *arg)
{
    return ((struct agent_telemetry *)arg)->agent->id;
}

static const char *
source_cluster(void *arg)
{
    (void)arg;
    return NULL;
}

static void
source_each(void *arg, void (*fn)(void *fn_arg, const struct mesos_telemetry_container *container), void *fn_arg)
{
    struct agent *agent = ((struct agent_telemetry *)arg)->agent;
    struct framework *framework;
    struct executor *executor;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (has_container(executor))
                with_container(executor, fn, fn_arg);
}

struct usage {
    void (*done)(void *done_arg, int status, struct mesos_bytes statistics);
    void *done_arg;
};

static void
on_usage(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct usage *usage = arg;
    (void)error;
    usage->done(usage->done_arg, status, answer);
    free(usage);
}

static struct executor *
executor_of(struct agent *agent, struct str container_id)
{
    struct framework *framework;
    struct executor *executor;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (str_is(container_id, executor->container_id))
                return executor;
    return NULL;
}

static void
source_usage(void *arg, const char *container_id,
             void (*done)(void *done_arg, int status, struct mesos_bytes statistics), void *done_arg)
{
    struct agent *agent = ((struct agent_telemetry *)arg)->agent;
    const struct executor *executor = executor_of(agent, str_of(container_id));
    if (!executor || !has_container(executor)) {
        done(done_arg, -ENOENT, (struct mesos_bytes){NULL, 0});
        return;
    }
    struct usage *usage = xcalloc(1, sizeof(*usage));
    usage->done = done;
    usage->done_arg = done_arg;
    containerizer_usage(agent->setup.containerizers[executor->containerizer], container_id, on_usage, usage);
}

/* ---- what happens ---- */

int
agent_telemetry_start(struct agent *agent, struct err *err)
{
    if (!agent->setup.telemetry)
        return 0;
    struct agent_telemetry *t = agent->telemetry = xcalloc(1, sizeof(*t));
    t->agent = agent;
    t->source = (struct mesos_telemetry_source){.size = sizeof(t->source),
                                                .arg = t,
                                                .agent = true,
                                                .hostname = agent->hostname,
                                                .id = source_id,
                                                .cluster = source_cluster,
                                                .each = source_each,
                                                .usage = source_usage};
    t->telemetry = telemetry_new(agent->daemon, agent->setup.host, agent->setup.telemetry, &t->source,
                                 "mesos-agent-readonly", err);
    return t->telemetry ? 0 : -EINVAL;
}

void
agent_telemetry_stop(struct agent *agent)
{
    if (!agent->telemetry)
        return;
    telemetry_free(agent->telemetry->telemetry);
    free(take(&agent->telemetry));
}

struct launching {
    struct module *module;
    void (*set)(void *set_arg, const char *name, const char *value);
    void *set_arg;
};

static void
launching_one(void *arg, const struct mesos_telemetry_container *container)
{
    const struct launching *launching = arg;
    telemetry_launching(launching->module, container, launching->set, launching->set_arg);
}

void
agent_telemetry_environment(const struct executor *executor,
                            void (*set)(void *set_arg, const char *name, const char *value), void *set_arg)
{
    struct launching launching = {executor->agent->setup.telemetry, set, set_arg};
    if (executor->agent->telemetry)
        with_container(executor, launching_one, &launching);
}

void
agent_telemetry_environment_inside(struct agent *agent, const char *container_id,
                                   void (*set)(void *set_arg, const char *name, const char *value), void *set_arg)
{
    struct str rest = str_of(container_id), root = str_cut(&rest, '.');
    const struct executor *executor = agent->telemetry && rest.len ? executor_of(agent, root) : NULL;
    if (executor)
        agent_telemetry_environment(executor, set, set_arg);
}

static void
recovered_one(void *arg, const struct mesos_telemetry_container *container)
{
    telemetry_recovered(((struct agent *)arg)->setup.telemetry, container);
}

void
agent_telemetry_recovered(struct agent *agent)
{
    if (!agent->telemetry)
        return;
    source_each(agent->telemetry, recovered_one, agent);
    telemetry_recovery_done(agent->setup.telemetry);
}

void
agent_telemetry_ended(const struct executor *executor)
{
    if (executor->agent->telemetry)
        telemetry_ended(executor->agent->setup.telemetry, executor->container_id);
}
