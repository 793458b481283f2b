/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, as the handlers of both daemons ask it. One struct access per daemon, around its authorizer module; without
 * a module everything is allowed. Each refusal that a handler acts upon goes to the audit log from here, so that no handler
 * can forget it; what a view merely leaves out is none.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include "base/str.h"
#include "daemon/audit.h"
#include "mesos/authorizer.h"

struct module;
struct http_exchange;
struct access;

/* authorizer NULL: everything is allowed. audit NULL: refusals are written nowhere. */
struct access *access_new(struct module *authorizer, struct audit *audit);
void access_free(struct access *access);
/* Whether there are rules at all: for paths that are faster without. */
bool access_ruled(const struct access *access);
/* Changes when the rules did (reload): answers that were kept are to be asked anew. */
uint64_t access_generation(const struct access *access);
const char *access_action_name(enum mesos_action action); /* "RUN_TASK"; "?" when unknown */

/* One question at once. object NULL: the action as such. A refusal is written to the audit log. */
bool access_allows_who(struct access *access, struct audit_who who, enum mesos_action action,
                       const struct mesos_object *object);
/* The same for the principal of an exchange; when refused, it has been answered with 403 and is gone. value: of the object,
 * which has nothing else; NULL = none. */
bool access_admits(struct access *access, struct http_exchange *exchange, enum mesos_action action,
                   const struct mesos_object *object);
bool access_admits_value(struct access *access, struct http_exchange *exchange, enum mesos_action action,
                         const char *value);
/* For handlers that asked an approver and act upon its no: writes it to the audit log. */
void access_refused(struct access *access, struct audit_who who, enum mesos_action action, const struct mesos_object *object);

/* GET_ENDPOINT_WITH_PATH for a route's endpoint ("/metrics/snapshot"), which daemon/routes.c asks for all of them. Of an old name
 * ("/containers.json") the name without its end must be allowed, too: rules that name one do not leave the other open. */
bool access_admits_endpoint(struct access *access, struct http_exchange *exchange, const char *endpoint);

/*
 * An executor's identity: a principal that has no value, but a claim "cid", its container (and "fid", its framework), as
 * the tokens have that agents give to executors. With rules and without it may touch and see what is its own - the
 * containers inside of its own, its sandbox and tasks, its framework - and nothing else.
 */
bool access_is_executor(const struct mesos_principal *principal);

/*
 * Many questions of one action, as views ask them: nothing is written to the audit log. When the rules look at values only,
 * an answer is kept for each value, so that a hundred thousand tasks cost a look into a small map each.
 */
struct approver;
struct approver *approver_new(struct access *access, const struct mesos_principal *principal, enum mesos_action action);
void approver_free(struct approver *approver);
/* One answer for all objects: 1 = all, 0 = none, -1 = it depends. */
int approver_uniform(struct approver *approver);
/* What its answers depend on: MESOS_OBJECT_..., ored. What is not in it need not be put into objects. */
uint32_t approver_reads(const struct approver *approver);
bool approver_allows(struct approver *approver, const struct mesos_object *object);
bool approver_allows_value(struct approver *approver, const char *value);

#endif
