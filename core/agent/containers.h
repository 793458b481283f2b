/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers as the operator API speaks of them: executors', nested and standalone ones, by chains of ids. Ids cross to
 * the containerizers as text (mesos/containerizer.h). Used by operator_*.c and http_containers.c.
 */
#ifndef AGENT_CONTAINERS_H
#define AGENT_CONTAINERS_H

#include "agent/operator.h"
#include "mesos/authorizer.h"

#define CONTAINER_DEPTH_MAX 32 /* of nesting */

/* Text of an id whose chain has been checked. */
void container_id_text(const Mesos__V1__ContainerID *id, struct buf *out);
/* The checks of Mesos: 0, or -EINVAL with what is wrong. */
int container_id_check(const Mesos__V1__ContainerID *id, struct err *err);
/* The same for the id in member `where` of the call; answers 400 itself and is NULL then. Else the text in op's arena. */
const char *operator_container_id(struct operator_call *op, const Mesos__V1__ContainerID *id, const char *where);
/* The same for one that must be nested. */
const char *operator_nested_id(struct operator_call *op, const Mesos__V1__ContainerID *id, const char *where);
/* False when the agent does not know its containers yet; it has answered 503 then. */
bool operator_containers_ready(struct operator_call *op);
/* The containerizer that has the container, or its root; NULL = none. */
struct module *containerizer_of(const struct agent *agent, const char *container_id);
/* The executor whose container this is or is nested in; NULL: of none. */
struct executor *executor_of_container(const struct agent *agent, const char *container_id);

/* May the client do this to the container? `action` is the one for nested containers; a root's that has one of its own for
 * standalone containers is meant by it too. Answers 403 itself. */
bool operator_admits(struct operator_call *op, const char *id, enum mesos_action action);

/* Launches for a call; the container is nested or standalone as its id says. */
struct container_wish {
    const char *id;
    const Mesos__V1__CommandInfo *command; /* or NULL */
    const Mesos__V1__ContainerInfo *container; /* or NULL */
    Mesos__V1__Resource *const *resources;
    size_t resource_count;
    Mesos__V1__Agent__Call__LaunchContainer__LimitsEntry *const *limits;
    size_t limit_count;
    bool debug; /* a session's */
};
/* Answers the exchange with what Mesos answers, unless done is set: then it is called with the containerizer once the
 * container runs, and owes the answer. When the client leaves before, the container is destroyed if done is set. */
void operator_launch(struct operator_call *op, const struct container_wish *wish,
                     void (*done)(struct http_exchange *exchange, struct module *module, void *arg), void *arg,
                     void (*drop)(void *arg));
/* A session's container goes with its client. */
void operator_session_destroy(struct module *containerizer, const char *id);

/* What one container is and uses. */
struct container_figures {
    char *container_id; /* text */
    char *executor_id, *executor_name, *framework_id, *source; /* NULL: of no executor's own */
    struct packed usage, status; /* mesos.v1.ResourceStatistics, mesos.v1.ContainerStatus */
    bool failed; /* it went while it was asked */
    struct container_question *question;
};
struct container_filter {
    bool nested, standalone;
    bool status; /* ask for it too */
    struct str only; /* one id; ptr NULL = all */
    struct str framework_id, executor_id; /* these executors' containers and what is inside of them; ptr NULL = any */
};
/* Asks every container's containerizer; answer comes once, from the loop or at once, unless the client leaves. */
void container_figures_ask(struct agent *agent, struct http_exchange *exchange, const struct container_filter *filter,
                           void (*answer)(struct http_exchange *exchange, const struct container_figures *figures,
                                          size_t count, const struct container_filter *filter, bool json),
                           bool json);

#endif
