/* SPDX-License-Identifier: Apache-2.0 */
/* Starts docker clients with pipes for what they print, or with our own streams. */
#define _GNU_SOURCE 1
#include "executor/docker_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "executor/task_process.h"

extern char **environ;

#define PATIENCE_MS 500 /* with a pipe that somebody else holds open after the client's end */

struct output {
    struct docker_command *command;
    int fd;
    struct loop_fd *watch;
    struct buf text;
    size_t max;
    bool last; /* the end is worth more than the beginning */
};

struct docker_command {
    struct list node;
    struct docker_commands *commands;
    pid_t pid; /* 0: reaped */
    struct output outputs[2];
    struct loop_timer timer, patience;
    int64_t timeout_ms;
    bool timed_out;
    int status;
    docker_done_fn *done;
    void *arg;
};

void
docker_commands_init(struct docker_commands *commands, struct loop *loop)
{
    commands->loop = loop;
    list_init(&commands->all);
}

static void
output_close(struct output *output)
{
    loop_fd_unwatch(output->watch);
    output->watch = NULL;
    close_at(&output->fd);
    output->fd = -1;
}

static void
command_free(struct docker_command *command)
{
    list_remove(&command->node);
    loop_timer_stop(&command->timer);
    loop_timer_stop(&command->patience);
    for (int i = 0; i < 2; i++) {
        output_close(&command->outputs[i]);
        buf_fini(&command->outputs[i].text);
    }
    free(command);
}

void
docker_command_cancel(struct docker_command *command)
{
    if (!command)
        return;
    if (command->pid > 0)
        kill(-command->pid, SIGKILL); /* whoever reaps children takes it */
    command_free(command);
}

void
docker_commands_fini(struct docker_commands *commands)
{
    while (!list_empty(&commands->all))
        docker_command_cancel(list_first(&commands->all, struct docker_command, node));
}

static void
over(struct docker_command *command)
{
    struct docker_result result = {
        .status = command->status,
        .timed_out = command->timed_out,
        .out = buf_str(&command->outputs[0].text),
        .err = buf_str(&command->outputs[1].text),
    };
    list_remove(&command->node);
    command->done(&result, command->arg);
    command_free(command);
}

static void
on_patience(void *arg)
{
    over(arg);
}

static bool
is_open(const struct docker_command *command)
{
    return command->outputs[0].fd >= 0 || command->outputs[1].fd >= 0;
}

static void
keep(struct output *output, const char *bytes, size_t len)
{
    buf_append(&output->text, bytes, len);
    if (output->text.len <= output->max)
        return;
    if (output->last)
        buf_consume(&output->text, output->text.len - output->max);
    else
        output->text.len = output->max;
}

static void
on_output(int fd, int events, void *arg)
{
    struct output *output = arg;
    struct docker_command *command = output->command;
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        keep(output, bytes, (size_t)n);
        return;
    }
    output_close(output);
    if (!is_open(command) && command->pid == 0)
        loop_timer_start(&command->patience, 0);
}

static void
on_timeout(void *arg)
{
    struct docker_command *command = arg;
    command->timed_out = true;
    if (command->pid > 0)
        kill(-command->pid, SIGKILL);
}

bool
docker_commands_reap(struct docker_commands *commands, pid_t pid, int status)
{
    struct docker_command *command;
    list_foreach(command, &commands->all, node)
    {
        if (command->pid != pid)
            continue;
        command->pid = 0;
        command->status = status;
        loop_timer_stop(&command->timer);
        loop_timer_start(&command->patience, is_open(command) ? PATIENCE_MS : 0);
        return true;
    }
    return false;
}

static void child(const struct docker_call *call, char **environment, const int fds[2], pid_t parent)
    __attribute__((noreturn));

static void
child(const struct docker_call *call, char **environment, const int fds[2], pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null_fd, STDIN_FILENO);
    if (fds[0] >= 0)
        dup2(fds[0], STDOUT_FILENO);
    if (fds[1] >= 0)
        dup2(fds[1], STDERR_FILENO);
    if (call->env_fd >= 0 && call->env_fd != DOCKER_ENV_FD)
        dup2(call->env_fd, DOCKER_ENV_FD);
    else if (call->env_fd >= 0)
        fcntl(DOCKER_ENV_FD, F_SETFD, 0);
    closefrom(call->env_fd >= 0 ? DOCKER_ENV_FD + 1 : STDERR_FILENO + 1);
    execve(call->argv->items[0], call->argv->items, environment);
    dprintf(STDERR_FILENO, "%s: %s\n", call->argv->items[0], strerror(errno));
    _exit(127);
}

static int
pipes(struct docker_command *command, int ret_ends[2])
{
    for (int i = 0; i < 2; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        command->outputs[i].fd = fds[0];
        ret_ends[i] = fds[1];
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        command->outputs[i].watch = loop_fd_watch(command->commands->loop, fds[0], 1, on_output, &command->outputs[i]);
    }
    return 0;
}

static int
start(struct docker_command *command, const struct docker_call *call)
{
    int ends[2] = {-1, -1};
    auto_free char **environment = docker_environment_join(call->argv->environment, environ);
    int rc = call->follows ? 0 : pipes(command, ends);
    pid_t parent = getpid(), pid = rc < 0 ? -1 : fork();
    if (pid == 0)
        child(call, environment, ends, parent);
    if (pid < 0 && rc == 0)
        rc = -errno;
    close_at(&ends[0]);
    close_at(&ends[1]);
    command->pid = pid > 0 ? pid : 0;
    return rc;
}

struct docker_command *
docker_command_start(struct docker_commands *commands, const struct docker_call *call, docker_done_fn *done, void *arg)
{
    struct docker_command *command = xcalloc(1, sizeof(*command));
    command->commands = commands;
    command->done = done;
    command->arg = arg;
    command->outputs[0] = (struct output){.command = command, .fd = -1, .max = DOCKER_OUTPUT_MAX};
    command->outputs[1] = (struct output){.command = command, .fd = -1, .max = DOCKER_WORDS_MAX, .last = true};
    list_push(&commands->all, &command->node);
    loop_timer_init(&command->timer, commands->loop, on_timeout, command);
    loop_timer_init(&command->patience, commands->loop, on_patience, command);
    int rc = start(command, call);
    if (rc < 0) {
        command->status = 127 << 8;
        buf_printf(&command->outputs[1].text, "cannot start %s: %s", call->argv->items[0], strerror(-rc));
        loop_timer_start(&command->patience, 0);
    } else if (!call->follows && call->timeout_ms > 0) {
        loop_timer_start(&command->timer, call->timeout_ms);
    }
    return command;
}

bool
docker_well(const struct docker_result *result)
{
    return !result->timed_out && WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

char *
docker_result_text(const struct docker_result *result)
{
    char what[128];
    if (result->timed_out)
        return xasprintf("cut off because it did not end in time; stderr='%.*s'", STR_ARG(result->err));
    task_process_describe(result->status, what, sizeof(what));
    return xasprintf("%s; stderr='%.*s'", what, STR_ARG(result->err));
}
