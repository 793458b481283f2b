/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subcommand of `mesos` is: a row of commands.def and one file cmd_<name>.c with one table, from which parsing,
 * --help, completion and the manual pages all come. A subcommand gets its options parsed and its words in order; it
 * prints results on stdout, everything else on stderr, and returns the exit code.
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
    char *authorization; /* who we are, for the header of that name; NULL = nobody */
    void *target; /* the command's struct, beginning with struct cli_common */
    struct secure *secure; /* cli/tls.h; NULL until it is needed */
    bool tls;              /* somebody was named with https:// */
};

/* What a word of a command is, for completion. */
enum cli_word {
    WORD_OTHER,
    WORD_TASK,      /* id of a task, or what it begins with */
    WORD_AGENT,     /* the same of an agent, or its host name */
    WORD_FRAMEWORK, /* the same of a framework */
    WORD_SANDBOX,   /* a path in the sandbox of the task in the first word */
    WORD_FILE,      /* a file here */
    WORD_COMMAND,   /* a subcommand of ours */
    WORD_CHOICE,    /* one of the command's `choices` */
};

struct cli_command {
    const char *name; /* "ps"; "task list" for a verb of a group */
    const char *usage; /* what comes after "mesos ps": "[OPTION...] [TASK]" */
    const char *summary; /* one sentence */
    const char *details; /* paragraphs for the manual page, separated by '\n'; NULL = none */
    const struct option *options; /* those from a row with group CLI_MORE on are only named where space is short */
    size_t target_size;
    const char *const *short_flags; /* "i=inactive" pairs, NULL-terminated; NULL = none */
    size_t min_words, max_words;
    size_t last_flag_word; /* behind so many words nothing is an option any more: what follows belongs to another
                              program; 0 = options may stand anywhere */
    const enum cli_word *word_kinds; /* of the first, second, ... word; the last (WORD_OTHER ends) holds for the rest */
    const char *choices; /* "bash|zsh|fish" of WORD_CHOICE */
    bool environment; /* MESOS_<option> counts for every option, not only for --master */
    int (*run)(struct cli *cli);
};

/* A first word with verbs behind it: `mesos task ...`. */
struct cli_group {
    const char *name, *summary;
};

#define CLI_MORE "More"

#define CLI_GROUP(name, summary)
#define CLI_COMMAND(name) extern const struct cli_command cli_command_##name;
#include "cli/commands.def"
#undef CLI_COMMAND
#undef CLI_GROUP

/* All subcommands, in order of the help, and all groups; NULL-terminated, and ended by a NULL name. */
extern const struct cli_command *const cli_commands[];
extern const struct cli_group cli_groups[];

/* The rows that every table shares. */
#define CLI_MASTER_OPTION(Target)                                                                                  \
    {.name = "master",                                                                                             \
     .type = OPTION_STRING,                                                                                        \
     .offset = offsetof(Target, common.master),                                                                      \
     .argument = "HOST:PORT",                                                                                      \
     .help = "Any master of the cluster, or several with commas. Else the environment variable MESOS_MASTER, "     \
             "else the line master=HOST:PORT in ~/.mesos."}
#define CLI_JSON_OPTION(Target)                                                                                    \
    {.name = "json",                                                                                               \
     .type = OPTION_BOOL,                                                                                          \
     .offset = offsetof(Target, common.json),                                                                        \
     .fallback = "false",                                                                                          \
     .help = "Print JSON, for programs."}
#define CLI_FRAMEWORK_OPTION(Target)                                                                               \
    {.name = "framework",                                                                                          \
     .type = OPTION_STRING,                                                                                        \
     .offset = offsetof(Target, framework),                                                                        \
     .argument = "ID",                                                                                             \
     .help = "Only tasks of frameworks whose id begins so."}

/* Prints "mesos: <text>" on stderr, control characters escaped; returns EXIT_FAILURE. */
int cli_fail(const struct err *err);
/* The same for a wrong use that no table can see; returns EXIT_USAGE. */
int cli_wrong_use(const struct cli_command *command, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* find.c: the command that argv begins with, by its one or two words; *ret_used says how many they were. NULL: the
 * group's or the program's help was asked for or the words are wrong; it has been answered and *ret_exit set. */
const struct cli_command *cli_find_command(int argc, char **argv, int *ret_used, int *ret_exit);
const struct cli_group *cli_find_group(const char *name);
/* Is that the group of the command? */
bool cli_command_is_in(const struct cli_command *command, const struct cli_group *group);

/* help.c: all of it from the tables. */
enum { CLI_HELP_LINES = 24, CLI_HELP_COLUMNS = 80 };
/* One command's --help, short enough for a screen, or (whole) with every word. */
void cli_help_command(struct buf *out, const struct cli_command *command, bool whole);
void cli_help_group(struct buf *out, const struct cli_group *group);
void cli_help_program(struct buf *out);
/* man.c: the manual page of one command, or (NULL) of the program. */
void cli_man(struct buf *out, const struct cli_command *command);
/* The short flag of an option, or 0. */
char cli_short_flag(const struct cli_command *command, const char *option);

#endif
