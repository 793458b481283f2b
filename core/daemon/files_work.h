/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of files: the blocking part, which runs off the loop's thread and knows nothing of it. */
#ifndef DAEMON_FILES_WORK_H
#define DAEMON_FILES_WORK_H

#include "daemon/files.h"

enum { FILES_READ_BYTES = 16 * 4096, FILES_MAX_ENTRIES = 100000 };

struct files_work {
    bool browse; /* else read */
    bool must_be_file; /* download: what is no regular file is an error even for the size */
    char *root; /* the attached real path */
    char *suffix; /* below it, without leading slash; "" = the attached one itself */
    char *path; /* as asked, without trailing slash: prefix of shown paths and in messages */
    int64_t offset, length;
    size_t max_bytes; /* per read */
    /* results */
    int status;
    char *error;
    struct file_info *entries;
    size_t count;
    struct buf data;
    uint64_t ret_offset, size;
};

void files_work_run(struct files_work *work);
void files_work_fini(struct files_work *work);

#endif
