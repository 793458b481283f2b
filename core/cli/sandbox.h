/* SPDX-License-Identifier: Apache-2.0 */
/* A task's sandbox from afar: which agent has it, under which path, and what is in its files. */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include "cli/cluster.h"

struct sandbox {
    struct cli_server agent;
    char *path; /* of the sandbox, on the agent; sandbox_fini frees */
    char *task_id;
};

void sandbox_fini(struct sandbox *sandbox);
#define auto_sandbox __attribute__((cleanup(sandbox_fini)))

/* The sandbox of a task: its executor's, or its own in that one when the executor runs it as a nested container. */
int sandbox_of_task(struct sandbox *ret, struct cluster *cluster, const json_t *task, struct err *err);
/* cluster_task and sandbox_of_task in one. */
int sandbox_find(struct sandbox *ret, struct cluster *cluster, const char *framework, const char *task,
                 struct err *err);
/* The same when agent, framework and executor are known already. */
int sandbox_of_executor(struct sandbox *ret, struct cli *cli, const struct cli_server *agent, const char *framework,
                        const char *executor, struct err *err);
/* The whole file, as it comes. */
int sandbox_download(struct sandbox *sandbox, struct cli *cli, const char *file, FILE *to, struct err *err);
/* Appends what stands from *offset on (in several reads when needed, at most `most` bytes) and moves *offset behind it. */
int sandbox_read(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *offset, uint64_t most,
                 struct buf *out, struct err *err);
int sandbox_size(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *ret, struct err *err);
/* The array that /files/browse answers; the caller json_decrefs. */
json_t *sandbox_browse(struct sandbox *sandbox, struct cli *cli, const char *directory, struct err *err);

/* Several files of several tasks, for head, tail, ls and find. */
struct sandbox_file {
    struct sandbox *sandbox;
    const char *name;
    char *title; /* "<task id>:<name>" */
    uint64_t offset; /* where reading goes on */
    bool gone; /* could not be read; said once */
    bool awaited; /* is not there yet, and followed */
};
struct sandbox_files {
    struct cluster cluster;
    struct sandbox *sandboxes;
    size_t sandbox_count;
    struct sandbox_file *items;
    size_t count;
};
/* Every task that `tasks` means with each of the names (NULL-terminated; none: "stdout", or "" for directories). A task
 * whose agent does not answer is said on stderr and left out; it is an error when none remains. */
int sandbox_files_open(struct sandbox_files *ret, struct cli *cli, const char *framework, const char *tasks,
                       const char *const *names, const char *default_name, struct err *err);
void sandbox_files_fini(struct sandbox_files *files);
#define auto_files __attribute__((cleanup(sandbox_files_fini)))
/* "==> title <==", with an empty line before it when it is not the first. */
void sandbox_header(const struct sandbox_file *file, bool first);

#endif
