/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What frameworks, agents and operators must be allowed to do before the master does it: each question puts together what
 * Mesos's rules look at and asks daemon/access.h. A framework acts as the principal that its FrameworkInfo names, which whoever
 * authenticates it has compared with what it proved. Texts are Mesos's, as recorded. What views leave out is sight.h's.
 */
#ifndef MASTER_AUTHORIZE_H
#define MASTER_AUTHORIZE_H

#include "master/state.h"

/* REGISTER_FRAMEWORK with each of its roles. peer: for the audit log, NULL = not known. */
int authorize_framework(struct master *master, const Mesos__V1__FrameworkInfo *info, const struct address *peer,
                        struct arena *arena, struct err *err);
/* RUN_TASK; executor: that of its group, or NULL. -EACCES with text (longer than a struct err holds). */
int authorize_task(const struct framework *framework, const Mesos__V1__TaskInfo *task,
                   const Mesos__V1__ExecutorInfo *executor, struct buf *text);
/* An operation of ACCEPT other than launches, with each of its resources. Likewise. */
int authorize_operation(const struct framework *framework, const Mesos__V1__Offer__Operation *operation, struct buf *text);
/* REGISTER_AGENT, and RESERVE_RESOURCES for what its resources are reserved for. from: who proved to be whom there. */
int authorize_agent(struct master *master, const struct upid *from, const Mesos__SlaveInfo *info, struct err *err);

/*
 * Operators. False: answered with 403.
 * The value of each resource for that action is the role of its innermost reservation, or the principal of it or of its volume.
 */
bool admit(struct master *master, struct http_exchange *exchange, enum mesos_action action);
/* Whether a view shows anything: never answers, and is no refusal. */
bool may_look(struct master *master, struct http_exchange *exchange, enum mesos_action action);
bool admit_teardown(const struct framework *framework, struct http_exchange *exchange);
bool admit_resources(struct master *master, struct http_exchange *exchange, enum mesos_action action,
                     Mesos__V1__Resource *const *resources, size_t count);

#endif
