/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The INI layer, parsed by inih. inih cuts long lines and section names without a word and drops what follows
 * " ;" in a value, so our own reader looks at each line first and refuses by number what would not arrive
 * whole. Options stand before the first section; [modules] maps names to libraries; any other section holds
 * the parameters of the module it is named after.
 */
#include "conf/set.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include <ini.h>

#include "base/file.h"

/* What inih takes whole: its line buffer is 200 bytes with CR, LF and NUL, a section's name 50 with NUL. */
enum { MAX_LINE = 197, MAX_SECTION = 49 };

struct ini_file {
    struct option_set *set;
    const char *path;
    struct str rest; /* not read yet */
    int line;        /* number of the line that inih is at */
    int status;
    struct err *err;
};

static int
refuse(const struct ini_file *file, struct err *err, const char *what, const char *hint)
{
    return err_set(err, -EINVAL, "%s:%d: %s: %s", file->path, file->line, what, hint);
}

/* Does a ';' follow white space? inih would end the value there. */
static bool
has_inline_comment(struct str line)
{
    for (size_t i = 1; i < line.len; i++)
        if (line.ptr[i] == ';' && isspace((unsigned char)line.ptr[i - 1]))
            return true;
    return false;
}

static int
check_section(const struct ini_file *file, struct str line, struct err *err)
{
    ptrdiff_t end = str_find(line, ']');

    if (end < 0)
        return refuse(file, err, "a section's name has no ']'", "write [name]");
    if ((size_t)end != line.len - 1)
        return refuse(file, err, "something follows the section's name", "put it on a line of its own");
    if (end - 1 > MAX_SECTION)
        return refuse(file, err, "the section's name is longer than 49 bytes",
                      "give the module's parameters with --modules_dir, one JSON file each");
    return 0;
}

/* `line` without its end. Refuses what inih would not hand over whole. */
static int
check_line(const struct ini_file *file, struct str line, struct err *err)
{
    struct str text = str_trim(line);

    if (str_find(line, '\0') >= 0)
        return refuse(file, err, "a NUL byte", "the file is not text");
    if (line.len > MAX_LINE)
        return refuse(file, err, "the line is longer than 197 bytes",
                      "put the value into a file of its own and write name = file:///path");
    if (isspace((unsigned char)line.ptr[0]))
        return refuse(
            file, err, "the line begins with white space, which would continue the value before it",
            "begin it at the margin, or put a long value into a file and write name = file:///path");
    if (text.ptr[0] == '[')
        return check_section(file, text, err);
    if (str_find(text, '=') < 0)
        return refuse(file, err, "no '=' in the line", "write name = value");
    if (str_find(text, ':') >= 0 && str_find(text, ':') < str_find(text, '='))
        return refuse(file, err, "a ':' before the '=' would end the name there", "names have no ':'");
    if (has_inline_comment(line))
        return refuse(
            file, err, "a ';' after white space would end the value there",
            "put a comment on a line of its own, or the value into a file and write name = file:///path");
    return 0;
}

/* inih's reader, in the manner of fgets: one checked line at a time; comments arrive as empty lines. */
static char *
next_line(char *out, int size, void *stream)
{
    struct ini_file *file = stream;
    struct str line, text;

    if (file->rest.len == 0 || file->status < 0)
        return NULL;
    line = str_cut(&file->rest, '\n');
    file->line++;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    text = str_trim(line);
    if (text.len == 0 || text.ptr[0] == ';' || text.ptr[0] == '#')
        line.len = 0;
    if (line.len > 0)
        file->status = conf_tolerate(file->set, check_line(file, line, file->err), file->err);
    if (line.len > 0 && (file->status < 0 || check_line(file, line, NULL) < 0))
        line.len = 0;
    snprintf(out, (size_t)size, "%.*s\n", STR_ARG(line));
    return out;
}

static int
take_value(struct ini_file *file, const char *section, const char *name, const char *value)
{
    auto_free char *where = xasprintf("%s:%d", file->path, file->line);
    struct conf_source source = {RANK_INI, "ini", where};

    if (!section[0])
        return conf_give(file->set, &source, str_of(name), value, file->err);
    if (strcmp(section, "modules") == 0)
        return conf_module_library(file->set, name, value, where, file->err);
    return conf_module_parameter(file->set, section, name, value, where, file->err);
}

static int
on_value(void *user, const char *section, const char *name, const char *value)
{
    struct ini_file *file = user;

    if (file->status == 0)
        file->status =
            conf_tolerate(file->set, take_value(file, section, name, value ? value : ""), file->err);
    return 1;
}

static int
parse(struct ini_file *file)
{
    int line;

    if (file->rest.len >= 3 && memcmp(file->rest.ptr, "\xef\xbb\xbf", 3) == 0)
        file->rest = str_n(file->rest.ptr + 3, file->rest.len - 3);
    line = ini_parse_stream(next_line, file, on_value, file);
    if (file->status < 0)
        return file->status;
    if (line != 0)
        return conf_tolerate(file->set,
                             err_set(file->err, -EINVAL,
                                     "%s:%d: not understood: write name = value or [section]", file->path,
                                     line),
                             file->err);
    return 0;
}

int
conf_read_ini(struct option_set *set, struct err *err)
{
    auto_free char *usual = xasprintf("%s/mesos/%s", set->etc_dir, set->owner.ini_name);
    const char *path = set->config ? set->config : usual;
    auto_buf struct buf content = {0};
    struct ini_file file = {.set = set, .path = path, .err = err};
    int status;

    if (!set->config && access(path, F_OK) != 0)
        return 0;
    status = file_read(path, CONF_MAX_FILE_BYTES, &content, err);
    if (status < 0)
        return conf_tolerate(set, status, err);
    file.rest = buf_str(&content);
    return parse(&file);
}
