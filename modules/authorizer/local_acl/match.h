/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may: Mesos's rules. The first rule of the action's field that is for this principal and for this object decides: yes when
 * it lists both (or says ANY), no where it says NONE. A request of nobody in particular, or on no object in particular, is one
 * of ANY, which only rules with ANY and NONE are for. Without such a rule `permissive` decides.
 *
 * A bearer of a token without a name (an executor) is judged by its claim cid, whatever the lists say: it may act on containers
 * below its own, and on nothing else that is about nested containers.
 */
#ifndef LOCAL_ACL_MATCH_H
#define LOCAL_ACL_MATCH_H

#include "authorizer/local_acl/rules.h"

struct acl_approver;

/* NULL: no such action. principal NULL = nobody. *ret_reads: MESOS_OBJECT_... */
struct acl_approver *acl_approver_new(struct acls *acls, const struct mesos_principal *principal, uint32_t action, uint32_t *ret_reads);
void acl_approver_free(struct acl_approver *approver);
bool acl_approved(const struct acl_approver *approver, const struct mesos_object *object);
void acl_explain(const struct acl_approver *approver, const struct mesos_object *object, char *out, size_t size);

#endif
