/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that a service manager made for us (LISTEN_FDS of systemd's socket units): connections that come while we are
 * away wait in them. What else is handed over is an error that names it: a unit that we do not understand must not look
 * as if it worked.
 */
#include "main/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/log.h"

enum { FIRST_FD = 3 };

/* Before anything is opened; what we start inherits neither the sockets nor the variables. */
void
process_handover_read(struct process *process)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    uint64_t number = 0, whom = 0;
    struct str rest = str_of(names ? names : "");

    if (pid && count && str_to_u64(str_of(pid), &whom) == 0 && whom == (uint64_t)getpid() &&
        str_to_u64(str_of(count), &number) == 0)
        process->handed_count = number < HANDED_MAX ? (size_t)number : HANDED_MAX;
    for (size_t i = 0; i < process->handed_count; i++) {
        struct handed *handed = &process->handed[i];
        struct str name = str_cut(&rest, ':');

        handed->fd = FIRST_FD + (int)i;
        snprintf(handed->name, sizeof(handed->name), "%.*s", STR_ARG(name));
        fcntl(handed->fd, F_SETFD, FD_CLOEXEC);
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

static int
check(struct handed *handed, struct err *err)
{
    int type = 0, listens = 0;
    socklen_t type_len = sizeof(type), listens_len = sizeof(listens);

    handed->at.len = sizeof(handed->at.sa);
    if (getsockopt(handed->fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_STREAM ||
        getsockopt(handed->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) < 0 || !listens ||
        getsockname(handed->fd, (struct sockaddr *)&handed->at.sa, &handed->at.len) < 0)
        return err_set(err, -EINVAL,
                       "descriptor %d ('%s'), handed over by the service manager, is no stream socket that listens: the "
                       "socket unit wants ListenStream= and Accept=no",
                       handed->fd, handed->name);
    return 0;
}

/* The one for everybody, by TCP. */
static int
take_tcp(struct process *process, struct handed *handed, struct err *err)
{
    char text[128];

    if (process->listen_fd)
        return err_set(err, -EINVAL,
                       "the service manager hands over more than one TCP socket (%s is the second): one ListenStream= with a "
                       "port is wanted",
                       address_format(&handed->at, text));
    process->listen_fd = handed->fd;
    process->listen = handed->at;
    handed->taken = true;
    log_info("listens on %s, a socket of the service manager; --ip and --port decide nothing", address_format(&handed->at, text));
    return 0;
}

int
process_handover_check(struct process *process, struct err *err)
{
    for (size_t i = 0; i < process->handed_count; i++) {
        struct handed *handed = &process->handed[i];
        int status = check(handed, err);

        if (status == 0 && handed->at.sa.ss_family != AF_UNIX)
            status = take_tcp(process, handed, err);
        if (status < 0)
            return status;
    }
    return 0;
}

int
process_handover_unix(struct process *process, const char *name, int *ret_fd, char ret_path[108], struct err *err)
{
    for (size_t i = 0; i < process->handed_count; i++) {
        struct handed *handed = &process->handed[i];
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&handed->at.sa;

        if (handed->taken || un->sun_family != AF_UNIX || (name && strcmp(handed->name, name) != 0))
            continue;
        if (un->sun_path[0] != '/')
            return err_set(err, -EINVAL, "descriptor %d ('%s'), handed over by the service manager, is a socket without a path",
                           handed->fd, handed->name);
        handed->taken = true;
        *ret_fd = handed->fd;
        snprintf(ret_path, 108, "%.107s", un->sun_path);
        return 1;
    }
    return name ? err_set(err, -ENOENT,
                          "the service manager has handed over no Unix socket named '%s': ListenStream=/PATH and "
                          "FileDescriptorName=%s in the socket unit make one",
                          name, name)
                : 0;
}

int
process_handover_done(const struct process *process, struct err *err)
{
    for (size_t i = 0; i < process->handed_count; i++)
        if (!process->handed[i].taken)
            return err_set(err, -EINVAL, "descriptor %d ('%s'), handed over by the service manager, is of no use here",
                           process->handed[i].fd, process->handed[i].name);
    return 0;
}
