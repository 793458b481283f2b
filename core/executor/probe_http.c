/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the task by HTTP. Plain requests with plain answers are done here; https, redirects, what our strict parser does
 * not take, and tasks in a network of their own go to mesos-http-check, a whole client that lives as long as one question.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/network_of.h"
#include "executor/probe.h"
#include "executor/task_process.h"
#include "wire/http_client.h"

struct http_probe {
    struct probe base;
    const struct probe_tools *tools;
    struct probe_target target;
    struct http_client *client;
    pid_t pid; /* of the helper */
    int helper_fd; /* it writes the status here; -1 = none */
    bool ask_helper; /* the answer's head was one for it */
    struct loop_timer soon;
    struct err err;
};

static void
release(struct http_probe *probe)
{
    http_client_free(probe->client);
    loop_timer_stop(&probe->soon);
    if (probe->helper_fd >= 0)
        close(probe->helper_fd);
    free(probe);
}

static void
http_cancel(struct probe *base)
{
    struct http_probe *probe = container_of(base, struct http_probe, base);
    if (probe->pid > 0)
        task_process_signal_tree(probe->pid, SIGKILL);
    release(probe);
}

static void
done(struct http_probe *probe, enum probe_word word, int value)
{
    struct probe base = probe->base;
    struct err err = probe->err;
    release(probe);
    base.done(word, value, &err, base.arg);
}

/* ---- the helper ---- */

static bool
http_reap(struct probe *base, pid_t pid, int status)
{
    struct http_probe *probe = container_of(base, struct http_probe, base);
    char text[16] = "", what[128];
    uint64_t code;
    if (pid != probe->pid)
        return false;
    ssize_t n = read(probe->helper_fd, text, sizeof(text) - 1);
    probe->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && n > 0 &&
        str_to_u64(str_trim(str_n(text, (size_t)n)), &code) == 0 && code >= 100 && code <= 999) {
        done(probe, PROBE_VALUE, (int)code);
        return true;
    }
    task_process_describe(status, what, sizeof(what));
    err_set(&probe->err, -EPROTO, "mesos-http-check %s", what);
    done(probe, PROBE_FAILED, 0);
    return true;
}

static int
start_helper(struct http_probe *probe, struct err *err)
{
    Mesos__V1__CommandInfo command = MESOS__V1__COMMAND_INFO__INIT;
    struct address to;
    char authority[64];
    int fds[2];
    if (!probe->tools->launcher_dir)
        return err_set(err, -ENOENT, "this needs mesos-http-check, and no --launcher_dir says where it is");
    probe_address(&probe->target, &to, authority);
    auto_free char *path = xasprintf("%s/mesos-http-check", probe->tools->launcher_dir);
    auto_free char *url = xasprintf("%s://%s%s", probe->target.scheme, authority, probe->target.path);
    char name[] = "mesos-http-check", *arguments[] = {name, url};
    command.has_shell = true;
    command.shell = false;
    command.value = path;
    command.n_arguments = ARRAY_LEN(arguments);
    command.arguments = arguments;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(err, "cannot make a pipe");
    struct task_command task = {.command = &command, .detached = true, .stdout_fd = fds[1]};
    int back;
    probe->pid = network_enter(probe->tools->network_of, &back, err) == 0 ? task_process_start(&task, err) : err->code;
    network_leave(back);
    probe->helper_fd = fds[0];
    close(fds[1]);
    return probe->pid < 0 ? (int)probe->pid : 0;
}

/* Started from the loop: an answer of ours may still be on the stack. */
static void
on_soon(void *arg)
{
    struct http_probe *probe = arg;
    http_client_free(probe->client);
    probe->client = NULL;
    if (start_helper(probe, &probe->err))
        done(probe, PROBE_FAILED, 0);
}

/* ---- our own request ---- */

static void
on_head(const struct http_response *response, void *arg)
{
    struct http_probe *probe = arg;
    if (response->status >= 300 && response->status < 400 &&
        http_header_get(&response->headers, "Location").ptr) {
        probe->ask_helper = true;
        loop_timer_start(&probe->soon, 0);
    }
}

static void
on_body(const struct http_response *response, void *arg)
{
    buf_clear(response->body);
}

static void
on_response(const struct http_response *response, void *arg)
{
    struct http_probe *probe = arg;
    if (!probe->ask_helper)
        done(probe, PROBE_VALUE, response->status);
}

static void
on_error(const struct err *err, void *arg)
{
    struct http_probe *probe = arg;
    if (probe->ask_helper)
        return;
    if (err->code == -EPROTO && probe->tools->launcher_dir) {
        loop_timer_start(&probe->soon, 0);
        return;
    }
    probe->err = *err;
    done(probe, PROBE_FAILED, 0);
}

/* A path that would break the request's line is for the helper to judge. */
static bool
is_plain(const char *path)
{
    for (; *path; path++)
        if ((unsigned char)*path <= ' ' || *path == 0x7f || *path == '#')
            return false;
    return true;
}

struct probe *
probe_http(const struct probe_tools *tools, const struct probe_target *target, probe_done_fn *done_fn, void *arg)
{
    static const struct probe_kind kind = {http_cancel, http_reap};
    static const struct http_call_handler handler = {on_head, on_body, on_response, on_error};
    static const struct http_header headers[] = {
        {STR_LIT("Accept"), STR_LIT("*/*")}, {STR_LIT("User-Agent"), STR_LIT("mesos-http-check")},
        {STR_LIT("Connection"), STR_LIT("close")}};
    struct http_probe *probe = xcalloc(1, sizeof(*probe));
    struct address to;
    char authority[64];
    probe->base = (struct probe){&kind, done_fn, arg};
    probe->tools = tools;
    probe->target = *target;
    probe->target.scheme = target->scheme ? target->scheme : "http";
    probe->target.path = target->path && *target->path ? target->path : "/";
    probe->helper_fd = -1;
    loop_timer_init(&probe->soon, tools->loop, on_soon, probe);
    if (tools->network_of || strcmp(probe->target.scheme, "http") != 0 || probe->target.path[0] != '/' || !is_plain(probe->target.path)) {
        loop_timer_start(&probe->soon, 0);
        return &probe->base;
    }
    probe_address(target, &to, authority);
    probe->client = http_client_new(tools->loop, &to, authority);
    http_client_send(probe->client, "GET", probe->target.path, headers, ARRAY_LEN(headers), STR_LIT(""), 0, &handler,
                     probe);
    return &probe->base;
}
