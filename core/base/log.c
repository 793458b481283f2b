/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines in glog's format, to stderr, files, syslog and journald. Called from every room and thread; must
 * never fail nor stop its caller: a sink that does not take a line loses it.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "base/log_file.h"

enum { LINE_BYTES = 2048, LINE_MAX_BYTES = 256 << 10 };

int log_verbosity;

/* The one mutable state of base, behind its mutex. */
static struct {
    pthread_mutex_t mutex;
    enum log_level level;
    bool quiet, syslog;
    bool stalled;    /* stderr took no more last time: it is not waited for again until it does */
    int journald_fd; /* -1 = not used */
    char *program, *external_file;
    struct log_files *files; /* NULL = none */
    time_t second;           /* when `broken_down` holds */
    struct tm broken_down;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER, .journald_fd = -1};

/* Appends text with control bytes made visible, so that nothing from outside can forge a line. Returns the
 * length. */
static size_t
escape(char *out, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    char *at = out;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c >= 0x20 && c != 0x7f) || c == '\t') {
            *at++ = (char)c;
        } else if (c == '\n') {
            *at++ = '\\';
            *at++ = 'n';
        } else {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    return (size_t)(at - out);
}

/* "I0713 00:35:04.730430  2217 call_accept.c:57] " */
static size_t
prefix(char *out, size_t size, enum log_level level, const struct timespec *now, const char *file, int line)
{
    const struct tm *tm = &state.broken_down;
    int len;

    if (state.second != now->tv_sec) {
        localtime_r(&now->tv_sec, &state.broken_down);
        state.second = now->tv_sec;
    }
    len = snprintf(out, size, "%c%02d%02d %02d:%02d:%02d.%06ld %5ld %.100s:%d] ", "IWEF"[level],
                   tm -> tm_mon + 1, tm -> tm_mday, tm -> tm_hour, tm -> tm_min, tm -> tm_sec,
                   now -> tv_nsec / 1000, (long)syscall(SYS_gettid), file, line);
    return (size_t)len;
}

static int
syslog_priority(enum log_level level)
{
    static const int priorities[] = {LOG_INFO, LOG_WARNING, LOG_ERR, LOG_CRIT};

    return priorities[level];
}

/* journald's native form: one field a line; our text has no newline any more. */
static void
send_journald(enum log_level level, const char *file, int line, const char *text, size_t len)
{
    char head[512];
    int head_len = snprintf(head, sizeof(head),
                            "PRIORITY=%d\nSYSLOG_IDENTIFIER=%.100s\nCODE_FILE=%.200s\nCODE_LINE=%d\n"
                            "MESSAGE=",
                            syslog_priority(level), state.program, file, line);
    struct iovec parts[] = {
        {head, (size_t)head_len}, {(void *)(uintptr_t)text, len}, {(void *)(uintptr_t) "\n", 1}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};

    (void)!sendmsg(state.journald_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* line: the whole line with its newline; text: where the message begins in it. */
static void
to_sinks(enum log_level level, const char *file, int line_number, const char *line, size_t len,
         size_t text_at)
{
    if (!state.quiet || level == LOG_LEVEL_FATAL)
        state.stalled = !log_write_fd(STDERR_FILENO, line, len, state.stalled ? 0 : LOG_STALL_MS);
    if (state.files)
        log_files_write(state.files, level, line, len);
    if (state.syslog)
        syslog(syslog_priority(level), "%.*s", (int)(len - text_at - 1), line + text_at);
    if (state.journald_fd >= 0)
        send_journald(level, file, line_number, line + text_at, len - text_at - 1);
}

static void
write_text(enum log_level level, const char *file, int line_number, const char *text, size_t len)
{
    const char *base = strrchr(file, '/');
    struct timespec now;
    char stack[LINE_BYTES * 4 + 256];
    char *line = len <= LINE_BYTES ? stack : xmalloc(len * 4 + 256);
    size_t text_at, end;

    file = base ? base + 1 : file;
    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&state.mutex);
    text_at = prefix(line, 256, level, &now, file, line_number);
    end = text_at + escape(line + text_at, text, len);
    line[end++] = '\n';
    to_sinks(level, file, line_number, line, end, text_at);
    pthread_mutex_unlock(&state.mutex);
    if (line != stack)
        free(line);
}

static void PRINTF_LIKE(4, 0)
    write_line(enum log_level level, const char *file, int line, const char *fmt, va_list ap)
{
    char stack[LINE_BYTES];
    va_list again;
    int len;

    if (level < state.level)
        return;
    va_copy(again, ap);
    len = vsnprintf(stack, sizeof(stack), fmt, ap);
    if (len >= (int)sizeof(stack)) {
        auto_free char *text = xvasprintf(fmt, again);

        write_text(level, file, line, text, len < LINE_MAX_BYTES ? (size_t)len : (size_t)LINE_MAX_BYTES);
    } else {
        write_text(level, file, line, stack, len > 0 ? (size_t)len : 0);
    }
    va_end(again);
}

void
log_write(enum log_level level, const char *file, int line, const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    write_line(level, file, line, fmt, ap);
    va_end(ap);
    errno = saved;
}

void
log_exit(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_LEVEL_FATAL, file, line, fmt, ap);
    va_end(ap);
    log_flush();
    exit(1);
}

static void
open_journald(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof(to.sun_path), "%s", path ? path : "/run/systemd/journal/socket");
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
        state.journald_fd = fd;
        return;
    }
    if (fd >= 0)
        close(fd);
}

static const char *
level_name(enum log_level level)
{
    static const char *const names[] = {"INFO", "WARNING", "ERROR", "FATAL"};

    return names[level];
}

int
log_open(const struct log_options *options, struct err *err)
{
    const char *verbosity = getenv("GLOG_v");
    struct log_files *files = NULL;

    log_close();
    if (options->dir) {
        files = log_files_open(options, err);
        if (!files)
            return err ? err->code : -EIO;
    }
    pthread_mutex_lock(&state.mutex);
    state.program = xstrdup(options->program ? options->program : "mesos");
    state.external_file = options->external_file ? xstrdup(options->external_file) : NULL;
    state.files = files;
    state.level = options->level;
    state.quiet = options->quiet;
    state.syslog = options->syslog;
    if (options->syslog)
        openlog(state.program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    if (options->journald)
        open_journald(options->journald_socket);
    pthread_mutex_unlock(&state.mutex);
    if (verbosity)
        log_verbosity = atoi(verbosity);
    if (options->journald && state.journald_fd < 0)
        log_warning("journald does not answer, and gets no lines: %s", strerror(errno));
    log_write(options->level, __FILE__, __LINE__, "%s level logging started", level_name(options->level));
    return 0;
}

void
log_flush(void)
{
    pthread_mutex_lock(&state.mutex);
    if (state.files)
        log_files_flush(state.files);
    pthread_mutex_unlock(&state.mutex);
}

void
log_reopen(void)
{
    pthread_mutex_lock(&state.mutex);
    if (state.files)
        log_files_reopen(state.files);
    pthread_mutex_unlock(&state.mutex);
}

void
log_write_raw(const char *bytes, size_t len)
{
    int file = state.files ? log_files_fd(state.files) : -1;

    log_write_fd(STDERR_FILENO, bytes, len, LOG_STALL_MS);
    if (file >= 0)
        log_write_fd(file, bytes, len, LOG_STALL_MS);
}

void
log_close(void)
{
    pthread_mutex_lock(&state.mutex);
    if (state.syslog)
        closelog();
    if (state.journald_fd >= 0)
        close(state.journald_fd);
    log_files_close(state.files);
    free(state.program);
    free(state.external_file);
    state.journald_fd = -1;
    state.syslog = state.quiet = false;
    state.level = LOG_LEVEL_INFO;
    state.files = NULL;
    state.program = state.external_file = NULL;
    pthread_mutex_unlock(&state.mutex);
}

enum log_level
log_level_get(void)
{
    return state.level;
}

const char *
log_served_file(void)
{
    if (state.external_file)
        return state.external_file;
    return state.files ? log_files_link(state.files) : NULL;
}
