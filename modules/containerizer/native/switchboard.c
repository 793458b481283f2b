/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers that one can attach to: those with a terminal and those of class DEBUG. A helper of its own stands
 * between their streams, the logger's files and a socket below runtime_dir; it outlives the agent, so nothing of what a
 * container says is lost with it. This file makes the streams, starts the helper, finds it again and ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/file.h"
#include "common/processes.h"
#include "launch/switchboard.h"
#include "native.h"

#define GRACE_MS 5000 /* after the container's end, before SIGTERM; */
#define KILL_MS (60 * 1000) /* after that, before SIGKILL */

static const Mesos__V1__TTYInfo *
tty_of(const struct container *container)
{
    const Mesos__V1__ContainerInfo *info = container->config->container_info;
    return info ? info->tty_info : NULL;
}

bool
switchboard_wanted(const struct container *container)
{
    return container->debug || tty_of(container) != NULL;
}

bool
switchboard_has_terminal(const struct container *container)
{
    return tty_of(container) != NULL;
}

/* Sockets have short names only: it is named below an open directory. */
static int
socket_name(const struct container *container, int *ret_directory, struct sockaddr_un *ret)
{
    auto_free char *path = xasprintf("%s/io_switchboard", container->runtime_dir);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/socket", fd);
    *ret_directory = fd;
    return 0;
}

static int
listener_open(const struct container *container, int *ret)
{
    struct sockaddr_un name;
    auto_fd int directory = -1;
    auto_free char *path = xasprintf("%s/io_switchboard", container->runtime_dir);
    struct err err = {0};
    int rc = dir_make(path, 0755, &err);
    if (rc == 0)
        rc = socket_name(container, &directory, &name);
    if (rc < 0)
        return rc;
    auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(name.sun_path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof name) < 0 || chmod(name.sun_path, 0600) < 0 ||
        listen(fd, 64) < 0)
        return -errno;
    *ret = take_fd(&fd);
    return 0;
}

/* Ends of what connects helper and container. */
struct ends {
    int listener;
    int ours[3]; /* the helper's */
    int theirs[3]; /* the container's */
};

static int
terminal_open(struct ends *ends, const Mesos__V1__TTYInfo *tty, const struct user *user)
{
    ends->ours[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends->ours[0] < 0 || unlockpt(ends->ours[0]) < 0)
        return -errno;
    int slave = ioctl(ends->ours[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return -errno;
    ends->theirs[0] = slave;
    for (int i = 1; i < 3; i++) {
        ends->theirs[i] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
        if (ends->theirs[i] < 0)
            return -errno;
    }
    if (tty->window_size) {
        struct winsize size = {.ws_row = (unsigned short)tty->window_size->rows,
                               .ws_col = (unsigned short)tty->window_size->columns};
        ioctl(slave, TIOCSWINSZ, &size);
    }
    if (user && geteuid() == 0 && (fchown(slave, user->uid, (gid_t)-1) < 0 || fchmod(slave, 0600) < 0))
        return -errno;
    return 0;
}

static int
pipes_open(struct ends *ends)
{
    for (int i = 0; i < 3; i++) {
        int fds[2];
        if (pipe2(fds, O_CLOEXEC) < 0)
            return -errno;
        ends->theirs[i] = fds[i == 0 ? 0 : 1];
        ends->ours[i] = fds[i == 0 ? 1 : 0];
    }
    return 0;
}

static void
ends_close(struct ends *ends)
{
    close_at(&ends->listener);
    for (int i = 0; i < 3; i++) {
        close_at(&ends->ours[i]);
        close_at(&ends->theirs[i]);
    }
}

static void
on_switchboard_exited(pid_t pid, int status, void *arg)
{
    struct container *container = arg;
    const struct native *native = container->native;
    container->switchboard = 0;
    native->host->timer_stop(native->host, container->switchboard_timer);
    container->switchboard_timer = NULL;
    if (container->switchboard_last)
        container->switchboard_last(container);
}

static int
helper_start(struct container *container, const struct ends *ends)
{
    const struct native *native = container->native;
    char own[32];
    const char *argv[8] = {"mesos-containerizer", "switchboard", NULL};
    size_t argc = 2;
    if (tty_of(container))
        argv[argc++] = SWITCHBOARD_TTY;
    if (container->debug)
        argv[argc++] = SWITCHBOARD_WAIT;
    snprintf(own, sizeof own, "/proc/self/fd/%d", SWITCHBOARD_PROGRAM_FD);
    int fds[SWITCHBOARD_FDS] = {-1, -1, -1};
    fds[SWITCHBOARD_LISTEN_FD] = ends->listener;
    for (int i = 0; i < 3; i++)
        fds[SWITCHBOARD_IN_FD + i] = ends->ours[i];
    fds[SWITCHBOARD_LOG_OUT_FD] = container->out_fd;
    fds[SWITCHBOARD_LOG_ERR_FD] = container->err_fd;
    fds[SWITCHBOARD_PROGRAM_FD] = native->helper_fd;
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = argv,
        .file = native->helper_fd >= 0 ? own : native->helper_path,
        .directory = "/",
        .fds = fds,
        .fd_count = SWITCHBOARD_FDS,
        .new_session = 1,
    };
    return native->host->spawn(native->host, &spawn, on_switchboard_exited, container, &container->switchboard);
}

/* By pid and start time, as containers are. */
static void
helper_write_down(const struct container *container)
{
    struct process process;
    struct err err = {0};
    if (process_read(container->switchboard, &process) < 0)
        return;
    auto_free char *pid_file = xasprintf("%s/io_switchboard/pid", container->runtime_dir);
    auto_free char *state_file = xasprintf("%s/io_switchboard/state", container->runtime_dir);
    auto_free char *pid = xasprintf("%d", (int)container->switchboard);
    auto_free char *state = xasprintf("%d %llu\n", (int)container->switchboard, (unsigned long long)process.start_time);
    if (file_replace(pid_file, pid, strlen(pid), 0644, false, &err) < 0 ||
        file_replace(state_file, state, strlen(state), 0644, false, &err) < 0)
        MESOS_LOG(container->native->host, WARNING, "container %s: its I/O switchboard is not written down: %s",
                  container->id, err.text);
}

int
switchboard_start(struct container *container, const struct user *user, struct err *err)
{
    struct ends ends = {-1, {-1, -1, -1}, {-1, -1, -1}};
    int rc = listener_open(container, &ends.listener);
    if (rc == 0)
        rc = tty_of(container) ? terminal_open(&ends, tty_of(container), user) : pipes_open(&ends);
    if (rc == 0)
        rc = helper_start(container, &ends);
    if (rc < 0) {
        ends_close(&ends);
        return err_set(err, rc, "Failed to start the I/O switchboard: %s", strerror(-rc));
    }
    helper_write_down(container);
    close_at(&container->out_fd);
    close_at(&container->err_fd);
    container->in_fd = ends.theirs[0];
    container->out_fd = ends.theirs[1];
    container->err_fd = ends.theirs[2];
    for (int i = 0; i < 3; i++)
        ends.theirs[i] = -1;
    ends_close(&ends);
    return 0;
}

void
switchboard_recover(struct container *container, pid_t pid)
{
    const struct native *native = container->native;
    if (native->host->watch_pid(native->host, pid, on_switchboard_exited, container) == 0)
        container->switchboard = pid;
}

/* ---- the end ---- */

static void
on_kill_time(void *arg)
{
    struct container *container = arg;
    container->switchboard_timer = NULL;
    if (container->switchboard > 0)
        kill(container->switchboard, SIGKILL);
}

static void
on_grace_over(void *arg)
{
    struct container *container = arg;
    const struct mesos_host *host = container->native->host;
    kill(container->switchboard, SIGTERM);
    container->switchboard_timer = host->timer_start(host, KILL_MS, on_kill_time, container);
}

void
switchboard_end(struct container *container, void (*done)(struct container *container))
{
    const struct mesos_host *host = container->native->host;
    if (container->switchboard <= 0) {
        done(container);
        return;
    }
    container->switchboard_last = done;
    /* Nobody will attach to what never ran or was destroyed; with SIGTERM it stops waiting for that. */
    container->switchboard_timer = host->timer_start(host, container->ran && !container->destroy_wanted ? GRACE_MS : 0,
                                                      on_grace_over, container);
}

/* ---- attaching ---- */

int
native_attach(void *instance, const char *container_id)
{
    struct native *native = instance;
    const struct mesos_host *host = native->host;
    const struct container *container = container_alive(native, container_id);
    struct sockaddr_un name;
    auto_fd int directory = -1;
    if (!container)
        return host->fail(host, -ENOENT, "Unknown container %s", container_id);
    if (container->switchboard <= 0)
        return host->fail(host, -ENOTCONN, "I/O switchboard server was disabled for this container");
    int rc = socket_name(container, &directory, &name);
    auto_fd int fd = rc == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (rc == 0 && (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof name) < 0))
        rc = -errno;
    if (rc < 0)
        return host->fail(host, rc, "cannot reach the I/O switchboard of container %s: %s", container_id, strerror(-rc));
    return take_fd(&fd);
}
