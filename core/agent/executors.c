/* SPDX-License-Identifier: Apache-2.0 */
/* Executors: from the wish to run one to the last acknowledged update of its tasks. Their container is the
 * module's. */
#include "agent/state.h"

#include <errno.h>
#include <stdio.h>

#define NS_PER_MS 1000000LL

static void on_patience(void *arg);
static void on_ended(void *arg, int status, const char *error, struct mesos_bytes answer);
static void on_destroyed(void *arg, int status, const char *error, struct mesos_bytes answer);

const char *
executor_state_name(enum executor_state state)
{
    static const char *const names[] = {"REGISTERING", "RUNNING", "TERMINATING", "TERMINATED"};
    return names[state];
}

struct executor *
executor_find(const struct framework *framework, struct str id)
{
    return map_get(&framework->executors, id);
}

static const char *
executor_user(const struct framework *framework, const Mesos__V1__ExecutorInfo *info)
{
    if (info->command && info->command->user && *info->command->user)
        return info->command->user;
    return framework->user;
}

const char *
executor_runs_as(const struct executor *executor)
{
    return executor->agent->options->switch_user ? executor->user : NULL;
}

struct executor *
executor_new(struct framework *framework, const Mesos__V1__ExecutorInfo *info, bool generated,
             const char *container_id)
{
    struct agent *agent = framework->agent;
    struct executor *executor = xcalloc(1, sizeof(*executor));
    char uuid[UUID_TEXT];
    auto_buf struct buf bytes = {0};
    executor->agent = agent;
    executor->framework = framework;
    executor->id = xstrdup(info->executor_id->value);
    executor->container_id = xstrdup(container_id ? container_id : uuid_new(uuid));
    executor->name = xstrdup(info->name ? info->name : "");
    executor->source = xstrdup(info->source ? info->source : "");
    executor->user = xstrdup(executor_user(framework, info));
    executor->generated = generated;
    executor->sandbox = sandbox_run_dir(agent, framework->id, executor->id, executor->container_id);
    if (framework->checkpoint)
        executor->meta = checkpoint_run_dir(agent, framework->id, executor->id, executor->container_id);
    message_pack(&bytes, info);
    packed_set(&executor->info, buf_str(&bytes));
    if (resources_from_proto(&executor->resources, info->resources, info->n_resources, NULL))
        resources_fini(&executor->resources);
    if (info->n_resources && info->resources[0]->allocation_info && info->resources[0]->allocation_info->role)
        executor->role = xstrdup(info->resources[0]->allocation_info->role);
    executor->grace_ns = info->shutdown_grace_period ? info->shutdown_grace_period->nanoseconds
                                                     : agent->options->executor_shutdown_grace_period_ns;
    if (executor->grace_ns < 0)
        executor->grace_ns = 0;
    list_init(&executor->node);
    list_init(&executor->queued);
    list_init(&executor->launched);
    list_init(&executor->terminated);
    list_init(&executor->completed);
    list_init(&executor->waiting);
    loop_timer_init(&executor->patience, agent->loop, on_patience, executor);
    map_add(&framework->executors, str_of(executor->id), executor);
    return executor;
}

static void
tasks_free(struct list *tasks)
{
    struct task *task, *tmp;
    list_foreach_safe (task, tmp, tasks, node) {
        list_remove(&task->node);
        task_free(task);
    }
}

/* What a living executor needs and a completed one does not. */
static void
executor_quiet(struct executor *executor)
{
    loop_timer_stop(&executor->patience);
    executor_stream_close(executor);
    executor_driver_forget(executor);
    executor_waiting_free(executor);
    launch_job_forget(executor);
    host_call_forget(executor->agent->setup.host, executor);
}

void
executor_free(struct executor *executor)
{
    if (!executor)
        return;
    executor_quiet(executor);
    files_hide_executor(executor);
    map_fini(&executor->tasks);
    resources_fini(&executor->resources);
    if (executor->block) {
        executor_unkeep(executor);
        free(executor);
        return;
    }
    tasks_free(&executor->queued);
    tasks_free(&executor->launched);
    tasks_free(&executor->terminated);
    tasks_free(&executor->completed);
    packed_fini(&executor->info);
    packed_fini(&executor->container_status);
    free(executor->end.message);
    free(executor->id);
    free(executor->container_id);
    free(executor->name);
    free(executor->source);
    free(executor->role);
    free(executor->user);
    free(executor->sandbox);
    free(executor->meta);
    free(executor);
}

void
executor_resources(const struct executor *executor, struct resources *ret)
{
    const struct task *task;
    if (executor->state == EXECUTOR_TERMINATED)
        return;
    resources_add(ret, &executor->resources);
    list_foreach (task, &executor->queued, node)
        resources_add(ret, &task->resources);
    list_foreach (task, &executor->launched, node)
        resources_add(ret, &task->resources);
}

/* ---- ending ---- */

void
executor_end_set(struct executor *executor, task_state state, task_reason reason, const char *message)
{
    if (executor->end.set)
        return;
    executor->end = (struct executor_end){true, state, reason, xstrdup(message)};
}

/* Patience is over: the executor did not register, or did not leave. */
static void
on_patience(void *arg)
{
    struct executor *executor = arg;
    char text[32];
    if (executor->state != EXECUTOR_REGISTERING) {
        log_warning("executor %s of framework %s did not end in time; destroying its container", executor->id,
                    executor->framework->id);
        executor_destroy(executor, MESOS__V1__TASK_STATE__TASK_FAILED,
                         MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED, NULL);
        return;
    }
    auto_free char *message =
        xasprintf("Executor did not register within %s",
                  duration_format(executor->agent->options->executor_registration_timeout_ns, text));
    log_warning("executor %s of framework %s: %s", executor->id, executor->framework->id, message);
    executor_destroy(executor, MESOS__V1__TASK_STATE__TASK_FAILED,
                     MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_REGISTRATION_TIMEOUT, message);
}

void
executor_destroy(struct executor *executor, task_state state, task_reason reason, const char *message)
{
    if (executor->state == EXECUTOR_TERMINATED)
        return;
    executor->state = EXECUTOR_TERMINATING;
    if (message)
        executor_end_set(executor, state, reason, message);
    loop_timer_stop(&executor->patience);
    if (executor->destroying || executor->job)
        return; /* a sandbox in the making: its end sees the state */
    if (!executor->in_container && !executor->launching) {
        executor_terminated(executor, NULL, NULL);
        return;
    }
    executor->destroying = true;
    containerizer_destroy(executor->agent->setup.containerizers[executor->containerizer],
                          executor->container_id, on_destroyed, executor);
}

static void
on_destroyed(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct executor *executor = arg;
    (void)answer;
    executor->destroying = false;
    if (!status)
        return; /* wait's answer tells the rest */
    log_error("cannot destroy container %s: %s", executor->container_id, error ? error : "unknown");
    agent_count(executor->agent, "containerizer/mesos/container_destroy_errors");
    /* Not known to its containerizer: nothing will ever answer. Otherwise it is tried again after a while. */
    if (status == -ENOENT && !executor->launching)
        executor_terminated(executor, NULL, "unknown container");
    else
        loop_timer_start(&executor->patience, executor->grace_ns / NS_PER_MS + 1000);
}

void
executor_shutdown(struct executor *executor)
{
    if (executor->state == EXECUTOR_TERMINATED || executor->state == EXECUTOR_TERMINATING)
        return;
    log_info("shutting down executor %s of framework %s", executor->id, executor->framework->id);
    if (!executor_reachable(executor) && !executor->recovered) {
        executor_destroy(executor, MESOS__V1__TASK_STATE__TASK_FAILED,
                         MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED, NULL);
        return;
    }
    executor->state = EXECUTOR_TERMINATING;
    executor_send_shutdown(executor);
    loop_timer_start(&executor->patience, executor->grace_ns / NS_PER_MS);
}

/* ---- ended ---- */

void
executor_wait(struct executor *executor)
{
    containerizer_wait(executor->agent->setup.containerizers[executor->containerizer], executor->container_id,
                       on_ended, executor);
}

static void
on_ended(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct executor *executor = arg;
    auto_arena struct arena *arena = arena_new(0);
    if (status) {
        executor_terminated(executor, NULL,
                            status == -ENOENT ? "unknown container"
                            : error           ? error
                                              : "unknown");
        return;
    }
    Mesos__Slave__ContainerTermination *termination = message_unpack(
        &mesos__slave__container_termination__descriptor, str_n(answer.data, answer.len), arena, NULL);
    executor_terminated(executor, termination, termination ? NULL : "senseless termination");
}

/* State, reason and text of the last update of a task whose executor is no more. */
static void
last_word(const struct executor *executor, const Mesos__Slave__ContainerTermination *termination,
          const char *abnormal, task_state *ret_state, task_reason *ret_reason, struct buf *ret_text)
{
    *ret_state = MESOS__V1__TASK_STATE__TASK_FAILED;
    *ret_reason = MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED;
    if (executor->end.set) {
        *ret_state = executor->end.state;
        *ret_reason = executor->end.reason;
        buf_puts(ret_text, executor->end.message);
    }
    if (termination && termination->has_state)
        *ret_state = termination->state;
    if (termination && termination->has_reason)
        *ret_reason = termination->reason;
    if (abnormal)
        buf_printf(ret_text, "%sAbnormal executor termination: %s", ret_text->len ? "; " : "", abnormal);
    else if (termination && termination->message && *termination->message)
        buf_printf(ret_text, "%s%s", ret_text->len ? "; " : "", termination->message);
    if (!ret_text->len)
        buf_puts(ret_text, "Executor terminated");
}

static void
end_tasks(struct executor *executor, const Mesos__Slave__ContainerTermination *termination,
          const char *abnormal)
{
    struct list *lists[] = {&executor->launched, &executor->queued};
    struct task *task, *tmp;
    task_state state;
    task_reason reason;
    auto_buf struct buf text = {0};
    Mesos__V1__TaskResourceLimitation limitation = MESOS__V1__TASK_RESOURCE_LIMITATION__INIT;
    last_word(executor, termination, abnormal, &state, &reason, &text);
    if (termination) {
        limitation.n_resources = termination->n_limited_resources;
        limitation.resources = termination->limited_resources;
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_foreach_safe (task, tmp, lists[i], node)
            agent_update_limited(executor->agent, executor->framework, executor, str_of(task->id), state, reason,
                                 buf_cstr(&text), limitation.n_resources > 0 ? &limitation : NULL);
}

void
executor_send_exited(struct agent *agent, const char *framework_id, const char *executor_id, int status)
{
    Mesos__Internal__ExitedExecutorMessage message = MESOS__INTERNAL__EXITED_EXECUTOR_MESSAGE__INIT;
    Mesos__V1__AgentID agent_id = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__FrameworkID framework = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor = MESOS__V1__EXECUTOR_ID__INIT;
    if (!agent->id)
        return;
    agent_id.value = agent->id;
    framework.value = (char *)(uintptr_t)framework_id;
    executor.value = (char *)(uintptr_t)executor_id;
    message.slave_id = &agent_id;
    message.framework_id = &framework;
    message.executor_id = &executor;
    message.status = status;
    agent_send_master(agent, "mesos.internal.ExitedExecutorMessage", &message);
}

void
executor_terminated(struct executor *executor, const Mesos__Slave__ContainerTermination *termination,
                    const char *abnormal)
{
    struct agent *agent = executor->agent;
    if (executor->state == EXECUTOR_TERMINATED)
        return;
    log_info("executor %s of framework %s has ended%s%s", executor->id, executor->framework->id,
             abnormal ? ": " : "", abnormal ? abnormal : "");
    executor_waiting_flush(executor);
    executor->state = EXECUTOR_TERMINATED;
    executor->recovered = executor->in_container = executor->launching = false;
    agent_telemetry_ended(executor);
    loop_timer_stop(&executor->patience);
    executor_stream_close(executor);
    executor_driver_forget(executor);
    agent_count(agent, "slave/executors_terminated");
    if (!executor->framework->terminating) {
        if (!executor->generated)
            executor_send_exited(agent, executor->framework->id, executor->id,
                                 termination && termination->has_status ? termination->status : -1);
        end_tasks(executor, termination, abnormal);
    }
    recover_heard(agent);
    executor_settle(executor);
}

void
executor_settle(struct executor *executor)
{
    struct framework *framework = executor->framework;
    struct agent *agent = executor->agent;
    bool open = !list_empty(&executor->terminated) || !list_empty(&executor->launched) ||
                !list_empty(&executor->queued);
    if (executor->state != EXECUTOR_TERMINATED || (open && !framework->terminating) ||
        !list_empty(&executor->node))
        return;
    checkpoint_sentinel(executor);
    gc_schedule_executor(agent->gc, framework->id, executor->id, 0);
    executor_quiet(executor);
    map_remove(&framework->executors, str_of(executor->id));
    list_push(&framework->completed, &executor->node);
    executor_keep(executor);
    if (++framework->completed_count > agent->options->max_completed_executors_per_framework) {
        struct executor *oldest = list_first(&framework->completed, struct executor, node);
        list_remove(&oldest->node);
        framework->completed_count--;
        executor_free(oldest);
    }
    framework_settle(framework);
}
