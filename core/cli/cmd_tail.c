/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos tail [-f] [-n N] TASK [FILE...]`: the end of files of one or several sandboxes, and what is added to them. */
#include <errno.h>
#include <stdio.h>

#include "cli/sandbox.h"

enum { POLL_MS = 500, WINDOW_BYTES = 64 << 10 };

struct tail_target {
    struct cli_common common;
    const char *framework;
    int64_t lines;
    bool follow, quiet;
};

static bool
never(void *arg)
{
    return *(bool *)arg;
}

/* The last `lines` lines of text. */
static struct str
last_lines(struct str text, int64_t lines)
{
    size_t at = text.len;

    if (lines <= 0)
        return str_n(text.ptr + text.len, 0);
    while (at > 0) {
        if (text.ptr[at - 1] == '\n' && at != text.len && --lines == 0)
            break;
        at--;
    }
    return str_n(text.ptr + at, text.len - at);
}

static int64_t
count_lines(struct str text)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

/* Reads windows of doubling size from the end until enough lines are there. Leaves file->offset at the file's end. */
static int
print_end(struct sandbox_file *file, struct cli *cli, int64_t lines, struct err *err)
{
    uint64_t size, window = WINDOW_BYTES;

    if (sandbox_size(file->sandbox, cli, file->name, &size, err) < 0)
        return err->code;
    for (;; window *= 2) {
        auto_buf struct buf text = {0};
        struct str end;

        file->offset = size > window ? size - window : 0;
        if (sandbox_read(file->sandbox, cli, file->name, &file->offset, UINT64_MAX, &text, err) < 0)
            return err->code;
        if (size > window && count_lines(buf_str(&text)) <= lines)
            continue;
        end = last_lines(buf_str(&text), lines);
        fwrite(end.ptr, 1, end.len, stdout);
        return fflush(stdout) == 0 ? 0 : err_errno(err, "stdout");
    }
}

/* What was added to one file; its header when another one was shown last. */
static int
print_new(struct sandbox_file *file, struct cli *cli, const struct sandbox_file **last, bool headers)
{
    auto_buf struct buf text = {0};
    struct err err = {0};

    if (file->gone)
        return 0;
    if (sandbox_read(file->sandbox, cli, file->name, &file->offset, UINT64_MAX, &text, &err) < 0) {
        if (file->awaited && err.code == -ENOENT)
            return 0;
        file->gone = true;
        cli_fail(&err);
        return err.code;
    }
    file->awaited = false;
    if (text.len == 0)
        return 0;
    if (headers && *last != file)
        sandbox_header(file, false);
    *last = file;
    fwrite(buf_data(&text), 1, text.len, stdout);
    return 0;
}

/* Until the reader goes away, every file does, or the user interrupts. */
static int
follow(struct sandbox_files *files, struct cli *cli, const struct sandbox_file *last, bool headers)
{
    bool over = false;

    for (;;) {
        size_t left = 0;

        loop_run_until(cli->loop, never, &over, POLL_MS);
        for (size_t i = 0; i < files->count; i++) {
            print_new(&files->items[i], cli, &last, headers);
            left += !files->items[i].gone;
        }
        if (fflush(stdout) != 0)
            return 0;
        if (left == 0)
            return EXIT_FAILURE;
    }
}

static int
run(struct cli *cli)
{
    const struct tail_target *target = cli->target;
    auto_files struct sandbox_files files = {0};
    const struct sandbox_file *last = NULL;
    struct err err = {0};
    size_t shown = 0;
    bool headers;

    if (sandbox_files_open(&files, cli, target->framework, cli->words[0], cli->words + 1, "stdout", &err) < 0)
        return cli_fail(&err);
    headers = files.count > 1 && !target->quiet;
    for (size_t i = 0; i < files.count; i++) {
        struct sandbox_file *file = &files.items[i];

        if (headers)
            sandbox_header(file, i == 0);
        err.code = 0;
        if (print_end(file, cli, target->lines, &err) < 0)
            cli_fail(&err);
        file->awaited = target->follow && err.code == -ENOENT; /* a task that begins has not written it yet */
        file->gone = err.code && !file->awaited;
        shown += !file->gone;
        last = file;
    }
    if (target->follow && shown > 0)
        return follow(&files, cli, last, headers);
    return shown == files.count ? 0 : EXIT_FAILURE;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct tail_target),
    CLI_FRAMEWORK_OPTION(struct tail_target),
    {.name = "lines",
     .type = OPTION_INT,
     .offset = offsetof(struct tail_target, lines),
     .fallback = "10",
     .min = "0",
     .help = "How many lines of the end to print."},
    {.name = "follow",
     .type = OPTION_BOOL,
     .offset = offsetof(struct tail_target, follow),
     .fallback = "false",
     .help = "Go on printing what is added, until interrupted."},
    {.name = "quiet",
     .type = OPTION_BOOL,
     .offset = offsetof(struct tail_target, quiet),
     .fallback = "false",
     .help = "No headers between several files."},
    {.name = NULL},
};
static const char *const short_flags[] = {"n=lines", "f=follow", "q=quiet", NULL};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_SANDBOX, WORD_OTHER};

const struct cli_command cli_command_tail = {
    .name = "tail",
    .usage = "[OPTION...] TASK[,TASK...] [FILE...]",
    .summary = "Print the end of files of sandboxes, and follow them.",
    .details = "TASK is an id, the beginning of one or several, or a pattern with *; FILE is stdout when not given.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct tail_target),
    .min_words = 1,
    .max_words = 1000,
    .word_kinds = word_kinds,
    .run = run,
};
