/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the log, as glog names and links them: one per level, a line goes to those of its level and
 * below. Used by log.c alone, under its mutex.
 */
#ifndef BASE_LOG_FILE_H
#define BASE_LOG_FILE_H

#include "base/log.h"

struct log_files;

/* Makes the directory and the first file (of options->level), removes files that are too old. */
struct log_files *log_files_open(const struct log_options *options, struct err *err);
void log_files_close(struct log_files *files); /* writes what is buffered; NULL is fine */
void log_files_write(struct log_files *files, enum log_level level, const char *line, size_t len);
void log_files_flush(struct log_files *files);
void log_files_reopen(struct log_files *files);
/* Of the first level's file; -1 while it is not open. */
int log_files_fd(const struct log_files *files);
/* Path of the link to the newest file that has every line. */
const char *log_files_link(const struct log_files *files);

enum { LOG_STALL_MS = 200 };
/* Writes to a descriptor that may be a pipe nobody reads: waits so long at most, then gives up. False = not
 * all written. */
bool log_write_fd(int fd, const char *data, size_t len, int wait_ms);

#endif
