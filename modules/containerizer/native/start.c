/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the helper that becomes a container's first process, and hands it its steps. The agent runs no code of its own
 * between clone and exec. Called by launch.c.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "launch/description.h"
#include "native.h"

/* Now, in the ticks since boot in which /proc tells start times. */
static uint64_t
now_ticks(const struct native *native)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * (uint64_t)native->ticks_per_second +
           (uint64_t)now.tv_nsec * (uint64_t)native->ticks_per_second / 1000000000u;
}

/* The steps as one packet, or in a memory file when they are many. */
static int
send_steps(const struct buf *steps, int fd, int *ret_large_fd)
{
    char packet[sizeof(struct launch_head) + LAUNCH_INLINE_MAX];
    struct launch_head head = {LAUNCH_MAGIC, (uint32_t)steps->len, steps->len > LAUNCH_INLINE_MAX, 0};
    size_t len = sizeof head;
    if (steps->len > LAUNCH_MAX)
        return -E2BIG;
    memcpy(packet, &head, sizeof head);
    if (!head.large) {
        memcpy(packet + len, buf_data(steps), steps->len);
        len += steps->len;
    } else {
        auto_fd int large = memfd_create("container", MFD_CLOEXEC);
        if (large < 0 || write(large, buf_data(steps), steps->len) != (ssize_t)steps->len)
            return large < 0 ? -errno : -EIO;
        *ret_large_fd = take_fd(&large);
    }
    return send(fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -errno;
}

static int
spawn_helper(struct container *container, int helper_end, int large_fd)
{
    const struct native *native = container->native;
    char own[32];
    snprintf(own, sizeof own, "/proc/self/fd/%d", LAUNCH_PROGRAM_FD);
    const char *const argv[] = {"mesos-containerizer", "launch", NULL};
    const int fds[LAUNCH_FDS] = {container->in_fd,  container->out_fd, container->err_fd, helper_end,
                                 native->helper_fd, large_fd,          container->task_fd};
    struct mesos_spawn spawn = {
        .size = sizeof spawn,
        .argv = argv,
        .file = native->helper_fd >= 0 ? own : native->helper_path,
        .fds = fds,
        .fd_count = LAUNCH_FDS,
        .new_session = 1,
        .clone_flags = container->asked.clone,
        .enter_flags = container->asked.enter & ~(uint32_t)CLONE_NEWNS, /* its files are still needed: the helper enters */
        .enter_pid = container->parent ? container->parent->pid : 0,
    };
    return native->host->spawn(native->host, &spawn, on_container_exited, container, &container->pid);
}

int
process_start(struct container *container)
{
    /* Made here and not by the helper: one that comes late, after its agent's crash, finds it gone and goes too. */
    if (mkdir(container->runtime_dir, 0755) < 0 && errno != EEXIST)
        return -errno;
    auto_fd int helper_end = -1;
    auto_fd int large_fd = -1;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    container->word_fd = ends[0];
    helper_end = ends[1];
    int rc = send_steps(&container->steps, container->word_fd, &large_fd);
    container->not_before = now_ticks(container->native);
    if (rc == 0)
        rc = spawn_helper(container, helper_end, large_fd);
    if (rc < 0)
        return rc;
    container->exited = false;
    container->not_after = now_ticks(container->native);
    return 0;
}
