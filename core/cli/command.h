/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subcommand of `mesos` is: a row of commands.def and one file cmd_<name>.c. A subcommand gets its options parsed
 * and its words in order; it prints results on stdout, everything else on stderr, and returns the exit code.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/arena.h"
#include "base/units.h"
#include "conf/option.h"
#include "loop/loop.h"

enum { EXIT_USAGE = 2 }; /* wrong words or flags; EXIT_FAILURE is for what went wrong with right ones */

/* Options that nearly every subcommand has; it must stand first in each target struct. */
struct cli_common {
    const char *master; /* --master, MESOS_MASTER; NULL = look into ~/.mesos */
    bool json;
};

struct cli {
    struct loop *loop;
    const char *const *words; /* arguments that are no options; NULL-terminated */
    size_t word_count;
    void *target; /* the command's struct, beginning with struct cli_common */
};

struct cli_command {
    const char *name; /* "ps" */
    const char *usage; /* what comes after "mesos ps": "[OPTION...] [TASK]" */
    const char *summary; /* one sentence */
    const struct option *options;
    size_t target_size;
    const char *const *short_flags; /* "i=inactive" pairs, NULL-terminated; NULL = none */
    size_t min_words, max_words;
    bool environment; /* MESOS_<option> counts for every option, not only for --master */
    int (*run)(struct cli *cli);
};

#define CLI_COMMAND(name) extern const struct cli_command cli_command_##name;
#include "cli/commands.def"
#undef CLI_COMMAND

/* All subcommands, in order of the help; NULL-terminated. */
extern const struct cli_command *const cli_commands[];

/* The rows that every table shares. */
#define CLI_MASTER_OPTION(Target)                                                                                  \
    {.name = "master",                                                                                             \
     .type = OPTION_STRING,                                                                                        \
     .offset = offsetof(Target, common.master),                                                                      \
     .argument = "HOST:PORT",                                                                                      \
     .help = "The master, or any master of the cluster. Else the environment variable MESOS_MASTER, else the "     \
             "line master=HOST:PORT in ~/.mesos."}
#define CLI_JSON_OPTION(Target)                                                                                    \
    {.name = "json",                                                                                               \
     .type = OPTION_BOOL,                                                                                          \
     .offset = offsetof(Target, common.json),                                                                        \
     .fallback = "false",                                                                                          \
     .help = "Print JSON, for programs."}

/* Prints "mesos: <text>" on stderr; returns EXIT_FAILURE. */
int cli_fail(const struct err *err);
/* One command's --help, and the list of commands. */
void cli_print_help(const struct cli_command *command);
void cli_print_commands(void);

#endif
