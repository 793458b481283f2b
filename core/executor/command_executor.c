/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command executor's state: the task, its processes, the updates that the agent has not acknowledged. One per
 * process, driven by its loop. Rules of order and texts: recorded exchanges of Mesos's own command executor.
 */
#include "executor/command_executor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "executor/task_checks.h"
#include "executor/task_process.h"
#include "executor/task_updates.h"
#include "wire/message.h"

enum {
    KILL_GRACE_MS = 3000,
    UNACKNOWLEDGED_EXIT_MS = 60 * 1000, /* after the terminal update */
    KILLED_PATIENCE_MS = 500, /* of whoever killed the command, if it was the agent or the kernel for it */
    SHUTDOWN_MARGIN_MS = 1000, /* the agent's grace less this is ours */
};

enum phase { WAITING, RUNNING, ENDED };

struct command_executor {
    struct loop *loop;
    struct command_executor_options options;
    struct agent_link *link;
    struct arena *arena; /* the task and the options' messages; small, lives as long as the process */
    const Mesos__V1__TaskInfo *task;
    const Mesos__V1__CommandInfo *command_override;
    const Mesos__V1__Environment *extra_environment;
    enum phase phase;
    pid_t pid;
    bool task_acknowledged; /* the agent has seen at least one update of it */
    bool tells_killing; /* the framework understands TASK_KILLING */
    bool killed, sigkilled, out_of_time, unhealthy, shutting_down;
    struct task_checks *checks; /* while the command runs; NULL = none */
    struct task_updates updates;
    struct loop_timer kill_timer, completion_timer, exit_timer, killed_timer;
    int exit_status; /* the command's */
};

static void begin_kill(struct command_executor *executor, int64_t grace_ms);
static int64_t grace_of(const struct command_executor *executor, const Mesos__V1__KillPolicy *policy);

/* ---- updates ---- */

static void
add_update(struct command_executor *executor, const char *task_id, Mesos__V1__TaskStatus *status)
{
    Mesos__V1__TaskID id = MESOS__V1__TASK_ID__INIT;
    id.value = (char *)(uintptr_t)task_id;
    status->task_id = &id;
    task_updates_send(&executor->updates, status);
}

static void
report(struct command_executor *executor, Mesos__V1__TaskState state, const char *message, int reason)
{
    auto_arena struct arena *arena = arena_new(256);
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    status.state = state;
    status.message = (char *)(uintptr_t)message;
    status.has_reason = reason != 0;
    status.reason = (Mesos__V1__TaskStatus__Reason)reason;
    /* What the last check found is not repeated: Mesos begins anew with each state. */
    status.check_status = task_checks_nothing_yet(executor->task, arena);
    status.has_healthy = executor->phase == RUNNING && executor->unhealthy && executor->pid == 0;
    status.healthy = false;
    add_update(executor, executor->task->task_id->value, &status);
}

static void
finish(struct command_executor *executor)
{
    loop_stop(executor->loop);
}

static void
on_acknowledged(struct command_executor *executor, const Mesos__V1__Executor__Event__Acknowledged *acknowledged)
{
    if (task_updates_acknowledged(&executor->updates, acknowledged))
        executor->task_acknowledged = true;
    if (executor->phase == ENDED && task_updates_empty(&executor->updates))
        finish(executor);
}

static void
on_exit_timer(void *arg)
{
    log_warning("The terminal update was not acknowledged in time; leaving");
    finish(arg);
}

static void
end(struct command_executor *executor)
{
    executor->phase = ENDED;
    task_checks_free(executor->checks);
    executor->checks = NULL;
    loop_timer_stop(&executor->kill_timer);
    loop_timer_stop(&executor->completion_timer);
    loop_timer_stop(&executor->killed_timer);
    if (agent_link_subscribed(executor->link))
        loop_timer_start(&executor->exit_timer, UNACKNOWLEDGED_EXIT_MS);
    else if (!executor->options.agent.checkpoint)
        finish(executor);
}

/* ---- launch ---- */

static const char *
allocation_role(const Mesos__V1__TaskInfo *task)
{
    if (task->n_resources && task->resources[0]->allocation_info)
        return task->resources[0]->allocation_info->role;
    return NULL;
}

static void
on_completion_time(void *arg)
{
    struct command_executor *executor = arg;
    log_info("Killing task %s which exceeded its maximum completion time", executor->task->task_id->value);
    executor->out_of_time = true;
    const Mesos__V1__KillPolicy *policy = executor->task->kill_policy;
    begin_kill(executor, policy && policy->grace_period ? policy->grace_period->nanoseconds / 1000000 : KILL_GRACE_MS);
}

static const Mesos__V1__CommandInfo *
task_command(const struct command_executor *executor)
{
    return executor->command_override ? executor->command_override : executor->task->command;
}

static const char *
command_user(const struct command_executor *executor)
{
    const Mesos__V1__CommandInfo *command = task_command(executor);
    return executor->options.user ? executor->options.user : command && geteuid() == 0 ? command->user : NULL;
}

static void
on_check_status(Mesos__V1__TaskStatus *status, void *arg)
{
    struct command_executor *executor = arg;
    add_update(executor, executor->task->task_id->value, status);
}

static void
on_unhealthy(void *arg)
{
    struct command_executor *executor = arg;
    log_info("Killing task %s, which failed its health check too often", executor->task->task_id->value);
    executor->unhealthy = true;
    begin_kill(executor, grace_of(executor, NULL));
}

static void
start_checks(struct command_executor *executor)
{
    static const struct task_checks_handler handler = {on_check_status, on_unhealthy};
    struct probe_tools tools = {
        .loop = executor->loop,
        .launcher_dir = executor->options.launcher_dir,
        .user = command_user(executor),
        .working_directory = executor->options.working_directory,
        .launch = executor->options.task_launch,
    };
    executor->checks = task_checks_new(&tools, executor->task, &handler, executor);
}

static void
start_command(struct command_executor *executor)
{
    const Mesos__V1__TaskInfo *task = executor->task;
    struct err err = {0};
    struct task_command command = {
        .command = task_command(executor),
        .extra_environment = executor->extra_environment,
        .allocation_role = allocation_role(task),
        .task_id = task->task_id->value,
        .user = command_user(executor),
        .working_directory = executor->options.working_directory,
        .launch = executor->options.task_launch,
    };
    executor->pid = task_process_start(&command, &err);
    if (executor->pid < 0) {
        log_error("Cannot start task %s: %s", task->task_id->value, err.text);
        report(executor, MESOS__V1__TASK_STATE__TASK_FAILED, err.text, 0);
        end(executor);
        return;
    }
    log_info("Forked command at %d", (int)executor->pid);
    executor->phase = RUNNING;
    report(executor, MESOS__V1__TASK_STATE__TASK_RUNNING, NULL, 0);
    start_checks(executor);
    if (task->max_completion_time)
        loop_timer_start_ns(&executor->completion_timer, task->max_completion_time->nanoseconds);
}

static void
on_launch(struct command_executor *executor, const Mesos__V1__TaskInfo *task)
{
    if (executor->task) {
        Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
        char message[] = "Attempted to run multiple tasks using a \"command\" executor";
        status.state = MESOS__V1__TASK_STATE__TASK_FAILED;
        status.message = message;
        add_update(executor, task->task_id->value, &status);
        return;
    }
    executor->task = message_dup(task, executor->arena);
    log_info("Starting task %s", task->task_id->value);
    report(executor, MESOS__V1__TASK_STATE__TASK_STARTING, NULL, 0);
    start_command(executor);
}

/* ---- the end of the command ---- */

static void
tell_exit(struct command_executor *executor)
{
    int status = executor->exit_status;
    char what[128], message[160];
    Mesos__V1__TaskState state = MESOS__V1__TASK_STATE__TASK_FAILED;
    task_process_describe(status, what, sizeof(what));
    snprintf(message, sizeof(message), "Command %s", what);
    log_info("%s (pid: %d)", message, (int)executor->pid);
    int reason = 0;
    if (executor->out_of_time)
        reason = MESOS__V1__TASK_STATUS__REASON__REASON_MAX_COMPLETION_TIME_REACHED;
    else if (executor->killed)
        state = MESOS__V1__TASK_STATE__TASK_KILLED;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        state = MESOS__V1__TASK_STATE__TASK_FINISHED;
    executor->pid = 0;
    report(executor, state, message, reason);
    end(executor);
}

static void
on_exit_told(void *arg)
{
    tell_exit(arg);
}

/* What was killed, and not by us, has most often exceeded its memory: the agent knows more of that, and is about to end
 * this container with all the figures. It gets a moment to do so. A shell says by 128 + 9 that its command was killed. */
static bool
killed_by_others(const struct command_executor *executor, int status)
{
    return !executor->killed && ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                                 (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL));
}

static void
on_command_exit(struct command_executor *executor, int status)
{
    executor->exit_status = status;
    if (killed_by_others(executor, status))
        loop_timer_start(&executor->killed_timer, KILLED_PATIENCE_MS);
    else
        tell_exit(executor);
}

void
command_executor_reap(struct command_executor *executor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == executor->pid && executor->phase == RUNNING)
            on_command_exit(executor, status);
        else
            task_checks_reap(executor->checks, pid, status);
}

/* ---- killing ---- */

static int64_t
grace_of(const struct command_executor *executor, const Mesos__V1__KillPolicy *policy)
{
    if (policy && policy->grace_period)
        return policy->grace_period->nanoseconds / 1000000;
    policy = executor->task ? executor->task->kill_policy : NULL;
    return policy && policy->grace_period ? policy->grace_period->nanoseconds / 1000000 : KILL_GRACE_MS;
}

static void
on_kill_timer(void *arg)
{
    struct command_executor *executor = arg;
    log_info("Process %d did not end in time, sending SIGKILL to its process tree", (int)executor->pid);
    executor->sigkilled = true;
    task_process_signal_all(SIGKILL);
}

static void
begin_kill(struct command_executor *executor, int64_t grace_ms)
{
    if (executor->phase != RUNNING || executor->sigkilled)
        return;
    if (grace_ms < 0)
        grace_ms = 0;
    if (!executor->killed) {
        executor->killed = true;
        task_checks_pause(executor->checks);
        if (executor->tells_killing && !executor->out_of_time)
            report(executor, MESOS__V1__TASK_STATE__TASK_KILLING, NULL, 0);
        log_info("Sending SIGTERM to process tree at pid %d", (int)executor->pid);
        task_process_signal_all(SIGTERM);
        loop_timer_start(&executor->kill_timer, grace_ms);
        return;
    }
    /* Asked again: a shorter grace counts from now, a longer one does not revive what was promised. */
    int64_t left_ns = executor->kill_timer.due_ns - loop_now_ns(executor->loop);
    if (grace_ms * 1000000 < left_ns)
        loop_timer_start(&executor->kill_timer, grace_ms);
}

static void
on_kill(struct command_executor *executor, const Mesos__V1__Executor__Event__Kill *kill)
{
    if (!executor->task || strcmp(executor->task->task_id->value, kill->task_id->value) != 0) {
        log_warning("Ignoring KILL of unknown task '%s'", kill->task_id->value);
        return;
    }
    begin_kill(executor, grace_of(executor, kill->kill_policy));
}

void
command_executor_shutdown(struct command_executor *executor)
{
    log_info("Shutting down");
    executor->shutting_down = true;
    if (executor->phase == WAITING) {
        finish(executor);
        return;
    }
    int64_t grace_ms = grace_of(executor, NULL), limit_ms = executor->options.shutdown_grace_ms - SHUTDOWN_MARGIN_MS;
    begin_kill(executor, grace_ms < limit_ms ? grace_ms : limit_ms);
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
on_subscribed(struct command_executor *executor, const Mesos__V1__Executor__Event__Subscribed *subscribed)
{
    log_info("Subscribed executor on %s", subscribed->agent_info->hostname);
    executor->tells_killing = has_capability(subscribed->framework_info,
                                             MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__TASK_KILLING_STATE);
    if (executor->phase == ENDED) {
        loop_timer_start(&executor->exit_timer, UNACKNOWLEDGED_EXIT_MS);
        if (task_updates_empty(&executor->updates))
            finish(executor);
    }
}

static void
on_event(const Mesos__V1__Executor__Event *event, void *arg)
{
    struct command_executor *executor = arg;
    int type = event->has_type ? (int)event->type : MESOS__V1__EXECUTOR__EVENT__TYPE__UNKNOWN;
    const ProtobufCEnumValue *name =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__executor__event__type__descriptor, type);
    if (type != MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && type != MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT)
        log_info("Received %s event", name ? name->name : "UNKNOWN");
    if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED && event->subscribed)
        on_subscribed(executor, event->subscribed);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH && event->launch)
        on_launch(executor, event->launch->task);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__KILL && event->kill)
        on_kill(executor, event->kill);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED && event->acknowledged)
        on_acknowledged(executor, event->acknowledged);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN)
        command_executor_shutdown(executor);
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__ERROR)
        log_error("The agent says: %s", event->error ? event->error->message : "(nothing)");
    else if (type == MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP)
        log_warning("Ignoring a task group: the command executor runs one command");
}

static void
on_subscribe(Mesos__V1__Executor__Call__Subscribe *subscribe, struct arena *arena, void *arg)
{
    struct command_executor *executor = arg;
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
    struct command_executor *executor = arg;
    log_info("Disconnected from the agent: %s", why->code ? why->text : "connection closed");
    loop_timer_stop(&executor->exit_timer);
    if (executor->options.agent.checkpoint && !(executor->shutting_down && executor->phase == ENDED))
        return;
    log_info("The framework does not checkpoint: nobody waits for this task");
    if (executor->phase == RUNNING)
        command_executor_shutdown(executor);
    else
        finish(executor);
}

static void
on_given_up(const struct err *why, void *arg)
{
    struct command_executor *executor = arg;
    log_error("Giving up: %s", why->text);
    task_process_signal_all(SIGKILL);
    finish(executor);
}

/* ---- life ---- */

static int
read_options(struct command_executor *executor, struct err *err)
{
    const struct command_executor_options *options = &executor->options;
    if (options->task_command) {
        executor->command_override =
            MESSAGE_FROM_JSON(Mesos__V1__CommandInfo, mesos__v1__command_info, str_of(options->task_command),
                              executor->arena, err);
        if (!executor->command_override)
            return err_wrap(err, "--task_command");
    }
    if (options->task_environment) {
        executor->extra_environment =
            MESSAGE_FROM_JSON(Mesos__V1__Environment, mesos__v1__environment, str_of(options->task_environment),
                              executor->arena, err);
        if (!executor->extra_environment)
            return err_wrap(err, "--task_environment");
    }
    return 0;
}

struct command_executor *
command_executor_new(struct loop *loop, const struct command_executor_options *options, struct err *err)
{
    static const struct agent_link_handler handler = {on_subscribe, on_event, on_lost, on_given_up};
    struct command_executor *executor = xcalloc(1, sizeof(*executor));
    executor->loop = loop;
    executor->options = *options;
    executor->arena = arena_new(1024);
    task_updates_init(&executor->updates, loop, executor->options.agent.executor_id);
    loop_timer_init(&executor->kill_timer, loop, on_kill_timer, executor);
    loop_timer_init(&executor->completion_timer, loop, on_completion_time, executor);
    loop_timer_init(&executor->exit_timer, loop, on_exit_timer, executor);
    loop_timer_init(&executor->killed_timer, loop, on_exit_told, executor);
    if (read_options(executor, err)) {
        command_executor_free(executor);
        return NULL;
    }
    executor->link = agent_link_new(loop, &executor->options.agent, &handler, executor);
    executor->updates.link = executor->link;
    return executor;
}

void
command_executor_free(struct command_executor *executor)
{
    if (!executor)
        return;
    task_checks_free(executor->checks);
    task_updates_fini(&executor->updates);
    loop_timer_stop(&executor->kill_timer);
    loop_timer_stop(&executor->completion_timer);
    loop_timer_stop(&executor->killed_timer);
    loop_timer_stop(&executor->exit_timer);
    agent_link_free(executor->link);
    arena_free(executor->arena);
    free(executor);
}
