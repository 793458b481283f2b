/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos help [COMMAND...]`: the list of commands, a group's, or one command's flags; manual pages for `make samples`. */
#include "cli/command.h"

#include <stdio.h>

struct help_target {
    struct cli_common common;
    bool whole, man;
};

static int
run(struct cli *cli)
{
    const struct help_target *target = cli->target;
    const struct cli_command *command = NULL;
    auto_buf struct buf out = {0};
    int used = 0, code = 0;

    if (cli->word_count > 0 && !(cli->word_count == 1 && cli_find_group(cli->words[0]))) {
        command = cli_find_command((int)cli->word_count, (char **)(uintptr_t)cli->words, &used, &code);
        if (!command)
            return code;
        if ((size_t)used < cli->word_count)
            return cli_wrong_use(command, "'%s' is not part of a command's name", cli->words[used]);
    }
    if (target->man)
        cli_man(&out, command);
    else if (command)
        cli_help_command(&out, command, target->whole);
    else if (cli->word_count > 0)
        cli_help_group(&out, cli_find_group(cli->words[0]));
    else
        cli_help_program(&out);
    fwrite(buf_data(&out), 1, out.len, stdout);
    return 0;
}

static const struct option options[] = {
    {.name = "long",
     .type = OPTION_BOOL,
     .offset = offsetof(struct help_target, whole),
     .fallback = "false",
     .help = "All that there is to say, even if it is more than a screen."},
    {.name = "man",
     .type = OPTION_BOOL,
     .offset = offsetof(struct help_target, man),
     .fallback = "false",
     .help = "The manual page as roff wants it; `mesos help --man ps | man -l -` shows it."},
    {.name = NULL},
};
static const char *const short_flags[] = {"l=long", NULL};
static const enum cli_word word_kinds[] = {WORD_COMMAND, WORD_OTHER};

const struct cli_command cli_command_help = {
    .name = "help",
    .usage = "[OPTION...] [COMMAND]",
    .summary = "List the commands, or one command's flags.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct help_target),
    .max_words = 2,
    .word_kinds = word_kinds,
    .run = run,
};
