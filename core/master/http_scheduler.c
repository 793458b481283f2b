/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1/scheduler: decodes a call, checks its shape, finds its framework and stream, and hands it to
 * its function. SUBSCRIBE, which opens the stream, is here too. Statuses and texts: golden exchanges.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "host/kind_allocator.h"
#include "master/calls.h"
#include "master/http.h"
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

/* What was subscribed before goes on under this stream. Fields that cannot change stay as they were. */
static int
resubscribe(struct framework *framework, const Mesos__V1__Scheduler__Call__Subscribe *subscribe,
            struct err *err)
{
    Mesos__V1__FrameworkInfo info = *subscribe->framework_info;
    const Mesos__V1__FrameworkInfo *before = framework->info;
    const char *was = before->principal ? before->principal : "", *is = info.principal ? info.principal : "";
    if (strcmp(was, is) != 0)
        return err_set(err, -EINVAL, "Changing framework's principal is not allowed.");
    if (strcmp(before->user, info.user) != 0 || before->checkpoint != info.checkpoint)
        log_warning("subscribe framework=%s: user and checkpoint stay '%s' and %s", framework->id,
                    before->user, before->checkpoint ? "true" : "false");
    info.user = before->user;
    info.has_checkpoint = before->has_checkpoint;
    info.checkpoint = before->checkpoint;
    offers_drop_framework(framework);
    framework_update(framework, &info, subscribe->suppressed_roles, subscribe->n_suppressed_roles,
                     subscribe->offer_constraints);
    framework->reregistered_secs = loop_wall_secs(framework->master->loop);
    return 0;
}

static void
count_call(struct framework *framework, Mesos__V1__Scheduler__Call__Type type)
{
    struct framework_metrics *m = framework->metrics;
    if (!m)
        return;
    metric_inc(m->calls);
    if ((size_t)type < ARRAY_LEN(m->call_types) && m->call_types[type])
        metric_inc(m->call_types[type]);
}

static int
subscribe_check(struct master *master, const Call *call, struct arena *arena, struct err *err)
{
    const Mesos__V1__Scheduler__Call__Subscribe *subscribe = call->subscribe;
    const Mesos__V1__FrameworkInfo *info = subscribe->framework_info;
    int rc = framework_info_validate(master, info, err);
    if (!rc)
        rc =
            suppressed_validate(info, subscribe->suppressed_roles, subscribe->n_suppressed_roles, arena, err);
    if (!rc && info->id && map_get(&master->completed_ids, str_of(info->id->value)))
        rc = err_set(err, -EINVAL, "Framework has been removed");
    return rc;
}

static void
subscribe(struct master *master, struct http_exchange *exchange, const Call *call, struct arena *arena)
{
    const Mesos__V1__Scheduler__Call__Subscribe *body = call->subscribe;
    const Mesos__V1__FrameworkInfo *info = body->framework_info;
    const char *id = info->id ? info->id->value : "";
    char stream_id[UUID_TEXT];
    struct err err;
    int json = http_accept_type(exchange);
    if (json < 0)
        return;
    uuid_new(stream_id);
    struct http_header header = {STR_LIT("Mesos-Stream-Id"), str_of(stream_id)};
    http_stream_start(exchange, 200, &header, 1, json ? "application/json" : "application/x-protobuf");
    struct framework *framework = *id ? framework_find(master, id) : NULL;
    if (subscribe_check(master, call, arena, &err) || (framework && resubscribe(framework, body, &err))) {
        stream_error(master, exchange, json, err.text);
        return;
    }
    bool known = framework != NULL;
    metric_inc(known ? master->m.messages_reregister_framework : master->m.messages_register_framework);
    if (!known) {
        framework = framework_add(master, info, id);
        framework_announce(framework);
        framework_update(framework, info, body->suppressed_roles, body->n_suppressed_roles,
                         body->offer_constraints);
    }
    count_call(framework, call->type);
    log_info("subscribe framework=%s name=\"%s\" %s", framework->id, framework->info->name,
             !known                 ? "new"
             : framework->connected ? "failover"
             : framework->recovered ? "recovered"
                                    : "reconnect");
    framework_connect(framework, exchange, json, stream_id);
    if (known)
        framework_each_agent(framework, framework_tell_agent);
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
    else if (!framework->connected)
        http_reply_text(exchange, 403, "Framework is not subscribed");
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

void
http_scheduler(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct err err = {0};
    bool json;
    if (!http_content_type(exchange, &json))
        return;
    Call *call = decode(request, json, &err);
    if (!call) {
        http_reply_text(exchange, 400, "%s", err.text);
        return;
    }
    if (call_validate(call, &err)) {
        http_reply_text(exchange, 400, "Failed to validate scheduler::Call: %s", err.text);
        return;
    }
    if (call->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
        if (http_header_get(&request->headers, "Mesos-Stream-Id").ptr)
            http_reply_text(exchange, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header");
        else
            subscribe(master, exchange, call, request->arena);
        return;
    }
    struct framework *framework = find_framework(master, exchange, call);
    if (!framework)
        return;
    count_call(framework, call->type);
    int status = call_function(call->type)(framework, call, request->arena, &err);
    if (status >= 400)
        http_reply_text(exchange, status, "%s", err.text);
    else
        http_reply(exchange, status, NULL, (struct str){0});
}
