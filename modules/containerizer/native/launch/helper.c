/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that every file of the launch helper needs. Called by them; never returns when something is wrong. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* As the host's /proc knows us, which is not as we know ourselves in a pid namespace of our own. */
struct self {
    int pid;
    unsigned long long start_time;
};

static struct self
self_read(void)
{
    char text[1024];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        fail("Failed to read /proc/self/stat: %s", strerror(errno));
    close(fd);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) /* field 22, counted from 1; the ')' ends field 2 */
        at = strchr(at + 1, ' ');
    if (!at)
        fail("Failed to read /proc/self/stat: too short");
    return (struct self){atoi(text), strtoull(at + 1, NULL, 10)};
}

/* At once or not at all: an agent that comes back reads it at any instant. */
static void
write_at_once(const char *path, const char *text)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        fail("Failed to write '%s': the path is too long", path);
    write_file(temporary, text, strlen(text), 0644);
    if (rename(temporary, path) < 0)
        fail("Failed to write '%s': %s", path, strerror(errno));
}

void
write_state(const char *path)
{
    const char *text = path + strlen(path) + 1;
    size_t cap = strlen(text) + 64;
    char *content = allocate(cap);
    struct self self = self_read();
    snprintf(content, cap, "%d %llu\n%s\n", self.pid, self.start_time, text);
    write_at_once(path, content);
    free(content);
}

void
write_pid(const char *path)
{
    char text[16];
    snprintf(text, sizeof text, "%d", self_read().pid);
    write_at_once(path, text);
}
