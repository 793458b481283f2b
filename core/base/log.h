/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines in glog's format: I0713 00:35:04.730430  2217 call_accept.c:57] accept framework=... offers=2
 * Logging is the one process-wide facility of base: every room may log, libraries (base, wire, model, conf) do not.
 * A line is one call, has no trailing newline, and control bytes of outside text are escaped by the sink.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_FATAL };

#define log_info(...) log_write(LOG_LEVEL_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __FILE__, __LINE__, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __FILE__, __LINE__, __VA_ARGS__)
/* Logs and exits with status 1 (not an abort: FATAL is for the world's faults, assert for ours). */
#define log_fatal(...) log_exit(__FILE__, __LINE__, __VA_ARGS__)
/* Verbose lines (GLOG_v, /logging/toggle): cost a compare when off. */
#define log_verbose(level, ...)                                                                                    \
    do {                                                                                                           \
        if ((level) <= log_verbosity)                                                                              \
            log_write(LOG_LEVEL_INFO, __FILE__, __LINE__, __VA_ARGS__);                                            \
    } while (0)

extern int log_verbosity;

void log_write(enum log_level level, const char *file, int line, const char *fmt, ...) PRINTF_LIKE(4, 5);
void log_exit(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4) __attribute__((noreturn));

/* How the process logs. Strings are copied. Before log_open, lines go to stderr at level INFO. */
struct log_options {
    const char *program; /* file name prefix: "mesos-master" */
    const char *dir; /* NULL: no files */
    enum log_level level; /* least level that is written anywhere (--logging_level) */
    bool quiet; /* nothing but FATAL on stderr */
    int bufsecs; /* longest time that lines below WARNING stay buffered for files; 0 = none (--logbufsecs) */
    bool syslog; /* also to syslog(3) */
    bool journald; /* also to journald's native socket */
    const char *journald_socket; /* NULL = the usual path */
    uint64_t max_file_bytes; /* rotate beyond; 0 = 1.8 GB as glog */
    int64_t max_age_secs; /* files of ours older than this are removed at rotation and start; 0 = never */
    const char *external_file; /* --external_log_file: what /files serves as the log; NULL = none */
};
/* Creates dir when it is missing; fails only when no log file can be made there. From then on no failure of a sink
 * stops anybody: lines that cannot be written are counted, and the count is logged once writing works again. */
int log_open(const struct log_options *options, struct err *err);
/* Writes out what is buffered. The daemon's loop calls it each bufsecs; FATAL and exit call it too. */
void log_flush(void);
void log_close(void);
/* Bytes to stderr and to the log file of the first level, as they are, from a signal handler: no lock, no memory. For
 * base/crash.c alone. */
void log_write_raw(const char *bytes, size_t len);
/* The files are closed; the next line opens new ones. For whoever moved them away. */
void log_reopen(void);
enum log_level log_level_get(void);
/* The file that /files serves as /master/log or /slave/log: external file, else the INFO file, else NULL. */
const char *log_served_file(void);

#endif
