/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: finds the subcommand by the first word (`mesos ps`) or by the program's own name (`mesos-ps`), has
 * its options read, and runs it. Holds no knowledge of any subcommand beyond its table.
 */
#include "cli/arguments.h"

#include <signal.h>
#include <stdio.h>

const struct cli_command *const cli_commands[] = {
#define CLI_COMMAND(name) &cli_command_##name,
#include "cli/commands.def"
#undef CLI_COMMAND
    NULL,
};

int
cli_fail(const struct err *err)
{
    fprintf(stderr, "mesos: %s\n", err->text);
    return EXIT_FAILURE;
}

static struct conf_owner
owner_of(const struct cli_command *command, char name[64], void *target)
{
    snprintf(name, 64, "mesos %s", command->name);
    return (struct conf_owner){
        .program = name, .summary = command->summary, .usage = command->usage, .options = command->options, .target = target};
}

void
cli_print_help(const struct cli_command *command)
{
    auto_buf struct buf out = {0};
    auto_free void *target = xcalloc(1, command->target_size);
    char name[64];
    struct conf_owner owner = owner_of(command, name, target);

    conf_help(&owner, &out);
    fwrite(buf_data(&out), 1, out.len, stdout);
    for (size_t i = 0; command->short_flags && command->short_flags[i]; i++)
        printf("%s-%c is short for --%s\n", i == 0 ? "\n" : "", command->short_flags[i][0],
               command->short_flags[i] + 2);
}

void
cli_print_commands(void)
{
    puts("Usage: mesos COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:");
    for (size_t i = 0; cli_commands[i]; i++)
        printf("  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    puts("\n`mesos COMMAND --help` tells more about each. The master is named by --master=HOST:PORT, by the\n"
         "environment variable MESOS_MASTER, or by the line master=HOST:PORT in ~/.mesos.");
}

static const struct cli_command *
find_command(const char *word)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, word) == 0)
            return cli_commands[i];
    return NULL;
}

static int
unknown_command(const char *word)
{
    const char *names[32];
    size_t count = 0;
    const char *near;

    for (; cli_commands[count] && count < ARRAY_LEN(names); count++)
        names[count] = cli_commands[count]->name;
    near = str_nearest(word, names, count);
    fprintf(stderr, "mesos: there is no command '%s'", word);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputs("\n`mesos help` lists the commands\n", stderr);
    return EXIT_USAGE;
}

/* Of the environment, what this command reads: everything, or only the master's address. */
static char **
environment_for(const struct cli_command *command, char *only_master[2])
{
    only_master[0] = only_master[1] = NULL;
    if (command->environment)
        return environ;
    for (char **e = environ; *e; e++)
        if (strncmp(*e, "MESOS_MASTER=", 13) == 0)
            only_master[0] = *e;
    return only_master;
}

static int
check_words(const struct cli_command *command, const struct cli_arguments *arguments)
{
    if (arguments->word_count >= command->min_words && arguments->word_count <= command->max_words)
        return 0;
    fprintf(stderr, "mesos: %s arguments: mesos %s %s\n",
            arguments->word_count < command->min_words ? "too few" : "too many", command->name, command->usage);
    return EXIT_USAGE;
}

static bool
asks_help(const struct cli_arguments *arguments)
{
    for (int i = 1; i < arguments->option_count; i++)
        if (strcmp(arguments->options[i], "--help") == 0)
            return true;
    return false;
}

static int
run_command(const struct cli_command *command, int argc, char **argv)
{
    auto_arena struct arena *arena = arena_new(0);
    void *target = arena_calloc(arena, 1, command->target_size);
    char name[64], *only_master[2];
    struct conf_owner owner = owner_of(command, name, target);
    struct cli_arguments arguments;
    struct option_set *set = NULL;
    struct err err = {0};
    int code = 0, status;

    if (cli_split(&arguments, command, argc, argv, arena, &err) < 0) {
        cli_fail(&err);
        return EXIT_USAGE;
    }
    if (asks_help(&arguments)) {
        cli_print_help(command);
        return 0;
    }
    status = conf_load(&set, &owner, arguments.option_count, arguments.options,
                       environment_for(command, only_master), &code, &err);
    if (status == 0)
        code = check_words(command, &arguments);
    if (status < 0) {
        cli_fail(&err);
        code = EXIT_USAGE;
    } else if (status == 0 && code == 0) {
        struct cli cli = {.words = arguments.words, .word_count = arguments.word_count, .target = target};

        cli.loop = loop_new(NULL, &err);
        code = cli.loop ? command->run(&cli) : cli_fail(&err);
        loop_free(cli.loop);
    }
    conf_free(set);
    return fflush(stdout) == 0 ? code : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];
    const struct cli_command *command;

    signal(SIGPIPE, SIG_IGN);
    if (strncmp(program, "mesos-", 6) == 0 && (command = find_command(program + 6)) != NULL)
        return run_command(command, argc - 1, argv + 1);
    if (argc < 2) {
        cli_print_commands();
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        cli_print_commands();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("mesos %s (protocol of Mesos %s)\n", CMESOS_VERSION, MESOS_PROTOCOL_VERSION);
        return 0;
    }
    command = find_command(argv[1]);
    return command ? run_command(command, argc - 2, argv + 2) : unknown_command(argv[1]);
}
