/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a restart: has the checkpoints read, finds the executors that are still alive, waits a little for
 * them to subscribe again, ends those that stay silent, and only then lets the agent register.
 */
#include "agent/drain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1000000LL

struct recovery {
    struct agent *agent;
    bool cleanup;
    size_t containerizers; /* whose recover has not answered */
    struct loop_timer patience;
    struct loop_timer retry; /* v0 executors are called again */
    int64_t began_ns;
    bool waiting; /* for executors */
};

static void containers_recover(struct recovery *recovery);
static void on_recovered(void *arg, int status, const char *error, struct mesos_bytes answer);
static void on_patience(void *arg);
static void recovery_end(struct recovery *recovery);
static void on_begin(void *arg);
static void call_drivers(void *arg);

int
recover_start(struct agent *agent, struct err *err)
{
    struct recovery *recovery = xcalloc(1, sizeof(*recovery));
    agent->state = AGENT_RECOVERING;
    agent->recovery = recovery;
    recovery->agent = agent;
    recovery->began_ns = loop_now_ns(agent->loop);
    recovery->cleanup = agent->options->recover && !strcmp(agent->options->recover, "cleanup");
    loop_timer_init(&recovery->patience, agent->loop, on_begin, recovery);
    loop_timer_init(&recovery->retry, agent->loop, call_drivers, recovery);
    int status = recover_read(agent, err);
    if (!status)
        status = checkpoint_boot_id(agent, err);
    if (status)
        return status;
    loop_timer_start(&recovery->patience, 0);
    return 0;
}

void
recover_free(struct agent *agent)
{
    if (!agent->recovery)
        return;
    loop_timer_stop(&agent->recovery->patience);
    loop_timer_stop(&agent->recovery->retry);
    host_call_forget(agent->setup.host, agent->recovery);
    free(agent->recovery);
    agent->recovery = NULL;
}

static void
on_begin(void *arg)
{
    containers_recover(arg);
}

static void
containers_recover(struct recovery *recovery)
{
    struct agent *agent = recovery->agent;
    struct framework *framework;
    struct executor *executor;
    auto_arena struct arena *arena = arena_new(0);
    size_t total = 0, count = 0;
    map_foreach (framework, &agent->frameworks)
        total += map_count(&framework->executors);
    struct mesos_isolator_state *states = arena_calloc(arena, total + 1, sizeof(*states));
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            states[count++] = (struct mesos_isolator_state){
                .size = sizeof(*states),
                .container_id = executor->container_id,
                .pid = executor->pid,
                .sandbox = executor->sandbox,
            };
    loop_timer_init(&recovery->patience, agent->loop, on_patience, recovery);
    recovery->containerizers = agent->setup.containerizer_count;
    for (size_t i = 0; i < agent->setup.containerizer_count; i++)
        containerizer_recover(agent->setup.containerizers[i], states, count, on_recovered, recovery);
}

/* Each executor is asked of and destroyed by the containerizer that has taken it back. */
static void
find_containerizers(struct agent *agent)
{
    struct framework *framework;
    struct executor *executor;
    struct mesos_container_view view;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            for (size_t i = 0; executor->container_id && i < agent->setup.containerizer_count; i++)
                if (!containerizer_describe(agent->setup.containerizers[i], executor->container_id, &view)) {
                    executor->containerizer = i;
                    break;
                }
}

static void
on_recovered(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct recovery *recovery = arg;
    struct agent *agent = recovery->agent;
    struct framework *framework;
    struct executor *executor;
    (void)answer;
    if (status) {
        auto_free char *why = xasprintf("cannot recover containers: %s", error ? error : strerror(-status));
        agent_finish(agent, 1, why);
        return;
    }
    if (--recovery->containerizers)
        return;
    agent->reconnecting = true;
    recovery->waiting = true;
    find_containerizers(agent);
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            files_show_executor(executor);
            executor_wait(executor);
        }
    agent_telemetry_recovered(agent);
    int64_t wait_ms = recovery->cleanup ? 0 : agent->options->executor_reregistration_timeout_ns / NS_PER_MS;
    loop_timer_start(&recovery->patience, wait_ms);
    if (!recovery->cleanup)
        call_drivers(recovery);
    recover_heard(agent);
}

/* Is there an executor of the earlier run that has neither subscribed nor ended? */
static bool
silent(const struct executor *executor)
{
    return executor->recovered && executor->state != EXECUTOR_TERMINATED;
}

/* Executors over HTTP come back by themselves, those over libprocess wait to be called. */
static void
call_drivers(void *arg)
{
    struct recovery *recovery = arg;
    struct agent *agent = recovery->agent;
    struct framework *framework;
    struct executor *executor;
    if (!recovery->waiting)
        return;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (silent(executor) && executor->has_pid)
                executor_driver_reconnect(executor);
    if (agent->options->executor_reregistration_retry_interval_ns > 0)
        loop_timer_start_ns(&recovery->retry, agent->options->executor_reregistration_retry_interval_ns);
}

void
recover_heard(struct agent *agent)
{
    struct framework *framework;
    struct executor *executor;
    if (!agent->recovery || !agent->recovery->waiting)
        return;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (silent(executor))
                return;
    /* From the loop: the caller is in the middle of something. */
    loop_timer_start(&agent->recovery->patience, 0);
}

static void
on_patience(void *arg)
{
    struct recovery *recovery = arg;
    struct agent *agent = recovery->agent;
    struct framework *framework;
    struct executor *executor;
    char text[32];
    auto_free char *message =
        xasprintf("Executor did not reregister within %s",
                  duration_format(agent->options->executor_reregistration_timeout_ns, text));
    recovery->waiting = false;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            if (recovery->cleanup) {
                executor_shutdown(executor);
            } else if (silent(executor)) {
                log_warning("executor %s of framework %s: %s", executor->id, framework->id, message);
                executor_destroy(executor, MESOS__V1__TASK_STATE__TASK_FAILED,
                                 MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
                                 message);
            }
        }
    recovery_end(recovery);
}

static void
recovery_end(struct recovery *recovery)
{
    struct agent *agent = recovery->agent;
    bool cleanup = recovery->cleanup;
    agent->recovery_secs = (double)(loop_now_ns(agent->loop) - recovery->began_ns) / 1e9;
    agent->recovery = NULL;
    loop_timer_stop(&recovery->retry);
    free(recovery);
    log_info("recovery done in %.3f s", agent->recovery_secs);
    if (cleanup)
        agent_leave(agent, "cleaned up (--recover=cleanup)");
    else {
        drain_resume(agent);
        registration_start(agent);
    }
}
