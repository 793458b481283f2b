/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the difference between what people type and what conf reads. Knows no option by name. */
#include "cli/arguments.h"

#include <errno.h>

/* The long name behind a short flag, or NULL. */
static const char *
long_name(const struct cli_command *command, char letter)
{
    for (size_t i = 0; command->short_flags && command->short_flags[i]; i++)
        if (command->short_flags[i][0] == letter)
            return command->short_flags[i] + 2;
    return NULL;
}

/* Does the option want a value that may stand in the next argument? Unknown names do not: conf will refuse them. */
static bool
wants_value(const struct cli_command *command, struct str name)
{
    for (const struct option *o = command->options; o && o->name; o++) {
        if (str_is(name, o->name))
            return o->type != OPTION_BOOL;
        for (size_t i = 0; o->aliases && o->aliases[i]; i++)
            if (str_is(name, o->aliases[i]))
                return o->type != OPTION_BOOL;
    }
    return false;
}

static void
add_option(struct cli_arguments *out, const char *text)
{
    out->options[out->option_count++] = (char *)(uintptr_t)text;
}

/* --name, --name=value or --name value. Returns how many arguments were used. */
static int
split_long(struct cli_arguments *out, const struct cli_command *command, char **argv, struct arena *arena)
{
    struct str name = str_of(argv[0] + 2);

    if (str_find(name, '=') >= 0 || !argv[1] || !wants_value(command, name)) {
        add_option(out, argv[0]);
        return 1;
    }
    add_option(out, arena_printf(arena, "%s=%s", argv[0], argv[1]));
    return 2;
}

static int
unknown_flag(const struct cli_command *command, const char *flag, struct err *err)
{
    const char other_case = (char)(flag[1] ^ 0x20);
    const char *name = long_name(command, other_case);

    if (name)
        return err_set(err, -EINVAL, "unknown flag %s; did you mean -%c (--%s)?", flag, other_case, name);
    for (const struct option *o = command->options; o && o->name; o++)
        if (o->name[0] == flag[1] && (strlen(flag) == 2 || strcmp(o->name, flag + 1) == 0))
            return err_set(err, -EINVAL, "unknown flag %s; did you mean --%s?", flag, o->name);
    return err_set(err, -EINVAL, "unknown flag %s: `mesos %s --help` lists the flags", flag, command->name);
}

/* -f, -n20 or -n 20. Returns how many arguments were used, or a negative errno. */
static int
split_short(struct cli_arguments *out, const struct cli_command *command, char **argv, struct arena *arena,
            struct err *err)
{
    const char *name = long_name(command, argv[0][1]);

    if (!name && argv[0][1] == 'h')
        name = "help";
    if (!name)
        return unknown_flag(command, argv[0], err);
    if (!wants_value(command, str_of(name))) {
        add_option(out, arena_printf(arena, "--%s", name));
        for (const char *more = argv[0] + 2; *more; more++) { /* -it */
            const char *other = long_name(command, *more);

            if (!other || wants_value(command, str_of(other)))
                return err_set(err, -EINVAL, "-%c takes no value, but %s was given", argv[0][1], argv[0]);
            add_option(out, arena_printf(arena, "--%s", other));
        }
        return 1;
    }
    if (argv[0][2]) {
        add_option(out, arena_printf(arena, "--%s=%s", name, argv[0] + 2));
        return 1;
    }
    if (!argv[1])
        return err_set(err, -EINVAL, "-%c wants a value", argv[0][1]);
    add_option(out, arena_printf(arena, "--%s=%s", name, argv[1]));
    return 2;
}

int
cli_split(struct cli_arguments *ret, const struct cli_command *command, int argc, char **argv, struct arena *arena,
          struct err *err)
{
    struct cli_arguments out = {NULL, 0, arena_calloc(arena, (size_t)argc + 2, sizeof(char *)), 0};
    size_t most = (size_t)argc + 2;
    bool only_words = false;

    for (int i = 0; i < argc; i++)
        most += argv[i][0] == '-' && argv[i][1] != '-' ? strlen(argv[i]) : 0;
    out.options = arena_calloc(arena, most, sizeof(char *));

    add_option(&out, arena_printf(arena, "mesos-%s", command->name));
    for (int i = 0; i < argc;) {
        int used = 1;

        if (only_words || argv[i][0] != '-' || argv[i][1] == '\0') {
            out.words[out.word_count++] = argv[i];
            only_words = only_words || out.word_count == command->last_flag_word;
        }
        else if (strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (argv[i][1] == '-')
            used = split_long(&out, command, argv + i, arena);
        else
            used = split_short(&out, command, argv + i, arena, err);
        if (used < 0)
            return used;
        i += used;
    }
    *ret = out;
    return 0;
}
