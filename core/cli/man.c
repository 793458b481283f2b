/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages of the command line, from the same tables as --help. etc/man has them (`make samples`). */
#include "cli/command.h"
#include "cli/config.h"
#include "conf/set.h"

/* Text with what roff would take for its own escaped, and a line's end. */
static void
text(struct buf *out, const char *words)
{
    if (*words == '.' || *words == '\'')
        buf_puts(out, "\\&");
    for (; *words; words++) {
        if (*words == '\\')
            buf_puts(out, "\\e");
        else if (*words == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *words);
    }
    buf_putc(out, '\n');
}

static void
option(struct buf *out, const struct cli_command *command, const struct option *o)
{
    char letter = command ? cli_short_flag(command, o->name) : 0;
    const char *argument = conf_shown_argument(o), *shown = conf_shown_default(o);
    bool on = o->type == OPTION_BOOL && shown && strcmp(shown, "true") == 0;
    auto_buf struct buf help = {0};

    buf_puts(out, ".TP\n.B ");
    if (letter)
        buf_printf(out, "\\-%c, ", letter);
    buf_printf(out, "\\-\\-%s%s", on ? "[no\\-]" : "", o->name);
    buf_printf(out, "%s%s\n", argument ? "=" : "", argument ? argument : "");
    buf_puts(&help, o->help);
    if (o->state == OPTION_PLANNED)
        buf_printf(&help, " [not built yet: %s]", o->note);
    if (shown && *shown && o->type != OPTION_BOOL)
        buf_printf(&help, " (default: %s)", shown);
    text(out, buf_cstr(&help));
}

static void
paragraphs(struct buf *out, const char *details)
{
    auto_free char *copy = xstrdup(details);

    for (char *rest = copy, *line; (line = strsep(&rest, "\n")) != NULL;) {
        buf_puts(out, ".PP\n");
        text(out, line);
    }
}

static void
describe(struct buf *out, const struct cli_command *command)
{
    text(out, command->summary);
    if (command->details)
        paragraphs(out, command->details);
    for (const struct option *o = command->options; o->name; o++)
        option(out, command, o);
}

static void
section(struct buf *out, const struct cli_command *command)
{
    buf_printf(out, ".SS %s\n.B mesos %s\n", command->name, command->name);
    text(out, command->usage);
    buf_puts(out, ".PP\n");
    describe(out, command);
}

static void
ends(struct buf *out)
{
    buf_puts(out, ".SH EXIT STATUS\n.TP\n.B 0\n");
    text(out, "Done; of execute: the task finished.");
    buf_puts(out, ".TP\n.B 1\n");
    text(out, "It could not be done: nobody answers, there is no such task, the task failed. What is wrong is said on "
              "standard error in one line.");
    buf_puts(out, ".TP\n.B 2\n");
    text(out, "Wrong words or flags; nothing was asked of the cluster.");
    buf_puts(out, ".PP\n");
    text(out, "task exec and ssh exit as the command they run does; 128 and its number when a signal ended it.");
    buf_puts(out, ".SH ENVIRONMENT\n.TP\n.B MESOS_MASTER\n");
    text(out, "Any master of the cluster, as --master.");
    buf_puts(out, ".TP\n.B MESOS_PRINCIPAL, MESOS_SECRET, MESOS_SECRET_FILE\n");
    text(out, "Who you are to a cluster that wants to know, and your secret, or the file (mode 0600) whose first line it is. Before the "
              "command, --principal=NAME and --secret_file=FILE say the same.");
    buf_puts(out, ".TP\n.B MESOS_CA_FILE, MESOS_CERT_FILE, MESOS_KEY_FILE\n");
    text(out, "Files in PEM for daemons behind https://: whom to trust, and your own certificate with its key when they ask for one. "
              "Before the command, --ca_file=FILE, --cert_file=FILE and --key_file=FILE say the same.");
    buf_puts(out, ".TP\n.B NO_COLOR\n");
    text(out, "When it is set to anything, nothing is printed in bold or colour.");
    buf_puts(out, ".TP\n.B COLUMNS\n");
    text(out, "The width of the terminal that tables are made for.");
    buf_puts(out, ".SH FILES\n.TP\n.B ~/.mesos\n");
    text(out, "Lines key=value. A line [NAME] begins a profile; profile=NAME chooses it. `mesos config` reads and writes "
              "the file. When there is none, ~/.mesos/config.toml and ~/.mesos.json of other tools are read. The keys:");
    for (const struct cli_config_key *k = cli_config_keys; k->key; k++) {
        buf_printf(out, ".RS\n.TP\n.B %s\n", k->key);
        text(out, k->meaning);
        buf_puts(out, ".RE\n");
    }
}

static void
program(struct buf *out)
{
    buf_puts(out, ".TH mesos 1 \"\" \"cmesos\"\n.SH NAME\n");
    text(out, "mesos - work with a cluster from a terminal");
    buf_puts(out, ".SH SYNOPSIS\n.B mesos\nCOMMAND [OPTION...] [ARGUMENT...]\n.SH DESCRIPTION\n");
    text(out, "Tasks, agents and frameworks are named by their ids or by what an id begins with, as long as that is one "
              "of them only. Tables are for people: on a terminal they are cut to its width, and control characters of "
              "the cluster are shown, not obeyed. With --json the same is printed for programs. An option's value "
              "follows after = or as the next argument. Each command of one word is also a program of its own: "
              "mesos-ps, mesos-cat.");
    for (const struct cli_group *g = cli_groups; g->name; g++) {
        buf_printf(out, ".SH %s\n", g->name);
        text(out, g->summary);
        for (size_t i = 0; cli_commands[i]; i++)
            if (cli_command_is_in(cli_commands[i], g))
                section(out, cli_commands[i]);
    }
    buf_puts(out, ".SH OTHER COMMANDS\n");
    for (size_t i = 0; cli_commands[i]; i++)
        if (!strchr(cli_commands[i]->name, ' '))
            section(out, cli_commands[i]);
    ends(out);
    buf_puts(out, ".SH SEE ALSO\n.BR mesos-master (8),\n.BR mesos-agent (8)\n");
}

void
cli_man(struct buf *out, const struct cli_command *command)
{
    auto_free char *name = NULL;

    if (!command) {
        program(out);
        return;
    }
    name = xasprintf("mesos-%s", command->name);
    for (char *p = name; *p; p++)
        if (*p == ' ')
            *p = '-';
    buf_printf(out, ".TH %s 1 \"\" \"cmesos\"\n.SH NAME\n%s \\- ", name, name);
    text(out, command->summary);
    buf_printf(out, ".SH SYNOPSIS\n.B %s\n", name);
    text(out, command->usage);
    buf_puts(out, ".SH DESCRIPTION\n");
    describe(out, command);
    ends(out);
    buf_puts(out, ".SH SEE ALSO\n.BR mesos (1)\n");
}
