/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions, and what is said of them. See match.h. */
#include "authorizer/local_acl/match.h"

#include <stdarg.h>
#include <stdio.h>

/* The rules of one field that are for one principal. */
struct part {
    int field;
    const struct acl_rule **rules;
    size_t count;
};

enum judged { BY_RULES, BY_CLAIMS };

struct acl_approver {
    struct acls *acls;
    enum judged judged;
    char *subject; /* NULL = nobody in particular */
    char *container; /* BY_CLAIMS: its own; NULL = it has none and may nothing */
    struct part parts[2];
    int count;
};

/* ---- entities ---- */

static bool
value_matches(struct str value, struct str wanted, bool roles)
{
    if (str_eq(value, wanted))
        return true;
    return roles && str_ends(wanted, STR_LIT("/%")) && value.len >= wanted.len && /* "eng/%": "eng/" and more */
           str_starts(value, str_n(wanted.ptr, wanted.len - 1));
}

static bool
has_value(const struct acl_entity *entity, struct str value, bool roles)
{
    for (size_t i = 0; i < entity->count; i++)
        if (value_matches(value, entity->values[i], roles))
            return true;
    return false;
}

/* Is the entity about that value? NULL = nothing in particular. */
static bool
is_for(const struct acl_entity *entity, const char *value, bool roles)
{
    if (entity->type != ACL_SOME)
        return true;
    return value && has_value(entity, str_of(value), roles);
}

/* ---- approvers ---- */

static void
pick_rules(struct acl_approver *approver, struct part *part)
{
    const struct acl_list *list = &approver->acls->lists[part->field];
    part->rules = xcalloc(list->count + 1, sizeof(*part->rules));
    for (const struct acl_rule *rule = list->first; rule; rule = rule->next) {
        if (!is_for(&rule->principals, approver->subject, false))
            continue;
        part->rules[part->count++] = rule;
        if (rule->objects.type != ACL_SOME)
            break; /* it is for all objects: nothing behind it is ever asked */
    }
}

/* One answer for all objects? */
static bool
is_uniform(const struct part *part)
{
    return part->count == 0 || part->rules[0]->objects.type != ACL_SOME;
}

static bool
is_about_containers(uint32_t action)
{
    switch (action) {
    case MESOS_ACTION_LAUNCH_NESTED_CONTAINER:
    case MESOS_ACTION_LAUNCH_NESTED_CONTAINER_SESSION:
    case MESOS_ACTION_KILL_NESTED_CONTAINER:
    case MESOS_ACTION_WAIT_NESTED_CONTAINER:
    case MESOS_ACTION_REMOVE_NESTED_CONTAINER:
    case MESOS_ACTION_ATTACH_CONTAINER_INPUT:
    case MESOS_ACTION_ATTACH_CONTAINER_OUTPUT:
        return true;
    default:
        return false;
    }
}

static const char *
claim_of(const struct mesos_principal *principal, const char *key)
{
    for (size_t i = 0; i < principal->claim_count; i++)
        if (strcmp(principal->claims[i].key, key) == 0)
            return principal->claims[i].value;
    return NULL;
}

struct acl_approver *
acl_approver_new(struct acls *acls, const struct mesos_principal *principal, uint32_t action, uint32_t *ret_reads)
{
    int fields[2], count = acl_fields_of(action, fields);
    if (count == 0)
        return NULL;
    struct acl_approver *approver = xcalloc(1, sizeof(*approver));
    approver->acls = acls_ref(acls);
    *ret_reads = 0;
    if (principal && principal->value)
        approver->subject = xstrdup(principal->value);
    if (principal && !principal->value && principal->claim_count && is_about_containers(action)) {
        const char *container = claim_of(principal, "cid");
        approver->judged = BY_CLAIMS;
        approver->container = container ? xstrdup(container) : NULL;
        *ret_reads = container ? MESOS_OBJECT_IDS : 0;
        return approver;
    }
    approver->count = count;
    for (int i = 0; i < count; i++) {
        approver->parts[i].field = fields[i];
        pick_rules(approver, &approver->parts[i]);
        if (!is_uniform(&approver->parts[i]))
            *ret_reads |= count == 1 ? MESOS_OBJECT_VALUE : i == 0 ? MESOS_OBJECT_VALUE | MESOS_OBJECT_PARENT : MESOS_OBJECT_PARENT;
    }
    return approver;
}

void
acl_approver_free(struct acl_approver *approver)
{
    if (!approver)
        return;
    for (int i = 0; i < approver->count; i++)
        free(approver->parts[i].rules);
    acls_unref(approver->acls);
    free(approver->subject);
    free(approver->container);
    free(approver);
}

/* ---- decisions ---- */

/* The rule that decides; NULL = none does. */
static const struct acl_rule *
deciding_rule(const struct part *part, const char *value)
{
    bool roles = acl_fields[part->field].kind == ACL_ROLES;
    for (size_t i = 0; i < part->count; i++)
        if (is_for(&part->rules[i]->objects, value, roles))
            return part->rules[i];
    return NULL;
}

/* Of a rule that is for a request. */
static bool
rule_allows(const struct acl_rule *rule)
{
    return rule->principals.type != ACL_NONE && rule->objects.type != ACL_NONE;
}

/* What a part is asked about. Whoever names no user for a new container gets its parent's. */
static const char *
value_for(const struct acl_approver *approver, int part, const struct mesos_object *object)
{
    if (!object)
        return NULL;
    if (approver->count == 2)
        return part == 0 && object->value ? object->value : object->parent;
    return object->value;
}

/* "a" and "a.b.c" are of container "a". */
static bool
is_own_container(const char *own, const struct mesos_object *object)
{
    size_t len = own ? strlen(own) : 0;
    if (!len || !object || !object->container || strncmp(object->container, own, len) != 0)
        return false;
    return object->container[len] == '\0' || object->container[len] == '.';
}

bool
acl_approved(const struct acl_approver *approver, const struct mesos_object *object)
{
    if (approver->judged == BY_CLAIMS)
        return is_own_container(approver->container, object);
    for (int i = 0; i < approver->count; i++) {
        const char *value = value_for(approver, i, object);
        const struct acl_rule *rule = deciding_rule(&approver->parts[i], value);
        if (rule ? !rule_allows(rule) : !approver->acls->permissive)
            return false;
    }
    return true;
}

/* ---- explanations ---- */

struct text {
    char *at;
    size_t room;
};

static void say(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

static void
say(struct text *text, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(text->at, text->room, format, ap);
    va_end(ap);
    size_t taken = len < 0 ? 0 : (size_t)len < text->room ? (size_t)len : text->room ? text->room - 1 : 0;
    text->at += taken;
    text->room -= taken;
}

static void
say_entity(struct text *text, const struct acl_entity *entity)
{
    enum { SHOWN = 8 };
    if (entity->type != ACL_SOME) {
        say(text, "%s", entity->type == ACL_ANY ? "ANY" : "NONE");
        return;
    }
    for (size_t i = 0; i < entity->count && i < SHOWN; i++)
        say(text, "%s%.*s", i ? ", " : "", STR_ARG(entity->values[i]));
    if (entity->count > SHOWN)
        say(text, ", ...");
}

static size_t
number_of(const struct acls *acls, int field, const struct acl_rule *wanted)
{
    size_t number = 1;
    for (const struct acl_rule *rule = acls->lists[field].first; rule && rule != wanted; rule = rule->next)
        number++;
    return number;
}

static void
say_part(struct text *text, const struct acl_approver *approver, int part, const struct mesos_object *object)
{
    const struct acls *acls = approver->acls;
    int field = approver->parts[part].field;
    const char *value = value_for(approver, part, object);
    const struct acl_rule *rule = deciding_rule(&approver->parts[part], value);
    char place[512];
    if (!rule) {
        acls_place(acls, -1, acls->permissive_line, place, sizeof(place));
        say(text, "%s: no rule of %s is for this, and permissive%s is %s: %s", acls->permissive_line ? place : acls->source,
            acl_fields[field].name, acls->permissive_line ? "" : ", which is not given,", acls->permissive ? "true" : "false",
            acls->permissive ? "yes" : "no");
        return;
    }
    say(text, "%s: rule %zu of %s (", acls_place(acls, field, rule->line, place, sizeof(place)), number_of(acls, field, rule),
        acl_fields[field].name);
    say_entity(text, &rule->principals);
    say(text, " -> ");
    say_entity(text, &rule->objects);
    say(text, ") says %s", rule_allows(rule) ? "yes" : "no");
}

void
acl_explain(const struct acl_approver *approver, const struct mesos_object *object, char *out, size_t size)
{
    struct text text = {out, size};
    if (!size)
        return;
    *out = '\0';
    if (approver->judged == BY_CLAIMS) {
        say(&text, "a token without a name is good for %s%s, which says %s",
            approver->container ? "containers below " : "no container without the claim cid",
            approver->container ? approver->container : "", acl_approved(approver, object) ? "yes" : "no");
        return;
    }
    for (int i = 0; i < approver->count; i++) {
        if (i)
            say(&text, "; ");
        say_part(&text, approver, i, object);
    }
}
