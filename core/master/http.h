/* SPDX-License-Identifier: Apache-2.0 */
/* The master's endpoints: handlers for the routes in http.c, and the pieces of JSON that several of them
 * show. */
#ifndef MASTER_HTTP_H
#define MASTER_HTTP_H

#include "master/state.h"
#include "wire/json.h"

struct marked_agent;

/* Mounts all routes and the gate of a master that does not lead. */
void http_mount(struct master *master);

void http_scheduler(struct http_exchange *exchange, void *arg);
void http_operator(struct http_exchange *exchange, void *arg);
void http_state(struct http_exchange *exchange, void *arg);
void http_state_summary(struct http_exchange *exchange, void *arg);
/* Whoever waits for it is forgotten. NULL is fine. */
void summaries_free(struct summaries *all);
void http_slaves(struct http_exchange *exchange, void *arg);
void http_frameworks(struct http_exchange *exchange, void *arg);
void http_tasks(struct http_exchange *exchange, void *arg);
/* The task is about to be freed: no answer of /tasks in the making looks at it again. */
void listings_forget(struct master *master, const struct task *task);
void listings_free(struct master *master); /* whoever waits for one is forgotten */
void http_roles(struct http_exchange *exchange, void *arg);
void http_page(struct http_exchange *exchange, void *arg);
void http_redirect(struct http_exchange *exchange, void *arg);
void http_explain(struct http_exchange *exchange, void *arg);
void http_offer_constraints_debug(struct http_exchange *exchange, void *arg);
void http_registry(struct http_exchange *exchange, void *arg);
void http_stats(struct http_exchange *exchange, void *arg);
void http_weights(struct http_exchange *exchange, void *arg);
void http_quota(struct http_exchange *exchange, void *arg);
void http_maintenance_schedule(struct http_exchange *exchange, void *arg);
void http_maintenance_status(struct http_exchange *exchange, void *arg);
void http_machine_down(struct http_exchange *exchange, void *arg);
void http_machine_up(struct http_exchange *exchange, void *arg);
void http_reserve(struct http_exchange *exchange, void *arg);
void http_unreserve(struct http_exchange *exchange, void *arg);
void http_create_volumes(struct http_exchange *exchange, void *arg);
void http_destroy_volumes(struct http_exchange *exchange, void *arg);
void http_teardown(struct http_exchange *exchange, void *arg);

/* http_scheduler.c and http_operator.c: is the body's type one that is understood? Answers 400 or 415 itself
 * otherwise. *ret_json: JSON rather than protobuf. */
bool http_content_type(struct http_exchange *exchange, bool *ret_json);
/* What the client takes: 1 JSON, 0 protobuf, -1 neither (406 was answered). */
int http_accept_type(struct http_exchange *exchange);

/* The value of one field of an application/x-www-form-urlencoded body; ptr NULL when absent or badly escaped. */
struct str http_form_get(const struct http_request *request, const char *name);
/* operator_later.c: may the peer do what the body (the form's field, the path) asks for? False: answered. *ret_object: the roles
 * that it names, for the audit log, living as long as the exchange; NULL = none can be read. */
bool http_admit_weights(struct master *master, struct http_exchange *exchange, const char **ret_object);
bool http_admit_quota(struct master *master, struct http_exchange *exchange, const char **ret_object);
bool http_admit_form(struct master *master, struct http_exchange *exchange, enum mesos_action action, const char *field);

/* 501: "<what>" is not built yet. A write that was allowed, so that the audit log has it: call, object (NULL = none). */
void http_not_built(struct master *master, struct http_exchange *exchange, const char *call, const char *object,
                    const char *what);
/* http_weights.c: a whole object. */
void http_write_weight(struct json *json, struct str role, double weight);

/* json_resources.c */
/* {"disk":..,"mem":..,"gpus":..,"cpus":..,"ports":"[..]"}; with zeros for the four scalars. */
void json_resources(struct json *json, const struct resources *r);
/* "key": {"<role>": {resources}} of what is reserved. */
void json_reserved(struct json *json, const char *key, const struct resources *r);
/* An array of Resource, in the form from before refinement. */
void json_resources_full(struct json *json, const struct resources *r, struct arena *arena);
/* "reserved_resources_full": {"<role>": [..]}. */
void json_reserved_full(struct json *json, const struct resources *total, struct arena *arena);
/* http_roles.c. Every role that somebody subscribes to or is reserved for, and their parents, by name; held: what is
 * allocated and offered to it and the roles below it. */
void roles_each(const struct master *master, struct sight *sight,
                void (*fn)(const char *role, double weight, const struct resources *held, void *arg), void *arg);
/* Cuts one "role=weight" off the text of --weights; false at its end. */
bool roles_next_weight(struct str *rest, struct str *ret_role, double *ret_weight);
void json_message(struct json *json, const void *message);
void json_labels(struct json *json, const Mesos__V1__Labels *labels);

/* json_state.c */

/* What is used of or offered from somewhere, summed up when somebody looks. */
void agent_used(const struct agent *agent, struct resources *ret);
void agent_offered(const struct agent *agent, struct resources *ret);
void framework_used(const struct framework *framework, struct resources *ret);
void framework_offered(const struct framework *framework, struct resources *ret);

/* Members of the object that is open. */
void json_agent(struct json *json, const struct agent *agent, struct sight *sight, struct arena *arena);
void json_agent_full(struct json *json, const struct agent *agent, struct sight *sight, struct arena *arena);
void json_framework_summary(struct json *json, const struct framework *framework);
/* Whether it is deactivated, and how it is drained; false when it is not drained. marked may be NULL. */
bool json_marks(struct json *json, const struct marked_agent *marked);
/* A whole object. */
void json_recovered_agent(struct json *json, const struct recovered_agent *recovered, struct arena *arena);
void json_executor(struct json *json, const struct executor *executor, struct arena *arena);
void json_offer(struct json *json, const struct offer *offer);
/* Likewise, inside an answer of views_await(VIEW_STATE): json writes to rope's tail. */
void json_framework(struct json *json, const struct framework *framework, struct sight *sight, struct rope *rope);
/* "key": [all records]; json writes to rope's tail. */
void json_sheets(struct json *json, const char *key, const struct sheets *sheets, enum view view, struct sight *sight,
                 struct rope *rope);
void json_task(struct json *json, const struct task *task, struct arena *arena);

#endif
