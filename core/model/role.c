/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are chosen outside: roles and ids. Pure checks; texts are those that schedulers know from Mesos. */
#include "model/role.h"

#include <errno.h>
#include <limits.h>

#include "base/str.h"

static bool
has_any(struct str s, const char *bytes, size_t count)
{
    for (size_t i = 0; i < s.len; i++)
        if (memchr(bytes, s.ptr[i], count))
            return true;
    return false;
}

static int
component_check(struct str role, struct str part, struct err *err)
{
    static const char blanks[] = "\b\t\n\v\f\r \x7f";
    static const char *const reserved[] = {".", "..", "*"};
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (str_is(part, reserved[i]))
            return err_set(err, -EINVAL, "Role '%.*s' cannot include '%s' as a component", STR_ARG(role), reserved[i]);
    if (part.ptr[0] == '-')
        return err_set(err, -EINVAL, "Role component '%.*s' is invalid because it starts with a dash", STR_ARG(part));
    if (has_any(part, blanks, sizeof(blanks) - 1))
        return err_set(err, -EINVAL,
                       "Role component '%.*s' is invalid because it contains backspace or whitespace", STR_ARG(part));
    return 0;
}

int
role_check(struct str role, struct err *err)
{
    if (str_is(role, "*"))
        return 0;
    if (role.len == 0)
        return err_set(err, -EINVAL, "Role names cannot be the empty string");
    if (role.ptr[0] == '/')
        return err_set(err, -EINVAL, "Role '%.*s' cannot start with a slash", STR_ARG(role));
    if (role.ptr[role.len - 1] == '/')
        return err_set(err, -EINVAL, "Role '%.*s' cannot end with a slash", STR_ARG(role));
    for (struct str rest = role; rest.len;) {
        struct str part = str_cut(&rest, '/');
        if (part.len == 0)
            return err_set(err, -EINVAL, "Role '%.*s' cannot contain two adjacent slashes", STR_ARG(role));
        int rc = component_check(role, part, err);
        if (rc)
            return rc;
    }
    return 0;
}

bool
role_within(struct str role, struct str ancestor)
{
    if (str_eq(role, ancestor))
        return true;
    return role.len > ancestor.len && role.ptr[ancestor.len] == '/' && str_starts(role, ancestor);
}

int
id_check(struct str id, const char *what, struct err *err)
{
    const char *before = what ? what : "", *colon = what ? ": " : "";
    if (id.len == 0)
        return err_set(err, -EINVAL, "%s%sID must not be empty", before, colon);
    if (id.len > NAME_MAX)
        return err_set(err, -EINVAL, "%s%sID must not be greater than %d characters", before, colon, NAME_MAX);
    if (str_is(id, ".") || str_is(id, ".."))
        return err_set(err, -EINVAL, "%s%s'%.*s' is disallowed", before, colon, STR_ARG(id));
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = id.ptr[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
            return err_set(err, -EINVAL, "%s%s'%.*s' contains invalid characters", before, colon, STR_ARG(id));
    }
    return 0;
}

static int
weight_read(struct str pair, struct buf *out, struct err *err)
{
    struct str whole = pair, role = str_trim(str_cut(&pair, '='));
    double number;

    if (role.len == 0 || str_find(whole, '\0') >= 0 || str_to_double(str_trim(pair), &number) < 0 || !(number > 0))
        return err_set(err, -EINVAL, "'%.*s' gives role '%.*s' no weight above zero: write role=weight,role=weight",
                       STR_ARG(whole), STR_ARG(role));
    if (out->len)
        buf_append_str(out, STR_LIT(","));
    buf_append_str(out, role);
    buf_append_str(out, STR_LIT("="));
    buf_append_str(out, str_trim(pair));
    return 0;
}

int
weights_read(struct str text, struct buf *out, struct err *err)
{
    bool lines = str_find(str_trim(text), '\n') >= 0;

    for (int number = 1; text.len; number++) {
        struct str line = str_trim(str_cut(&text, '\n'));

        while (line.len) {
            int status = weight_read(str_trim(str_cut(&line, ',')), out, err);

            if (status < 0)
                return lines ? err_wrap(err, "line %d", number) : status;
        }
    }
    return 0;
}
