/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's notification protocol: one datagram. Silent when nobody asked for it. */
#include "main/process.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

void
process_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    socklen_t len;
    auto_fd int fd = -1;

    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(to.sun_path))
        return;
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract name: its length counts */
    len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] == '/'));
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, len);
}
