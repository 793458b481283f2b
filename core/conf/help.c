/* SPDX-License-Identifier: Apache-2.0 */
/* What people read: --help, --check-config, the samples of etc/ and the man pages, all from the tables. */
#include "conf/set.h"

#include <ctype.h>

enum { COLUMN = 36, WIDTH = 110 };

const char *
conf_shown_argument(const struct option *option)
{
    if (option->argument)
        return option->argument;
    switch (option->type) {
    case OPTION_STRING:
        return "VALUE";
    case OPTION_PATH:
        return "PATH";
    case OPTION_BOOL:
        return NULL;
    case OPTION_INT:
        return "NUMBER";
    case OPTION_DOUBLE:
        return "NUMBER";
    case OPTION_DURATION:
        return "DURATION";
    case OPTION_BYTES:
        return "BYTES";
    case OPTION_JSON:
        return "JSON";
    }
    return "VALUE";
}

/* Where an install path stands for itself, documents name it and not this build's own. */
const char *
conf_shown_default(const struct option *option)
{
    return option->fallback_text ? option->fallback_text : option->fallback;
}

static void
pad_to(struct buf *out, size_t line_start, size_t column)
{
    while (out->len - line_start < column)
        buf_putc(out, ' ');
}

/* Words of text, wrapped between indent and WIDTH; the cursor stands at indent already. prefix begins new
 * lines. */
static void
wrap(struct buf *out, const char *text, size_t indent, const char *prefix)
{
    size_t at = indent;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (at > indent && at + 1 + word > WIDTH) {
            buf_putc(out, '\n');
            buf_puts(out, prefix);
            for (size_t i = strlen(prefix); i < indent; i++)
                buf_putc(out, ' ');
            at = indent;
        } else if (at > indent) {
            buf_putc(out, ' ');
            at++;
        }
        buf_append(out, text, word);
        at += word;
        text += word;
        text += strspn(text, " ");
    }
    buf_putc(out, '\n');
}

/* The help sentence with what the table knows beside it. The caller frees. */
static char *
full_help(const struct option *option)
{
    const char *shown = conf_shown_default(option);
    struct buf text = {0};

    buf_puts(&text, option->help);
    if (option->choices && !option->check)
        buf_printf(&text, " One of %s.", option->choices);
    else if (option->min && option->max)
        buf_printf(&text, " From %s to %s.", option->min, option->max);
    else if (option->min && strcmp(option->min, "0") != 0)
        buf_printf(&text, " At least %s.", option->min);
    else if (option->max)
        buf_printf(&text, " At most %s.", option->max);
    if (option->required)
        buf_puts(&text, " Required.");
    if (shown)
        buf_printf(&text, " (default: %s)", shown[0] ? shown : "empty");
    if (option->aliases && option->aliases[0]) {
        buf_puts(&text, " (deprecated:");
        for (size_t i = 0; option->aliases[i]; i++)
            buf_printf(&text, "%s --%s", i ? "," : "", option->aliases[i]);
        buf_putc(&text, ')');
    }
    if (option->state == OPTION_PLANNED)
        buf_printf(&text, " [not built yet: %s]", option->note);
    if (option->state == OPTION_RETIRED)
        buf_printf(&text, " [no effect: %s]", option->note);
    return buf_take(&text);
}

static void
help_line(struct buf *out, const char *name, const char *help)
{
    size_t start = out->len;

    buf_printf(out, "  %s", name);
    if (out->len - start >= COLUMN) {
        buf_putc(out, '\n');
        start = out->len;
    }
    pad_to(out, start, COLUMN);
    wrap(out, help, COLUMN, "");
}

static void
help_option(struct buf *out, const struct option *option)
{
    const char *argument = conf_shown_argument(option);
    auto_free char *help = full_help(option);
    auto_free char *name = NULL;

    if (option->type == OPTION_BOOL)
        name = xasprintf("--[no-]%s", option->name);
    else
        name = xasprintf("--%s=%s", option->name, argument);
    help_line(out, name, help);
}

static void
help_own(struct buf *out, const struct conf_owner *owner)
{
    help_line(out, "--help", "Says this and exits.");
    help_line(out, "--version", "Says the version and exits.");
    if (!owner->ini_name)
        return;
    help_line(out, "--check-config", "Reads all layers, says each value and where it came from, and exits.");
    help_line(out, "--config=PATH", "The INI file to read instead of the one in --etc_dir.");
    help_line(out, "--etc_dir=PATH",
              "Where to look for mesos/, default/ and one-file options. (default: "
              "/etc, or what configure was told)");
}

void
conf_help(const struct conf_owner *owner, struct buf *out)
{
    buf_printf(out, "Usage: %s %s\n\n%s\n", owner->program,
               owner->usage ? owner->usage : "[--option=value ...]", owner->summary);
    if (owner->ini_name)
        buf_printf(
            out,
            "\nValues come from, the later the stronger: the default, %s/mesos/%s, one file per option,\n"
            "/etc/default, MESOS_<option> in the environment, the command line. --name and --no-name turn\n"
            "switches on and off. file:///path as a value reads the file.\n",
            "/etc", owner->ini_name);
    buf_puts(out, "\nGeneral\n");
    help_own(out, owner);
    for (const struct option *o = owner->options; o->name; o++) {
        if (o->group)
            buf_printf(out, "\n%s\n", o->group);
        help_option(out, o);
    }
}

static void
report_setting(const struct conf_setting *setting, struct buf *out)
{
    const struct option *option = setting->option;
    size_t start = out->len;
    const char *value = setting->value ? conf_setting_shown(setting) : "(unset)";

    if (option->secret && setting->value)
        value = "(secret)";
    buf_printf(out, "%s = ", option->name);
    for (const char *p = value; *p; p++) {
        if (*p == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, *p);
    }
    buf_putc(out, ' ');
    pad_to(out, start, 48);
    if (setting->rank == RANK_DEFAULT)
        buf_puts(out, "# default\n");
    else
        buf_printf(out, "# %s: %s\n", setting->origin.layer, setting->origin.where);
}

void
conf_report(const struct option_set *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++)
        report_setting(&set->settings[i], out);
    for (size_t i = 0; i < set->module_count; i++) {
        const struct conf_module *m = &set->modules[i];

        buf_printf(out, "module %s from %s # %s\n", m->name, m->library ? m->library : "the module path",
                   m->where);
        for (size_t k = 0; k < m->count; k++)
            buf_printf(out, "    %s = %s\n", m->keys[k], m->values[k]);
    }
    for (size_t i = 0; i < set->ignored.count; i++)
        buf_printf(out, "ignored, no option of %s: %s\n", set->owner.program, set->ignored.items[i]);
    for (size_t i = 0; i < set->notes.count; i++)
        buf_printf(out, "note: %s\n", set->notes.items[i]);
    if (set->errors)
        buf_printf(out, "%s: %u error%s\n", set->owner.program, set->errors, set->errors == 1 ? "" : "s");
    else
        buf_printf(out, "%s: the options are sound\n", set->owner.program);
}

void
conf_dump_ini(const struct conf_owner *owner, struct buf *out)
{
    buf_printf(
        out,
        "# %s: every option of %s; those behind a # at their default. Generated from the option tables.\n"
        "# As %s.sample it is not read. To take it into use: cp /etc/mesos/%s.sample /etc/mesos/%s\n"
        "# Stronger than this file: one file per option, /etc/default, MESOS_<option>, the command line.\n"
        "# A line holds at most 197 bytes and no \" ;\"; longer values: name = file:///path\n",
        owner->ini_name, owner->program, owner->ini_name, owner->ini_name, owner->ini_name);
    for (const struct option *o = owner->options; o->name; o++) {
        const char *value = o->fallback && !o->fallback_text ? o->fallback : "";
        auto_free char *help = full_help(o);

        if (o->group)
            buf_printf(out, "\n## %s\n", o->group);
        if (o->state == OPTION_RETIRED)
            continue;
        buf_puts(out, "\n# ");
        wrap(out, help, 2, "# ");
        if (o->sample)
            buf_printf(out, "%s = %s\n", o->name, o->sample);
        else
            buf_printf(out, "#%s =%s%s\n", o->name, value[0] ? " " : "", value);
    }
    buf_puts(out, "\n## Modules: libraries that are not in module_path, and parameters of modules\n"
                  "\n#[modules]\n#org_example_name = /path/to/library.so\n"
                  "\n#[org_example_name]\n#parameter = value\n");
}

/* Text with what roff would take for its own escaped. */
static void
man_text(struct buf *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        buf_puts(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buf_puts(out, "\\e");
        else if (*text == '-')
            buf_puts(out, "\\-");
        else
            buf_putc(out, *text);
    }
    buf_putc(out, '\n');
}

/* Its lines as they stand. */
static void
man_usage(struct buf *out, const char *usage)
{
    struct str rest = str_of(usage);
    while (rest.len) {
        auto_free char *line = str_dup(str_trim(str_cut(&rest, '\n')));
        if (*line)
            man_text(out, line);
        if (rest.len)
            buf_puts(out, *line ? ".br\n" : ".PP\n");
    }
}

static void
man_files(struct buf *out, const char *ini_name)
{
    buf_printf(out, ".SH FILES\n.TP\n.I /etc/mesos/%s\n", ini_name);
    man_text(out, "The INI file. It is not there until somebody makes it.");
    buf_printf(out, ".TP\n.I /etc/mesos/%s.sample\n", ini_name);
    man_text(out, "Every option with its default. It is not read: copy it to the name above, without .sample, to take it into "
                  "use. What stands there without a # in front is not at its default.");
}

void
conf_dump_man(const struct conf_owner *owner, struct buf *out)
{
    buf_printf(out, ".TH %s 8 \"\" \"cmesos\"\n.SH NAME\n%s \\- ", owner->program, owner->program);
    man_text(out, owner->summary);
    buf_printf(out, ".SH SYNOPSIS\n.B %s\n", owner->program);
    man_usage(out, owner->usage ? owner->usage : "[--option=value ...]");
    buf_puts(out, ".SH DESCRIPTION\n");
    man_text(out, "Values come from, the later the stronger: the default, the INI file, one file per option, "
                  "/etc/default, MESOS_<option> in the environment, the command line.");
    for (const struct option *o = owner->options; o->name; o++) {
        const char *argument = conf_shown_argument(o);
        auto_free char *help = full_help(o);

        if (o->group)
            buf_printf(out, ".SH %s\n", o->group);
        buf_printf(out, ".TP\n.B \\-\\-%s%s", o->type == OPTION_BOOL ? "[no\\-]" : "", o->name);
        buf_printf(out, "%s%s\n", argument ? "=" : "", argument ? argument : "");
        man_text(out, help);
    }
    if (owner->ini_name)
        man_files(out, owner->ini_name);
}
