/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of rules and what makes a rule sensible, whatever form it was written in. See rules.h. */
#include "authorizer/local_acl/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct acls *
acls_new(const char *source)
{
    struct arena *arena = arena_new(0);
    struct acls *acls = arena_calloc(arena, 1, sizeof(*acls));
    acls->arena = arena;
    acls->refs = 1;
    acls->source = arena_strdup(arena, str_of(source));
    acls->permissive = true;
    return acls;
}

struct acls *
acls_ref(struct acls *acls)
{
    acls->refs++;
    return acls;
}

void
acls_unref(struct acls *acls)
{
    if (acls && --acls->refs == 0)
        arena_free(acls->arena); /* it lies in there itself */
}

void
acls_add(struct acls *acls, int field, const struct acl_rule *rule)
{
    struct acl_list *list = &acls->lists[field];
    struct acl_rule *kept = arena_alloc(acls->arena, sizeof(*kept));
    *kept = *rule;
    kept->next = NULL;
    if (list->last)
        list->last->next = kept;
    else
        list->first = kept;
    list->last = kept;
    list->count++;
    acls->count++;
}

void
acls_warn(struct acls *acls, const char *format, ...)
{
    struct acl_warning *warning = arena_calloc(acls->arena, 1, sizeof(*warning)), **end = &acls->warnings;
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    warning->text = arena_strdup(acls->arena, str_of(text));
    while (*end)
        end = &(*end)->next;
    *end = warning;
}

const char *
acls_place(const struct acls *acls, int field, unsigned line, char *out, size_t size)
{
    if (acls->lines)
        snprintf(out, size, "%s:%u", acls->source, line);
    else
        snprintf(out, size, "%s: %s", acls->source, field >= 0 ? acl_fields[field].name : "permissive");
    return out;
}

static int
check_role(struct str role, struct err *err)
{
    ptrdiff_t percent = str_find(role, '%');
    if (percent < 0 || (percent > 1 && (size_t)percent == role.len - 1 && role.ptr[percent - 1] == '/'))
        return 0;
    return err_set(err, -EINVAL, "role '%.*s': a '%%' stands for all roles below another, as in 'eng/%%'%s", STR_ARG(role),
                   str_is(role, "%") ? "; all roles are {\"type\": \"ANY\"}" : "");
}

static int
check_path(struct acls *acls, const char *place, struct str path, struct err *err)
{
    const char *nearest;
    if (path.len == 0 || path.ptr[0] != '/')
        return err_set(err, -EINVAL, "path '%.*s' does not begin with '/', as in '/metrics/snapshot'", STR_ARG(path));
    if (!acl_path_known(path, &nearest))
        acls_warn(acls, "%s: nobody is asked about the path '%.*s'%s%s%s", place, STR_ARG(path), nearest ? "; the nearest is '" : "",
                  nearest ? nearest : "", nearest ? "'" : "");
    return 0;
}

static int
check_entity(struct acls *acls, const char *place, const struct acl_entity *entity, const char *what)
{
    if (entity->type != ACL_SOME && entity->count)
        acls_warn(acls, "%s: the values of %s mean nothing beside the type %s", place, what, entity->type == ACL_ANY ? "ANY" : "NONE");
    if (entity->type == ACL_SOME && !entity->count)
        acls_warn(acls, "%s: %s has neither values nor the type ANY or NONE, so that the rule is for nobody", place, what);
    return 0;
}

int
acls_check_rule(struct acls *acls, int field, const struct acl_rule *rule, struct err *err)
{
    const struct acl_field *known = &acl_fields[field];
    const struct acl_entity *objects = &rule->objects;
    char place[512];
    int status = 0;
    acls_place(acls, field, rule->line, place, sizeof(place));
    check_entity(acls, place, &rule->principals, "principals");
    check_entity(acls, place, objects, known->member);
    if (known->kind == ACL_WHOLE && objects->type == ACL_SOME)
        return err_set(err, -EINVAL, "the %s of %s can only be of the type ANY or NONE", known->member, known->name);
    for (size_t i = 0; status == 0 && i < objects->count; i++) {
        if (known->kind == ACL_ROLES)
            status = check_role(objects->values[i], err);
        else if (known->kind == ACL_PATHS)
            status = check_path(acls, place, objects->values[i], err);
    }
    return status;
}
