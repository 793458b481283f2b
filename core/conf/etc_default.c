/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/default/mesos, mesos-master, mesos-slave: shell files of the old packages, of which only assignments
 * are read. No shell is run. `cat FILE` between backquotes or in $( ) is understood, because the packages
 * wrote ZK=`cat /etc/mesos/zk`; $NAME and ${NAME} of earlier assignments too; any other substitution is
 * refused.
 */
#include "conf/set.h"

#include <ctype.h>
#include <errno.h>

#include "base/file.h"

struct variable {
    char *name, *value;
    char *where;
    bool exported;
    bool own_file; /* last assigned in a file that is not shared */
};

struct shell {
    struct option_set *set;
    char **environ_;
    struct variable *variables;
    size_t count;
    const char *path;
    int line;
    bool own_file;
};

static struct variable *
find_variable(struct shell *shell, struct str name)
{
    for (size_t i = 0; i < shell->count; i++)
        if (str_is(name, shell->variables[i].name))
            return &shell->variables[i];
    return NULL;
}

static struct variable *
make_variable(struct shell *shell, struct str name)
{
    struct variable *v = find_variable(shell, name);

    if (v)
        return v;
    shell->variables = xreallocarray(shell->variables, shell->count + 1, sizeof(*v));
    v = &shell->variables[shell->count++];
    *v = (struct variable){.name = str_dup(name)};
    return v;
}

static size_t
name_length(struct str s)
{
    size_t n = 0;

    if (s.len == 0 || isdigit((unsigned char)s.ptr[0]))
        return 0;
    while (n < s.len && (isalnum((unsigned char)s.ptr[n]) || s.ptr[n] == '_' || s.ptr[n] == '-'))
        n++;
    return n;
}

static const char *
lookup(struct shell *shell, struct str name)
{
    const struct variable *v = find_variable(shell, name);

    if (v)
        return v->value;
    for (char **at = shell->environ_; at && *at; at++)
        if (strncmp(*at, name.ptr, name.len) == 0 && (*at)[name.len] == '=')
            return *at + name.len + 1;
    return NULL;
}

/* $NAME or ${NAME} at the front of *s. */
static int
expand_name(struct shell *shell, struct str *s, struct buf *out, struct err *err)
{
    bool braced = s->len > 1 && s->ptr[1] == '{';
    struct str rest = str_n(s->ptr + 1 + braced, s->len - 1 - braced);
    size_t length = 0;
    const char *value;

    while (length < rest.len && (isalnum((unsigned char)rest.ptr[length]) || rest.ptr[length] == '_'))
        length++;
    if (length == 0 || (braced && (length == rest.len || rest.ptr[length] != '}')))
        return err_set(err, -EINVAL, "only $NAME, ${NAME} and `cat FILE` are understood: no shell is run");
    value = lookup(shell, str_n(rest.ptr, length));
    if (!value)
        return err_set(err, -EINVAL, "$%.*s is not assigned before", (int)length, rest.ptr);
    buf_puts(out, value);
    *s = str_n(rest.ptr + length + braced, rest.len - length - braced);
    return 0;
}

/* `cat FILE` or $(cat FILE) at the front of *s. A path under /etc is looked for under --etc_dir. */
static int
expand_command(struct shell *shell, struct str *s, struct buf *out, struct err *err)
{
    bool quoted = s->ptr[0] == '`';
    struct str rest = str_n(s->ptr + (quoted ? 1 : 2), s->len - (quoted ? 1 : 2));
    char end = quoted ? '`' : ')';
    auto_buf struct buf content = {0};
    auto_free char *path = NULL;
    struct str command;

    if (str_find(rest, end) < 0)
        return err_set(err, -EINVAL, "no closing '%c'", end);
    command = str_trim(str_cut(&rest, end));
    if (!str_starts(command, STR_LIT("cat /")) || strpbrk(path = str_dup(command), "|;&<>*?$\"'") ||
        str_find(str_n(command.ptr + 4, command.len - 4), ' ') >= 0)
        return err_set(err, -EINVAL, "'%.*s' is not run: no shell is; only `cat FILE` is understood",
                       STR_ARG(command));
    free(path);
    if (str_starts(command, STR_LIT("cat /etc/")))
        path = xasprintf("%s/%.*s", shell->set->etc_dir, (int)command.len - 9, command.ptr + 9);
    else
        path = str_dup(str_n(command.ptr + 4, command.len - 4));
    if (file_read(path, CONF_MAX_FILE_BYTES, &content, err) < 0)
        return -EINVAL;
    buf_append_str(out, str_trim(buf_str(&content)));
    *s = rest;
    return 0;
}

static int
expand(struct shell *shell, struct str *s, struct buf *out, struct err *err)
{
    if (s->ptr[0] == '`' || (s->len > 1 && s->ptr[1] == '('))
        return expand_command(shell, s, out, err);
    return expand_name(shell, s, out, err);
}

/* The word after '=': quotes, backslashes, expansions; ends at white space. The rest stays in *s. */
static int
read_word(struct shell *shell, struct str *s, struct buf *out, struct err *err)
{
    char quote = 0;

    while (s->len > 0 && (quote || !isspace((unsigned char)s->ptr[0]))) {
        char c = s->ptr[0];

        if (quote != '\'' && (c == '`' || c == '$')) {
            int status = expand(shell, s, out, err);

            if (status < 0)
                return status;
            continue;
        }
        if (c == quote) {
            quote = 0;
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
        } else if (!quote && strchr(";&|<>()", c)) {
            return err_set(err, -EINVAL, "'%c' is not understood: only assignments are read, no shell is run",
                           c);
        } else {
            if (c == '\\' && quote != '\'' && s->len > 1)
                *s = str_n(s->ptr + 1, s->len - 1);
            buf_putc(out, s->ptr[0]);
        }
        *s = str_n(s->ptr + 1, s->len - 1);
    }
    return quote ? err_set(err, -EINVAL, "no closing %c", quote) : 0;
}

/* Does a daemon read the variable? Others are there for whoever sources the file. */
static bool
means_something(const struct shell *shell, struct str name)
{
    const struct conf_shell_variable *known = shell->set->owner.shell_variables;

    for (; known && known->name; known++)
        if (str_is(name, known->name))
            return true;
    return str_starts(name, STR_LIT("MESOS_")) || str_starts(name, STR_LIT("LIBPROCESS_"));
}

/* What cannot be read without a shell is an error where it matters, and else a note: the name stays unassigned. */
static int
assign(struct shell *shell, struct str name, struct str *rest, bool exported, struct err *err)
{
    auto_buf struct buf value = {0};
    struct variable *v;

    if (read_word(shell, rest, &value, err) < 0) {
        if (means_something(shell, name))
            return err_wrap(err, "%s:%d: %.*s", shell->path, shell->line, STR_ARG(name));
        conf_note(shell->set, "%s:%d: %.*s is ignored: %s", shell->path, shell->line, STR_ARG(name), err->text);
        err->code = 0;
        rest->len = 0;
        return 0;
    }
    v = make_variable(shell, name);
    free(v->value);
    free(v->where);
    v->value = buf_take(&value);
    v->where = xasprintf("%s:%d", shell->path, shell->line);
    v->exported |= exported;
    v->own_file = shell->own_file;
    return 0;
}

/* One line: [export] NAME=word..., or `export NAME`. Anything else is not ours. */
static int
read_line(struct shell *shell, struct str line, struct err *err)
{
    struct str rest = str_trim(line);
    bool exported = false;

    if (str_starts(rest, STR_LIT("export ")) || str_starts(rest, STR_LIT("export\t"))) {
        exported = true;
        rest = str_trim(str_n(rest.ptr + 7, rest.len - 7));
    }
    while (rest.len > 0 && rest.ptr[0] != '#') {
        size_t length = name_length(rest);
        struct str name = str_n(rest.ptr, length);
        struct variable *v = find_variable(shell, name);

        if (length > 0 && length < rest.len && rest.ptr[length] == '=') {
            rest = str_n(rest.ptr + length + 1, rest.len - length - 1);
            if (assign(shell, name, &rest, exported, err) < 0)
                return -EINVAL;
        } else if (exported && length > 0 && v) {
            v->exported = true;
            rest = str_n(rest.ptr + length, rest.len - length);
        } else {
            conf_note(shell->set, "%s:%d is ignored: it is no assignment, and no shell is run", shell->path,
                      shell->line);
            return 0;
        }
        rest = str_trim(rest);
    }
    return 0;
}

static int
read_file(struct shell *shell, struct err *err)
{
    auto_buf struct buf content = {0};
    struct str rest;
    int status = file_read(shell->path, CONF_MAX_FILE_BYTES, &content, err);

    rest = buf_str(&content);
    for (shell->line = 1; status == 0 && rest.len > 0; shell->line++) {
        status = read_line(shell, str_cut(&rest, '\n'), err);
        status = conf_tolerate(shell->set, status, err);
    }
    return status;
}

/* Gives an option; the name may be one of this program's or, for MESOS_ variables, of anybody. */
static int
give_variable(struct shell *shell, const struct variable *v, struct err *err)
{
    struct conf_source source = {RANK_ETC_DEFAULT, "etc-default", v->where};
    const struct conf_shell_variable *known = shell->set->owner.shell_variables;

    for (; known && known->name; known++)
        if (strcmp(known->name, v->name) == 0 && v->value[0] && (v->own_file || !known->own_file_only))
            return conf_give(shell->set, &source, str_of(known->option), v->value, err);
    return 0;
}

static int
give_mesos_variable(struct shell *shell, const struct variable *v, struct err *err)
{
    struct conf_source source = {RANK_ETC_DEFAULT + 1, "etc-default", v->where};
    auto_free char *name = NULL;

    if (strncmp(v->name, "MESOS_", 6) != 0)
        return 0;
    if (!v->exported) {
        conf_note(shell->set, "%s: %s is ignored because it is not exported", v->where, v->name);
        return 0;
    }
    name = xstrdup(v->name + 6);
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    if (!conf_find(shell->set, str_of(name))) {
        conf_texts_add(&shell->set->ignored, arena_printf(shell->set->arena, "%s (%s)", v->name, v->where));
        return 0;
    }
    return conf_give(shell->set, &source, str_of(name), v->value, err);
}

/* LIBPROCESS_... and what else has a name of its own. exported: all that a program would get of these files. */
static int
give_other_variable(struct shell *shell, char *const *exported, const struct variable *v, struct err *err)
{
    struct conf_source today = {RANK_ETC_DEFAULT_OTHER, "etc-default", v->where};
    struct conf_source old = {RANK_ETC_DEFAULT_OLD, "etc-default", v->where};

    if (strncmp(v->name, "MESOS_", 6) == 0)
        return 0;
    if (v->exported)
        return conf_give_other(shell->set, exported, str_of(v->name), v->value, &today, &old, err);
    if (strncmp(v->name, "LIBPROCESS_", 11) == 0)
        conf_note(shell->set, "%s: %s is ignored because it is not exported", v->where, v->name);
    return 0;
}

/* The environment of a program that the files' exports were for. */
static char **
exports_of(const struct shell *shell)
{
    char **exported = xcalloc(shell->count + 1, sizeof(*exported));
    size_t count = 0;

    for (size_t i = 0; i < shell->count; i++)
        if (shell->variables[i].exported)
            exported[count++] = xasprintf("%s=%s", shell->variables[i].name, shell->variables[i].value);
    return exported;
}

static void
exports_free(char **exported)
{
    for (char **at = exported; *at; at++)
        free(*at);
    free(exported);
}

static int
give_all(struct shell *shell, struct err *err)
{
    char **exported = exports_of(shell);
    int status = 0;

    for (size_t i = 0; status == 0 && i < shell->count; i++) {
        status = give_variable(shell, &shell->variables[i], err);
        if (status == 0)
            status = give_mesos_variable(shell, &shell->variables[i], err);
        if (status == 0)
            status = give_other_variable(shell, exported, &shell->variables[i], err);
        status = conf_tolerate(shell->set, status, err);
    }
    exports_free(exported);
    return status;
}

static void
shell_fini(struct shell *shell)
{
    for (size_t i = 0; i < shell->count; i++) {
        free(shell->variables[i].name);
        free(shell->variables[i].value);
        free(shell->variables[i].where);
    }
    free(shell->variables);
}

int
conf_read_etc_default(struct option_set *set, char **environ_, struct err *err)
{
    struct shell shell = {.set = set, .environ_ = environ_};
    const char *const *name = set->owner.etc_default;
    int status = 0;

    for (size_t i = 0; status == 0 && name && name[i]; i++) {
        auto_free char *path = xasprintf("%s/default/%s", set->etc_dir, name[i]);

        shell.path = path;
        shell.own_file = i > 0;
        if (access(path, F_OK) == 0)
            status = conf_tolerate(set, read_file(&shell, err), err);
    }
    if (status == 0)
        status = give_all(&shell, err);
    shell_fini(&shell);
    return status;
}
