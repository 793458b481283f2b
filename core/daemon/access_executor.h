/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of this room: what an executor's identity may do (access.h says which that is). Asked by access.c before any rule. */
#ifndef DAEMON_ACCESS_EXECUTOR_H
#define DAEMON_ACCESS_EXECUTOR_H

#include "daemon/access.h"

/* Copied from the claims: approvers outlive what they were made for. */
struct executor_identity {
    char *container, *framework;
};
/* NULL when the principal is none. */
struct executor_identity *executor_identity_new(const struct mesos_principal *principal);
void executor_identity_free(struct executor_identity *identity);
bool executor_identity_may(const struct executor_identity *identity, enum mesos_action action,
                           const struct mesos_object *object);

#endif
