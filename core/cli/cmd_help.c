/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos help [COMMAND]`: the list of commands, or one command's flags. */
#include "cli/command.h"

#include <stdio.h>

struct help_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    if (cli->word_count == 0) {
        cli_print_commands();
        return 0;
    }
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, cli->words[0]) == 0) {
            cli_print_help(cli_commands[i]);
            return 0;
        }
    fprintf(stderr, "mesos: there is no command '%s'; `mesos help` lists the commands\n", cli->words[0]);
    return EXIT_USAGE;
}

static const struct option options[] = {{.name = NULL}};

const struct cli_command cli_command_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "List the commands, or one command's flags.",
    .options = options,
    .target_size = sizeof(struct help_target),
    .max_words = 1,
    .run = run,
};
