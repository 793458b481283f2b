/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: finds the subcommand by the first words (`mesos ps`, `mesos task list`) or by the program's own name
 * (`mesos-ps`), has its options read, and runs it. Holds no knowledge of any subcommand beyond its table.
 */
#include "cli/arguments.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "cli/config.h"
#include "cli/login.h"
#include "cli/term.h"
#include "cli/tls.h"

int
cli_fail(const struct err *err)
{
    auto_buf struct buf text = {0};

    term_escape(&text, str_of(err->text));
    fprintf(stderr, "mesos: %s\n", buf_cstr(&text));
    return EXIT_FAILURE;
}

int
cli_wrong_use(const struct cli_command *command, const char *fmt, ...)
{
    auto_buf struct buf shown = {0};
    auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = xvasprintf(fmt, ap);
    va_end(ap);
    term_escape(&shown, str_of(text));
    fprintf(stderr, "mesos: %s: mesos %s %s\n", buf_cstr(&shown), command->name, command->usage);
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
    return cli_wrong_use(command, "%s arguments",
                         arguments->word_count < command->min_words ? "too few" : "too many");
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
print_help(const struct cli_command *command)
{
    auto_buf struct buf out = {0};

    cli_help_command(&out, command, false);
    fwrite(buf_data(&out), 1, out.len, stdout);
    return 0;
}

static int
run_command(const struct cli_command *command, int argc, char **argv)
{
    auto_arena struct arena *arena = arena_new(0);
    void *target = arena_calloc(arena, 1, command->target_size);
    char *only_master[2];
    struct conf_owner owner = {.program = arena_printf(arena, "mesos %s", command->name),
                               .summary = command->summary,
                               .usage = command->usage,
                               .options = command->options,
                               .target = target};
    struct cli_arguments arguments;
    struct option_set *set = NULL;
    struct err err = {0};
    int code = 0, status;

    if (cli_split(&arguments, command, argc, argv, arena, &err) < 0) {
        cli_fail(&err);
        return EXIT_USAGE;
    }
    if (asks_help(&arguments))
        return print_help(command);
    status = conf_load(&set, &owner, arguments.option_count, arguments.options,
                       environment_for(command, only_master), &code, &err);
    if (status == 0)
        code = check_words(command, &arguments);
    if (status < 0) {
        cli_fail(&err);
        code = EXIT_USAGE;
    } else if (status == 0 && code == 0) {
        struct cli cli = {.words = arguments.words, .word_count = arguments.word_count, .target = target};

        status = cli_login_read(&cli.authorization, &err);
        cli.loop = status < 0 ? NULL : loop_new(NULL, &err);
        code = cli.loop ? command->run(&cli) : cli_fail(&err);
        cli_tls_free(&cli);
        loop_free(cli.loop);
        free(cli.authorization);
    }
    conf_free(set);
    return fflush(stdout) == 0 ? code : EXIT_FAILURE;
}

/* mesos-ps: the name says what "ps" would. */
static bool
is_own_name(const char *name)
{
    if (cli_find_group(name))
        return true;
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return true;
    return false;
}

int
main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];
    const struct cli_command *command;
    int used = 0, code = 0;

    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters: ids and names are UTF-8 everywhere */
    if (strncmp(program, "mesos-", 6) == 0 && is_own_name(program + 6)) {
        argv[0] = (char *)(uintptr_t)(program + 6);
    } else {
        argc--;
        argv++;
    }
    if (argc > 0 && strcmp(argv[0], "--version") == 0) {
        printf("mesos %s (protocol of Mesos %s)\n", CMESOS_VERSION, MESOS_PROTOCOL_VERSION);
        return 0;
    }
    used = cli_take_globals(argc, argv);
    argc -= used;
    argv += used;
    command = cli_find_command(argc, argv, &used, &code);
    return command ? run_command(command, argc - used, argv + used) : code;
}
