/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker executor beside a running container: `docker logs --follow` brings its output to ours, its first
 * process is watched, and when that has ended `docker wait`, or else `docker inspect`, tells how. An engine
 * that is away for a while only delays the news. It ends nothing: the code goes to docker_end.c.
 */
#define _GNU_SOURCE 1
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "executor/docker_task.h"

enum {
    WAIT_TIMEOUT_MS = 10 * 1000,
    WAIT_AGAIN_MS = 1000,
    LOST_MS = 60 * 1000, /* its first process is gone, and no engine says how it ended */
};

/* ---- calls ---- */

struct docker_command *
docker_executor_call(struct docker_executor *executor, const struct docker_argv *argv, int64_t timeout_ms,
                     docker_done_fn *done)
{
    struct docker_call call = {.argv = argv, .env_fd = -1, .timeout_ms = timeout_ms};
    return docker_command_start(&executor->commands, &call, done, executor);
}

struct docker_command *
docker_executor_call_inspect(struct docker_executor *executor, docker_done_fn *done)
{
    struct docker_argv argv;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "inspect");
    docker_argv_add(&argv, "--type=container");
    docker_argv_add(&argv, "%s", executor->options.container);
    struct docker_command *command = docker_executor_call(executor, &argv, DOCKER_INSPECT_TIMEOUT_MS, done);
    docker_argv_fini(&argv);
    return command;
}

bool
docker_executor_says_gone(const struct docker_result *result)
{
    auto_free char *text = str_dup(result->err);
    return !result->timed_out &&
           (strcasestr(text, "no such container") || strcasestr(text, "no such object"));
}

/* ---- its end ---- */

static void
on_last_state(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct docker_state state;
    executor->inspect = NULL;
    int code = executor->exit_code;
    executor->exit_code = -1;
    if (docker_well(result) && docker_state_read(result->out, &state, NULL) == 0 && state.oom_killed) {
        executor->end_reason = MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LIMITATION_MEMORY;
        docker_executor_ended(
            executor, code, xasprintf("Container exited with status %d: it reached its memory limit", code));
        return;
    }
    docker_executor_ended(executor, code, xasprintf("Container exited with status %d", code));
}

/* The code is known. One that SIGKILL may have made is looked into: the kernel kills who has too much memory.
 */
void
docker_executor_on_code(struct docker_executor *executor, int code)
{
    if (code != 128 + SIGKILL || executor->killed || executor->out_of_time) {
        docker_executor_ended(executor, code, xasprintf("Container exited with status %d", code));
        return;
    }
    executor->exit_code = code;
    docker_command_cancel(executor->inspect);
    executor->inspect = docker_executor_call_inspect(executor, on_last_state);
}

/* No code came: what does the engine say of the container? */
static void
on_state_instead(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    struct docker_state state;
    executor->inspect = NULL;
    if (docker_well(result) && docker_state_read(result->out, &state, NULL) == 0) {
        if (!state.running && strcmp(state.status, "restarting") != 0) {
            docker_executor_on_code(executor, state.exit_code);
            return;
        }
        executor->state = state;
        executor->gone_ms = 0;
    } else if (docker_executor_says_gone(result)) {
        docker_executor_ended(executor, -1, xstrdup("The container was removed by somebody else"));
        return;
    } else if (executor->gone_ms && loop_now_ms(executor->loop) - executor->gone_ms > LOST_MS) {
        auto_free char *text = docker_result_text(result);
        docker_executor_ended(executor, -1,
                              xasprintf("Failed to get exit status of container: docker inspect %s", text));
        return;
    }
    loop_timer_start(&executor->wait_timer, WAIT_AGAIN_MS);
}

static void
on_waited(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    uint64_t code;
    executor->wait = NULL;
    if (docker_well(result) && str_to_u64(str_trim(result->out), &code) == 0 && code <= 255) {
        docker_executor_on_code(executor, (int)code);
        return;
    }
    if (!result->timed_out)
        log_warning("docker wait does not tell the exit status: %.*s", STR_ARG(result->err));
    if (!executor->inspect)
        executor->inspect = docker_executor_call_inspect(executor, on_state_instead);
}

static void
call_wait(struct docker_executor *executor)
{
    struct docker_argv argv;
    if (executor->wait || executor->phase != RUNNING)
        return;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "wait");
    docker_argv_add(&argv, "%s", executor->options.container);
    executor->wait = docker_executor_call(executor, &argv, WAIT_TIMEOUT_MS, on_waited);
    docker_argv_fini(&argv);
}

void
docker_executor_forget_process(struct docker_executor *executor)
{
    loop_fd_unwatch(executor->pid_watch);
    executor->pid_watch = NULL;
    close_at(&executor->pid_fd);
    executor->pid_fd = -1;
}

static void
on_first_process_gone(int fd, int events, void *arg)
{
    struct docker_executor *executor = arg;
    (void)fd;
    (void)events;
    docker_executor_forget_process(executor);
    executor->gone_ms = loop_now_ms(executor->loop);
    call_wait(executor);
}

void
docker_executor_on_wait_timer(void *arg)
{
    docker_executor_wait(arg);
}

/* Its first process is watched where it can be seen: a client per container that only waits would be dear. */
void
docker_executor_wait(struct docker_executor *executor)
{
    if (executor->phase != RUNNING || executor->pid_watch)
        return;
    if (executor->state.running && executor->state.pid > 0 && executor->gone_ms == 0)
        executor->pid_fd = (int)syscall(SYS_pidfd_open, executor->state.pid, 0u);
    if (executor->pid_fd >= 0) {
        executor->pid_watch =
            loop_fd_watch(executor->loop, executor->pid_fd, LOOP_READ, on_first_process_gone, executor);
        return;
    }
    if (executor->gone_ms == 0)
        executor->gone_ms = loop_now_ms(executor->loop);
    call_wait(executor);
}

/* ---- its output ---- */

void
docker_executor_on_logs_timer(void *arg)
{
    struct docker_executor *executor = arg;
    if (executor->phase == RUNNING && !executor->logs && executor->pid_watch)
        docker_executor_start_logs(executor, true);
}

static void
on_logs_ended(const struct docker_result *result, void *arg)
{
    struct docker_executor *executor = arg;
    (void)result;
    executor->logs = NULL;
    if (executor->phase == FLUSHING)
        loop_timer_start(&executor->flush_timer, 0);
    else if (executor->phase == RUNNING)
        loop_timer_start(&executor->logs_timer, WAIT_AGAIN_MS); /* the engine restarted, or this is the end */
}

void
docker_executor_start_logs(struct docker_executor *executor, bool since_now)
{
    struct docker_argv argv;
    docker_argv_init(&argv, &executor->client);
    docker_argv_add(&argv, "logs");
    docker_argv_add(&argv, "--follow");
    if (since_now)
        docker_argv_add(&argv, "--since=%.3f", loop_wall_secs(executor->loop) - (double)WAIT_AGAIN_MS / 1000);
    docker_argv_add(&argv, "%s", executor->options.container);
    struct docker_call call = {.argv = &argv, .env_fd = -1, .follows = true};
    executor->logs = docker_command_start(&executor->commands, &call, on_logs_ended, executor);
    docker_argv_fini(&argv);
}
