/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control lists in memory: made by read.c and plain.c, asked by match.c, shared by count between the module and the
 * approvers that were made while they were in force.
 */
#ifndef LOCAL_ACL_RULES_H
#define LOCAL_ACL_RULES_H

#include "base/arena.h"
#include "authorizer/local_acl/fields.h"

enum acl_type { ACL_SOME, ACL_ANY, ACL_NONE };

struct acl_entity {
    enum acl_type type;
    struct str *values; /* looked at for ACL_SOME only */
    size_t count;
};

struct acl_rule {
    struct acl_entity principals, objects;
    unsigned line; /* where it begins */
    struct acl_rule *next; /* of its field */
};

struct acl_list {
    struct acl_rule *first, *last;
    size_t count;
};

struct acls {
    unsigned refs;
    struct arena *arena; /* all of it */
    const char *source; /* "/etc/mesos/acls.json", or what else to call it */
    bool permissive; /* what holds where no rule does */
    unsigned permissive_line; /* 0 = not said, which is true */
    bool lines; /* its rules have lines */
    struct acl_list lists[ACL_FIELD_COUNT];
    size_t count; /* rules in all */
    struct acl_warning {
        struct acl_warning *next;
        const char *text;
    } *warnings; /* sentences about what is allowed and surely not meant, in order */
};

enum { ACL_TEXT_MAX = 4 << 20 }; /* bytes of a list */

struct acls *acls_new(const char *source);
struct acls *acls_ref(struct acls *acls);
void acls_unref(struct acls *acls); /* NULL is fine */
void acls_add(struct acls *acls, int field, const struct acl_rule *rule); /* copies the struct; what it points to is the arena's */
void acls_warn(struct acls *acls, const char *format, ...) PRINTF_LIKE(2, 3);
/* Is a rule of that field complete and sensible? Warns about what surely is not meant. err: one sentence without its place. */
int acls_check_rule(struct acls *acls, int field, const struct acl_rule *rule, struct err *err);
/* What a rule is called in sentences: "acls.json:12" or "parameter 'run_tasks'". Returns out. */
const char *acls_place(const struct acls *acls, int field, unsigned line, char *out, size_t size);

/* Mesos's JSON form. source is how errors and explanations call it. NULL with err, which begins with the place. */
struct acls *acls_read(struct str text, const char *source, struct err *err);
/* The INI's form of one field's rules, added to acls: "jenkins, ci -> jenkins | ANY -> NONE". */
int acls_add_plain(struct acls *acls, int field, const char *text, struct err *err);

#endif
