/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that every file of the launch helper needs. Called by them; never returns when something is wrong. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
fail(const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text - 1, fmt, ap);
    va_end(ap);
    n = n < 0 ? 0 : n >= (int)sizeof text - 1 ? (int)sizeof text - 2 : n;
    text[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)n);
    (void)ignored;
    _exit(1);
}

void *
allocate(size_t size)
{
    void *p = malloc(size);
    if (!p)
        fail("mesos-containerizer: out of memory");
    return p;
}

/* Numbers are written without stdio: it would allocate. */
void
write_file(const char *path, const char *bytes, size_t len, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        fail("Failed to write '%s': %s", path, strerror(errno));
    close(fd);
}

char *
read_small(const char *path, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    char *text = allocate(max + 1);
    size_t len = 0;
    for (ssize_t n = 1; n > 0 && len < max; len += n > 0 ? (size_t)n : 0)
        n = read(fd, text + len, max - len);
    close(fd);
    text[len] = '\0';
    return text;
}
