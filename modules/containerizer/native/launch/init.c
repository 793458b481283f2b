/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that stays above a container's program where one is needed: it writes the program's status down so that an
 * agent that was restarted can read it, and it is what reaps in a pid namespace. It hands every signal on and ends with
 * the program.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void
write_status(int fd, int status)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%d", status);
    if (fd >= 0 && write(fd, text, (size_t)len) != len)
        _exit(1);
}

/* Nothing but the status file is open in here: the program's end is the end of its output. */
__attribute__((noreturn)) static void
init_run(int status_fd, pid_t program, const sigset_t *signals)
{
    prctl(PR_SET_NAME, "mesos-container"); /* the kernel named it after the descriptor that was executed */
    if (status_fd > 0) {
        close_range(0, (unsigned)status_fd - 1, 0);
        close_range((unsigned)status_fd + 1, ~0u, 0);
    } else {
        close_range(0, ~0u, 0);
    }
    for (;;) {
        siginfo_t info;
        int signo = sigwaitinfo(signals, &info);
        if (signo > 0 && signo != SIGCHLD)
            kill(program, signo);
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (pid != program)
                continue;
            write_status(status_fd, status);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
    }
}

/* The terminal's signals are for the program, not for its init. All signals are blocked. */
static void
take_foreground(void)
{
    setpgid(0, 0);
    tcsetpgrp(STDIN_FILENO, getpid());
}

void
status_open(struct launch *launch, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        fail("Failed to open '%s': %s", path, strerror(errno));
    if (fd < LAUNCH_FDS) { /* 0 to 2 may be anything; this one stays */
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, LAUNCH_FDS);
        if (moved < 0)
            fail("Failed to duplicate a descriptor: %s", strerror(errno));
        close(fd);
        fd = moved;
    }
    launch->status_fd = fd;
}

/* The container finds init in its /proc, and through it init's directory: at '/' that follows when the root changes, while
 * any other would stay a door to the host. */
void
init(struct launch *launch)
{
    sigset_t signals, before;
    if (chdir("/") < 0)
        fail("Failed to chdir to '/': %s", strerror(errno));
    sigfillset(&signals);
    sigprocmask(SIG_SETMASK, &signals, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    launch->init = getpid();
    launch->has_init = true;
    pid_t pid = fork();
    if (pid < 0)
        fail("Failed to fork: %s", strerror(errno));
    if (pid > 0)
        init_run(launch->status_fd, pid, &signals);
    if (launch->status_fd >= 0)
        close(launch->status_fd);
    launch->status_fd = -1;
    if (launch->tty)
        take_foreground();
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void
follow_init(const struct launch *launch)
{
    if (!launch->has_init)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != launch->init)
        _exit(1);
}
