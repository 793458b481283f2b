/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1/executor: decodes and validates a call of an executor, with Mesos's answers, and hands it to
 * its call_*.c. */
#include "agent/state.h"

typedef Mesos__V1__Executor__Call executor_call;

#define JSON_TYPE     "application/json"
#define PROTOBUF_TYPE "application/x-protobuf"

static const char *
validate_update(const executor_call *call, struct arena *arena)
{
    const Mesos__V1__TaskStatus *status = call->update->status;
    if (!status->has_uuid)
        return "Expecting 'uuid' to be present";
    if (status->uuid.len != UUID_BYTES)
        return "Not a valid UUID";
    if (status->executor_id && strcmp(status->executor_id->value, call->executor_id->value) != 0)
        return arena_printf(arena, "ExecutorID in Call: %s does not match ExecutorID in TaskStatus: %s",
                            call->executor_id->value, status->executor_id->value);
    if (!status->has_source || status->source != MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR)
        return arena_printf(arena,
                            "Received Call from executor %s of framework %s with invalid source, expecting "
                            "'SOURCE_EXECUTOR'",
                            call->executor_id->value, call->framework_id->value);
    if (status->state == MESOS__V1__TASK_STATE__TASK_STAGING)
        return arena_printf(arena,
                            "Received TASK_STAGING from executor %s of framework %s which is not allowed",
                            call->executor_id->value, call->framework_id->value);
    return NULL;
}

/* What is wrong with the call, or NULL. */
static const char *
validate(const executor_call *call, struct arena *arena)
{
    if (!call->has_type || call->type == MESOS__V1__EXECUTOR__CALL__TYPE__UNKNOWN)
        return "Expecting 'type' to be present";
    switch (call->type) {
    case MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE:
        return call->subscribe ? NULL : "Expecting 'subscribe' to be present";
    case MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE:
        return call->update ? validate_update(call, arena) : "Expecting 'update' to be present";
    case MESOS__V1__EXECUTOR__CALL__TYPE__MESSAGE:
        return call->message ? NULL : "Expecting 'message' to be present";
    default:
        return NULL;
    }
}

static void
dispatch(struct executor *executor, const executor_call *call, struct http_exchange *exchange, bool json)
{
    switch (call->type) {
#define CALL(NAME, name)                                                                                     \
    case MESOS__V1__EXECUTOR__CALL__TYPE__##NAME:                                                            \
        call_##name(executor, call, exchange, json);                                                         \
        break;
#include "agent/calls.def"
#undef CALL
    default:
        http_reply_text(exchange, 501, "This call is not known");
        break;
    }
}

/* The format of the answer: the one of the request's that the client accepts. 0 when there is none. */
static int
accepted(const struct http_request *request, bool json_sent)
{
    struct str accept = http_header_get(&request->headers, "Accept");
    bool json = http_accepts(accept, JSON_TYPE), protobuf = http_accepts(accept, PROTOBUF_TYPE);
    if (json && protobuf)
        return json_sent ? 'j' : 'p';
    return json ? 'j' : protobuf ? 'p' : 0;
}

static bool
has_claim(const struct mesos_principal *principal, const char *key, const char *value)
{
    size_t found = 0;
    for (size_t i = 0; i < principal->claim_count; i++)
        if (strcmp(principal->claims[i].key, key) == 0)
            found += strcmp(principal->claims[i].value, value) == 0 ? 1 : 2;
    return found == 1;
}

/* Was the token made for the executor that the call names, and for its container where there is one? principal NULL: nobody is
 * asked for a token. False when that was answered. */
static bool
is_bearer(const struct agent *agent, struct http_exchange *exchange, const executor_call *call, const struct executor *executor)
{
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    const char *framework_id = call->framework_id->value, *executor_id = call->executor_id->value;
    if (!principal || (has_claim(principal, "fid", framework_id) && has_claim(principal, "eid", executor_id) &&
                       (!executor || has_claim(principal, "cid", executor->container_id))))
        return true;
    audit_login_failed(agent->daemon->audit, audit_asker(exchange), "Bearer", executor_id, "the token is another executor's");
    http_reply_text(exchange, 403, "The token is not that of executor '%s' of framework %s in its present container", executor_id,
                    framework_id);
    return false;
}

static executor_call *
decode(struct http_exchange *exchange, const struct http_request *request, bool json, struct arena *arena)
{
    struct err err = {0};
    executor_call *call =
        json ? message_from_json(&mesos__v1__executor__call__descriptor, buf_str(&request->body), arena, &err)
             : message_unpack(&mesos__v1__executor__call__descriptor, buf_str(&request->body), arena, &err);
    if (!call && json)
        http_reply_text(exchange, 400, "%s", err.text);
    else if (!call)
        http_reply_text(exchange, 400, "Failed to parse body into Call protobuf: %s", err.text);
    return call;
}

void
http_api_v1_executor(struct http_exchange *exchange, void *arg)
{
    struct agent *agent = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str type = http_header_get(&request->headers, "Content-Type");
    auto_arena struct arena *arena = arena_new(0);
    if (agent->state == AGENT_RECOVERING && !agent->reconnecting) {
        http_reply_text(exchange, 503, "Agent has not finished recovery");
        return;
    }
    if (!type.ptr) {
        http_reply_text(exchange, 400, "Expecting 'Content-Type' to be present");
        return;
    }
    bool json = str_is(type, JSON_TYPE);
    if (!json && !str_is(type, PROTOBUF_TYPE)) {
        http_reply_text(exchange, 415, "Expecting 'Content-Type' of %s or %s", JSON_TYPE, PROTOBUF_TYPE);
        return;
    }
    executor_call *call = decode(exchange, request, json, arena);
    if (!call)
        return;
    const char *wrong = validate(call, arena);
    if (wrong) {
        http_reply_text(exchange, 400, "Failed to validate Executor::Call: %s", wrong);
        return;
    }
    int answer = 'p';
    if (call->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE && !(answer = accepted(request, json))) {
        http_reply_text(exchange, 406, "Expecting 'Accept' to allow %s or %s", PROTOBUF_TYPE, JSON_TYPE);
        return;
    }
    struct framework *framework = framework_find(agent, str_of(call->framework_id->value));
    struct executor *executor = framework ? executor_find(framework, str_of(call->executor_id->value)) : NULL;
    if (!is_bearer(agent, exchange, call, executor))
        return;
    if (executor)
        dispatch(executor, call, exchange, answer == 'j');
    else
        http_reply_text(exchange, 400, framework ? "Executor cannot be found" : "Framework cannot be found");
}
