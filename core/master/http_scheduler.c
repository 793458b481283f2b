/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1/scheduler: decodes a call, checks its shape, finds its framework and stream, and hands it to
 * its function. SUBSCRIBE opens the stream here and goes on in subscribe.c. Statuses and texts: golden exchanges.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/calls.h"
#include "master/http.h"
#include "master/throttle.h"
#include "wire/message.h"

typedef Mesos__V1__Scheduler__Call Call;

static Call *
decode(const struct http_request *request, bool json, struct err *err)
{
    struct str body = buf_str(&request->body);
    if (json)
        return MESSAGE_FROM_JSON(Call, mesos__v1__scheduler__call, body, request->arena, err);
    Call *call = MESSAGE_UNPACK(Call, mesos__v1__scheduler__call, body, request->arena, err);
    if (!call)
        err_set(err, -EINVAL, "Failed to parse body into Call protobuf");
    return call;
}

static void
stream_error(struct master *master, struct http_exchange *exchange, bool json, const char *text)
{
    Mesos__V1__Scheduler__Event event = MESOS__V1__SCHEDULER__EVENT__INIT;
    Mesos__V1__Scheduler__Event__Error error = MESOS__V1__SCHEDULER__EVENT__ERROR__INIT;
    auto_free char *copy = xstrdup(text);
    event.has_type = true;
    event.type = MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR;
    event.error = &error;
    error.message = copy;
    log_info("refuse framework: %s", text);
    stream_send_event(master, exchange, json, &event);
    http_stream_end(exchange);
}

static void
subscribe(struct master *master, struct http_exchange *exchange, const Call *call, struct arena *arena)
{
    char stream_id[UUID_TEXT];
    struct err err;
    int json = http_accept_type(exchange);
    if (json < 0)
        return;
    uuid_new(stream_id);
    struct http_header header = {STR_LIT("Mesos-Stream-Id"), str_of(stream_id)};
    http_stream_start(exchange, 200, &header, 1, json ? "application/json" : "application/x-protobuf");
    struct contact contact = {.stream = exchange, .json = json, .stream_id = stream_id};
    if (framework_subscribe(master, call->subscribe, true, &contact, arena, &err))
        stream_error(master, exchange, json, err.text);
}

static void
audit(struct master *master, const struct http_exchange *exchange, const char *claimed, const char *reason)
{
    audit_login_failed(master->daemon->audit, audit_asker(exchange), NULL, claimed, reason);
}

static int
refuse_principal(struct master *master, const struct http_exchange *exchange, const char *named, struct err *err)
{
    const char *who = http_exchange_principal(exchange)->value;
    err_set(err, -EINVAL, "Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", who, named);
    audit(master, exchange, named, err->text);
    return -EINVAL;
}

/* A framework is whom its scheduler has logged in as: that is written into what names nobody. */
static int
adopt_principal(struct master *master, const struct http_exchange *exchange, Call *call, struct err *err)
{
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    Mesos__V1__FrameworkInfo *info = call->subscribe          ? call->subscribe->framework_info
                                     : call->update_framework ? call->update_framework->framework_info
                                                              : NULL;
    if (!principal || !info)
        return 0;
    if (info->principal && strcmp(info->principal, principal->value) != 0)
        return refuse_principal(master, exchange, info->principal, err);
    info->principal = (char *)(uintptr_t)principal->value;
    return 0;
}

/* Of another call: true when it was answered. */
static bool
is_stranger(struct http_exchange *exchange, struct framework *framework)
{
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    const char *owner = framework->info->principal ? framework->info->principal : "";
    struct err err = {0};
    if (!principal || strcmp(principal->value, owner) == 0)
        return false;
    refuse_principal(framework->master, exchange, owner, &err);
    http_reply_text(exchange, 400, "%s", err.text);
    return true;
}

/* The framework that a call speaks for; NULL when it was answered. */
static struct framework *
find_framework(struct master *master, struct http_exchange *exchange, const Call *call)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str stream_id = http_header_get(&request->headers, "Mesos-Stream-Id");
    struct framework *framework = framework_find(master, call->framework_id->value);
    if (!framework)
        http_reply_text(exchange, 400, "Framework cannot be found");
    else if (is_stranger(exchange, framework))
        return NULL;
    else if (!framework->connected)
        http_reply_text(exchange, 403, "Framework is not subscribed");
    else if (!framework->stream) /* a driver's, or it would do to name no stream */
        http_reply_text(exchange, 403, "Framework is not connected via HTTP");
    else if (!stream_id.ptr)
        http_reply_text(exchange, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    else if (!str_is(stream_id, framework->stream_id))
        http_reply_text(
            exchange, 400,
            "The stream ID '%.*s' included in this request didn't match the stream ID currently associated "
            "with framework ID %s",
            STR_ARG(stream_id), framework->id);
    else
        return framework;
    return NULL;
}

/* SUBSCRIBE of a framework that is connected counts among its calls, or its limit would not be one. False: it waits, or was
 * answered. */
static bool
may_subscribe(struct master *master, struct http_exchange *exchange, const Call *call)
{
    struct framework *framework = call->framework_id ? framework_find(master, call->framework_id->value) : NULL;
    const char *owner = framework && framework->info->principal ? framework->info->principal : "";
    const char *named = call->subscribe->framework_info->principal;
    if (!framework || !framework->connected || strcmp(named ? named : "", owner) != 0)
        return true;
    return throttle_call(framework, exchange, "SUBSCRIBE");
}

void
http_scheduler(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    struct err err = {0};
    bool json;
    if (!http_content_type(exchange, &json))
        return;
    Call *call = decode(request, json, &err);
    if (!call) {
        http_reply_text(exchange, 400, "%s", err.text);
        return;
    }
    if (principal && !principal->value) {
        audit(master, exchange, NULL, "A framework needs a principal with a name");
        http_reply_text(exchange, 403, "Only claims are known of who sends this, and a framework needs a principal with a name");
        return;
    }
    if (call_validate(call, &err) || adopt_principal(master, exchange, call, &err)) {
        http_reply_text(exchange, 400, "Failed to validate scheduler::Call: %s", err.text);
        return;
    }
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        if (http_header_get(&request->headers, "Mesos-Stream-Id").ptr)
            http_reply_text(exchange, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
        else if (may_subscribe(master, exchange, call))
            subscribe(master, exchange, call, request->arena);
        return;
    }
    struct framework *framework = find_framework(master, exchange, call);
    if (!framework || !throttle_call(framework, exchange, call_name(call->type)))
        return;
    framework_count_call(framework, call->type);
    int status = call_function(call->type)(framework, call, request->arena, &err);
    if (status >= 400)
        http_reply_text(exchange, status, "%s", err.text);
    else
        http_reply(exchange, status, NULL, (struct str){0});
}
