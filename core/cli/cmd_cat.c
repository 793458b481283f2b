/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos cat TASK FILE...`, or `mesos cat --framework= --task= --file=`: whole files of a sandbox on stdout. */
#include <stdio.h>

#include "cli/sandbox.h"

struct cat_target {
    struct cli_common common;
    const char *framework, *task, *file;
};

static int
run(struct cli *cli)
{
    const struct cat_target *target = cli->target;
    const char *const standard[] = {target->file ? target->file : "stdout", NULL};
    auto_sandbox struct sandbox sandbox = {0};
    auto_cluster struct cluster cluster = {0};
    const char *task = target->task;
    const char *const *files;
    struct err err = {0};
    size_t word = 0;

    if (!task && word < cli->word_count)
        task = cli->words[word++];
    files = !target->file && word < cli->word_count ? &cli->words[word] : standard;
    if (!task || (target->file && word < cli->word_count)) {
        fputs("mesos: a task and a file are wanted: mesos cat TASK FILE\n", stderr);
        return EXIT_USAGE;
    }
    if (cluster_open(&cluster, cli, &err) < 0 || sandbox_find(&sandbox, &cluster, target->framework, task, &err) < 0)
        return cli_fail(&err);
    for (; *files; files++)
        if (sandbox_download(&sandbox, cli, *files, stdout, &err) < 0) {
            fflush(stdout);
            return cli_fail(&err);
        }
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct cat_target),
    CLI_FRAMEWORK_OPTION(struct cat_target),
    {.name = "task",
     .type = OPTION_STRING,
     .offset = offsetof(struct cat_target, task),
     .argument = "ID",
     .help = "The task, instead of the first word."},
    {.name = "file",
     .type = OPTION_STRING,
     .offset = offsetof(struct cat_target, file),
     .argument = "NAME",
     .help = "The file, relative to the sandbox, instead of the words; stdout when none is given."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_SANDBOX, WORD_OTHER};

const struct cli_command cli_command_cat = {
    .name = "cat",
    .usage = "[OPTION...] TASK [FILE...]",
    .summary = "Print files of a task's sandbox.",
    .details = "TASK is an id or the beginning of one; sandboxes of tasks that have ended are read as long as their "
               "agent keeps them.",
    .options = options,
    .target_size = sizeof(struct cat_target),
    .max_words = 1000,
    .word_kinds = word_kinds,
    .run = run,
};
