/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a child, for modules (lend.c) and for the agent itself. Nobody watches the child here.
 *
 * A plain child is posix_spawn's. One that begins in other namespaces is cloned here in the same manner: it borrows the
 * memory of the thread that makes it, which stands still meanwhile, and does nothing but system calls until it executes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "host/host.h"

#define STACK_BYTES (64u << 10)
#define ENTERED_MAX 8

/* The descriptors of the child, none of which may be overwritten by a dup2 before it was copied itself. */
static int
fds_lift(const struct mesos_spawn *spawn, int lifted[HOST_SPAWN_FDS_MAX])
{
    int count = (int)spawn->fd_count;
    for (int i = 0; i < count; i++) {
        lifted[i] = -1;
        if (spawn->fds[i] >= 0 && spawn->fds[i] < count && spawn->fds[i] != i) {
            lifted[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, count);
            if (lifted[i] < 0)
                return -errno;
        }
    }
    return 0;
}

static void
fds_drop(const struct mesos_spawn *spawn, const int lifted[HOST_SPAWN_FDS_MAX])
{
    for (size_t i = 0; i < spawn->fd_count; i++) {
        if (lifted[i] >= 0)
            close(lifted[i]);
    }
}

static void
spawn_actions(posix_spawn_file_actions_t *actions, const struct mesos_spawn *spawn, const int lifted[HOST_SPAWN_FDS_MAX])
{
    for (int i = 0; i < (int)spawn->fd_count; i++) {
        if (spawn->fds[i] < 0)
            posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
        else
            posix_spawn_file_actions_adddup2(actions, lifted[i] >= 0 ? lifted[i] : spawn->fds[i], i);
    }
    posix_spawn_file_actions_addclosefrom_np(actions, (int)spawn->fd_count);
    if (spawn->directory)
        posix_spawn_file_actions_addchdir_np(actions, spawn->directory);
}

/* posix_spawn's and execve's prototypes are older than const. */
union texts {
    const char *const *from;
    char *const *to;
};

static char *const *
environment_of(const struct mesos_spawn *spawn)
{
    static char *const none[] = {NULL};
    return spawn->environment ? ((union texts){.from = spawn->environment}).to : none;
}

/* posix_spawn is vfork inside: nothing of ours runs between it and exec. */
static int
spawn_plain(const struct mesos_spawn *spawn, const int lifted[HOST_SPAWN_FDS_MAX], pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                            (spawn->new_session ? POSIX_SPAWN_SETSID : 0)));
    spawn_actions(&actions, spawn, lifted);
    union texts argv = {.from = spawn->argv};
    int rc = posix_spawn(ret, spawn->file ? spawn->file : spawn->argv[0], &actions, &attr, argv.to, environment_of(spawn));
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* ---- children in other namespaces ---- */

struct newborn {
    const struct mesos_spawn *spawn;
    const int *lifted;
    int entered[ENTERED_MAX]; /* namespaces; the pid namespace is the thread's affair */
    size_t entered_count;
    uint32_t flags; /* of its clone */
    char *stacks; /* of it and of a go-between */
    pid_t pid; /* as it is seen in /proc; only through a go-between */
    int error; /* the child's, when it did not get as far as exec */
};

static int
newborn_fds(const struct newborn *newborn)
{
    const struct mesos_spawn *spawn = newborn->spawn;
    for (int i = 0; i < (int)spawn->fd_count; i++) {
        int from = newborn->lifted[i] >= 0 ? newborn->lifted[i] : spawn->fds[i];
        if (from == i) {
            if (fcntl(i, F_SETFD, 0) < 0)
                return -errno;
            continue;
        }
        auto_fd int null_fd = from < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
        if (null_fd == i) {
            fcntl(i, F_SETFD, 0);
            null_fd = -1;
        } else if (dup2(from < 0 ? null_fd : from, i) < 0) {
            return -errno;
        }
    }
    return close_range((unsigned)spawn->fd_count, ~0u, 0) < 0 ? -errno : 0;
}

static int
newborn_prepare(const struct newborn *newborn)
{
    for (size_t i = 0; i < newborn->entered_count; i++) {
        if (setns(newborn->entered[i], 0) < 0)
            return -errno;
    }
    if (newborn->spawn->new_session && setsid() < 0)
        return -errno;
    int rc = newborn_fds(newborn);
    if (rc == 0 && newborn->spawn->directory && chdir(newborn->spawn->directory) < 0)
        rc = -errno;
    return rc;
}

/* Shares the parent's memory: writes to `newborn` are seen there, and nothing else may be written. All signals are
 * blocked, so that no handler of the parent's runs in here. */
static int
newborn_run(void *arg)
{
    struct newborn *newborn = arg;
    const struct mesos_spawn *spawn = newborn->spawn;
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int signo = 1; signo < NSIG; signo++)
        sigaction(signo, &action, NULL);
    newborn->error = newborn_prepare(newborn);
    if (newborn->error < 0)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    union texts argv = {.from = spawn->argv};
    execve(spawn->file ? spawn->file : spawn->argv[0], argv.to, environment_of(spawn));
    newborn->error = -errno;
    _exit(127);
}

static int
namespace_open(pid_t pid, const char *kind)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens what is to be entered; *ret_pid_namespace stays -1 when that is not among it. */
static int
namespaces_open(const struct mesos_spawn *spawn, struct newborn *newborn, int *ret_pid_namespace)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } kinds[] = {
        {CLONE_NEWPID, "pid"}, {CLONE_NEWIPC, "ipc"}, {CLONE_NEWUTS, "uts"}, {CLONE_NEWNET, "net"}, {CLONE_NEWCGROUP, "cgroup"},
    };
    uint32_t left = spawn->enter_flags;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!(left & kinds[i].flag))
            continue;
        left &= ~kinds[i].flag;
        int fd = namespace_open(spawn->enter_pid, kinds[i].name);
        if (fd < 0)
            return fd;
        if (kinds[i].flag == CLONE_NEWPID)
            *ret_pid_namespace = fd;
        else
            newborn->entered[newborn->entered_count++] = fd;
    }
    return left ? -EINVAL : 0;
}

/* Who is born of a go-between is our child, whose number only itself can find out. */
static int
newborn_find_self(void *arg)
{
    struct newborn *newborn = arg;
    char text[32];
    ssize_t n = readlink("/proc/self", text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    newborn->pid = (pid_t)atoi(text);
    if (newborn->pid <= 0) {
        newborn->error = -ESRCH;
        _exit(127);
    }
    return newborn_run(newborn);
}

/* Lives in the parent's pid namespace, below which another is made: the kernel wants that of who makes one. */
static int
between_run(void *arg)
{
    struct newborn *newborn = arg;
    if (clone(newborn_find_self, newborn->stacks + STACK_BYTES,
              (int)(CLONE_VM | CLONE_VFORK | CLONE_PARENT | newborn->flags), newborn) < 0)
        newborn->error = -errno;
    _exit(0);
}

static pid_t
newborn_clone_through(struct newborn *newborn)
{
    pid_t between = clone(between_run, newborn->stacks + 2 * STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, newborn);
    if (between < 0)
        return -errno;
    waitpid(between, NULL, 0);
    return newborn->pid;
}

static int
newborn_clone(struct newborn *newborn, bool through, pid_t *ret)
{
    const uint32_t kinds = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
    newborn->flags = newborn->spawn->clone_flags;
    if (newborn->flags & ~kinds)
        return -EINVAL;
    newborn->stacks = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (newborn->stacks == MAP_FAILED)
        return -errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pid_t pid = through ? newborn_clone_through(newborn)
                        : clone(newborn_run, newborn->stacks + STACK_BYTES,
                                (int)(CLONE_VM | CLONE_VFORK | SIGCHLD | newborn->flags), newborn);
    int rc = pid < 0 ? (through ? pid : -errno) : newborn->error;
    if (pid > 0 && rc < 0)
        waitpid(pid, NULL, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(newborn->stacks, 2 * STACK_BYTES);
    if (rc == 0)
        *ret = pid;
    return rc;
}

/* A process cannot move into a pid namespace; its thread says where its next children begin. */
static int
spawn_entering_pids(struct newborn *newborn, int pid_namespace, pid_t *ret)
{
    auto_fd int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(pid_namespace, CLONE_NEWPID) < 0)
        return -errno;
    int rc = newborn_clone(newborn, newborn->spawn->clone_flags & CLONE_NEWPID, ret);
    if (setns(own, CLONE_NEWPID) < 0) /* every later child would begin in the container */
        abort();
    return rc;
}

static int
spawn_namespaced(const struct mesos_spawn *spawn, const int lifted[HOST_SPAWN_FDS_MAX], pid_t *ret)
{
    struct newborn newborn = {.spawn = spawn, .lifted = lifted};
    auto_fd int pid_namespace = -1;
    int rc = spawn->enter_flags ? namespaces_open(spawn, &newborn, &pid_namespace) : 0;
    if (rc == 0)
        rc = pid_namespace < 0 ? newborn_clone(&newborn, false, ret) : spawn_entering_pids(&newborn, pid_namespace, ret);
    for (size_t i = 0; i < newborn.entered_count; i++)
        close(newborn.entered[i]);
    return rc;
}

int
host_spawn(const struct mesos_spawn *spawn, pid_t *ret_pid)
{
    int lifted[HOST_SPAWN_FDS_MAX];
    if (spawn->fd_count > HOST_SPAWN_FDS_MAX)
        return -EINVAL;
    memset(lifted, -1, sizeof lifted);
    int rc = fds_lift(spawn, lifted);
    if (rc == 0)
        rc = spawn->clone_flags || spawn->enter_flags ? spawn_namespaced(spawn, lifted, ret_pid)
                                                      : spawn_plain(spawn, lifted, ret_pid);
    fds_drop(spawn, lifted);
    return rc;
}
