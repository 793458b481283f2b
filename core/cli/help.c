/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --help of a command, a group and the program, from the tables. A screen has 24 lines of 80 columns: what does not fit
 * with every sentence is shown with the first one of each option; if that is too long as well, options from the group
 * CLI_MORE on are only named. The manual page has it all.
 */
#include "cli/command.h"
#include "conf/set.h"

enum detail { WHOLE, FIRST_SENTENCES, NAMES_OF_MORE };
enum { NAME_COLUMN = 27, GROUP_COLUMN = 12 };

char
cli_short_flag(const struct cli_command *command, const char *option)
{
    for (size_t i = 0; command->short_flags && command->short_flags[i]; i++)
        if (strcmp(command->short_flags[i] + 2, option) == 0)
            return command->short_flags[i][0];
    return 0;
}

static void
indent_to(struct buf *out, size_t line_start, size_t column)
{
    while (out->len - line_start < column)
        buf_putc(out, ' ');
}

/* Words of text between the columns indent and CLI_HELP_COLUMNS; the cursor stands at column `at`. */
static void
wrap(struct buf *out, const char *text, size_t at, size_t indent)
{
    bool fresh = true;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (!fresh && at + 1 + word > CLI_HELP_COLUMNS) {
            buf_putc(out, '\n');
            indent_to(out, out->len, 0);
            for (at = 0; at < indent; at++)
                buf_putc(out, ' ');
        } else if (!fresh) {
            buf_putc(out, ' ');
            at++;
        }
        buf_append(out, text, word);
        at += word;
        text += word;
        text += strspn(text, " ");
        fresh = false;
    }
    buf_putc(out, '\n');
}

/* "--name=VALUE", "--[no-]switch" where it is on by default. The caller frees. */
static char *
long_form(const struct option *option)
{
    const char *argument = conf_shown_argument(option);

    if (option->type != OPTION_BOOL)
        return xasprintf("--%s=%s", option->name, argument);
    return xasprintf("--%s%s", option->fallback && strcmp(option->fallback, "true") == 0 ? "[no-]" : "", option->name);
}

/* Up to the first full stop or semicolon that ends a clause. */
static size_t
first_sentence(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((*p == '.' && (p[1] == ' ' || p[1] == '\0')) || (*p == ';' && p[1] == ' '))
            return (size_t)(p - text);
    return strlen(text);
}

static void
add_option(struct buf *out, const struct cli_command *command, const struct option *option, enum detail detail)
{
    const char *shown = conf_shown_default(option);
    char letter = cli_short_flag(command, option->name);
    auto_free char *name = long_form(option);
    auto_buf struct buf text = {0};
    size_t start = out->len;

    if (detail == WHOLE)
        buf_puts(&text, option->help);
    else
        buf_append(&text, option->help, first_sentence(option->help));
    if (detail == WHOLE && option->state == OPTION_PLANNED)
        buf_printf(&text, " [not built yet: %s]", option->note);
    if (shown && shown[0] && option->type != OPTION_BOOL)
        buf_printf(&text, " (default: %s)", shown);
    if (letter)
        buf_printf(out, "  -%c, %s", letter, name);
    else
        buf_printf(out, "      %s", name);
    if (out->len - start >= NAME_COLUMN) {
        buf_puts(out, "  ");
        wrap(out, buf_cstr(&text), out->len - start, NAME_COLUMN);
        return;
    }
    indent_to(out, start, NAME_COLUMN);
    wrap(out, buf_cstr(&text), NAME_COLUMN, NAME_COLUMN);
}

static void
add_options(struct buf *out, const struct cli_command *command, enum detail detail)
{
    auto_buf struct buf names = {0};
    bool more = false;

    for (const struct option *o = command->options; o->name; o++) {
        more = more || (o->group && strcmp(o->group, CLI_MORE) == 0);
        if (more && detail == NAMES_OF_MORE) {
            auto_free char *name = long_form(o);

            buf_printf(&names, "%s%s", names.len ? " " : "", name);
        } else {
            add_option(out, command, o, detail);
        }
    }
    if (names.len > 0) {
        buf_puts(out, "More: ");
        wrap(out, buf_cstr(&names), 6, 6);
    }
}

static size_t
lines_of(const struct buf *text)
{
    size_t lines = 0;

    for (size_t i = 0; i < text->len; i++)
        lines += buf_data(text)[i] == '\n';
    return lines;
}

static void
add_words(struct buf *out, const char *first, const char *text)
{
    buf_puts(out, first);
    wrap(out, text, strlen(first), strlen(first));
}

static void
render(struct buf *out, const struct cli_command *command, enum detail detail, bool with_details)
{
    auto_free char *name = xasprintf("Usage: mesos %s ", command->name);

    add_words(out, name, command->usage);
    wrap(out, command->summary, 0, 0);
    if (with_details && command->details) {
        auto_free char *copy = xstrdup(command->details);

        for (char *rest = copy, *line; (line = strsep(&rest, "\n")) != NULL;)
            wrap(out, line, 0, 0);
    }
    buf_putc(out, '\n');
    add_options(out, command, detail);
    buf_puts(out, "      --help, --version    Say this, or the release, and exit\n");
    if (detail != WHOLE)
        buf_printf(out, "All of it: mesos help --long %s\n", command->name);
}

void
cli_help_command(struct buf *out, const struct cli_command *command, bool whole)
{
    size_t start = out->len;

    render(out, command, WHOLE, true);
    for (int detail = WHOLE; !whole && detail <= NAMES_OF_MORE; detail++) {
        auto_buf struct buf text = {0};

        render(&text, command, (enum detail)detail, detail == WHOLE);
        if (lines_of(&text) > CLI_HELP_LINES && detail == WHOLE && command->details) {
            buf_clear(&text);
            render(&text, command, WHOLE, false);
        }
        out->len = start;
        buf_append_str(out, buf_str(&text));
        if (lines_of(&text) <= CLI_HELP_LINES)
            return;
    }
}

static void
add_entry(struct buf *out, const char *name, const char *summary)
{
    size_t start = out->len;

    buf_printf(out, "  %s ", name);
    indent_to(out, start, GROUP_COLUMN + 2);
    wrap(out, summary, out->len - start, GROUP_COLUMN + 2);
}

void
cli_help_group(struct buf *out, const struct cli_group *group)
{
    buf_printf(out, "Usage: mesos %s COMMAND [OPTION...] [ARGUMENT...]\n%s\n\nCommands:\n", group->name, group->summary);
    for (size_t i = 0; cli_commands[i]; i++)
        if (cli_command_is_in(cli_commands[i], group))
            add_entry(out, cli_commands[i]->name + strlen(group->name) + 1, cli_commands[i]->summary);
    buf_printf(out, "\n`mesos %s COMMAND --help` tells more about each.\n", group->name);
}

/* "list, inspect" of a group. */
static void
add_group(struct buf *out, const struct cli_group *group)
{
    auto_buf struct buf verbs = {0};

    for (size_t i = 0; cli_commands[i]; i++)
        if (cli_command_is_in(cli_commands[i], group))
            buf_printf(&verbs, "%s%s", verbs.len ? ", " : "", cli_commands[i]->name + strlen(group->name) + 1);
    add_entry(out, group->name, buf_cstr(&verbs));
}

void
cli_help_program(struct buf *out)
{
    buf_puts(out, "Usage: mesos COMMAND [OPTION...] [ARGUMENT...]\n");
    for (const struct cli_group *g = cli_groups; g->name; g++)
        add_group(out, g);
    for (size_t i = 0; cli_commands[i]; i++)
        if (!strchr(cli_commands[i]->name, ' '))
            add_entry(out, cli_commands[i]->name, cli_commands[i]->summary);
    wrap(out,
         "The master: --master=HOST:PORT, else MESOS_MASTER, else master= in ~/.mesos.", 0,
         0);
}
