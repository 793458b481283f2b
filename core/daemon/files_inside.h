/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of this room: what files.c gives to files_http.c. */
#ifndef DAEMON_FILES_INSIDE_H
#define DAEMON_FILES_INSIDE_H

#include "daemon/files.h"

struct loop *files_loop(struct files *files);
/* May whoever asks see what is below this path? When not, the exchange has been answered and is gone. What is not attached
 * may be asked for: it is not found. */
bool files_admit(struct files *files, struct http_exchange *exchange, struct str path);
/* Sorted by virtual path. */
void files_each(struct files *files, void (*fn)(const char *virtual, const char *real, void *arg), void *arg);
struct files_range {
    int64_t offset, length;
    size_t max_bytes; /* of one answer; 0 = as /files/read; more means a download: only regular files */
};
/* As files_browse and files_read; drop(arg) is called instead of done when the files end first. */
void files_browse_or_drop(struct files *files, struct str path, files_done_fn *done, void (*drop)(void *arg), void *arg);
void files_read_or_drop(struct files *files, struct str path, const struct files_range *range, files_done_fn *done,
                        void (*drop)(void *arg), void *arg);

#endif
