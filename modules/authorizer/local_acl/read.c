/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mesos's JSON form of ACLs. Stricter than Mesos: what it would pass over (an action, a member or a type that it does not
 * know) is refused here with its line, because a rule that is silently no rule lets everybody in.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "authorizer/local_acl/rules.h"
#include "wire/json_token.h"

struct reader {
    struct json_scan scan;
    struct acls *acls;
    size_t budget; /* bytes for texts with escapes */
    const char *counted; /* lines are counted up to here */
    unsigned line;
    struct err *err;
};

/* The line of what comes next. */
static unsigned
line_here(struct reader *reader)
{
    json_scan_space(&reader->scan);
    for (; reader->counted < reader->scan.at; reader->counted++)
        reader->line += *reader->counted == '\n';
    return reader->line;
}

static int refuse(struct reader *reader, unsigned line, const char *format, ...) PRINTF_LIKE(3, 4);

static int
refuse(struct reader *reader, unsigned line, const char *format, ...)
{
    char text[900];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    return err_set(reader->err, -EINVAL, "%s:%u: %s", reader->acls->source, line, text);
}

static int
expect(struct reader *reader, char wanted, const char *what)
{
    unsigned line = line_here(reader);
    if (json_scan_take(&reader->scan, wanted))
        return 0;
    return refuse(reader, line, "'%c' is wanted here, where %s begins", wanted, what);
}

/* Any text, copied. what: "the name of a member". */
static int
read_text(struct reader *reader, const char *what, struct str *ret)
{
    unsigned line = line_here(reader);
    struct str text;
    if (json_scan_peek(&reader->scan) != '"')
        return refuse(reader, line, "%s is wanted here: a text in double quotes", what);
    if (!json_scan_string(&reader->scan, reader->acls->arena, &reader->budget, &text))
        return refuse(reader, line, "this text has no end, or something in it that JSON does not know");
    if (str_find(text, '\0') >= 0)
        return refuse(reader, line, "a NUL byte in a text");
    if (!json_is_utf8(text))
        return refuse(reader, line, "%s is not UTF-8", what);
    *ret = str_of(arena_strdup(reader->acls->arena, text));
    return 0;
}

/* Goes on to the next element behind one: 1 = there is one, 0 = end was taken. */
static int
next_element(struct reader *reader, char end, bool *first)
{
    unsigned line = line_here(reader);
    bool begins = *first;
    *first = false;
    if (json_scan_take(&reader->scan, end))
        return 0;
    if (begins)
        return 1;
    if (!json_scan_take(&reader->scan, ','))
        return refuse(reader, line, "',' or '%c' is wanted here", end);
    if (json_scan_peek(&reader->scan) == end)
        return refuse(reader, line_here(reader), "a ',' with nothing after it");
    return 1;
}

/* The next member of an object: its name, and the ':' behind it. */
static int
next_member(struct reader *reader, bool *first, struct str *ret_name, unsigned *ret_line)
{
    int more = next_element(reader, '}', first);
    if (more <= 0)
        return more;
    *ret_line = line_here(reader);
    int status = read_text(reader, "the name of a member", ret_name);
    if (status == 0 && !json_scan_take(&reader->scan, ':'))
        status = refuse(reader, *ret_line, "no ':' after \"%.*s\"", STR_ARG(*ret_name));
    return status < 0 ? status : 1;
}

static int
read_type(struct reader *reader, enum acl_type *ret)
{
    static const char *const names[] = {[ACL_SOME] = "SOME", [ACL_ANY] = "ANY", [ACL_NONE] = "NONE"};
    unsigned line = line_here(reader);
    struct str name;
    int status = read_text(reader, "a type", &name);
    if (status < 0)
        return status;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(name, names[i])) {
            *ret = (enum acl_type)i;
            return 0;
        }
    const char *nearest = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ieq(name, str_of(names[i])))
            nearest = names[i];
    if (!nearest)
        nearest = str_nearest(name.ptr, names, ARRAY_LEN(names));
    return nearest ? refuse(reader, line, "unknown type '%.*s': the nearest is '%s'", STR_ARG(name), nearest)
                   : refuse(reader, line, "unknown type '%.*s': there are ANY, NONE and SOME", STR_ARG(name));
}

static int
read_values(struct reader *reader, struct acl_entity *ret)
{
    size_t room = 0;
    bool first = true;
    int more = expect(reader, '[', "a list of names");
    if (more < 0)
        return more;
    while ((more = next_element(reader, ']', &first)) > 0) {
        if (ret->count == room) { /* the old place is lost to the arena: half of the new one at most */
            struct str *values = arena_calloc(reader->acls->arena, room ? room * 2 : 4, sizeof(*values));
            for (size_t i = 0; i < ret->count; i++)
                values[i] = ret->values[i];
            ret->values = values;
            room = room ? room * 2 : 4;
        }
        int status = read_text(reader, "a name", &ret->values[ret->count]);
        if (status < 0)
            return status;
        ret->count++;
    }
    return more;
}

static int
read_entity(struct reader *reader, struct acl_entity *ret)
{
    bool first = true, typed = false, valued = false;
    struct str name;
    unsigned line;
    int more = expect(reader, '{', "\"values\" or a \"type\"");
    if (more < 0)
        return more;
    while ((more = next_member(reader, &first, &name, &line)) > 0) {
        bool *seen = str_is(name, "type") ? &typed : &valued;
        if (!str_is(name, "type") && !str_is(name, "values"))
            return refuse(reader, line, "unknown member '%.*s': there are \"values\" and \"type\"", STR_ARG(name));
        if (*seen)
            return refuse(reader, line, "\"%.*s\" stands here twice", STR_ARG(name));
        *seen = true;
        int status = seen == &typed ? read_type(reader, &ret->type) : read_values(reader, ret);
        if (status < 0)
            return status;
    }
    return more;
}

static int
unknown_member(struct reader *reader, unsigned line, int field, struct str name)
{
    const char *const names[] = {"principals", acl_fields[field].member};
    const char *nearest = str_nearest(name.ptr, names, ARRAY_LEN(names));
    return nearest ? refuse(reader, line, "unknown member '%.*s' of %s: the nearest is '%s'", STR_ARG(name), acl_fields[field].name,
                            nearest)
                   : refuse(reader, line, "unknown member '%.*s' of %s: there are \"principals\" and \"%s\"", STR_ARG(name),
                            acl_fields[field].name, acl_fields[field].member);
}

static int
read_rule(struct reader *reader, int field)
{
    struct acl_rule rule = {.line = line_here(reader)};
    bool first = true, has_principals = false, has_objects = false;
    struct str name;
    unsigned line;
    struct err err = {0};
    int more = expect(reader, '{', "a rule");
    if (more < 0)
        return more;
    while ((more = next_member(reader, &first, &name, &line)) > 0) {
        bool principals = str_is(name, "principals");
        bool *seen = principals ? &has_principals : &has_objects;
        if (!principals && !acl_field_member(field, name))
            return unknown_member(reader, line, field, name);
        if (*seen)
            return refuse(reader, line, "\"%.*s\" stands here twice", STR_ARG(name));
        *seen = true;
        int status = read_entity(reader, principals ? &rule.principals : &rule.objects);
        if (status < 0)
            return status;
    }
    if (more < 0)
        return more;
    if (!has_principals || !has_objects)
        return refuse(reader, rule.line, "a rule of %s wants \"%s\"", acl_fields[field].name,
                      has_principals ? acl_fields[field].member : "principals");
    if (acls_check_rule(reader->acls, field, &rule, &err) < 0)
        return refuse(reader, rule.line, "%s", err.text);
    acls_add(reader->acls, field, &rule);
    return 0;
}

static int
read_field(struct reader *reader, unsigned line, struct str name)
{
    bool first = true;
    int field = acl_field_find(name), more;
    if (field < 0) {
        const char *nearest = acl_field_nearest(name.ptr);
        return nearest ? refuse(reader, line, "unknown action '%.*s': the nearest is '%s'", STR_ARG(name), nearest)
                       : refuse(reader, line, "unknown action '%.*s'; there is e.g. 'run_tasks'", STR_ARG(name));
    }
    more = expect(reader, '[', "a list of rules");
    if (more < 0)
        return more;
    while ((more = next_element(reader, ']', &first)) > 0) {
        int status = read_rule(reader, field);
        if (status < 0)
            return status;
    }
    return more;
}

/* Mesos dropped it in 1.3, passes over it since, and shows it in its book's example of --acls to this day. */
static int
pass_over_remove_quotas(struct reader *reader, unsigned line)
{
    if (!json_scan_skip(&reader->scan, 1))
        return refuse(reader, line_here(reader), "what \"remove_quotas\" says is not JSON");
    acls_warn(reader->acls, "%s:%u: remove_quotas decides nothing, as in Mesos since 1.3: who may remove a quota is said by update_quotas",
              reader->acls->source, line);
    return 0;
}

static int
read_permissive(struct reader *reader)
{
    unsigned line = line_here(reader);
    struct json_number number;
    enum json_literal word = json_scan_literal(&reader->scan, &number);
    if (word != JSON_LITERAL_TRUE && word != JSON_LITERAL_FALSE)
        return refuse(reader, line, "\"permissive\" is true or false");
    reader->acls->permissive = word == JSON_LITERAL_TRUE;
    reader->acls->permissive_line = line;
    return 0;
}

static int
read_all(struct reader *reader)
{
    struct seen {
        struct seen *next;
        struct str name;
    } *seen = NULL;
    bool first = true;
    struct str name;
    unsigned line;
    int more = expect(reader, '{', "the list of ACLs"), status = 0;
    if (more < 0)
        return more;
    while ((more = next_member(reader, &first, &name, &line)) > 0) {
        for (const struct seen *other = seen; other; other = other->next)
            if (str_eq(other->name, name))
                return refuse(reader, line, "\"%.*s\" stands here twice: its rules belong into one list", STR_ARG(name));
        if (str_is(name, "permissive"))
            status = read_permissive(reader);
        else if (str_is(name, "remove_quotas"))
            status = pass_over_remove_quotas(reader, line);
        else
            status = read_field(reader, line, name);
        if (status < 0)
            return status;
        struct seen *one = arena_calloc(reader->acls->arena, 1, sizeof(*one)); /* known names only: few */
        *one = (struct seen){seen, name};
        seen = one;
    }
    if (more == 0 && json_scan_peek(&reader->scan) >= 0)
        return refuse(reader, line_here(reader), "something follows the list's final '}'");
    return more;
}

struct acls *
acls_read(struct str text, const char *source, struct err *err)
{
    struct err local = {0};
    if (text.len > ACL_TEXT_MAX) {
        err_set(err, -EFBIG, "%s: more than %d bytes", source, ACL_TEXT_MAX);
        return NULL;
    }
    if (str_starts(text, STR_LIT("\xef\xbb\xbf")))
        text = str_n(text.ptr + 3, text.len - 3);
    struct acls *acls = acls_new(source);
    struct reader reader = {.scan = json_scan_of(text), .acls = acls, .budget = ACL_TEXT_MAX * 2, .line = 1, .err = err ? err : &local};
    acls->lines = true;
    reader.counted = reader.scan.start;
    if (read_all(&reader) < 0) {
        acls_unref(acls);
        return NULL;
    }
    return acls;
}
