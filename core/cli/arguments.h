/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits a subcommand's arguments: options go to conf (which wants --name=value), words stay in order. What people type
 * is allowed here and only here: `--name value`, `-f`, `-n 20`, `-n20`. Everything after `--` is a word.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/command.h"

struct cli_arguments {
    char **options; /* argv for conf: program name first, NULL at the end */
    int option_count;
    const char **words; /* NULL at the end */
    size_t word_count;
};

/* Everything lives in arena. -EINVAL for a short flag that the command does not have or an option without its value. */
int cli_split(struct cli_arguments *ret, const struct cli_command *command, int argc, char **argv, struct arena *arena,
              struct err *err);

#endif
