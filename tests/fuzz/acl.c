/* SPDX-License-Identifier: Apache-2.0 */
/* Access control lists, as JSON or in the INI's form: whatever a file says, it is refused with a reason or can
 * be asked about everything, says the same twice, and explains itself. */
#include "fuzz.h"

#include "authorizer/local_acl/match.h"

static const char *const names[] = {NULL, "", "a", "root", "eng/web", "*"};

static void
must_answer(struct acls *acls, const char *who, uint32_t action)
{
    struct mesos_principal principal = {.size = sizeof(principal), .value = who};
    uint32_t reads = 0;
    struct acl_approver *approver = acl_approver_new(acls, who ? &principal : NULL, action, &reads);
    must(approver);
    bool whole = acl_approved(approver, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct mesos_object object = {.size = sizeof(object), .value = names[i], .parent = names[(i + 1) % ARRAY_LEN(names)]};
        char text[64] = "x";
        bool yes = acl_approved(approver, &object);
        must(reads || yes == whole);
        must(yes == acl_approved(approver, &object));
        acl_explain(approver, &object, text, sizeof(text));
        must(text[0] && memchr(text, '\0', sizeof(text)));
    }
    acl_approver_free(approver);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_n(data, size);
    struct err err = {0};
    struct acls *acls;
    if (size && data[0] == 'P') { /* "P" and then the INI's form, for a field with roles */
        auto_free char *line = str_dup(str_n(text.ptr + 1, text.len - 1));
        acls = acls_new("acls");
        if (acls_add_plain(acls, ACL_FIELD_view_roles, line, &err) < 0)
            must(err.code < 0 && err.text[0]);
    } else {
        acls = acls_read(text, "acls", &err);
        must(acls || (err.code < 0 && strncmp(err.text, "acls:", 5) == 0));
    }
    for (uint32_t action = 1; acls && action <= MESOS_ACTION_REACTIVATE_AGENT; action++)
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            must_answer(acls, names[i], action);
    acls_unref(acls);
    return 0;
}
