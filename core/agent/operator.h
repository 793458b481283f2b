/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's operator API. http_api_v1.c decodes a call, checks its shape and what the client accepts, and hands it to
 * the function of its name (operator_<name>, in operator_<name>.c or the file of its family); the list is
 * operator_calls.def.
 */
#ifndef AGENT_OPERATOR_H
#define AGENT_OPERATOR_H

#include "agent/state.h"
#include "daemon/operator.h"
#include "mesos/v1/agent/agent.pb-c.h"

/* One call. The function owes the exchange exactly one answer, at once or later. */
struct operator_call {
    struct agent *agent;
    struct http_exchange *exchange;
    const Mesos__V1__Agent__Call *call; /* in the request's arena: lives until the answer */
    struct arena *arena; /* the request's */
    bool json; /* the answer, or with stream_out each record of it; else protobuf */
    /* Only calls of the kind OUTPUT: the client wants application/recordio with Message-Content-Type as json says. When
     * it is false the client accepts a plain answer of that encoding. */
    bool stream_out;
    /* Only calls of the kind INPUT: `call` is the first record of the body. The function sets http_exchange_on_body (the
     * rest is handed to it as soon as it returns), reads records of Mesos__V1__Agent__Call with recordio_read, and
     * decodes them into an arena of its own by operator_decode. */
    bool json_in;
};

/* An operator's write goes to the audit log; outcome NULL = done. Not what executors do: calls with their identity, and calls
 * of nobody over their Unix socket. */
void operator_audit(const struct agent *agent, struct http_exchange *exchange, const char *what, const char *object,
                    const char *outcome);

/* operator_local.c: may it be asked where it came from? name: the call. False when it was answered. */
bool operator_admits_local(const struct agent *agent, struct http_exchange *exchange, const Mesos__V1__Agent__Call *call,
                           const char *name);

/* One record or body; NULL with the answer's text in err. */
Mesos__V1__Agent__Call *operator_decode(struct str bytes, bool json, struct arena *arena, struct err *err);

#define CALL(NAME, name, member, kind) void operator_##name(struct operator_call *op);
#define LATER(NAME, member, kind, what)
#include "agent/operator_calls.def"
#undef CALL
#undef LATER

#endif
