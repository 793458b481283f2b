/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/v1: the operator's calls that need no more than what is here; the others are answered 501 by
 * name. */
#include <errno.h>
#include <string.h>

#include "conf/option.h"
#include "master/http.h"
#include "mesos/v1/master/master.pb-c.h"
#include "wire/message.h"

typedef Mesos__V1__Master__Call Call;
typedef Mesos__V1__Master__Response Response;

static void
reply_response(struct http_exchange *exchange, Response *response, bool json)
{
    auto_buf struct buf out = {0};
    response->has_type = true;
    if (json)
        message_to_json(&out, response);
    else
        message_pack(&out, response);
    http_reply(exchange, 200, json ? "application/json" : "application/x-protobuf", buf_str(&out));
}

struct flag_list {
    struct arena *arena;
    Mesos__V1__Flag **flags;
    size_t count, cap;
};

static void
add_flag(const struct option *option, const char *value, void *arg)
{
    struct flag_list *list = arg;
    if (!value || list->count == list->cap)
        return;
    Mesos__V1__Flag *flag = arena_alloc(list->arena, sizeof(*flag));
    mesos__v1__flag__init(flag);
    flag->name = arena_strdup(list->arena, str_of(option->name));
    flag->value = arena_strdup(list->arena, str_of(value));
    list->flags[list->count++] = flag;
}

static void
get_flags(struct master *master, struct http_exchange *exchange, bool json, struct arena *arena)
{
    Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetFlags body = MESOS__V1__MASTER__RESPONSE__GET_FLAGS__INIT;
    struct flag_list list = {.arena = arena, .cap = 1000};
    list.flags = arena_calloc(arena, list.cap, sizeof(*list.flags));
    if (master->setup.set)
        conf_each(master->setup.set, add_flag, &list);
    body.n_flags = list.count;
    body.flags = list.flags;
    response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_FLAGS;
    response.get_flags = &body;
    reply_response(exchange, &response, json);
}

struct metric_list {
    struct arena *arena;
    Mesos__V1__Metric **metrics;
    size_t count, cap;
};

static void
add_metric(const char *name, double value, void *arg)
{
    struct metric_list *list = arg;
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 256;
        Mesos__V1__Metric **grown = arena_calloc(list->arena, cap, sizeof(*grown));
        if (list->count)
            memcpy(grown, list->metrics, list->count * sizeof(*grown));
        list->metrics = grown;
        list->cap = cap;
    }
    Mesos__V1__Metric *metric = arena_alloc(list->arena, sizeof(*metric));
    mesos__v1__metric__init(metric);
    metric->name = arena_strdup(list->arena, str_of(name));
    metric->has_value = true;
    metric->value = value;
    list->metrics[list->count++] = metric;
}

static void
get_metrics(struct master *master, struct http_exchange *exchange, bool json, struct arena *arena)
{
    Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetMetrics body = MESOS__V1__MASTER__RESPONSE__GET_METRICS__INIT;
    struct metric_list list = {.arena = arena};
    metrics_each(master->daemon->metrics, add_metric, &list);
    body.n_metrics = list.count;
    body.metrics = list.metrics;
    response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_METRICS;
    response.get_metrics = &body;
    reply_response(exchange, &response, json);
}

static void
get_health(struct http_exchange *exchange, bool json)
{
    Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetHealth body = MESOS__V1__MASTER__RESPONSE__GET_HEALTH__INIT;
    body.healthy = true;
    response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_HEALTH;
    response.get_health = &body;
    reply_response(exchange, &response, json);
}

static void
get_version(struct http_exchange *exchange, bool json, struct arena *arena)
{
    Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetVersion body = MESOS__V1__MASTER__RESPONSE__GET_VERSION__INIT;
    auto_buf struct buf text = {0};
    daemon_version(&text);
    /* The same facts as /version, read through the schema. */
    body.version_info =
        MESSAGE_FROM_JSON(Mesos__V1__VersionInfo, mesos__v1__version_info, buf_str(&text), arena, NULL);
    response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_VERSION;
    response.get_version = &body;
    if (body.version_info)
        reply_response(exchange, &response, json);
    else
        http_reply_text(exchange, 500, "The version cannot be told");
}

static void
get_master(struct master *master, struct http_exchange *exchange, bool json, struct arena *arena)
{
    Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetMaster body = MESOS__V1__MASTER__RESPONSE__GET_MASTER__INIT;
    body.master_info = message_unpack_trusted(&mesos__v1__master_info__descriptor,
                                              str_n(master->info, master->info_len), arena);
    body.has_start_time = body.has_elected_time = true;
    body.start_time = master->start_secs;
    body.elected_time = master->elected_secs;
    response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_MASTER;
    response.get_master = &body;
    reply_response(exchange, &response, json);
}

static void
get_logging_level(struct master *master, struct http_exchange *exchange, bool json)
{
    Response response = MESOS__V1__MASTER__RESPONSE__INIT;
    Mesos__V1__Master__Response__GetLoggingLevel body = MESOS__V1__MASTER__RESPONSE__GET_LOGGING_LEVEL__INIT;
    body.level = (uint32_t)daemon_logging_get(master->daemon);
    response.type = MESOS__V1__MASTER__RESPONSE__TYPE__GET_LOGGING_LEVEL;
    response.get_logging_level = &body;
    reply_response(exchange, &response, json);
}

static int
validate(const Call *call, struct err *err)
{
    if (!call->has_type)
        return err_set(err, -EINVAL, "Expecting 'type' to be present");
    if (call->type == MESOS__V1__MASTER__CALL__TYPE__GET_METRICS && !call->get_metrics)
        return err_set(err, -EINVAL, "Expecting 'get_metrics' to be present");
    if (call->type == MESOS__V1__MASTER__CALL__TYPE__SET_LOGGING_LEVEL && !call->set_logging_level)
        return err_set(err, -EINVAL, "Expecting 'set_logging_level' to be present");
    return 0;
}

static void
dispatch(struct master *master, struct http_exchange *exchange, const Call *call, bool json,
         struct arena *arena)
{
    const ProtobufCEnumValue *name;
    switch (call->type) {
    case MESOS__V1__MASTER__CALL__TYPE__GET_HEALTH:
        get_health(exchange, json);
        return;
    case MESOS__V1__MASTER__CALL__TYPE__GET_FLAGS:
        get_flags(master, exchange, json, arena);
        return;
    case MESOS__V1__MASTER__CALL__TYPE__GET_VERSION:
        get_version(exchange, json, arena);
        return;
    case MESOS__V1__MASTER__CALL__TYPE__GET_METRICS:
        get_metrics(master, exchange, json, arena);
        return;
    case MESOS__V1__MASTER__CALL__TYPE__GET_MASTER:
        get_master(master, exchange, json, arena);
        return;
    case MESOS__V1__MASTER__CALL__TYPE__GET_LOGGING_LEVEL:
        get_logging_level(master, exchange, json);
        return;
    case MESOS__V1__MASTER__CALL__TYPE__SET_LOGGING_LEVEL:
        daemon_logging_set(master->daemon, (int)call->set_logging_level->level,
                           call->set_logging_level->duration->nanoseconds);
        http_reply(exchange, 200, NULL, (struct str){0});
        return;
    default:
        name =
            protobuf_c_enum_descriptor_get_value(&mesos__v1__master__call__type__descriptor, (int)call->type);
        http_reply_text(exchange, 501,
                        "501 Not Implemented. Calls of type '%s' are not supported by this master.",
                        name ? name->name : "UNKNOWN");
    }
}

void
http_operator(struct http_exchange *exchange, void *arg)
{
    struct master *master = arg;
    const struct http_request *request = http_exchange_request(exchange);
    struct str body = buf_str(&request->body);
    struct err err = {0};
    bool json;
    if (!http_content_type(exchange, &json))
        return;
    Call *call = json ? MESSAGE_FROM_JSON(Call, mesos__v1__master__call, body, request->arena, &err)
                      : MESSAGE_UNPACK(Call, mesos__v1__master__call, body, request->arena, &err);
    if (!call) {
        http_reply_text(exchange, 400, "%s", json ? err.text : "Failed to parse body into Call protobuf");
        return;
    }
    if (validate(call, &err)) {
        http_reply_text(exchange, 400, "Failed to validate master::Call: %s", err.text);
        return;
    }
    int accept = http_accept_type(exchange);
    if (accept >= 0)
        dispatch(master, exchange, call, accept > 0, request->arena);
}
