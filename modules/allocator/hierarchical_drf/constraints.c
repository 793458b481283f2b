/* SPDX-License-Identifier: Apache-2.0 */
/* See constraints.h. Numbers of fields: mesos/v1/scheduler/scheduler.proto and mesos/v1/mesos.proto. */
#include "constraints.h"

#include <errno.h>

#include "base/map.h"
#include "fields.h"
#include "regex.h"

enum selector { SELECT_NONE, SELECT_HOSTNAME, SELECT_REGION, SELECT_ZONE, SELECT_ATTRIBUTE };

/* The numbers of the oneof's members. */
enum predicate { EXISTS = 1, NOT_EXISTS, EQUALS, NOT_EQUALS, MATCHES, NOT_MATCHES };

/* AgentInfo's */
enum { INFO_HOSTNAME = 1, INFO_ATTRIBUTE = 5, INFO_DOMAIN = 10 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_TYPE = 2, ATTRIBUTE_TEXT = 5, VALUE_TYPE_TEXT = 3 };

struct constraint {
    enum selector selector;
    enum predicate predicate;
    char *name; /* of the attribute */
    char *text; /* to compare with, or the pattern */
    size_t text_len;
    struct regex *regex;
};

struct group {
    struct constraint *items;
    uint32_t count;
};

struct role_constraints {
    char *role;
    struct group *groups;
    uint32_t count;
};

struct constraints {
    struct map roles; /* name -> struct role_constraints */
};

/* What is being read, and how much of it there was. */
struct reading {
    const struct regex_limits *limits;
    uint32_t constraints, regexes;
    size_t pattern_bytes;
};

static void
group_fini(struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        free(group->items[i].name);
        free(group->items[i].text);
        regex_free(group->items[i].regex);
    }
    free(group->items);
}

static void
role_free(struct role_constraints *role)
{
    for (uint32_t i = 0; role && i < role->count; i++)
        group_fini(&role->groups[i]);
    if (!role)
        return;
    free(role->groups);
    free(role->role);
    free(role);
}

void
constraints_free(struct constraints *constraints)
{
    struct role_constraints *role;
    if (!constraints)
        return;
    map_foreach(role, &constraints->roles)
        role_free(role);
    map_fini(&constraints->roles);
    free(constraints);
}

static int
read_selector(struct constraint *to, struct str from, struct err *err)
{
    struct field field;
    bool unknown = false;
    while (field_next(&from, &field)) {
        if (field.number == 1 && field.wire == FIELD_VARINT) {
            unknown = field.value == 0 || field.value > SELECT_ZONE;
            to->selector = unknown ? SELECT_NONE : (enum selector)field.value;
        } else if (field.number == 2 && field.wire == FIELD_BYTES) {
            unknown = false;
            to->selector = SELECT_ATTRIBUTE;
            free(to->name);
            to->name = str_dup(field.data);
        }
    }
    if (unknown)
        return err_set(err, -EINVAL, "Unknown pseudoattribute type");
    if (to->selector == SELECT_NONE)
        return err_set(err, -EINVAL,
                       "Exactly one of 'AttributeConstraint::Selector::name' or "
                       "'AttributeConstraint::Selector::pseudoattribute_type' must be set");
    return 0;
}

static int
read_regex(struct reading *reading, struct constraint *to, struct err *err)
{
    char why[256];
    int len = (int)to->text_len;
    reading->pattern_bytes += to->text_len;
    if (++reading->regexes > CONSTRAINTS_REGEXES_MAX)
        return err_set(err, -EINVAL, "More than %d regexes", CONSTRAINTS_REGEXES_MAX);
    if (reading->pattern_bytes > CONSTRAINTS_PATTERN_BYTES_MAX)
        return err_set(err, -EINVAL, "Regexes of more than %d bytes together", CONSTRAINTS_PATTERN_BYTES_MAX);
    to->regex = regex_new(to->text, to->text_len, reading->limits->max_mem_bytes, why, sizeof(why));
    if (!to->regex)
        return err_set(err, -EINVAL, "Failed to construct regex from pattern '%.*s%s': %s", len > 500 ? 500 : len,
                       to->text, len > 500 ? "..." : "", why);
    int size = regex_program_size(to->regex);
    if (size > reading->limits->max_program_size)
        return err_set(err, -EINVAL,
                       "Regex '%.*s%s' is too complex: program size of %d is larger than maximum of %lld allowed",
                       len > 500 ? 500 : len, to->text, len > 500 ? "..." : "", size,
                       (long long)reading->limits->max_program_size);
    return 0;
}

static int
read_predicate(struct reading *reading, struct constraint *to, struct str from, struct err *err)
{
    struct field field;
    struct str body = {0};
    to->predicate = 0;
    while (field_next(&from, &field)) {
        if (field.wire != FIELD_BYTES || field.number < EXISTS || field.number > NOT_MATCHES)
            continue;
        to->predicate = (enum predicate)field.number;
        body = field.data;
    }
    if (!to->predicate)
        return err_set(err, -EINVAL, "Unknown predicate type");
    if (to->predicate <= NOT_EXISTS)
        return 0;
    struct str text = field_find(body, 1);
    to->text = str_dup(text);
    to->text_len = text.len;
    return to->predicate >= MATCHES ? read_regex(reading, to, err) : 0;
}

static int
read_constraint(struct reading *reading, struct group *group, struct str from, struct err *err)
{
    if (++reading->constraints > CONSTRAINTS_MAX)
        return err_set(err, -EINVAL, "More than %d constraints", CONSTRAINTS_MAX);
    if ((group->count & (group->count - 1)) == 0)
        group->items = xreallocarray(group->items, group->count ? group->count * 2 : 1, sizeof(*group->items));
    struct constraint *to = &group->items[group->count++];
    *to = (struct constraint){0};
    int rc = read_selector(to, field_find(from, 1), err);
    return rc ? rc : read_predicate(reading, to, field_find(from, 2), err);
}

static int
read_group(struct reading *reading, struct role_constraints *role, struct str from, struct err *err)
{
    struct field field;
    if ((role->count & (role->count - 1)) == 0)
        role->groups = xreallocarray(role->groups, role->count ? role->count * 2 : 1, sizeof(*role->groups));
    struct group *group = &role->groups[role->count++];
    *group = (struct group){0};
    while (field_next(&from, &field)) {
        if (field.number != 1 || field.wire != FIELD_BYTES)
            continue;
        int rc = read_constraint(reading, group, field.data, err);
        if (!rc)
            continue;
        err_wrap(err, "A role %s has an invalid 'AttributeConstraint'", role->role);
        return rc;
    }
    if (!group->count)
        return err_set(err, -EINVAL,
                       "'OfferConstraints::RoleConstraints::groups' for role %scontains an empty RoleConstraints::Group",
                       role->role);
    return 0;
}

static int
read_role(struct reading *reading, struct constraints *constraints, struct str entry, struct err *err)
{
    struct field field;
    struct role_constraints *role = xcalloc(1, sizeof(*role));
    struct str body = field_find(entry, 2);
    role->role = str_dup(field_find(entry, 1));
    role_free(map_remove(&constraints->roles, str_of(role->role))); /* a later entry replaces, as in every map */
    map_add(&constraints->roles, str_of(role->role), role);
    while (field_next(&body, &field)) {
        int rc = field.number == 1 && field.wire == FIELD_BYTES ? read_group(reading, role, field.data, err) : 0;
        if (rc)
            return rc;
    }
    if (!role->count)
        return err_set(err, -EINVAL,
                       "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role %s",
                       role->role);
    return 0;
}

int
constraints_new(struct constraints **ret, struct str packed, const struct regex_limits *limits, struct err *err)
{
    struct reading reading = {.limits = limits};
    struct constraints *constraints = xcalloc(1, sizeof(*constraints));
    struct field field;
    int rc = 0;
    while (!rc && field_next(&packed, &field))
        if (field.number == 1 && field.wire == FIELD_BYTES)
            rc = read_role(&reading, constraints, field.data, err);
    if (rc || map_count(&constraints->roles) == 0) {
        constraints_free(constraints);
        constraints = NULL;
    }
    if (!rc)
        *ret = constraints;
    return rc;
}

const struct role_constraints *
constraints_of(const struct constraints *constraints, const char *role)
{
    return constraints ? map_get(&constraints->roles, str_of(role)) : NULL;
}

/* What a selector finds: `known` false when the agent has no such thing, `text` false when it is no text. */
struct found {
    struct str value;
    bool known, text;
};

static struct found
find_attribute(struct str traits, const char *name)
{
    struct field field;
    while (field_next(&traits, &field)) {
        if (field.number != INFO_ATTRIBUTE || field.wire != FIELD_BYTES ||
            !str_is(field_find(field.data, ATTRIBUTE_NAME), name))
            continue;
        struct str attribute = field.data;
        struct found found = {.known = true, .value = field_find(field_find(attribute, ATTRIBUTE_TEXT), 1)};
        while (field_next(&attribute, &field))
            if (field.number == ATTRIBUTE_TYPE && field.wire == FIELD_VARINT)
                found.text = field.value == VALUE_TYPE_TEXT;
        return found;
    }
    return (struct found){0};
}

static struct found
find(const struct constraint *constraint, struct str traits)
{
    struct str value = {0};
    switch (constraint->selector) {
    case SELECT_ATTRIBUTE:
        return find_attribute(traits, constraint->name);
    case SELECT_HOSTNAME:
        value = field_find(traits, INFO_HOSTNAME);
        break;
    case SELECT_REGION:
    case SELECT_ZONE: /* domain.fault_domain.region.name, .zone.name */
        value = field_find(field_find(field_find(field_find(traits, INFO_DOMAIN), 1),
                                      constraint->selector == SELECT_REGION ? 1 : 2),
                           1);
        break;
    default:
        break;
    }
    return (struct found){.value = value, .known = value.ptr != NULL, .text = true};
}

/* An attribute that is no text passes every comparison; one that is not there passes those that say "not". */
static bool
holds(const struct constraint *constraint, struct str traits)
{
    struct found found = find(constraint, traits);
    bool negative = constraint->predicate == NOT_EXISTS || constraint->predicate == NOT_EQUALS ||
                    constraint->predicate == NOT_MATCHES;
    if (!found.known)
        return negative;
    if (constraint->predicate <= NOT_EXISTS)
        return !negative;
    if (!found.text)
        return true;
    bool same = constraint->regex ? regex_matches(constraint->regex, found.value.ptr, found.value.len)
                                  : str_eq(found.value, str_n(constraint->text, constraint->text_len));
    return same != negative;
}

static const struct constraint *
first_failing(const struct group *group, struct str traits)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (!holds(&group->items[i], traits))
            return &group->items[i];
    return NULL;
}

bool
constraints_admit(const struct role_constraints *role, struct str traits)
{
    for (uint32_t i = 0; i < role->count; i++)
        if (!first_failing(&role->groups[i], traits))
            return true;
    return false;
}

void
constraints_why(const struct role_constraints *role, struct str traits, struct buf *out)
{
    enum { GROUPS_SHOWN = 3, TEXT_SHOWN = 60 };
    static const char *const words[] = {"",           "exists",        "does not exist",
                                        "equals",     "differs from",  "matches",
                                        "does not match"};
    static const char *const selectors[] = {"", "the host name", "the region", "the zone", "attribute"};
    for (uint32_t i = 0; i < role->count && i < GROUPS_SHOWN; i++) {
        const struct constraint *constraint = first_failing(&role->groups[i], traits);
        if (!constraint)
            continue;
        buf_printf(out, "%sgroup %u wants that %s", out->len ? ", " : "", i + 1, selectors[constraint->selector]);
        if (constraint->name)
            buf_printf(out, " '%.*s'", TEXT_SHOWN, constraint->name);
        buf_printf(out, " %s", words[constraint->predicate]);
        if (constraint->text)
            buf_printf(out, " '%.*s'", TEXT_SHOWN, constraint->text);
    }
    if (role->count > GROUPS_SHOWN)
        buf_printf(out, ", and %u groups more", role->count - GROUPS_SHOWN);
}

void
constraints_traits(struct buf *out, struct str info)
{
    struct field field;
    while (field_next(&info, &field))
        if (field.wire == FIELD_BYTES &&
            (field.number == INFO_HOSTNAME || field.number == INFO_ATTRIBUTE || field.number == INFO_DOMAIN))
            buf_append_str(out, field.raw);
}
