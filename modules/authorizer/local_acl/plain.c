/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of the INI, one field a line: "jenkins, ci -> jenkins | ANY -> NONE" are two rules. Names with commas, '|', "->"
 * or blanks at their ends, and principals that are called ANY or NONE, need the JSON form.
 */
#include <errno.h>

#include "authorizer/local_acl/rules.h"

static bool
cut_arrow(struct str *rest, struct str *ret_left)
{
    for (size_t i = 0; i + 1 < rest->len; i++)
        if (rest->ptr[i] == '-' && rest->ptr[i + 1] == '>') {
            *ret_left = str_trim(str_n(rest->ptr, i));
            *rest = str_trim(str_n(rest->ptr + i + 2, rest->len - i - 2));
            return true;
        }
    return false;
}

static int
read_entity(struct acls *acls, struct str text, struct acl_entity *ret, struct err *err)
{
    size_t room = 1;
    *ret = (struct acl_entity){0};
    if (str_is(text, "ANY") || str_is(text, "NONE")) {
        ret->type = text.len == 3 ? ACL_ANY : ACL_NONE;
        return 0;
    }
    for (size_t i = 0; i < text.len; i++)
        room += text.ptr[i] == ',';
    ret->values = arena_calloc(acls->arena, room, sizeof(*ret->values));
    if (str_ends(text, STR_LIT(",")))
        return err_set(err, -EINVAL, "a name is missing after the last ','");
    do {
        struct str name = str_trim(str_cut(&text, ','));
        if (name.len == 0)
            return err_set(err, -EINVAL, "a name is missing: write ANY, NONE, or names with ',' between them");
        if (str_is(name, "ANY") || str_is(name, "NONE"))
            return err_set(err, -EINVAL, "%.*s stands alone, without other names", STR_ARG(name));
        ret->values[ret->count++] = str_of(arena_strdup(acls->arena, name));
    } while (text.len);
    return 0;
}

int
acls_add_plain(struct acls *acls, int field, const char *text, struct err *err)
{
    struct str rest = str_of(text);
    do {
        struct str objects = str_trim(str_cut(&rest, '|')), principals;
        struct acl_rule rule = {0};
        int status = 0;
        if (!cut_arrow(&objects, &principals))
            status = err_set(err, -EINVAL, "no '->' in '%.*s': write PRINCIPALS -> OBJECTS", STR_ARG(objects));
        struct str more = objects, ignored;
        if (status == 0 && cut_arrow(&more, &ignored))
            status = err_set(err, -EINVAL, "a second '->' in one rule: rules have a '|' between them");
        if (status == 0)
            status = read_entity(acls, principals, &rule.principals, err);
        if (status == 0)
            status = read_entity(acls, objects, &rule.objects, err);
        if (status == 0)
            status = acls_check_rule(acls, field, &rule, err);
        if (status < 0)
            return err_wrap(err, "%s: %s", acls->source, acl_fields[field].name);
        acls_add(acls, field, &rule);
    } while (rest.len);
    return 0;
}
