/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos cat TASK FILE`, or `mesos cat --framework= --task= --file=`: a whole file of a sandbox on stdout. */
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
    const char *task = target->task, *file = target->file;
    auto_sandbox struct sandbox sandbox = {0};
    auto_buf struct buf content = {0};
    struct cli_server master;
    struct err err = {0};
    size_t word = 0;

    if (!task && word < cli->word_count)
        task = cli->words[word++];
    if (!file && word < cli->word_count)
        file = cli->words[word++];
    if (!task || word < cli->word_count) {
        fputs("mesos: a task and a file are wanted: mesos cat TASK FILE\n", stderr);
        return EXIT_USAGE;
    }
    if (cli_find_master(&master, cli, &err) < 0 ||
        sandbox_find(&sandbox, cli, &master, target->framework ? target->framework : "", task, &err) < 0 ||
        sandbox_download(&sandbox, cli, file ? file : "stdout", &content, &err) < 0)
        return cli_fail(&err);
    fwrite(buf_data(&content), 1, content.len, stdout);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct cat_target),
    {.name = "framework",
     .type = OPTION_STRING,
     .offset = offsetof(struct cat_target, framework),
     .argument = "ID",
     .help = "Only tasks of frameworks whose id begins so."},
    {.name = "task",
     .type = OPTION_STRING,
     .offset = offsetof(struct cat_target, task),
     .argument = "ID",
     .help = "The task, instead of the first word."},
    {.name = "file",
     .type = OPTION_STRING,
     .offset = offsetof(struct cat_target, file),
     .argument = "NAME",
     .help = "The file, relative to the sandbox, instead of the second word; stdout when neither is given."},
    {.name = NULL},
};

const struct cli_command cli_command_cat = {
    .name = "cat",
    .usage = "[OPTION...] TASK [FILE]",
    .summary = "Print a file of a task's sandbox.",
    .options = options,
    .target_size = sizeof(struct cat_target),
    .max_words = 2,
    .run = run,
};
