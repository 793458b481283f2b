/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker clients as children: what they print is caught, bounded, and they are killed when they take too long. They
 * end with the agent, so that one that was killed leaves no hung client behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <time.h>
#include "docker.h"

#define OUT_MAX (4u << 20) /* a list of very many containers */
#define ERR_MAX (16u << 10)
#define PATIENCE_MS 500 /* with a pipe that somebody else holds open after the client's end */

struct pipe {
    struct cli *cli;
    int fd;
    struct mesos_watch *watch;
    struct buf text;
    size_t max;
    bool last; /* the end is worth more than the beginning */
};

struct cli {
    struct list in_docker;
    struct docker *docker;
    pid_t pid;
    bool exited, timed_out, cancelled;
    int status;
    struct pipe pipes[2];
    struct mesos_timer *timer, *patience;
    cli_done_fn *done;
    void *arg;
};

static void
pipe_close(struct cli *cli, struct pipe *pipe)
{
    if (pipe->watch)
        cli->docker->host->unwatch_fd(cli->docker->host, pipe->watch);
    pipe->watch = NULL;
    close_at(&pipe->fd);
    pipe->fd = -1;
}

static void
timers_stop(struct cli *cli)
{
    const struct mesos_host *host = cli->docker->host;
    if (cli->timer)
        host->timer_stop(host, cli->timer);
    if (cli->patience)
        host->timer_stop(host, cli->patience);
    cli->timer = cli->patience = NULL;
}

static void
cli_free(struct cli *cli)
{
    list_remove(&cli->in_docker);
    timers_stop(cli);
    for (int i = 0; i < 2; i++) {
        pipe_close(cli, &cli->pipes[i]);
        buf_fini(&cli->pipes[i].text);
    }
    free(cli);
}

static void
over(struct cli *cli)
{
    struct cli_result result = {
        .status = cli->timed_out ? -1 : cli->status,
        .timed_out = cli->timed_out,
        .out = buf_str(&cli->pipes[0].text),
        .err = buf_str(&cli->pipes[1].text),
    };
    timers_stop(cli);
    list_remove(&cli->in_docker);
    if (!cli->cancelled)
        cli->done(&result, cli->arg);
    cli_free(cli);
}

static bool
is_open(const struct cli *cli)
{
    return cli->pipes[0].fd >= 0 || cli->pipes[1].fd >= 0;
}

static void
on_patience(void *arg)
{
    struct cli *cli = arg;
    cli->patience = NULL;
    over(cli);
}

static void
keep(struct pipe *pipe, const char *bytes, size_t len)
{
    buf_append(&pipe->text, bytes, len);
    if (pipe->text.len <= pipe->max)
        return;
    if (pipe->last)
        buf_consume(&pipe->text, pipe->text.len - pipe->max);
    else
        pipe->text.len = pipe->max;
}

static void
on_readable(int fd, int events, void *arg)
{
    struct pipe *pipe = arg;
    struct cli *cli = pipe->cli;
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        keep(pipe, bytes, (size_t)n);
        return;
    }
    pipe_close(cli, pipe);
    if (cli->exited && !is_open(cli))
        over(cli);
}

static void
on_exited(pid_t pid, int status, void *arg)
{
    struct cli *cli = arg;
    const struct mesos_host *host = cli->docker->host;
    cli->exited = true;
    cli->status = status;
    if (cli->cancelled || !is_open(cli))
        over(cli);
    else if (!cli->patience)
        cli->patience = host->timer_start(host, PATIENCE_MS, on_patience, cli);
}

static void
on_time(void *arg)
{
    struct cli *cli = arg;
    cli->timer = NULL;
    if (cli->exited)
        return;
    cli->timed_out = true;
    kill(-cli->pid, SIGKILL);
}

/* The corpse is still to be taken; nobody hears of it. */
void
cli_cancel(struct cli *cli)
{
    if (!cli || cli->cancelled)
        return;
    cli->cancelled = true;
    if (!cli->exited) {
        kill(-cli->pid, SIGKILL);
        return;
    }
    cli_free(cli);
}

void
cli_stop(struct docker *docker)
{
    struct cli *cli, *tmp;
    list_foreach_safe(cli, tmp, &docker->calls, in_docker)
    {
        if (!cli->exited)
            kill(-cli->pid, SIGKILL);
        cli_free(cli);
    }
}

pid_t
cli_pid(const struct cli *cli)
{
    return cli->pid;
}

static int
pipes_open(struct cli *cli, int ends[2])
{
    const struct mesos_host *host = cli->docker->host;
    for (int i = 0; i < 2; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
        cli->pipes[i].fd = fds[0];
        ends[i] = fds[1];
        cli->pipes[i].watch = host->watch_fd(host, fds[0], 1, on_readable, &cli->pipes[i]);
    }
    return 0;
}

/* The words in front of the client's own: who makes it end with us. */
static const char **
full_argv(const struct docker *docker, const struct cli_wish *wish, char pid[16])
{
    const char **argv = xcalloc(wish->argv->count + 8, sizeof *argv);
    size_t count = 0;
    snprintf(pid, 16, "%d", (int)getpid());
    argv[count++] = docker->helper;
    argv[count++] = "client";
    argv[count++] = pid;
    if (wish->terminal)
        argv[count++] = "--terminal";
    argv[count++] = "--";
    for (size_t i = 0; i < wish->argv->count; i++)
        argv[count++] = wish->argv->items[i];
    return argv;
}

static int
spawn(struct cli *cli, const struct cli_wish *wish, const int ends[2])
{
    const struct docker *docker = cli->docker;
    char pid[16];
    auto_free char **usual = docker_environment_join(wish->argv->environment, docker->environment);
    union {
        char **from;
        const char *const *to;
    } environment = {.from = usual};
    auto_free const char **argv = full_argv(docker, wish, pid);
    const int fds[] = {wish->streams ? wish->fds[0] : -1, wish->streams ? wish->fds[1] : ends[0],
                       wish->streams ? wish->fds[2] : ends[1], wish->env_fd};
    struct mesos_spawn child = {
        .size = sizeof child,
        .argv = argv,
        .environment = wish->environment ? wish->environment : environment.to,
        .directory = "/",
        .fds = fds,
        .fd_count = wish->env_fd >= 0 ? 4 : 3,
        .new_session = 1,
    };
    return docker->host->spawn(docker->host, &child, on_exited, cli, &cli->pid);
}

struct cli *
cli_start(struct docker *docker, const struct cli_wish *wish, cli_done_fn *done, void *arg, int *ret)
{
    const struct mesos_host *host = docker->host;
    struct cli *cli = xcalloc(1, sizeof *cli);
    int ends[2] = {-1, -1};
    cli->docker = docker;
    cli->done = done;
    cli->arg = arg;
    cli->pipes[0] = (struct pipe){.cli = cli, .fd = -1, .max = OUT_MAX};
    cli->pipes[1] = (struct pipe){.cli = cli, .fd = -1, .max = ERR_MAX, .last = true};
    list_push(&docker->calls, &cli->in_docker);
    int rc = wish->streams ? 0 : pipes_open(cli, ends);
    if (rc == 0)
        rc = spawn(cli, wish, ends);
    close_at(&ends[0]);
    close_at(&ends[1]);
    if (ret)
        *ret = rc;
    if (rc < 0) {
        MESOS_LOG(host, ERROR, "cannot start %s: %s", docker->helper, strerror(-rc));
        cli_free(cli);
        return NULL;
    }
    if (wish->timeout_ms > 0)
        cli->timer = host->timer_start(host, wish->timeout_ms, on_time, cli);
    return cli;
}

struct cli *
cli_call(struct docker *docker, int64_t timeout_ms, cli_done_fn *done, void *arg, const char *const *words)
{
    struct docker_argv argv;
    docker_argv_init(&argv, &docker->client);
    for (; *words; words++)
        docker_argv_add(&argv, "%s", *words);
    struct cli_wish wish = {.argv = &argv, .timeout_ms = timeout_ms, .env_fd = -1};
    struct cli *cli = cli_start(docker, &wish, done, arg, NULL);
    docker_argv_fini(&argv);
    return cli;
}

bool
cli_well(const struct cli_result *result)
{
    return !result->timed_out && result->status >= 0 && WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

static bool
contains(struct str text, const char *what)
{
    size_t len = strlen(what);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (strncasecmp(text.ptr + i, what, len) == 0)
            return true;
    }
    return false;
}

bool
cli_says_gone(const struct cli_result *result)
{
    return !result->timed_out && (contains(result->err, "no such container") || contains(result->err, "no such object"));
}

char *
cli_failure(const struct docker_argv *argv, const struct cli_result *result)
{
    auto_free char *text = docker_argv_text(argv);
    if (result->timed_out)
        return xasprintf("Failed to run '%s': cut off because it did not end in time; stderr='%.*s'", text,
                         STR_ARG(result->err));
    if (WIFEXITED(result->status))
        return xasprintf("Failed to run '%s': exited with status %d; stderr='%.*s'", text, WEXITSTATUS(result->status),
                         STR_ARG(result->err));
    return xasprintf("Failed to run '%s': terminated with signal %s; stderr='%.*s'", text,
                     strsignal(WTERMSIG(result->status)), STR_ARG(result->err));
}

/* ---- before the loop runs ---- */

static int64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
read_until(int fd, int64_t end_ms, struct buf *out)
{
    char bytes[4096];
    for (;;) {
        struct pollfd poller = {fd, POLLIN, 0};
        int64_t left = end_ms - now_ms();
        int n = left > 0 ? poll(&poller, 1, (int)left) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ETIMEDOUT;
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got <= 0)
            return got < 0 ? -errno : 0;
        if (out->len < 65536)
            buf_append(out, bytes, (size_t)got);
    }
}

static int
spawn_now(const struct docker *docker, const struct docker_argv *argv, int out_fd, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(ret, argv->items[0], &actions, &attr, argv->items, docker->environment);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

static int
ask(const struct docker *docker, const struct docker_argv *argv, int64_t timeout_ms, struct buf *out, struct err *err)
{
    int fds[2], status = 0;
    pid_t pid;
    auto_free char *text = docker_argv_text(argv);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    int rc = spawn_now(docker, argv, fds[1], &pid);
    close(fds[1]);
    if (rc < 0) {
        close(fds[0]);
        return err_set(err, rc, "Failed to run '%s': %s", text, strerror(-rc));
    }
    rc = read_until(fds[0], now_ms() + timeout_ms, out);
    close(fds[0]);
    if (rc < 0)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (rc == -ETIMEDOUT)
        return err_set(err, rc, "'%s' did not end within %lld ms", text, (long long)timeout_ms);
    if (rc < 0)
        return err_set(err, rc, "Failed to run '%s': %s", text, strerror(-rc));
    struct str said = str_trim(buf_str(out));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, -EIO, "Failed to run '%s': status %d: %.*s", text, status,
                       (int)(said.len < 300 ? said.len : 300), said.ptr);
    return 0;
}

int
cli_ask_now(const struct docker *docker, const char *const *words, int64_t timeout_ms, struct buf *out, struct err *err)
{
    struct docker_argv argv;
    docker_argv_init(&argv, &docker->client);
    for (; *words; words++)
        docker_argv_add(&argv, "%s", *words);
    int rc = ask(docker, &argv, timeout_ms, out, err);
    docker_argv_fini(&argv);
    return rc;
}
