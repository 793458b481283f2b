/* SPDX-License-Identifier: Apache-2.0 */
/* Children by pidfd. The descriptor names the process itself, so a pid that is used again is never mistaken. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loop/loop_internal.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct loop_child {
    struct list node;
    struct loop_fd *watch;
    int pidfd;
    pid_t pid;
    loop_child_fn *fn;
    void *arg;
};

static int
status_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED)
        return (info->si_status & 0xff) << 8;
    return (info->si_status & 0x7f) | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void
on_exit_seen(int fd, int events, void *arg)
{
    struct loop_child *child = arg;
    siginfo_t info = {0};
    int status = -1;
    if (waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0) {
        if (info.si_pid == 0)
            return; /* a child whose parent thread still traces or holds it: it will be told again */
        status = status_of(&info);
    }
    pid_t pid = child->pid;
    loop_child_fn *fn = child->fn;
    void *fn_arg = child->arg;
    loop_child_unwatch(child);
    fn(pid, status, fn_arg);
}

int
loop_child_watch(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg, struct loop_child **ret,
                 struct err *err)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return err_errno(err, "cannot watch process %d", (int)pid);
    struct loop_child *child = xcalloc(1, sizeof(*child));
    child->pidfd = pidfd;
    child->pid = pid;
    child->fn = fn;
    child->arg = arg;
    child->watch = loop_fd_watch(loop, pidfd, LOOP_READ, on_exit_seen, child);
    list_push(&loop->children, &child->node);
    if (ret)
        *ret = child;
    return 0;
}

void
loop_child_unwatch(struct loop_child *child)
{
    if (!child)
        return;
    list_remove(&child->node);
    loop_fd_unwatch(child->watch);
    close(child->pidfd);
    free(child);
}

void
loop_children_free(struct loop *loop)
{
    while (!list_empty(&loop->children))
        loop_child_unwatch(list_first(&loop->children, struct loop_child, node));
}
