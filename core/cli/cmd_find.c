/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos find TASK [DIRECTORY]`: every file below a directory of one or several sandboxes. */
#include <errno.h>

#include "cli/sandbox.h"
#include "cli/term.h"

enum { MOST_DEPTH = 64, MOST_ENTRIES = 1000000 };

struct find_target {
    struct cli_common common;
    const char *framework;
    bool quiet;
};

struct walk {
    struct cli *cli;
    struct sandbox_file *file;
    json_t *found; /* --json; else NULL */
    size_t entries;
};

static int walk_directory(struct walk *walk, const char *directory, unsigned depth, struct err *err);

static int
visit(struct walk *walk, const char *directory, const json_t *entry, unsigned depth, struct err *err)
{
    const char *path = cli_text(entry, "path"), *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    auto_free char *here = xasprintf("%s%s%s", directory, *directory ? "/" : "", name);
    size_t base = *walk->file->name ? strlen(walk->file->name) + 1 : 0;

    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (++walk->entries > MOST_ENTRIES)
        return err_set(err, -EFBIG, "more than %d files", MOST_ENTRIES);
    if (walk->found) {
        json_array_append_new(walk->found, json_string(here + base));
    } else {
        term_write(stdout, str_of(here + base));
        putchar('\n');
    }
    return cli_text(entry, "mode")[0] == 'd' ? walk_directory(walk, here, depth + 1, err) : 0;
}

static int
walk_directory(struct walk *walk, const char *directory, unsigned depth, struct err *err)
{
    json_t *list, *entry;
    int status = 0;
    size_t i;

    if (depth > MOST_DEPTH)
        return err_set(err, -ELOOP, "'%s' is deeper than %d directories", directory, MOST_DEPTH);
    list = sandbox_browse(walk->file->sandbox, walk->cli, directory, err);
    if (!list)
        return depth > 0 && err->code == -ENOENT ? 0 : err->code; /* went while we looked */
    json_array_foreach(list, i, entry)
        if (status == 0)
            status = visit(walk, directory, entry, depth, err);
    json_decref(list);
    return status;
}

static int
run(struct cli *cli)
{
    const struct find_target *target = cli->target;
    json_t *all = target->common.json ? json_object() : NULL;
    auto_files struct sandbox_files files = {0};
    struct err err = {0};
    int code = 0;

    if (sandbox_files_open(&files, cli, target->framework, cli->words[0], cli->words + 1, "", &err) < 0)
        code = cli_fail(&err);
    for (size_t i = 0; i < files.count; i++) {
        struct walk walk = {cli, &files.items[i], all ? json_array() : NULL, 0};
        struct err failed = {0};

        if (!all && files.count > 1 && !target->quiet)
            sandbox_header(walk.file, i == 0);
        if (walk_directory(&walk, walk.file->name, 0, &failed) < 0) {
            fflush(stdout);
            code = cli_fail(&failed);
        }
        if (all && files.count == 1)
            term_print_json(walk.found, true);
        else if (all)
            json_object_set(all, walk.file->title, walk.found);
        json_decref(walk.found);
    }
    if (all && files.count > 1)
        term_print_json(all, true);
    json_decref(all);
    return code;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct find_target),
    CLI_JSON_OPTION(struct find_target),
    CLI_FRAMEWORK_OPTION(struct find_target),
    {.name = "quiet",
     .type = OPTION_BOOL,
     .offset = offsetof(struct find_target, quiet),
     .fallback = "false",
     .help = "No headers between several lists."},
    {.name = NULL},
};
static const char *const short_flags[] = {"q=quiet", NULL};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_SANDBOX, WORD_OTHER};

const struct cli_command cli_command_find = {
    .name = "find",
    .usage = "[OPTION...] TASK[,TASK...] [DIRECTORY...]",
    .summary = "List every file below a directory of sandboxes.",
    .details = "TASK is an id, the beginning of one or several, or a pattern with *. Paths are relative to DIRECTORY, "
               "which is the sandbox when not given.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct find_target),
    .min_words = 1,
    .max_words = 1000,
    .word_kinds = word_kinds,
    .run = run,
};
