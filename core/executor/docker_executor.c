/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor between the agent and its container: what the agent says is handed to the start and the
 * end, what they have to tell becomes updates. Owns the executor's making and freeing; it calls no docker
 * client. Order and texts of updates: recorded exchanges of Mesos's own.
 */
#include "executor/docker_executor.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "executor/docker_task.h"
#include "wire/message.h"

enum { SHUTDOWN_MARGIN_MS = 1000 /* the agent's grace less this is ours */ };

/* ---- updates ---- */

void
docker_executor_add_update(struct docker_executor *executor, const char *task_id,
                           Mesos__V1__TaskStatus *status)
{
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    id.value = (char *)(uintptr_t)task_id;
    status->task_id = &id;
    task_updates_send(&executor->updates, status);
}

void
docker_executor_with_network(const struct docker_executor *executor, Mesos__V1__TaskStatus *status,
                             Mesos__V1__ContainerStatus *container)
{
    if (!executor->network || status->state != MESOS__V1__TASK_STATE__TASK_RUNNING)
        return;
    mesos__v1__container_status__init(container);
    container->network_infos = (Mesos__V1__NetworkInfo **)(uintptr_t)&executor->network;
    container->n_network_infos = 1;
    status->container_status = container;
}

void
docker_executor_report(struct docker_executor *executor, Mesos__V1__TaskState state, const char *message,
                       int reason, struct str data)
{
    auto_arena struct arena *arena = arena_new(256);
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    Mesos__V1__ContainerStatus container;
    status.state = state;
    status.message = (char *)(uintptr_t)message;
    status.has_reason = reason != 0;
    status.reason = (Mesos__V1__TaskStatus__Reason)reason;
    status.has_data = data.len > 0;
    status.data = (ProtobufCBinaryData){data.len, (uint8_t *)(uintptr_t)data.ptr};
    status.check_status = task_checks_nothing_yet(executor->task, arena);
    status.has_healthy = executor->phase == ENDED && executor->unhealthy;
    status.healthy = false;
    docker_executor_with_network(executor, &status, &container);
    docker_executor_add_update(executor, executor->task->task_id->value, &status);
}

void
docker_executor_finish(struct docker_executor *executor)
{
    loop_stop(executor->loop);
}

static void
on_acknowledged(struct docker_executor *executor,
                const Mesos__V1__Executor__Event__Acknowledged *acknowledged)
{
    if (task_updates_acknowledged(&executor->updates, acknowledged))
        executor->task_acknowledged = true;
    if (executor->phase == ENDED && task_updates_empty(&executor->updates))
        docker_executor_finish(executor);
}

static void
on_exit_timer(void *arg)
{
    log_warning("The terminal update was not acknowledged in time; leaving");
    docker_executor_finish(arg);
}

/* ---- the agent ---- */

void
docker_executor_shutdown(struct docker_executor *executor)
{
    log_info("Shutting down");
    executor->shutting_down = true;
    if (executor->phase == WAITING) {
        docker_executor_finish(executor);
        return;
    }
    int64_t grace_ms = docker_executor_grace_ms(executor, NULL),
            limit_ms = executor->options.shutdown_grace_ms - SHUTDOWN_MARGIN_MS;
    docker_executor_kill(executor, grace_ms < limit_ms ? grace_ms : limit_ms);
}

static void
on_subscribed(struct docker_executor *executor, const Mesos__V1__Executor__Event__Subscribed *subscribed)
{
    const Mesos__V1__FrameworkInfo *framework = subscribed->framework_info;
    log_info("Registered docker executor on %s", subscribed->agent_info->hostname);
    for (size_t i = 0; i < framework->n_capabilities; i++)
        if (framework->capabilities[i]->has_type &&
            framework->capabilities[i]->type ==
                MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__TASK_KILLING_STATE)
            executor->tells_killing = true;
    if (executor->phase == ENDED) {
        loop_timer_start(&executor->exit_timer, DOCKER_UNACKNOWLEDGED_EXIT_MS);
        if (task_updates_empty(&executor->updates))
            docker_executor_finish(executor);
    }
}

static void
on_event(const Mesos__V1__Executor__Event *event, void *arg)
{
    struct docker_executor *executor = arg;
    int type = event->has_type ? (int)event->type : MESOS__V1__EXECUTOR__EVENT__TYPE__UNKNOWN;
    const ProtobufCEnumValue *name =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__executor__event__type__descriptor, type);
    if (type != MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED &&
        type != MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT)
        log_info("Received %s event", name ? name->name : "UNKNOWN");
    if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED && event->subscribed)
        on_subscribed(executor, event->subscribed);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH && event->launch)
        docker_executor_launch(executor, event->launch->task);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__KILL && event->kill)
        docker_executor_on_kill(executor, event->kill);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && event->acknowledged)
        on_acknowledged(executor, event->acknowledged);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN)
        docker_executor_shutdown(executor);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ERROR)
        log_error("The agent says: %s", event->error ? event->error->message : "(nothing)");
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP)
        log_warning("Ignoring a task group: the docker executor runs one container");
}

static void
on_subscribe(Mesos__V1__Executor__Call__Subscribe *subscribe, struct arena *arena, void *arg)
{
    struct docker_executor *executor = arg;
    task_updates_repeat(&executor->updates, subscribe, arena);
    if (executor->task && !executor->task_acknowledged) {
        subscribe->unacknowledged_tasks = arena_calloc(arena, 1, sizeof(*subscribe->unacknowledged_tasks));
        subscribe->unacknowledged_tasks[0] = message_dup(executor->task, arena);
        subscribe->n_unacknowledged_tasks = 1;
    }
}

static void
on_lost(const struct err *why, void *arg)
{
    struct docker_executor *executor = arg;
    log_info("Disconnected from the agent: %s", why->code ? why->text : "connection closed");
    loop_timer_stop(&executor->exit_timer);
    if (executor->options.agent.checkpoint && !(executor->shutting_down && executor->phase == ENDED))
        return;
    log_info("The framework does not checkpoint: nobody waits for this task");
    if (executor->phase == WAITING || executor->phase == ENDED)
        docker_executor_finish(executor);
    else
        docker_executor_shutdown(executor);
}

/* The container must not stay without anybody who knows of it. */
static void
on_given_up(const struct err *why, void *arg)
{
    struct docker_executor *executor = arg;
    log_error("Giving up: %s", why->text);
    executor->options.agent.checkpoint = false;
    if (executor->phase == WAITING || executor->phase == ENDED)
        docker_executor_finish(executor);
    else
        docker_executor_kill(executor, 0);
}

/* ---- life ---- */

void
docker_executor_reap(struct docker_executor *executor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!docker_commands_reap(&executor->commands, pid, status))
            task_checks_reap(executor->checks, pid, status);
}

bool
docker_executor_is_clean(const struct docker_executor *executor)
{
    return executor->phase == WAITING || (executor->phase == ENDED && executor->exit_code >= 0);
}

static int
check_options(const struct docker_executor_options *options, struct err *err)
{
    json_error_t why;
    json_t *root = NULL;
    int rc = 0;
    if (options->task_environment) {
        root = json_loads(options->task_environment, 0, &why);
        if (!json_is_object(root))
            rc = err_set(err, -EINVAL, "--task_environment is no JSON object: %s",
                         root ? "another value" : why.text);
        json_decref(root);
    }
    if (rc == 0 && options->default_container_dns) {
        root = json_loads(options->default_container_dns, 0, &why);
        if (!json_is_object(root))
            rc = err_set(err, -EINVAL, "--default_container_dns is no JSON object: %s",
                         root ? "another value" : why.text);
        json_decref(root);
    }
    return rc;
}

struct docker_executor *
docker_executor_new(struct loop *loop, const struct docker_executor_options *options, struct err *err)
{
    static const struct agent_link_handler handler = {on_subscribe, on_event, on_lost, on_given_up};
    if (check_options(options, err))
        return NULL;
    struct docker_executor *executor = xcalloc(1, sizeof(*executor));
    executor->loop = loop;
    executor->options = *options;
    executor->arena = arena_new(1024);
    executor->host = docker_host(options->docker_socket);
    executor->client = (struct docker_client){options->docker, executor->host,
                                              docker_version(str_of(options->engine_version))};
    executor->pid_fd = executor->exit_code = -1;
    docker_commands_init(&executor->commands, loop);
    task_updates_init(&executor->updates, loop, executor->options.agent.executor_id);
    loop_timer_init(&executor->inspect_timer, loop, docker_executor_on_inspect_timer, executor);
    loop_timer_init(&executor->wait_timer, loop, docker_executor_on_wait_timer, executor);
    loop_timer_init(&executor->kill_timer, loop, docker_executor_on_kill_timer, executor);
    loop_timer_init(&executor->flush_timer, loop, docker_executor_on_flush_timer, executor);
    loop_timer_init(&executor->logs_timer, loop, docker_executor_on_logs_timer, executor);
    loop_timer_init(&executor->completion_timer, loop, docker_executor_on_completion_time, executor);
    loop_timer_init(&executor->exit_timer, loop, on_exit_timer, executor);
    executor->link = agent_link_new(loop, &executor->options.agent, &handler, executor);
    executor->updates.link = executor->link;
    return executor;
}

void
docker_executor_free(struct docker_executor *executor)
{
    if (!executor)
        return;
    task_checks_free(executor->checks);
    docker_commands_fini(&executor->commands);
    docker_executor_forget_process(executor);
    task_updates_fini(&executor->updates);
    loop_timer_stop(&executor->inspect_timer);
    loop_timer_stop(&executor->wait_timer);
    loop_timer_stop(&executor->kill_timer);
    loop_timer_stop(&executor->flush_timer);
    loop_timer_stop(&executor->logs_timer);
    loop_timer_stop(&executor->completion_timer);
    loop_timer_stop(&executor->exit_timer);
    agent_link_free(executor->link);
    arena_free(executor->arena);
    free(executor->end_message);
    free(executor->host);
    free(executor);
}
