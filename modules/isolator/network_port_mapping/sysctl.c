/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the network namespace of whoever calls. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "inside.h"

int
sysctl_write(const char *path, const char *text, struct err *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "cannot open %s", path);
    ssize_t written = write(fd, text, strlen(text));
    return written < 0 ? err_errno(err, "cannot write '%s' to %s", text, path) : 0;
}
