/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's notification protocol, datagrams to NOTIFY_SOCKET: that we serve, what we are doing, that we end, and a sign
 * of life from the loop, so that a loop which hangs is ended and started again (WatchdogSec= of the unit). Silent when
 * nobody asked for it.
 */
#include "main/process.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { STATUS_MS = 2000, SHORTEST_MS = 10 };

/* Read once; what we start shall not talk in our name. */
void
process_notify_read(struct process *process)
{
    const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t whom = (uint64_t)getpid(), every_usec = 0;

    if (path && (path[0] == '/' || path[0] == '@') && strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path))
        process->notify_path = xstrdup(path);
    if (pid && str_to_u64(str_of(pid), &whom) < 0)
        whom = 0;
    if (usec && str_to_u64(str_of(usec), &every_usec) == 0 && whom == (uint64_t)getpid())
        process->watchdog_ms = (int64_t)(every_usec / 2000); /* twice in the time that is given */
    if (every_usec && process->watchdog_ms < SHORTEST_MS)
        process->watchdog_ms = whom == (uint64_t)getpid() ? SHORTEST_MS : 0;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void
process_notify(const struct process *process, const char *state)
{
    const char *path = process->notify_path;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    socklen_t len;
    auto_fd int fd = -1;

    if (!path)
        return;
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract name: its length counts */
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] == '/'));
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, len);
}

static void
tell_status(struct process *process)
{
    char text[sizeof(process->status_told)] = "", line[sizeof(text) + 8];

    if (!process->describe)
        return;
    process->describe(process->daemon, text, sizeof(text));
    if (strcmp(text, process->status_told) == 0)
        return;
    memcpy(process->status_told, text, sizeof(text));
    snprintf(line, sizeof(line), "STATUS=%s", text);
    process_notify(process, line);
}

static void
on_alive(void *arg)
{
    struct process *process = arg;

    if (process->watchdog_ms)
        process_notify(process, "WATCHDOG=1");
    tell_status(process);
    loop_timer_start(&process->alive, process->watchdog_ms && process->watchdog_ms < STATUS_MS ? process->watchdog_ms : STATUS_MS);
}

/* From the loop's first turn: it serves now. */
static void
on_serving(void *arg)
{
    struct process *process = arg;

    process_notify(process, "READY=1");
    loop_timer_init(&process->alive, process->loop, on_alive, process);
    on_alive(process);
}

void
process_notify_start(struct process *process)
{
    if (!process->notify_path)
        return;
    loop_timer_init(&process->alive, process->loop, on_serving, process);
    loop_timer_start(&process->alive, 0);
}
