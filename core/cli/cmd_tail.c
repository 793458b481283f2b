/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos tail [-f] [-n N] TASK [FILE]`: the end of a sandbox's file, and what is added to it. */
#include <errno.h>
#include <stdio.h>

#include "cli/sandbox.h"

enum { POLL_MS = 500, WINDOW_BYTES = 64 << 10 };

struct tail_target {
    struct cli_common common;
    const char *framework;
    int64_t lines;
    bool follow;
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

/* Reads windows of doubling size from the end until enough lines are there. Leaves *offset at the file's end. */
static int
print_end(struct sandbox *sandbox, struct cli *cli, const char *file, int64_t lines, uint64_t *offset,
          struct err *err)
{
    uint64_t size, window = WINDOW_BYTES;

    if (sandbox_size(sandbox, cli, file, &size, err) < 0)
        return err->code;
    for (;; window *= 2) {
        auto_buf struct buf text = {0};
        struct str end;

        *offset = size > window ? size - window : 0;
        if (sandbox_read(sandbox, cli, file, offset, &text, err) < 0)
            return err->code;
        if (size > window && count_lines(buf_str(&text)) <= lines)
            continue;
        end = last_lines(buf_str(&text), lines);
        fwrite(end.ptr, 1, end.len, stdout);
        return fflush(stdout) == 0 ? 0 : err_errno(err, "stdout");
    }
}

/* Until the reader goes away, the task's sandbox does, or the user interrupts. */
static int
follow(struct sandbox *sandbox, struct cli *cli, const char *file, uint64_t offset, struct err *err)
{
    bool over = false;

    for (;;) {
        auto_buf struct buf text = {0};

        loop_run_until(cli->loop, never, &over, POLL_MS);
        if (sandbox_read(sandbox, cli, file, &offset, &text, err) < 0)
            return err->code;
        fwrite(buf_str(&text).ptr, 1, text.len, stdout);
        if (fflush(stdout) != 0)
            return 0;
    }
}

static int
run(struct cli *cli)
{
    const struct tail_target *target = cli->target;
    const char *file = cli->word_count > 1 ? cli->words[1] : "stdout";
    auto_sandbox struct sandbox sandbox = {0};
    struct cli_server master;
    struct err err = {0};
    uint64_t offset = 0;

    if (cli_find_master(&master, cli, &err) < 0 ||
        sandbox_find(&sandbox, cli, &master, target->framework ? target->framework : "", cli->words[0], &err) < 0 ||
        print_end(&sandbox, cli, file, target->lines, &offset, &err) < 0)
        return cli_fail(&err);
    if (target->follow && follow(&sandbox, cli, file, offset, &err) < 0)
        return cli_fail(&err);
    return 0;
}

static int
check_lines(const char *value, void *target, struct option_set *set, struct err *err)
{
    if (((struct tail_target *)target)->lines < 0)
        return err_set(err, -EINVAL, "--lines=%s: a number from 0 on is wanted", value);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct tail_target),
    {.name = "framework",
     .type = OPTION_STRING,
     .offset = offsetof(struct tail_target, framework),
     .argument = "ID",
     .help = "Only tasks of frameworks whose id begins so."},
    {.name = "lines",
     .type = OPTION_INT,
     .offset = offsetof(struct tail_target, lines),
     .fallback = "10",
     .check = check_lines,
     .help = "How many lines of the end to print."},
    {.name = "follow",
     .type = OPTION_BOOL,
     .offset = offsetof(struct tail_target, follow),
     .fallback = "false",
     .help = "Go on printing what is added, until interrupted."},
    {.name = NULL},
};
static const char *const short_flags[] = {"n=lines", "f=follow", NULL};

const struct cli_command cli_command_tail = {
    .name = "tail",
    .usage = "[OPTION...] TASK [FILE]",
    .summary = "Print the end of a file of a task's sandbox, and follow it.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct tail_target),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
