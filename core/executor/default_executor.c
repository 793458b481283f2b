/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default executor's state: the agent's events, the groups, and when there is nothing left to do. One per process,
 * driven by its loop. Rules of order: recorded exchanges of Mesos's own default executor.
 */
#include "executor/default_executor.h"

#include <sys/wait.h>

#include "base/log.h"
#include "executor/pod.h"
#include "wire/message.h"

enum {
    UNACKNOWLEDGED_EXIT_MS = 60 * 1000, /* after the last terminal update */
    SHUTDOWN_MARGIN_MS = 1000, /* the agent's grace less this is ours */
};

/* ---- the end of the executor ---- */

static bool
has_work(const struct default_executor *pod)
{
    const struct pod_task *task;
    list_foreach(task, &pod->tasks, node)
        if (task->phase != POD_TASK_ENDED)
            return true;
    return false;
}

/* Nothing runs: it stays for the acknowledgements, and not for ever. */
static void
settle(struct default_executor *pod)
{
    if (has_work(pod) || (pod->next_group == 0 && !pod->shutting_down))
        return;
    if (task_updates_empty(&pod->updates))
        loop_stop(pod->loop);
    else if (!loop_timer_running(&pod->exit_timer) && agent_link_subscribed(pod->link))
        loop_timer_start(&pod->exit_timer, UNACKNOWLEDGED_EXIT_MS);
}

static void
on_exit_timer(void *arg)
{
    struct default_executor *pod = arg;
    log_warning("The last updates were not acknowledged in time; leaving");
    loop_stop(pod->loop);
}

/* ---- groups ---- */

static struct pod_task *
find(const struct default_executor *pod, const char *task_id)
{
    struct pod_task *task;
    list_foreach(task, &pod->tasks, node)
        if (strcmp(task->task->task_id->value, task_id) == 0)
            return task;
    return NULL;
}

void
pod_group_launched(struct default_executor *pod, uint32_t group)
{
    struct pod_task *task;
    list_foreach(task, &pod->tasks, node)
        if (task->group == group && task->phase == POD_TASK_LAUNCHING)
            return;
    list_foreach(task, &pod->tasks, node)
        if (task->group == group && task->phase == POD_TASK_LAUNCHED)
            pod_task_run(task);
}

static void
kill_group(struct default_executor *pod, uint32_t group)
{
    struct pod_task *task;
    list_foreach(task, &pod->tasks, node)
        if (task->group == group && task->phase != POD_TASK_ENDED && !task->killing)
            pod_task_kill(task, pod_task_grace_ms(task, NULL));
}

void
pod_task_ended(struct pod_task *task, Mesos__V1__TaskState state)
{
    struct default_executor *pod = task->pod;
    if (state != MESOS__V1__TASK_STATE__TASK_FINISHED)
        kill_group(pod, task->group);
    settle(pod);
}

/* A group that comes too late is told so; the agent would wait for it otherwise. */
static void
refuse(struct default_executor *pod, const Mesos__V1__TaskInfo *task)
{
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    char message[] = "The executor is shutting down";
    status.task_id = task->task_id;
    status.state = MESOS__V1__TASK_STATE__TASK_KILLED;
    status.message = message;
    task_updates_send(&pod->updates, &status);
}

static void
on_launch(struct default_executor *pod, Mesos__V1__TaskInfo *const *tasks, size_t count)
{
    uint32_t group = ++pod->next_group;
    struct pod_task *task;
    loop_timer_stop(&pod->exit_timer);
    for (size_t i = 0; i < count; i++) {
        if (!pod->container_id || find(pod, tasks[i]->task_id->value))
            log_warning("Ignoring task '%s', which is here already", tasks[i]->task_id->value);
        else if (pod->shutting_down)
            refuse(pod, tasks[i]);
        else
            pod_task_new(pod, tasks[i], group);
    }
    list_foreach(task, &pod->tasks, node)
        if (task->group == group)
            pod_task_launch(task);
    settle(pod);
}

static void
on_kill(struct default_executor *pod, const Mesos__V1__Executor__Event__Kill *kill)
{
    struct pod_task *task = find(pod, kill->task_id->value);
    if (task)
        pod_task_kill(task, pod_task_grace_ms(task, kill->kill_policy));
    else
        log_warning("Ignoring KILL of unknown task '%s'", kill->task_id->value);
}

void
default_executor_shutdown(struct default_executor *pod)
{
    int64_t limit_ms = pod->options.shutdown_grace_ms - SHUTDOWN_MARGIN_MS;
    struct pod_task *task;
    log_info("Shutting down");
    pod->shutting_down = true;
    if (limit_ms < 0)
        limit_ms = 0;
    list_foreach(task, &pod->tasks, node) {
        int64_t grace_ms = pod_task_grace_ms(task, NULL);
        pod_task_kill(task, grace_ms < limit_ms ? grace_ms : limit_ms);
    }
    settle(pod);
}

void
default_executor_reap(struct default_executor *pod)
{
    struct pod_task *task;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        list_foreach(task, &pod->tasks, node)
            if (task_checks_reap(task->checks, pid, status))
                break;
}

/* ---- the agent ---- */

static bool
has_capability(const Mesos__V1__FrameworkInfo *framework, Mesos__V1__FrameworkInfo__Capability__Type type)
{
    for (size_t i = 0; i < framework->n_capabilities; i++)
        if (framework->capabilities[i]->has_type && framework->capabilities[i]->type == type)
            return true;
    return false;
}

static void
on_subscribed(struct default_executor *pod, const Mesos__V1__Executor__Event__Subscribed *subscribed)
{
    struct pod_task *task;
    log_info("Subscribed executor on %s", subscribed->agent_info->hostname);
    pod->tells_killing = has_capability(subscribed->framework_info,
                                        MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__TASK_KILLING_STATE);
    if (!pod->container_id && subscribed->container_id)
        pod->container_id = message_dup(subscribed->container_id, pod->arena);
    if (!pod->container_id)
        log_error("The agent does not say which container this is: no task can be launched");
    list_foreach(task, &pod->tasks, node)
        pod_task_reconnected(task);
    settle(pod);
}

static void
on_acknowledged(struct default_executor *pod, const Mesos__V1__Executor__Event__Acknowledged *acknowledged)
{
    if (!task_updates_acknowledged(&pod->updates, acknowledged))
        return;
    struct pod_task *task = find(pod, acknowledged->task_id->value);
    if (task)
        task->acknowledged = true;
    if (task && task->phase == POD_TASK_ENDED)
        pod_task_free(task);
    settle(pod);
}

static void
on_event(const Mesos__V1__Executor__Event *event, void *arg)
{
    struct default_executor *pod = arg;
    int type = event->has_type ? (int)event->type : MESOS__V1__EXECUTOR__EVENT__TYPE__UNKNOWN;
    const ProtobufCEnumValue *name =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__executor__event__type__descriptor, type);
    if (type != MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && type != MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT)
        log_info("Received %s event", name ? name->name : "UNKNOWN");
    if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED && event->subscribed)
        on_subscribed(pod, event->subscribed);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP && event->launch_group)
        on_launch(pod, event->launch_group->task_group->tasks, event->launch_group->task_group->n_tasks);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH && event->launch)
        on_launch(pod, &event->launch->task, 1); /* a group of one */
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__KILL && event->kill)
        on_kill(pod, event->kill);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && event->acknowledged)
        on_acknowledged(pod, event->acknowledged);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN)
        default_executor_shutdown(pod);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ERROR)
        log_error("The agent says: %s", event->error ? event->error->message : "(nothing)");
}

static void
on_subscribe(Mesos__V1__Executor__Call__Subscribe *subscribe, struct arena *arena, void *arg)
{
    struct default_executor *pod = arg;
    const struct pod_task *task;
    size_t count = 0;
    task_updates_repeat(&pod->updates, subscribe, arena);
    list_foreach(task, &pod->tasks, node)
        count++;
    subscribe->unacknowledged_tasks = arena_calloc(arena, count + 1, sizeof(*subscribe->unacknowledged_tasks));
    list_foreach(task, &pod->tasks, node)
        if (!task->acknowledged)
            subscribe->unacknowledged_tasks[subscribe->n_unacknowledged_tasks++] = message_dup(task->task, arena);
}

static void
on_lost(const struct err *why, void *arg)
{
    struct default_executor *pod = arg;
    struct pod_task *task;
    log_info("Disconnected from the agent: %s", why->code ? why->text : "connection closed");
    loop_timer_stop(&pod->exit_timer);
    list_foreach(task, &pod->tasks, node)
        pod_task_disconnected(task);
    nested_probes_drop(&pod->probes);
    if (pod->options.agent.checkpoint && !(pod->shutting_down && !has_work(pod)))
        return;
    log_info("Nobody waits for these tasks: leaving, and the agent ends their containers");
    loop_stop(pod->loop);
}

static void
on_given_up(const struct err *why, void *arg)
{
    log_error("Giving up: %s", why->text);
    loop_stop(((struct default_executor *)arg)->loop);
}

/* ---- life ---- */

struct default_executor *
default_executor_new(struct loop *loop, const struct default_executor_options *options)
{
    static const struct agent_link_handler handler = {on_subscribe, on_event, on_lost, on_given_up};
    struct default_executor *pod = xcalloc(1, sizeof(*pod));
    pod->loop = loop;
    pod->options = *options;
    pod->arena = arena_new(256);
    list_init(&pod->tasks);
    task_updates_init(&pod->updates, loop, pod->options.agent.executor_id);
    nested_probes_init(&pod->probes, loop, &pod->options.agent);
    loop_timer_init(&pod->exit_timer, loop, on_exit_timer, pod);
    pod->link = agent_link_new(loop, &pod->options.agent, &handler, pod);
    pod->updates.link = pod->link;
    return pod;
}

void
default_executor_free(struct default_executor *pod)
{
    struct pod_task *task, *next;
    if (!pod)
        return;
    list_foreach_safe(task, next, &pod->tasks, node)
        pod_task_free(task);
    nested_probes_drop(&pod->probes);
    task_updates_fini(&pod->updates);
    loop_timer_stop(&pod->exit_timer);
    agent_link_free(pod->link);
    arena_free(pod->arena);
    free(pod);
}
