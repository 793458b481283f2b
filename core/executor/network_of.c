/* SPDX-License-Identifier: Apache-2.0 */
/* Used by probes of containers that have a network of their own. The calling thread alone goes there and comes back. */
#define _GNU_SOURCE 1
#include "executor/network_of.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
network_enter(pid_t pid, int *ret_back, struct err *err)
{
    char path[64];
    *ret_back = -1;
    if (pid == 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    auto_fd int there = open(path, O_RDONLY | O_CLOEXEC);
    if (there < 0)
        return err_errno(err, "cannot find the network of process %d", (int)pid);
    auto_fd int back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (back < 0)
        return err_errno(err, "cannot find our own network");
    if (setns(there, CLONE_NEWNET) < 0)
        return err_errno(err, "cannot enter the network of process %d", (int)pid);
    *ret_back = take_fd(&back);
    return 0;
}

void
network_leave(int back)
{
    if (back < 0)
        return;
    if (setns(back, CLONE_NEWNET) < 0)
        _exit(3); /* we would go on in a stranger's network */
    close(back);
}
