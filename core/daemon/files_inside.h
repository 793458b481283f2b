/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of this room: what files.c gives to files_http.c. */
#ifndef DAEMON_FILES_INSIDE_H
#define DAEMON_FILES_INSIDE_H

#include "daemon/files.h"

struct loop *files_loop(struct files *files);
/* Sorted by virtual path. */
void files_each(struct files *files, void (*fn)(const char *virtual, const char *real, void *arg), void *arg);
/* One piece of a download: up to max_bytes from offset. */
void files_read_part(struct files *files, struct str path, int64_t offset, size_t max_bytes, files_done_fn *done,
                     void *arg);

#endif
