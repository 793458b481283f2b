/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines in glog's format, to stderr. Called from every room; must never fail the caller.
 */
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

int log_verbosity;

static void
write_line(enum log_level level, const char *file, int line, const char *fmt, va_list ap)
{
    struct timespec now;
    struct tm tm;
    char text[4096];
    const char *base = strrchr(file, '/');
    int len;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    len = snprintf(text, sizeof(text), "%c%02d%02d %02d:%02d:%02d.%06ld %5ld %s:%d] ", "IWEF"[level],
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000,
                   (long)syscall(SYS_gettid), base ? base + 1 : file, line);
    vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
    fprintf(stderr, "%s\n", text);
}

void
log_write(enum log_level level, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(level, file, line, fmt, ap);
    va_end(ap);
}

void
log_exit(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_LEVEL_FATAL, file, line, fmt, ap);
    va_end(ap);
    exit(1);
}

enum log_level
log_level_get(void)
{
    return LOG_LEVEL_INFO;
}

void
log_flush(void)
{
}

const char *
log_served_file(void)
{
    return NULL;
}
