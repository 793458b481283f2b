/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos ls TASK [DIRECTORY]`: the files of a sandbox. */
#include <stdio.h>
#include <time.h>

#include "cli/sandbox.h"

struct ls_target {
    struct cli_common common;
    const char *framework;
    bool long_format;
};

static void
print_entry(const json_t *entry, bool long_format)
{
    const char *path = cli_text(entry, "path"), *slash = strrchr(path, '/');
    time_t mtime = (time_t)json_number_value(json_object_get(entry, "mtime"));
    struct tm tm;
    char when[32] = "";

    if (long_format) {
        if (localtime_r(&mtime, &tm))
            strftime(when, sizeof(when), "%b %d %H:%M", &tm);
        printf("%s %3lld %-8s %-8s %10lld %s ", cli_text(entry, "mode"),
               (long long)json_integer_value(json_object_get(entry, "nlink")), cli_text(entry, "uid"),
               cli_text(entry, "gid"), (long long)json_integer_value(json_object_get(entry, "size")), when);
    }
    puts(slash ? slash + 1 : path);
}

static int
run(struct cli *cli)
{
    const struct ls_target *target = cli->target;
    auto_sandbox struct sandbox sandbox = {0};
    struct cli_server master;
    struct err err = {0};
    json_t *list, *entry;
    size_t i;

    if (cli_find_master(&master, cli, &err) < 0 ||
        sandbox_find(&sandbox, cli, &master, target->framework ? target->framework : "", cli->words[0], &err) < 0)
        return cli_fail(&err);
    list = sandbox_browse(&sandbox, cli, cli->word_count > 1 ? cli->words[1] : "", &err);
    if (!list)
        return cli_fail(&err);
    if (target->common.json) {
        json_dumpf(list, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    } else
        json_array_foreach(list, i, entry)
            print_entry(entry, target->long_format);
    json_decref(list);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct ls_target),
    CLI_JSON_OPTION(struct ls_target),
    {.name = "framework",
     .type = OPTION_STRING,
     .offset = offsetof(struct ls_target, framework),
     .argument = "ID",
     .help = "Only tasks of frameworks whose id begins so."},
    {.name = "long",
     .type = OPTION_BOOL,
     .offset = offsetof(struct ls_target, long_format),
     .fallback = "false",
     .help = "Also mode, links, owner, size and time."},
    {.name = NULL},
};
static const char *const short_flags[] = {"l=long", NULL};

const struct cli_command cli_command_ls = {
    .name = "ls",
    .usage = "[OPTION...] TASK [DIRECTORY]",
    .summary = "List the files of a task's sandbox.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct ls_target),
    .min_words = 1,
    .max_words = 2,
    .run = run,
};
