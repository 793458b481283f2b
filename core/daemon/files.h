/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and files of this machine that may be looked at from outside, under virtual paths: logs, sandboxes. A
 * request can never leave what was attached, by ".." or by symlink. Reading runs off the loop. Behind /files/browse,
 * read, download, debug and the v1 calls LIST_FILES and READ_FILE.
 */
#ifndef DAEMON_FILES_H
#define DAEMON_FILES_H

#include "daemon/routes.h"
#include "loop/loop.h"

struct files;
struct access; /* daemon/access.h */
struct mesos_object;

/* access: who may see what is attached; NULL = everybody (tests). */
struct files *files_new(struct loop *loop, struct access *access);
/* Answers that are still being worked on are dropped (their done is not called). */
void files_free(struct files *files);
/* Shows `real` (must exist; symlinks in it are resolved now) under `virtual` ("/slave/log"; no trailing slash).
 * Replaces what is attached there. */
int files_attach(struct files *files, const char *real, const char *virtual, struct err *err);
/* The same for a sandbox of `owner`, an id of the caller's choice: who may see it is asked as files_describe has it. */
int files_attach_sandbox(struct files *files, const char *real, const char *virtual, const char *owner, struct err *err);
/* How sandboxes are told from each other: describe fills in the object of ACCESS_SANDBOX for an owner (borrowed for the
 * question), or says false: it has
 * gone meanwhile and is not found. Everything else that is attached is a log (ACCESS_MESOS_LOG). */
void files_describe(struct files *files, bool (*describe)(void *arg, const char *owner, struct mesos_object *ret), void *arg);
void files_detach(struct files *files, const char *virtual);
/* The table of /files/..., to be mounted on actor "files" with arg = files. */
const struct route *files_routes(void);

/* One directory entry as Mesos shows it. */
struct file_info {
    char *path; /* virtual */
    char *uid, *gid; /* names */
    uint64_t size, nlink;
    double mtime_secs;
    uint32_t mode; /* st_mode */
};
struct files_answer {
    int status; /* 200, 400, 404, 500 */
    struct str error; /* text of other statuses; may be empty */
    const struct file_info *entries; /* browse: sorted by path */
    size_t count;
    struct str data; /* read */
    uint64_t offset; /* read: where data begins; the size when offset -1 was asked for */
    uint64_t size; /* read: of the file */
};
/* done runs from the loop, once; the answer is valid during the call. offset -1 asks for the size only; length -1 means
 * as much as one answer holds (16 pages). */
typedef void files_done_fn(const struct files_answer *answer, void *arg);
void files_browse(struct files *files, struct str path, files_done_fn *done, void *arg);
void files_read(struct files *files, struct str path, int64_t offset, int64_t length, files_done_fn *done, void *arg);

#endif
