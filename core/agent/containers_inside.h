/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the calls about containers share: operator_containers.c, which owns the list of those under way, and
 * operator_launch.c. Nobody else includes it. */
#ifndef AGENT_CONTAINERS_INSIDE_H
#define AGENT_CONTAINERS_INSIDE_H

#include "agent/containers.h"

/* A call that its containerizer has not answered: the client may leave before. It begins a larger struct, and that struct
 * is the argument of what is asked of the host. */
struct container_call {
    struct list node; /* in the agent's container_calls */
    struct agent *agent;
    struct http_exchange *exchange; /* NULL: the client has gone */
    bool json;
    const char *write; /* what the audit log calls it; NULL = it changes nothing */
    char *id; /* NULL: of no container */
    void (*fini)(struct container_call *call); /* what the larger one holds; or NULL */
};

/* Of size bytes, those behind the call zero. A write goes on when its client leaves; one that changes nothing says itself
 * what happens then (http_exchange_on_gone). */
void *container_call_new(struct operator_call *op, size_t size, const char *write, const char *id);
void container_call_free(struct container_call *call);
/* What became of a write that somebody still waits for; outcome NULL = done. */
void container_call_audit(const struct container_call *call, const char *outcome);

#endif
