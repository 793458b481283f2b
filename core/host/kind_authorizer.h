/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of kind authorizer, as core/daemon/access.c makes them. Contracts: mesos/authorizer.h. */
#ifndef HOST_KIND_AUTHORIZER_H
#define HOST_KIND_AUTHORIZER_H

#include "host/host.h"
#include "mesos/authorizer.h"

/* NULL is logged: nothing is allowed then. */
void *authorizer_approver_new(struct module *module, const struct mesos_principal *principal, enum mesos_action action,
                              uint32_t *ret_reads);
/* What cannot be said is logged and is a no. */
bool authorizer_approved(struct module *module, void *approver, const struct mesos_object *object);
void authorizer_approver_free(struct module *module, void *approver);
/* "" when the module says nothing. */
void authorizer_explain(struct module *module, void *approver, const struct mesos_object *object, char *out, size_t size);
uint64_t authorizer_generation(struct module *module);

#endif
