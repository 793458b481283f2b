/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1, the operators' API: the plain questions after health and version are answered; the other
 * calls come with the operator API and are refused by name until then.
 */
#include "agent/state.h"

#include "mesos/v1/agent/agent.pb-c.h"

typedef Mesos__V1__Agent__Call operator_call;
typedef Mesos__V1__Agent__Response operator_response;

static void
reply_message(struct http_exchange *exchange, const operator_response *response, bool json)
{
    auto_buf struct buf out = {0};
    if (json)
        message_to_json(&out, response);
    else
        message_pack(&out, response);
    http_reply(exchange, 200, json ? "application/json" : "application/x-protobuf", buf_str(&out));
}

static void
answer_health(struct http_exchange *exchange, bool json)
{
    operator_response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__GetHealth health = MESOS__V1__AGENT__RESPONSE__GET_HEALTH__INIT;
    health.healthy = true;
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__GET_HEALTH;
    response.get_health = &health;
    reply_message(exchange, &response, json);
}

static void
answer_version(struct http_exchange *exchange, bool json)
{
    operator_response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__GetVersion version = MESOS__V1__AGENT__RESPONSE__GET_VERSION__INIT;
    auto_buf struct buf text = {0};
    auto_arena struct arena *arena = arena_new(0);
    daemon_version(&text);
    version.version_info =
        message_from_json(&mesos__v1__version_info__descriptor, buf_str(&text), arena, NULL);
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__GET_VERSION;
    response.get_version = &version;
    reply_message(exchange, &response, json);
}

void
http_api_v1(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str type = http_header_get(&request->headers, "Content-Type");
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    (void)arg;
    bool json = str_is(type, "application/json");
    if (!type.ptr) {
        http_reply_text(exchange, 400, "Expecting 'Content-Type' to be present");
        return;
    }
    if (!json && !str_is(type, "application/x-protobuf")) {
        http_reply_text(exchange, 415,
                        "Expecting 'Content-Type' of application/json or application/x-protobuf");
        return;
    }
    operator_call *call =
        json ? message_from_json(&mesos__v1__agent__call__descriptor, buf_str(&request->body), arena, &err)
             : message_unpack(&mesos__v1__agent__call__descriptor, buf_str(&request->body), arena, &err);
    if (!call || !call->has_type || call->type == MESOS__V1__AGENT__CALL__TYPE__UNKNOWN) {
        http_reply_text(exchange, 400, "%s",
                        call ? "Failed to validate agent::Call: Expecting 'type' to be present" : err.text);
        return;
    }
    struct str accept = http_header_get(&request->headers, "Accept");
    if (!http_accepts(accept, json ? "application/json" : "application/x-protobuf"))
        json = !json;
    const ProtobufCEnumValue *name =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__agent__call__type__descriptor, (int)call->type);
    switch (call->type) {
    case MESOS__V1__AGENT__CALL__TYPE__GET_HEALTH:
        answer_health(exchange, json);
        return;
    case MESOS__V1__AGENT__CALL__TYPE__GET_VERSION:
        answer_version(exchange, json);
        return;
    default:
        http_reply_text(exchange, 501, "The call %s is not built yet", name ? name->name : "UNKNOWN");
        return;
    }
}
