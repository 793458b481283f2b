/* SPDX-License-Identifier: Apache-2.0 */
/* A task's sandbox from afar: which agent has it, under which path, and what is in its files. */
#ifndef CLI_SANDBOX_H
#define CLI_SANDBOX_H

#include "cli/fetch.h"

struct sandbox {
    struct cli_server agent;
    char *path; /* of the sandbox, on the agent; sandbox_fini frees */
    char *task_id;
};

void sandbox_fini(struct sandbox *sandbox);
#define auto_sandbox __attribute__((cleanup(sandbox_fini)))

/* The one task whose id is `task`, or begins with it when no id equals it; framework "" = any. -ENOENT, or -EEXIST when
 * several begin so (the text names them). Running tasks win over ended ones. */
int sandbox_find(struct sandbox *ret, struct cli *cli, struct cli_server *master, const char *framework,
                 const char *task, struct err *err);
/* The same when agent, framework and executor are known already. */
int sandbox_of_executor(struct sandbox *ret, struct cli *cli, const struct cli_server *agent, const char *framework,
                        const char *executor, struct err *err);
/* The whole file. */
int sandbox_download(struct sandbox *sandbox, struct cli *cli, const char *file, struct buf *out, struct err *err);
/* Appends what stands from *offset on (in several reads when needed) and moves *offset behind it. */
int sandbox_read(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *offset, struct buf *out,
                 struct err *err);
int sandbox_size(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t *ret, struct err *err);
/* The array that /files/browse answers; the caller json_decrefs. */
json_t *sandbox_browse(struct sandbox *sandbox, struct cli *cli, const char *directory, struct err *err);

#endif
