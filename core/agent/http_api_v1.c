/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1, the operators' API: reads what the client sends and accepts, decodes the call (of a streamed body, its
 * first record), checks its shape and hands it to its operator_*.c. Statuses and texts are Mesos's, as recorded.
 */
#include <errno.h>

#include "agent/operator.h"
#include "daemon/audit.h"
#include "wire/recordio.h"

#define JSON_TYPE     "application/json"
#define PROTOBUF_TYPE "application/x-protobuf"
#define RECORDIO_TYPE "application/recordio"

typedef Mesos__V1__Agent__Call Call;

enum call_kind { PLAIN, OUTPUT, INPUT };

struct call_row {
    Mesos__V1__Agent__Call__Type type;
    const char *name, *member;
    size_t member_at; /* of the pointer that must be set */
    enum call_kind kind;
    void (*function)(struct operator_call *op);
    const char *what; /* without a function: what it waits for */
};

/* Calls without a member of their own: the type, which is always there, takes its place. */
#define NO_BODY           type
#define MEMBER_AT(member) offsetof(Call, member)

static const struct call_row calls[] = {
#define CALL(NAME, name, member, kind)                                                                       \
    {MESOS__V1__AGENT__CALL__TYPE__##NAME, #NAME, #member, MEMBER_AT(member), kind, operator_##name, NULL},
#define LATER(NAME, member, kind, what)                                                                      \
    {MESOS__V1__AGENT__CALL__TYPE__##NAME, #NAME, #member, MEMBER_AT(member), kind, NULL, what},
#include "agent/operator_calls.def"
#undef CALL
#undef LATER
};

static const struct call_row *
find_row(Mesos__V1__Agent__Call__Type type)
{
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (calls[i].type == type)
            return &calls[i];
    return NULL;
}

/* Whether the call has the member that its type says it has. */
static bool
has_member(const struct call_row *row, const Call *call)
{
    return row->member_at == offsetof(Call, type) || *(void *const *)((const char *)call + row->member_at);
}

/* ---- what the client sends and accepts ---- */

/* Of the body, or of each record in it. False when it was refused. */
static bool
read_content_type(struct http_exchange *exchange, bool *ret_json, bool *ret_stream)
{
    const struct http_headers *headers = &http_exchange_request(exchange)->headers;
    struct str type = http_header_get(headers, "Content-Type");
    struct str message = http_header_get(headers, "Message-Content-Type");
    *ret_stream = str_is(type, RECORDIO_TYPE);
    struct str encoding = *ret_stream ? message : type;
    *ret_json = str_is(encoding, JSON_TYPE);
    bool known = *ret_json || str_is(encoding, PROTOBUF_TYPE);
    if (!type.ptr)
        http_reply_text(exchange, 400, "Expecting 'Content-Type' to be present");
    else if (!*ret_stream && !known)
        http_reply_text(exchange, 415, "Expecting 'Content-Type' of %s or %s or %s", JSON_TYPE, PROTOBUF_TYPE,
                        RECORDIO_TYPE);
    else if (!*ret_stream && message.ptr)
        http_reply_text(exchange, 415,
                        "Expecting 'Message-Content-Type' to be not set for non-streaming requests");
    else if (*ret_stream && !message.ptr)
        http_reply_text(exchange, 400,
                        "Expecting 'Message-Content-Type' to be set for streaming requests");
    else if (*ret_stream && !known)
        http_reply_text(exchange, 415, "Expecting 'Message-Content-Type' of %s or %s", JSON_TYPE,
                        PROTOBUF_TYPE);
    else
        return true;
    return false;
}

/* Of the answer, or of each record in it; JSON where the client does not mind. False when it was refused. */
static bool
read_accept(struct http_exchange *exchange, bool *ret_json, bool *ret_stream)
{
    const struct http_headers *headers = &http_exchange_request(exchange)->headers;
    struct str accept = http_header_last(headers, "Accept");
    struct str message = http_header_get(headers, "Message-Accept");
    *ret_json = http_accepts(accept, JSON_TYPE);
    *ret_stream = !*ret_json && !http_accepts(accept, PROTOBUF_TYPE);
    if (!*ret_stream) {
        if (message.ptr)
            http_reply_text(exchange, 406,
                            "Expecting 'Message-Accept' to be not set for non-streaming responses");
        return !message.ptr;
    }
    if (!http_accepts(accept, RECORDIO_TYPE)) {
        http_reply_text(exchange, 406, "Expecting 'Accept' to allow %s or %s or %s", JSON_TYPE, PROTOBUF_TYPE,
                        RECORDIO_TYPE);
        return false;
    }
    *ret_json = http_accepts(message, JSON_TYPE);
    if (*ret_json || http_accepts(message, PROTOBUF_TYPE))
        return true;
    http_reply_text(exchange, 406, "Expecting 'Message-Accept' to allow %s or %s", JSON_TYPE, PROTOBUF_TYPE);
    return false;
}

/* ---- the call ---- */

Call *
operator_decode(struct str bytes, bool json, struct arena *arena, struct err *err)
{
    if (json)
        return message_from_json(&mesos__v1__agent__call__descriptor, bytes, arena, err);
    Call *call = message_unpack(&mesos__v1__agent__call__descriptor, bytes, arena, err);
    if (!call)
        err_wrap(err, "Failed to parse body into Call protobuf");
    return call;
}

/* Calls are streams only where their kind says so. */
static bool
check_streams(struct http_exchange *exchange, const struct call_row *row, bool in, bool out)
{
    if (in && row->kind != INPUT)
        http_reply_text(exchange, 415, "Streaming 'Content-Type' %s is not supported for %s call", RECORDIO_TYPE,
                        row->name);
    else if (!in && row->kind == INPUT)
        http_reply_text(exchange, 415, "Expecting 'Content-Type' to be %s for %s call", RECORDIO_TYPE, row->name);
    else if (out && row->kind != OUTPUT)
        http_reply_text(exchange, 406, "Streaming response is not supported for %s call", row->name);
    else
        return true;
    return false;
}

static void
handle(struct agent *agent, struct http_exchange *exchange, struct str body, bool json_in, bool stream_in)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct operator_call op = {.agent = agent, .exchange = exchange, .arena = request->arena, .json_in = json_in};
    struct err err = {0};
    if (!read_accept(exchange, &op.json, &op.stream_out))
        return;
    Call *call = operator_decode(body, json_in, request->arena, &err);
    if (!call) {
        http_reply_text(exchange, 400, "%s", err.text);
        return;
    }
    if (!call->has_type) {
        http_reply_text(exchange, 400, "Failed to validate agent::Call: Expecting 'type' to be present");
        return;
    }
    const struct call_row *row = find_row(call->type);
    if (!row) {
        http_reply_text(exchange, 501, "501 Not Implemented.");
        return;
    }
    if (!has_member(row, call)) {
        http_reply_text(exchange, 400, "Failed to validate agent::Call: Expecting '%s' to be present", row->member);
        return;
    }
    if (!operator_admits_local(agent, exchange, call, row->name) || !check_streams(exchange, row, stream_in, op.stream_out))
        return;
    op.call = call;
    if (row->function) {
        row->function(&op);
    } else {
        operator_audit(agent, exchange, row->name, NULL, "not built yet");
        operator_reply_later(exchange, row->name, row->what);
    }
}

void
operator_audit(const struct agent *agent, struct http_exchange *exchange, const char *what, const char *object,
               const char *outcome)
{
    struct audit_who who = audit_asker(exchange);
    bool executors_socket = http_exchange_is_local(exchange);
    if (!access_is_executor(who.principal) && (who.principal || !executors_socket))
        audit_write(agent->daemon->audit, who, what, object, outcome);
}

/* The first record of a streamed body is the call; its function takes the others. */
static void
on_first_record(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct str record;
    struct err err = {0};
    size_t used;
    int rc = recordio_read(body, &record, &used, &err);
    if (rc == 0 && !end)
        return;
    if (rc <= 0) {
        http_reply_text(exchange, 400, "%s", rc ? err.text : "Received EOF while reading request body");
        return;
    }
    bool json = str_is(http_header_get(&http_exchange_request(exchange)->headers, "Message-Content-Type"), JSON_TYPE);
    /* Decoding may keep pointers into the record, and the function may take what follows at once. */
    char *copy = arena_strdup(http_exchange_request(exchange)->arena, record);
    record = str_n(copy, record.len);
    buf_consume(body, used);
    handle(arg, exchange, record, json, true);
}

void
http_api_v1(struct http_exchange *exchange, void *arg)
{
    struct agent *agent = arg;
    const struct http_request *request = http_exchange_request(exchange);
    bool json, stream;
    if (agent->state == AGENT_RECOVERING) {
        http_reply_text(exchange, 503, "Agent has not finished recovery");
        return;
    }
    if (!read_content_type(exchange, &json, &stream))
        return;
    if (stream)
        http_exchange_on_body(exchange, on_first_record, agent);
    else
        handle(agent, exchange, buf_str(&request->body), json, false);
}
