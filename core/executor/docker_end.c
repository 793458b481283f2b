/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor's end: `docker stop` with the grace that is due, `docker kill` where that fails, the
 * first process itself where the engine is not at hand; and, however it came to it, the terminal update once
 * the last of the output is there. Called by whoever wants the container gone or has learnt that it is.
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "executor/docker_task.h"

enum {
    STOP_EXTRA_MS = 10 * 1000, /* beyond the grace that docker stop was given */
    KILL_AGAIN_MS = 5 * 1000,
    LOGS_FLUSH_MS = 5 * 1000,
};

/* ---- the end ---- */

static void
end(struct docker_executor *executor)
{
    Mesos__V1__TaskState state = MESOS__V1__TASK_STATE__TASK_FAILED;
    int reason = executor->end_reason;
    executor->phase = ENDED;
    docker_command_cancel(executor->logs);
    docker_command_cancel(executor->stop);
    docker_command_cancel(executor->inspect);
    executor->logs = executor->stop = executor->inspect = NULL;
    task_checks_free(executor->checks);
    executor->checks = NULL;
    loop_timer_stop(&executor->kill_timer);
    loop_timer_stop(&executor->completion_timer);
    loop_timer_stop(&executor->inspect_timer);
    loop_timer_stop(&executor->flush_timer);
    loop_timer_stop(&executor->logs_timer);
    if (executor->out_of_time)
        reason = MESOS__V1__TASK_STATUS__REASON__REASON_MAX_COMPLETION_TIME_REACHED;
    else if (executor->exit_code == 0)
        state = MESOS__V1__TASK_STATE__TASK_FINISHED;
    else if (executor->killed)
        state = MESOS__V1__TASK_STATE__TASK_KILLED;
    log_info("%s", executor->end_message);
    docker_executor_report(executor, state, executor->end_message, reason, STR_LIT(""));
    if (agent_link_subscribed(executor->link))
        loop_timer_start(&executor->exit_timer, DOCKER_UNACKNOWLEDGED_EXIT_MS);
    else if (!executor->options.agent.checkpoint)
        docker_executor_finish(executor);
}

void
docker_executor_on_flush_timer(void *arg)
{
    end(arg);
}

/* All is known but the last of its output. */
void
docker_executor_ended(struct docker_executor *executor, int code, char *message)
{
    if (executor->phase == FLUSHING || executor->phase == ENDED) {
        free(message);
        return;
    }
    if (!executor->told_running && !executor->run_failed) {
        executor->told_running = true;
        docker_executor_report(executor, MESOS__V1__TASK_STATE__TASK_RUNNING, NULL, 0, STR_LIT(""));
    }
    executor->phase = FLUSHING;
    executor->exit_code = code;
    executor->end_message = message;
    task_checks_pause(executor->checks);
    loop_timer_stop(&executor->wait_timer);
    loop_timer_stop(&executor->logs_timer);
    docker_command_cancel(executor->wait);
    executor->wait = NULL;
    loop_timer_start(&executor->flush_timer, executor->logs ? LOGS_FLUSH_MS : 0);
}

/* ---- killing ---- */

int64_t
docker_executor_grace_ms(const struct docker_executor *executor, const Mesos__V1__KillPolicy *policy)
{
    int64_t grace_ms = executor->options.shutdown_grace_ms;
    if (executor->options.stop_timeout_ms > grace_ms)
        grace_ms = executor->options.stop_timeout_ms;
    if (policy && policy->grace_period)
        return policy->grace_period->nanoseconds / 1000000;
    policy = executor->task ? executor->task->kill_policy : NULL;
    return policy && policy->grace_period ? policy->grace_period->nanoseconds / 1000000 : grace_ms;
}

/* docker stop and docker kill have failed: the engine is not at hand, but the process is. Its end is the
 * container's. */
static void
kill_ourselves(struct docker_executor *executor)
{
    if (executor->pid_fd < 0)
        return;
    log_warning("Killing the container's first process %d, since docker does not", (int)executor->state.pid);
    if (syscall(SYS_pidfd_send_signal, executor->pid_fd, SIGKILL, NULL, 0u) < 0)
        log_error("Cannot kill process %d: %s", (int)executor->state.pid, strerror(errno));
}

static void
on_docker_killed(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    executor->stop = NULL;
    if (executor->phase != RUNNING || docker_well(result))
        return;
    auto_free char *text = docker_result_text(result);
    log_error("Failed to kill container '%s': %s", executor->options.container, text);
    kill_ourselves(executor);
    executor->stop_due_ms = INT64_MAX;
    loop_timer_start(&executor->kill_timer, KILL_AGAIN_MS);
}

static void
on_stopped(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct docker_argv argv;
    executor->stop = NULL;
    if (executor->phase != RUNNING || docker_well(result))
        return;
    auto_free char *text = docker_result_text(result);
    log_error("Failed to stop container '%s': %s", executor->options.container, text);
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "kill");
    docker_argv_add(&argv, "%s", executor->options.container);
    executor->stop = docker_executor_call(executor, &argv, DOCKER_INSPECT_TIMEOUT_MS, on_docker_killed);
    docker_argv_fini(&argv);
}

static void
call_stop(struct docker_executor *executor, int64_t grace_ms)
{
    struct docker_argv argv;
    docker_command_cancel(executor->stop);
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "stop");
    docker_argv_add(&argv, "-t");
    docker_argv_add(&argv, "%lld", (long long)((grace_ms + 999) / 1000));
    docker_argv_add(&argv, "%s", executor->options.container);
    executor->stop_due_ms = loop_now_ms(executor->loop) + grace_ms;
    executor->stop = docker_executor_call(executor, &argv, grace_ms + STOP_EXTRA_MS, on_stopped);
    docker_argv_fini(&argv);
}

void
docker_executor_on_kill_timer(void *arg)
{
    struct docker_executor *executor = arg;
    if (executor->phase == RUNNING && !executor->stop)
        call_stop(executor, 0);
}

void
docker_executor_kill(struct docker_executor *executor, int64_t grace_ms)
{
    bool first = !executor->killed;
    if (executor->phase != RUNNING && executor->phase != STARTING)
        return;
    if (grace_ms < 0)
        grace_ms = 0;
    if (grace_ms > INT32_MAX)
        grace_ms = INT32_MAX;
    executor->killed = true;
    if (first) {
        task_checks_pause(executor->checks);
        if (executor->tells_killing && !executor->out_of_time)
            docker_executor_report(executor, MESOS__V1__TASK_STATE__TASK_KILLING, NULL, 0, STR_LIT(""));
    }
    /* A container that docker is just starting is stopped when it has started. */
    if (executor->phase != RUNNING)
        return;
    /* Asked again: a shorter grace counts from now, a longer one does not revive what was promised. */
    if (!executor->stop || loop_now_ms(executor->loop) + grace_ms < executor->stop_due_ms)
        call_stop(executor, grace_ms);
}

void
docker_executor_on_kill(struct docker_executor *executor, const Mesos__V1__Executor__Event__Kill *kill)
{
    if (!executor->task || strcmp(executor->task->task_id->value, kill->task_id->value) != 0) {
        log_warning("Ignoring KILL of unknown task '%s'", kill->task_id->value);
        return;
    }
    docker_executor_kill(executor, docker_executor_grace_ms(executor, kill->kill_policy));
}
