/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos ls [-l] TASK [DIRECTORY...]`: the files of one or several sandboxes. */
#include <time.h>

#include "cli/sandbox.h"
#include "cli/term.h"

struct ls_target {
    struct cli_common common;
    const char *framework;
    bool long_format, quiet;
};

static void
print_entry(const json_t *entry, bool long_format)
{
    const char *path = cli_text(entry, "path"), *slash = strrchr(path, '/');
    time_t mtime = (time_t)cli_number(entry, "mtime");
    auto_buf struct buf line = {0};
    struct tm tm;
    char when[32] = "";

    if (long_format) {
        if (localtime_r(&mtime, &tm))
            strftime(when, sizeof(when), "%b %d %H:%M", &tm);
        buf_printf(&line, "%s %3lld %-8s %-8s %10lld %s ", cli_text(entry, "mode"),
                   (long long)json_integer_value(json_object_get(entry, "nlink")), cli_text(entry, "uid"),
                   cli_text(entry, "gid"), (long long)json_integer_value(json_object_get(entry, "size")), when);
    }
    buf_puts(&line, slash ? slash + 1 : path);
    term_write(stdout, buf_str(&line));
    putchar('\n');
}

static void
print_list(const json_t *list, bool long_format)
{
    json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry) print_entry(entry, long_format);
}

/* One list is an array, several are members of an object by their titles. */
static int
run(struct cli *cli)
{
    const struct ls_target *target = cli->target;
    json_t *all = target->common.json ? json_object() : NULL;
    auto_files struct sandbox_files files = {0};
    struct err err = {0};
    int code = 0;

    if (sandbox_files_open(&files, cli, target->framework, cli->words[0], cli->words + 1, "", &err) < 0)
        code = cli_fail(&err);
    for (size_t i = 0; i < files.count; i++) {
        struct sandbox_file *file = &files.items[i];
        json_t *list = sandbox_browse(file->sandbox, cli, file->name, &err);

        if (!all && files.count > 1 && !target->quiet)
            sandbox_header(file, i == 0);
        if (!list)
            code = cli_fail(&err);
        else if (all && files.count == 1)
            term_print_json(list, true);
        else if (all)
            json_object_set(all, file->title, list);
        else
            print_list(list, target->long_format);
        json_decref(list);
    }
    if (all && files.count > 1)
        term_print_json(all, true);
    json_decref(all);
    return code;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct ls_target),
    CLI_JSON_OPTION(struct ls_target),
    CLI_FRAMEWORK_OPTION(struct ls_target),
    {.name = "long",
     .type = OPTION_BOOL,
     .offset = offsetof(struct ls_target, long_format),
     .fallback = "false",
     .help = "Also mode, links, owner, size and time."},
    {.name = "quiet",
     .type = OPTION_BOOL,
     .offset = offsetof(struct ls_target, quiet),
     .fallback = "false",
     .help = "No headers between several lists."},
    {.name = NULL},
};
static const char *const short_flags[] = {"l=long", "q=quiet", NULL};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_SANDBOX, WORD_OTHER};

const struct cli_command cli_command_ls = {
    .name = "ls",
    .usage = "[OPTION...] TASK[,TASK...] [DIRECTORY...]",
    .summary = "List the files of sandboxes.",
    .details = "TASK is an id, the beginning of one or several, or a pattern with *.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct ls_target),
    .min_words = 1,
    .max_words = 1000,
    .word_kinds = word_kinds,
    .run = run,
};
