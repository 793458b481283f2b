/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos head [-n N] TASK [FILE...]`: the first lines of files of one or several sandboxes. */
#include <errno.h>

#include "cli/sandbox.h"

enum { CHUNK_BYTES = 64 << 10 };

struct head_target {
    struct cli_common common;
    const char *framework;
    int64_t lines;
    bool quiet;
};

/* Prints up to `lines` lines of text; returns how many are still wanted. */
static int64_t
print_lines(struct str text, int64_t lines)
{
    size_t at = 0;

    while (at < text.len && lines > 0)
        lines -= text.ptr[at++] == '\n';
    fwrite(text.ptr, 1, at, stdout);
    return lines;
}

static int
print_beginning(struct sandbox_file *file, struct cli *cli, int64_t lines, struct err *err)
{
    for (uint64_t before = UINT64_MAX; lines > 0 && file->offset != before;) {
        auto_buf struct buf text = {0};

        before = file->offset;
        if (sandbox_read(file->sandbox, cli, file->name, &file->offset, CHUNK_BYTES, &text, err) < 0)
            return err->code;
        lines = print_lines(buf_str(&text), lines);
    }
    return 0;
}

static int
run(struct cli *cli)
{
    const struct head_target *target = cli->target;
    auto_files struct sandbox_files files = {0};
    struct err err = {0};
    int code = 0;

    if (sandbox_files_open(&files, cli, target->framework, cli->words[0], cli->words + 1, "stdout", &err) < 0)
        return cli_fail(&err);
    for (size_t i = 0; i < files.count; i++) {
        if (files.count > 1 && !target->quiet)
            sandbox_header(&files.items[i], i == 0);
        if (print_beginning(&files.items[i], cli, target->lines, &err) < 0) {
            fflush(stdout);
            code = cli_fail(&err);
        }
    }
    return code;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct head_target),
    CLI_FRAMEWORK_OPTION(struct head_target),
    {.name = "lines",
     .type = OPTION_INT,
     .offset = offsetof(struct head_target, lines),
     .fallback = "10",
     .min = "0",
     .help = "How many lines to print."},
    {.name = "quiet",
     .type = OPTION_BOOL,
     .offset = offsetof(struct head_target, quiet),
     .fallback = "false",
     .help = "No headers between several files."},
    {.name = NULL},
};
static const char *const short_flags[] = {"n=lines", "q=quiet", NULL};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_SANDBOX, WORD_OTHER};

const struct cli_command cli_command_head = {
    .name = "head",
    .usage = "[OPTION...] TASK[,TASK...] [FILE...]",
    .summary = "Print the first lines of files of sandboxes.",
    .details = "TASK is an id, the beginning of one or several, or a pattern with *; FILE is stdout when not given.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct head_target),
    .min_words = 1,
    .max_words = 1000,
    .word_kinds = word_kinds,
    .run = run,
};
