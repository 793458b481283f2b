/* SPDX-License-Identifier: Apache-2.0 */
/* One task of a pod: its container is asked for, waited for and killed by calls of the agent's. Driven by
 * default_executor.c. Texts and states: Mesos's own default executor, as recorded. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/units.h"
#include "executor/pod.h"
#include "executor/task_process.h"
#include "wire/message.h"

enum { KILL_GRACE_MS = 3000, RETRY_MS = 1000, FAILURE_TEXT_MAX = 1024 };

typedef Mesos__V1__Agent__Response__WaitNestedContainer wait_answer;

static void wait_for_it(void *arg);
static void send_signal(void *arg);

/* ---- telling ---- */

void
pod_task_tell(struct pod_task *task, Mesos__V1__TaskStatus *status)
{
    Mesos__V1__ContainerStatus container = MESOS__V1__CONTAINER_STATUS__INIT;
    container.container_id = task->container_id;
    status->task_id = task->task->task_id;
    status->container_status = &container;
    task_updates_send(&task->pod->updates, status);
    status->container_status = NULL;
}

static void
tell_state(struct pod_task *task, Mesos__V1__TaskState state)
{
    auto_arena struct arena *arena = arena_new(256);
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    status.state = state;
    status.check_status = task_checks_nothing_yet(task->task, arena);
    pod_task_tell(task, &status);
}

/* ---- the end ---- */

static void
stop(struct pod_task *task)
{
    struct agent_call **calls[] = {&task->launch, &task->wait, &task->kill};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        agent_call_cancel(*calls[i]);
        *calls[i] = NULL;
    }
    loop_timer_stop(&task->launch_retry);
    loop_timer_stop(&task->wait_retry);
    loop_timer_stop(&task->kill_retry);
}

/* status: state, message, reason, limitation; completed here. */
static void
end(struct pod_task *task, Mesos__V1__TaskStatus *status)
{
    auto_arena struct arena *arena = arena_new(256);
    stop(task);
    loop_timer_stop(&task->kill_timer);
    loop_timer_stop(&task->completion_timer);
    task_checks_free(task->checks);
    task->checks = NULL;
    task->phase = POD_TASK_ENDED;
    status->check_status = task_checks_nothing_yet(task->task, arena);
    status->has_healthy = task->unhealthy;
    status->healthy = false;
    log_info("Task %s in container %s ended: %s", task->task->task_id->value, task->container_id->value,
             status->message ? status->message : "");
    pod_task_tell(task, status);
    pod_task_ended(task, status->state);
}

static void
set_reason(Mesos__V1__TaskStatus *status, Mesos__V1__TaskStatus__Reason reason)
{
    status->has_reason = true;
    status->reason = reason;
}

static void
end_with(struct pod_task *task, bool known, int exit_status, const wait_answer *answer)
{
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    char what[128] = "terminated with unknown status", message[160];
    if (known)
        task_process_describe(exit_status, what, sizeof(what));
    snprintf(message, sizeof(message), "Command %s", what);
    status.message = message;
    status.state = MESOS__V1__TASK_STATE__TASK_FAILED;
    if (task->out_of_time)
        set_reason(&status, MESOS__V1__TASK_STATUS__REASON__REASON_MAX_COMPLETION_TIME_REACHED);
    else if (task->killing)
        status.state = MESOS__V1__TASK_STATE__TASK_KILLED;
    else if (known && WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0)
        status.state = MESOS__V1__TASK_STATE__TASK_FINISHED;
    if (answer && answer->has_reason)
        set_reason(&status, answer->reason);
    if (answer && answer->message && *answer->message)
        status.message = answer->message;
    if (answer)
        status.limitation = answer->limitation;
    end(task, &status);
}

/* ---- waiting ---- */

static void
on_waited(int code, struct str body, void *arg)
{
    struct pod_task *task = arg;
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(512);
    const Mesos__V1__Agent__Response *response;
    task->wait = NULL;
    if (code == 0 || code >= 500) {
        if (agent_link_subscribed(task->pod->link)) {
            log_warning("Waiting for container %s again: %.*s", task->container_id->value, STR_ARG(body));
            loop_timer_start(&task->wait_retry, RETRY_MS);
        }
        return;
    }
    response = code != 200 ? NULL
                           : MESSAGE_UNPACK(Mesos__V1__Agent__Response, mesos__v1__agent__response, body, arena, &err);
    const wait_answer *answer = response ? response->wait_nested_container : NULL;
    if (!answer)
        log_error("The agent does not say how container %s ended: %d %.*s", task->container_id->value, code,
                  code == 200 ? 0 : (int)body.len, body.ptr);
    end_with(task, answer && answer->has_exit_status, answer ? answer->exit_status : 0, answer);
}

static void
wait_for_it(void *arg)
{
    struct pod_task *task = arg;
    task->wait = agent_call_wait(task->pod->loop, &task->pod->options.agent, task->container_id, on_waited, task);
}

/* ---- launching ---- */

static void
launch_failed(struct pod_task *task, struct str body)
{
    Mesos__V1__TaskStatus status = MESOS__V1__TASK_STATUS__INIT;
    size_t len = body.len < FAILURE_TEXT_MAX ? body.len : FAILURE_TEXT_MAX;
    auto_free char *message = xasprintf("Failed to launch container: %.*s", (int)len, body.ptr);
    uint32_t group = task->group;
    struct default_executor *pod = task->pod;
    status.message = message;
    status.state = MESOS__V1__TASK_STATE__TASK_FAILED;
    if (task->killing)
        status.state = MESOS__V1__TASK_STATE__TASK_KILLED;
    else
        set_reason(&status, MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LAUNCH_FAILED);
    end(task, &status);
    pod_group_launched(pod, group);
}

static void
on_launched(int code, struct str body, void *arg)
{
    struct pod_task *task = arg;
    task->launch = NULL;
    if (code == 0 || code == 503) {
        if (agent_link_subscribed(task->pod->link))
            loop_timer_start(&task->launch_retry, RETRY_MS);
        return;
    }
    if (code != 200 && code != 202) {
        log_error("Cannot launch container %s of task %s: %d %.*s", task->container_id->value,
                  task->task->task_id->value, code, STR_ARG(body));
        launch_failed(task, body);
        return;
    }
    task->phase = POD_TASK_LAUNCHED;
    pod_link_sandbox(task);
    if (task->killing)
        send_signal(task);
    pod_group_launched(task->pod, task->group);
}

static void
launch_again(void *arg)
{
    pod_task_launch(arg);
}

void
pod_task_launch(struct pod_task *task)
{
    task->launch = pod_launch(task, on_launched);
}

/* ---- running ---- */

static void
on_check_status(Mesos__V1__TaskStatus *status, void *arg)
{
    pod_task_tell(arg, status);
}

static void
on_unhealthy(void *arg)
{
    struct pod_task *task = arg;
    log_info("Killing task %s, which failed its health check too often", task->task->task_id->value);
    task->unhealthy = true;
    pod_task_kill(task, pod_task_grace_ms(task, NULL));
}

static struct probe *
probe_inside(void *arg, const Mesos__V1__CommandInfo *command, probe_done_fn *done, void *done_arg)
{
    struct pod_task *task = arg;
    return nested_probe_start(&task->pod->probes, task->container_id, command, done, done_arg);
}

static void
start_checks(struct pod_task *task)
{
    static const struct task_checks_handler handler = {on_check_status, on_unhealthy};
    struct probe_tools tools = {
        .loop = task->pod->loop,
        .launcher_dir = task->pod->options.launcher_dir,
        .command = probe_inside,
        .command_arg = task,
    };
    task->checks = task_checks_new(&tools, task->task, &handler, task);
}

static void
on_completion_time(void *arg)
{
    struct pod_task *task = arg;
    if (task->killing)
        return;
    log_info("Killing task %s which exceeded its maximum completion time", task->task->task_id->value);
    task->out_of_time = true;
    pod_task_kill(task, pod_task_grace_ms(task, NULL));
}

void
pod_task_run(struct pod_task *task)
{
    task->phase = POD_TASK_RUNNING;
    wait_for_it(task);
    if (task->killing)
        return;
    tell_state(task, MESOS__V1__TASK_STATE__TASK_RUNNING);
    start_checks(task);
    if (task->task->max_completion_time)
        loop_timer_start_ns(&task->completion_timer, task->task->max_completion_time->nanoseconds);
}

/* ---- killing ---- */

int64_t
pod_task_grace_ms(const struct pod_task *task, const Mesos__V1__KillPolicy *policy)
{
    if (!policy || !policy->grace_period)
        policy = task->task->kill_policy;
    int64_t ms = policy && policy->grace_period ? policy->grace_period->nanoseconds / 1000000 : KILL_GRACE_MS;
    return ms < 0 ? 0 : ms;
}

static void
on_signalled(int code, struct str body, void *arg)
{
    struct pod_task *task = arg;
    task->kill = NULL;
    if (code == 200 || code == 404) /* 404: it ended by itself, and the wait will say so */
        return;
    log_warning("Cannot signal container %s: %d %.*s", task->container_id->value, code, STR_ARG(body));
    if (agent_link_subscribed(task->pod->link))
        loop_timer_start(&task->kill_retry, RETRY_MS);
}

static void
send_signal(void *arg)
{
    struct pod_task *task = arg;
    loop_timer_stop(&task->kill_retry);
    if (task->phase == POD_TASK_LAUNCHING || !agent_link_subscribed(task->pod->link))
        return; /* sent when it can be */
    log_info("Sending signal %d to task %s", task->signo, task->task->task_id->value);
    agent_call_cancel(task->kill);
    task->kill = agent_call_kill(task->pod->loop, &task->pod->options.agent, task->container_id, task->signo,
                                 on_signalled, task);
}

static void
on_kill_timer(void *arg)
{
    struct pod_task *task = arg;
    task->signo = SIGKILL;
    send_signal(task);
}

void
pod_task_kill(struct pod_task *task, int64_t grace_ms)
{
    if (task->phase == POD_TASK_ENDED || task->signo == SIGKILL)
        return;
    if (task->killing) {
        int64_t left_ns = task->kill_timer.due_ns - loop_now_ns(task->pod->loop);
        if (grace_ms * 1000000 < left_ns)
            loop_timer_start(&task->kill_timer, grace_ms);
        return;
    }
    task->killing = true;
    task->signo = SIGTERM;
    task_checks_pause(task->checks);
    loop_timer_stop(&task->completion_timer);
    if (task->pod->tells_killing && !task->out_of_time)
        tell_state(task, MESOS__V1__TASK_STATE__TASK_KILLING);
    loop_timer_start(&task->kill_timer, grace_ms);
    send_signal(task);
}

/* ---- the agent's absence ---- */

void
pod_task_disconnected(struct pod_task *task)
{
    stop(task);
    task_checks_pause(task->checks);
}

void
pod_task_reconnected(struct pod_task *task)
{
    if (task->phase == POD_TASK_LAUNCHING)
        pod_task_launch(task);
    if (task->phase == POD_TASK_RUNNING)
        wait_for_it(task);
    if (task->killing && task->phase != POD_TASK_ENDED)
        send_signal(task);
    else
        task_checks_resume(task->checks);
}

/* ---- life ---- */

struct pod_task *
pod_task_new(struct default_executor *pod, const Mesos__V1__TaskInfo *info, uint32_t group)
{
    struct pod_task *task = xcalloc(1, sizeof(*task));
    char uuid[UUID_TEXT];
    task->pod = pod;
    task->arena = arena_new(1024);
    task->task = message_dup(info, task->arena);
    task->container_id = container_id_new(task->arena, uuid_new(uuid), pod->container_id);
    task->group = group;
    loop_timer_init(&task->launch_retry, pod->loop, launch_again, task);
    loop_timer_init(&task->wait_retry, pod->loop, wait_for_it, task);
    loop_timer_init(&task->kill_retry, pod->loop, send_signal, task);
    loop_timer_init(&task->kill_timer, pod->loop, on_kill_timer, task);
    loop_timer_init(&task->completion_timer, pod->loop, on_completion_time, task);
    list_push(&pod->tasks, &task->node);
    tell_state(task, MESOS__V1__TASK_STATE__TASK_STARTING);
    return task;
}

void
pod_task_free(struct pod_task *task)
{
    stop(task);
    loop_timer_stop(&task->kill_timer);
    loop_timer_stop(&task->completion_timer);
    task_checks_free(task->checks);
    list_remove(&task->node);
    arena_free(task->arena);
    free(task);
}
