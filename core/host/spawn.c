/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a child, for modules (lend.c) and for the agent itself. Nobody watches the child here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include "base/mem.h"
#include "host/host.h"

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

/* posix_spawn is vfork inside: nothing of ours runs between it and exec. */
static int
spawn_now(const struct mesos_spawn *spawn, const int lifted[HOST_SPAWN_FDS_MAX], pid_t *ret)
{
    static char *const no_environment[] = {NULL};
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
    union { /* posix_spawn's prototype is older than const */
        const char *const *from;
        char *const *to;
    } argv = {.from = spawn->argv}, environment = {.from = spawn->environment};
    int rc = posix_spawn(ret, spawn->file ? spawn->file : spawn->argv[0], &actions, &attr, argv.to,
                         spawn->environment ? environment.to : no_environment);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
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
        rc = spawn_now(spawn, lifted, ret_pid);
    fds_drop(spawn, lifted);
    return rc;
}
