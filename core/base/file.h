/* SPDX-License-Identifier: Apache-2.0 */
/* Small whole-file work, blocking: for start-up, tests, helpers, and inside offloaded work. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>
#include "base/buf.h"

/* Reads at most max bytes into out (appended). -EFBIG when the file is larger. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);
/* Writes to a temporary file in the same directory and renames it over path. sync: fsync file and directory. */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, bool sync, struct err *err);
/*
 * open(2) of what is there, for who is root and has paths through directories of others: a link is followed only where nobody but
 * root and ourselves could have put it, the last name's too, and again no matter who changes names meanwhile. -errno; -ELOOP: such
 * a link. O_CREAT is not for it.
 */
int file_open_trusted(const char *path, int flags);
/* mkdir -p. */
int dir_make(const char *path, mode_t mode, struct err *err);
/* rm -rf that never follows a symlink nor leaves the tree of `path`. Missing is fine. */
int dir_remove(const char *path, struct err *err);

#endif
