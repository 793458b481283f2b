/* SPDX-License-Identifier: Apache-2.0 */
/* A command beside the task, for executors that are the task's own process tree. Its output goes to our stderr. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/probe.h"
#include "executor/task_process.h"

struct command_probe {
    struct probe base;
    pid_t pid;
    struct loop_timer soon; /* reports what failed at once */
    struct err err;
};

static void
command_cancel(struct probe *base)
{
    struct command_probe *probe = container_of(base, struct command_probe, base);
    if (probe->pid > 0)
        task_process_signal_tree(probe->pid, SIGKILL); /* whoever reaps children takes it */
    loop_timer_stop(&probe->soon);
    free(probe);
}

static void
done(struct command_probe *probe, enum probe_word word, int value)
{
    struct probe base = probe->base;
    struct err err = probe->err;
    free(probe);
    base.done(word, value, &err, base.arg);
}

static bool
command_reap(struct probe *base, pid_t pid, int status)
{
    struct command_probe *probe = container_of(base, struct command_probe, base);
    char what[128];
    if (pid != probe->pid)
        return false;
    if (WIFEXITED(status)) {
        done(probe, PROBE_VALUE, WEXITSTATUS(status));
        return true;
    }
    task_process_describe(status, what, sizeof(what));
    err_set(&probe->err, -ECHILD, "the command %s", what);
    done(probe, PROBE_FAILED, 0);
    return true;
}

static void
on_soon(void *arg)
{
    done(arg, PROBE_FAILED, 0);
}

struct probe *
probe_command(const struct probe_tools *tools, const Mesos__V1__CommandInfo *command, probe_done_fn *done_fn,
              void *arg)
{
    static const struct probe_kind kind = {command_cancel, command_reap};
    struct command_probe *probe = xcalloc(1, sizeof(*probe));
    struct task_command task = {
        .command = command,
        .user = tools->user,
        .working_directory = tools->working_directory,
        .launch = tools->launch,
        .detached = true,
        .stdout_fd = STDERR_FILENO,
    };
    probe->base = (struct probe){&kind, done_fn, arg};
    loop_timer_init(&probe->soon, tools->loop, on_soon, probe);
    probe->pid = task_process_start(&task, &probe->err);
    if (probe->pid < 0)
        loop_timer_start(&probe->soon, 0);
    return &probe->base;
}
