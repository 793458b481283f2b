/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer "local_acl" (Mesos's "local"): access control lists from --acls, or from its parameters in the INI. It reads
 * its file at start and at each reload, keeps the old rules when the new file is wrong, and decides in match.c.
 */
#include <errno.h>

#include "base/file.h"
#include "base/map.h"
#include "authorizer/local_acl/match.h"

struct local_acl {
    const struct mesos_host *host;
    /* Options. */
    const char *text, *file, *permissive;
    struct {
#define PLAIN_MEMBER(name, member, ACTION, KIND) const char *name;
        ACL_FIELDS(PLAIN_MEMBER)
#undef PLAIN_MEMBER
    } plain;
    struct acls *acls; /* in force */
    uint64_t hash; /* of the text that they were made of */
    uint64_t generation;
    const char *watched[2];
};


static const size_t plain_offsets[ACL_FIELD_COUNT] = {
#define PLAIN_OFFSET(name, member, ACTION, KIND) offsetof(struct local_acl, plain.name),
    ACL_FIELDS(PLAIN_OFFSET)
#undef PLAIN_OFFSET
};

static const char *
plain_text(const struct local_acl *local, int field)
{
    const char *text;
    memcpy(&text, (const char *)local + plain_offsets[field], sizeof(text));
    return text;
}

/* ---- making rules ---- */

static int
make_plain(const struct local_acl *local, struct acls **ret, struct err *err)
{
    struct acls *acls = acls_new("acls");
    int status = 0;
    if (local->permissive && strcmp(local->permissive, "false") == 0)
        acls->permissive = false;
    else if (local->permissive && strcmp(local->permissive, "true") != 0)
        status = err_set(err, -EINVAL, "acls: permissive is '%s', neither true nor false", local->permissive);
    acls->permissive_line = local->permissive != NULL;
    for (int i = 0; status == 0 && i < ACL_FIELD_COUNT; i++)
        if (plain_text(local, i))
            status = acls_add_plain(acls, i, plain_text(local, i), err);
    if (status < 0) {
        acls_unref(acls);
        return status;
    }
    *ret = acls;
    return 0;
}

/* What is to be in force by what the options and the file say now. */
static int
make_rules(const struct local_acl *local, struct acls **ret, uint64_t *ret_hash, struct err *err)
{
    auto_buf struct buf content = {0};
    *ret_hash = 0;
    if (!local->file && !local->text)
        return make_plain(local, ret, err);
    if (local->file && file_read(local->file, ACL_TEXT_MAX, &content, err) < 0)
        return err->code;
    struct str text = local->file ? buf_str(&content) : str_of(local->text);
    *ret = acls_read(text, local->file ? local->file : "acls", err);
    *ret_hash = hash_bytes(text.ptr, text.len);
    return *ret ? 0 : err->code;
}

static void
tell(const struct local_acl *local)
{
    const struct acls *acls = local->acls;
    for (const struct acl_warning *warning = acls->warnings; warning; warning = warning->next)
        MESOS_LOG(local->host, WARNING, "%s", warning->text);
    if (!acls->permissive && acls->count == 0)
        MESOS_LOG(local->host, WARNING, "%s: without a rule and with permissive false, nobody may do anything", acls->source);
    MESOS_LOG(local->host, INFO, "%zu rules of %s are in force; where none is for a request it is %s", acls->count, acls->source,
              acls->permissive ? "allowed" : "refused");
}

static int
check_options(const struct local_acl *local)
{
    int plain = local->permissive != NULL;
    for (int i = 0; i < ACL_FIELD_COUNT; i++)
        plain += plain_text(local, i) != NULL;
    if ((local->text != NULL) + (local->file != NULL) + (plain > 0) > 1)
        return local->host->fail(local->host, -EINVAL, "rules are given in two places, by --acls and by parameters of the module: "
                                                       "one of them has to go");
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct local_acl *local = instance;
    struct err err = {0};
    local->host = host;
    int status = check_options(local);
    if (status < 0)
        return status;
    status = make_rules(local, &local->acls, &local->hash, &err);
    if (status < 0)
        return host->fail(host, status, "%s", err.text);
    local->generation = 1;
    tell(local);
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct local_acl *local = instance;
    acls_unref(local->acls);
    local->acls = NULL;
    if (call)
        local->host->reply(local->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
reload(void *instance)
{
    struct local_acl *local = instance;
    struct acls *acls = NULL;
    struct err err = {0};
    uint64_t hash;
    if (!local->file)
        return 0;
    int status = make_rules(local, &acls, &hash, &err);
    if (status < 0)
        return local->host->fail(local->host, status, "%s", err.text);
    if (hash == local->hash) {
        acls_unref(acls);
        return 0;
    }
    acls_unref(local->acls);
    local->acls = acls;
    local->hash = hash;
    local->generation++;
    tell(local);
    return 0;
}

static const char *const *
watched(void *instance)
{
    struct local_acl *local = instance;
    local->watched[0] = local->file;
    return local->watched;
}

/* ---- the kind's calls ---- */

static void *
approver_new(void *instance, const struct mesos_principal *principal, uint32_t action, uint32_t *ret_reads)
{
    struct local_acl *local = instance;
    struct acl_approver *approver = acl_approver_new(local->acls, principal, action, ret_reads);
    if (!approver)
        local->host->fail(local->host, -ENOTSUP, "action %u is none that rules can be written for", action);
    return approver;
}

static int
approved(void *instance, void *approver, const struct mesos_object *object)
{
    (void)instance;
    return acl_approved(approver, object);
}

static void
approver_free(void *instance, void *approver)
{
    (void)instance;
    acl_approver_free(approver);
}

static void
explain(void *instance, void *approver, const struct mesos_object *object, char *out, size_t size)
{
    (void)instance;
    acl_explain(approver, object, out, size);
}

static uint64_t
generation(void *instance)
{
    return ((struct local_acl *)instance)->generation;
}

static const struct mesos_option options[] = {
    {"acls", MESOS_OPTION_STRING, offsetof(struct local_acl, text), NULL, "The lists in Mesos's JSON; --acls without a file."},
    {"acls_file", MESOS_OPTION_PATH, offsetof(struct local_acl, file), NULL,
     "A file with them, read again at a reload; --acls of a file."},
    {"permissive", MESOS_OPTION_STRING, offsetof(struct local_acl, permissive), NULL,
     "What holds where no rule is for a request: true or false."},
#define PLAIN_OPTION(name, member, ACTION, KIND)                                                                   \
    {#name, MESOS_OPTION_STRING, offsetof(struct local_acl, plain.name), NULL, "PRINCIPALS -> " #member " | ..."},
    ACL_FIELDS(PLAIN_OPTION)
#undef PLAIN_OPTION
    {NULL, 0, 0, NULL, NULL},
};

static const struct mesos_authorizer_ops ops = {
    .approver_new = approver_new,
    .approved = approved,
    .approver_free = approver_free,
    .explain = explain,
    .generation = generation,
};

static const struct mesos_module module = {
    MESOS_MODULE(AUTHORIZER, ops, struct local_acl),
    .name = "local_acl",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "Access control lists, as Mesos writes them.",
    .options = options,
    .start = start,
    .stop = stop,
    .reload = reload,
    .watched = watched,
};

MESOS_MODULES(&module);
