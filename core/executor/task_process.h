/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a task: starting its command, signalling the whole tree, reaping orphans. No protocol here. */
#ifndef EXECUTOR_TASK_PROCESS_H
#define EXECUTOR_TASK_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"
#include "mesos/v1/mesos.pb-c.h"

/* The helper that brings a task where the containerizer wants it, and what it is told: sealed files that we inherited. */
struct task_launch {
    int program_fd; /* -1: program */
    char *program;
    int steps_fd;
};

struct task_command {
    const Mesos__V1__CommandInfo *command;
    const Mesos__V1__Environment *extra_environment; /* before the command's own; may be NULL */
    const char *allocation_role; /* NULL = none */
    const char *task_id; /* NULL: the command is no task */
    const char *user; /* NULL = stay who we are */
    const char *working_directory; /* NULL = stay where we are */
    const struct task_launch *launch; /* NULL = run it here; else user and working_directory are its affair */
    bool detached; /* no standard input, and stdout_fd as standard output: for what only looks at the task */
    int stdout_fd;
};

/* --task_launch: "<descriptor of the helper, or -1>:<descriptor of its steps>". Neither is inherited by anybody else from now
 * on. ret is the caller's to free. */
int task_launch_read(const char *text, const char *launcher_dir, struct task_launch *ret, struct err *err);
/* Makes orphans of this process's descendants its children, so that none escapes. Once, at start. */
void task_process_adopt_orphans(void);
/* Runs the command in a session of its own, with our standard streams. The first process's pid, or -E.... */
pid_t task_process_start(const struct task_command *task, struct err *err);
/* Sends the signal to every descendant of this process; SIGKILL goes on until none is left. Returns how many got it. */
int task_process_signal_all(int signo);
/* The same for one child and its descendants. */
int task_process_signal_tree(pid_t pid, int signo);
/* "exited with status 3", "terminated with signal Killed". */
void task_process_describe(int status, char *out, size_t size);

#endif
