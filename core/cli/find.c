/* SPDX-License-Identifier: Apache-2.0 */
/* From words to a command: groups and verbs, and what was probably meant when there is none. */
#include "cli/command.h"

#include <stdio.h>

const struct cli_command *const cli_commands[] = {
#define CLI_GROUP(name, summary)
#define CLI_COMMAND(name) &cli_command_##name,
#include "cli/commands.def"
#undef CLI_COMMAND
#undef CLI_GROUP
    NULL,
};

const struct cli_group cli_groups[] = {
#define CLI_GROUP(name, summary) {#name, summary},
#define CLI_COMMAND(name)
#include "cli/commands.def"
#undef CLI_COMMAND
#undef CLI_GROUP
    {NULL, NULL},
};

enum { MOST_NAMES = 64 };

const struct cli_group *
cli_find_group(const char *name)
{
    for (const struct cli_group *g = cli_groups; g->name; g++)
        if (strcmp(g->name, name) == 0)
            return g;
    return NULL;
}

/* "list" of "task list" when that is of the group; of a command without a group (group NULL) its name; else NULL. */
static const char *
verb_in(const struct cli_command *command, const struct cli_group *group)
{
    const char *space = strchr(command->name, ' ');
    size_t len = space ? (size_t)(space - command->name) : 0;

    if (!group)
        return space ? NULL : command->name;
    return space && len == strlen(group->name) && memcmp(command->name, group->name, len) == 0 ? space + 1 : NULL;
}

bool
cli_command_is_in(const struct cli_command *command, const struct cli_group *group)
{
    return verb_in(command, group) != NULL;
}

static const struct cli_command *
find_verb(const struct cli_group *group, const char *word)
{
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *verb = verb_in(cli_commands[i], group);

        if (verb && strcmp(verb, word) == 0)
            return cli_commands[i];
    }
    return NULL;
}

/* A verb without its group: `mesos teardown`. */
static bool
say_group_of(const char *word)
{
    bool said = false;

    for (const struct cli_group *g = cli_groups; g->name; g++)
        if (find_verb(g, word)) {
            fprintf(stderr, "%s 'mesos %s %s'", said ? " or" : "; did you mean", g->name, word);
            said = true;
        }
    return said;
}

static int
unknown(const struct cli_group *group, const char *word)
{
    const char *names[2 * MOST_NAMES], *near;
    size_t count = 0;

    for (size_t i = 0; cli_commands[i] && count < MOST_NAMES; i++)
        if (verb_in(cli_commands[i], group))
            names[count++] = verb_in(cli_commands[i], group);
    for (const struct cli_group *g = cli_groups; !group && g->name && count < MOST_NAMES; g++)
        names[count++] = g->name;
    near = str_nearest(word, names, count);
    if (!group && word[0] == '-') {
        fprintf(stderr, "mesos: '%s' stands before the command: flags come behind it, as in mesos ps --json\n", word);
        return EXIT_USAGE;
    }
    fprintf(stderr, "mesos: there is no command '%s%s%s'", group ? group->name : "", group ? " " : "", word);
    if (near)
        fprintf(stderr, "; did you mean '%s%s%s'?", group ? group->name : "", group ? " " : "", near);
    else if (!group && say_group_of(word))
        fputs("?", stderr);
    if (group)
        fprintf(stderr, "\n`mesos %s --help` lists its commands\n", group->name);
    else
        fputs("\n`mesos help` lists the commands\n", stderr);
    return EXIT_USAGE;
}

static bool
asks_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int
print(struct buf *text, FILE *to, int code)
{
    fwrite(buf_data(text), 1, text->len, to);
    return fflush(to) == 0 ? code : EXIT_FAILURE;
}

const struct cli_command *
cli_find_command(int argc, char **argv, int *ret_used, int *ret_exit)
{
    const struct cli_group *group = argc > 0 ? cli_find_group(argv[0]) : NULL;
    const struct cli_command *command = NULL;
    auto_buf struct buf help = {0};
    int at = group ? 1 : 0;
    bool asked = at < argc && asks_help(argv[at]);

    if (at >= argc || asked) {
        if (group)
            cli_help_group(&help, group);
        else
            cli_help_program(&help);
        *ret_exit = asked ? print(&help, stdout, 0) : print(&help, stderr, EXIT_USAGE);
        return NULL;
    }
    command = find_verb(group, argv[at]);
    if (!command)
        *ret_exit = unknown(group, argv[at]);
    *ret_used = at + 1;
    return command;
}
