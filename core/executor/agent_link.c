/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps an executor subscribed to its agent. Used by the executors; must never decide what becomes of a task. */
#include "executor/agent_link.h"

#include <errno.h>

#include "base/log.h"
#include "wire/http_client.h"
#include "wire/message.h"
#include "wire/recordio.h"

enum {
    FIRST_RETRY_MS = 100,
    SUBSCRIBE_TIMEOUT_MS = 15 * 1000,
    CALL_TIMEOUT_MS = 60 * 1000,
    HEARTBEAT_MS = 30 * 60 * 1000,
    CALLS_UNDER_WAY = 8,
    EVENT_ARENA_BYTES = 2048,
};

struct agent_link {
    struct loop *loop;
    struct agent_link_options options;
    const struct agent_link_handler *handler;
    void *arg;
    struct http_client *events, *calls; /* NULL = not connected */
    struct buf received; /* an event that is not whole yet */
    struct loop_timer retry, give_up, heartbeat;
    int64_t retry_ms;
    bool subscribed;
};

static void subscribe(void *arg);

size_t
agent_link_headers(const struct agent_link_options *options, char **authorization, struct http_header headers[4])
{
    size_t n = 0;
    *authorization = NULL;
    headers[n++] = (struct http_header){STR_LIT("Accept"), STR_LIT("application/x-protobuf")};
    headers[n++] = (struct http_header){STR_LIT("Content-Type"), STR_LIT("application/x-protobuf")};
    if (options->token) {
        *authorization = xasprintf("Bearer %s", options->token);
        headers[n++] = (struct http_header){STR_LIT("Authorization"), str_of(*authorization)};
    }
    return n;
}

struct http_client *
agent_link_client(struct loop *loop, const struct agent_link_options *options)
{
    struct http_client *client = http_client_new(loop, &options->agent, options->host);
    http_client_secure(client, options->secure, NULL);
    return client;
}

static void
send_call(struct agent_link *link, struct http_client *client, Mesos__V1__Executor__Call *call, int64_t timeout_ms,
          const struct http_call_handler *handler)
{
    Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorID executor_id = MESOS__V1__EXECUTOR_ID__INIT;
    struct http_header headers[4];
    auto_free char *authorization = NULL;
    auto_buf struct buf body = {0};
    framework_id.value = (char *)(uintptr_t)link->options.framework_id;
    executor_id.value = (char *)(uintptr_t)link->options.executor_id;
    call->framework_id = &framework_id;
    call->executor_id = &executor_id;
    message_pack(&body, call);
    size_t count = agent_link_headers(&link->options, &authorization, headers);
    http_client_send(client, "POST", link->options.target, headers, count, buf_str(&body), timeout_ms, handler, link);
}

/* ---- losing the line ---- */

static void
disconnect(struct agent_link *link)
{
    http_client_free(link->events);
    http_client_free(link->calls);
    link->events = link->calls = NULL;
    link->subscribed = false;
    buf_fini(&link->received);
    loop_timer_stop(&link->heartbeat);
    loop_timer_stop(&link->retry);
}

static void
lose(struct agent_link *link, const struct err *why)
{
    bool was_subscribed = link->subscribed;
    disconnect(link);
    if (was_subscribed)
        link->retry_ms = FIRST_RETRY_MS;
    if (!loop_timer_running(&link->give_up))
        loop_timer_start(&link->give_up, link->options.recovery_timeout_ms);
    int64_t jitter_ms = (int64_t)(loop_random(link->loop) % (uint64_t)(link->retry_ms / 2 + 1));
    loop_timer_start(&link->retry, link->retry_ms / 2 + jitter_ms);
    link->retry_ms *= 2;
    if (link->retry_ms > link->options.backoff_max_ms)
        link->retry_ms = link->options.backoff_max_ms;
    if (was_subscribed)
        link->handler->on_lost(why, link->arg);
}

static void
on_give_up(void *arg)
{
    struct agent_link *link = arg;
    struct err why;
    disconnect(link);
    err_set(&why, -ETIMEDOUT, "the agent did not come back within the recovery timeout");
    link->handler->on_given_up(&why, link->arg);
}

/* ---- events ---- */

static void
on_subscribed(struct agent_link *link)
{
    link->subscribed = true;
    link->retry_ms = FIRST_RETRY_MS;
    loop_timer_stop(&link->give_up);
    loop_timer_start(&link->heartbeat, HEARTBEAT_MS);
}

/* False when the line is gone. */
static bool
take_event(struct agent_link *link, struct str bytes)
{
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(EVENT_ARENA_BYTES);
    struct http_client *line = link->events;
    const Mesos__V1__Executor__Event *event =
        MESSAGE_UNPACK(Mesos__V1__Executor__Event, mesos__v1__executor__event, bytes, arena, &err);
    if (!event) {
        log_warning("Ignoring an event of the agent: %s", err.text);
        return true;
    }
    if (event->has_type && event->type == MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED)
        on_subscribed(link);
    link->handler->on_event(event, link->arg);
    return link->events == line;
}

static void
on_stream_head(const struct http_response *response, void *arg)
{
    struct agent_link *link = arg;
    if (response->status != 200)
        log_warning("The agent answered SUBSCRIBE with %d; trying again", response->status);
    (void)link;
}

static void
on_stream_body(const struct http_response *response, void *arg)
{
    struct agent_link *link = arg;
    struct err err = {0};
    if (response->status != 200) {
        buf_clear(response->body);
        return;
    }
    buf_append_str(&link->received, buf_str(response->body));
    buf_clear(response->body);
    for (;;) {
        struct str record;
        size_t used;
        int rc = recordio_read(&link->received, &record, &used, &err);
        if (rc < 0) {
            err_wrap(&err, "the agent's stream of events is broken");
            lose(link, &err);
            return;
        }
        if (rc == 0)
            break;
        if (!take_event(link, record))
            return;
        buf_consume(&link->received, used);
    }
    buf_shrink(&link->received, 0);
}

static void
on_stream_end(const struct http_response *response, void *arg)
{
    struct err err;
    err_set(&err, -EPIPE, response->status == 200 ? "the agent ended the stream" : "the agent refused SUBSCRIBE (%d)",
            response->status);
    lose(arg, &err);
}

static void
on_stream_error(const struct err *err, void *arg)
{
    lose(arg, err);
}

static void
subscribe(void *arg)
{
    static const struct http_call_handler handler = {on_stream_head, on_stream_body, on_stream_end, on_stream_error};
    struct agent_link *link = arg;
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Executor__Call call = MESOS__V1__EXECUTOR__CALL__INIT;
    Mesos__V1__Executor__Call__Subscribe body = MESOS__V1__EXECUTOR__CALL__SUBSCRIBE__INIT;
    disconnect(link);
    link->events = agent_link_client(link->loop, &link->options);
    call.has_type = true;
    call.type = MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &body;
    link->handler->on_subscribe(&body, arena, link->arg);
    send_call(link, link->events, &call, SUBSCRIBE_TIMEOUT_MS, &handler);
}

/* ---- calls ---- */

/* A call that is wrong stays wrong; what the agent could not do just now is repeated by the next SUBSCRIBE. */
static void
on_call_answered(const struct http_response *response, void *arg)
{
    struct err err;
    if (response->status == 202)
        return;
    err_set(&err, -EAGAIN, "the agent answered a call with %d: %.*s", response->status,
            STR_ARG(buf_str(response->body)));
    if (response->status >= 500)
        lose(arg, &err);
    else
        log_error("%s", err.text);
}

static void
on_call_error(const struct err *err, void *arg)
{
    lose(arg, err);
}

void
agent_link_call(struct agent_link *link, Mesos__V1__Executor__Call *call)
{
    static const struct http_call_handler handler = {NULL, NULL, on_call_answered, on_call_error};
    if (!link->subscribed)
        return;
    if (!link->calls) {
        link->calls = agent_link_client(link->loop, &link->options);
        http_client_pipeline(link->calls, CALLS_UNDER_WAY);
    }
    send_call(link, link->calls, call, CALL_TIMEOUT_MS, &handler);
}

static void
on_heartbeat(void *arg)
{
    struct agent_link *link = arg;
    Mesos__V1__Executor__Call call = MESOS__V1__EXECUTOR__CALL__INIT;
    call.has_type = true;
    call.type = MESOS__V1__EXECUTOR__CALL__TYPE__HEARTBEAT;
    loop_timer_start(&link->heartbeat, HEARTBEAT_MS);
    agent_link_call(link, &call);
}

bool
agent_link_subscribed(const struct agent_link *link)
{
    return link->subscribed;
}

struct agent_link *
agent_link_new(struct loop *loop, const struct agent_link_options *options, const struct agent_link_handler *handler,
               void *arg)
{
    struct agent_link *link = xcalloc(1, sizeof(*link));
    link->loop = loop;
    link->options = *options;
    link->handler = handler;
    link->arg = arg;
    link->retry_ms = FIRST_RETRY_MS;
    loop_timer_init(&link->retry, loop, subscribe, link);
    loop_timer_init(&link->give_up, loop, on_give_up, link);
    loop_timer_init(&link->heartbeat, loop, on_heartbeat, link);
    loop_timer_start(&link->give_up, options->recovery_timeout_ms);
    loop_timer_start(&link->retry, 0);
    return link;
}

void
agent_link_free(struct agent_link *link)
{
    if (!link)
        return;
    disconnect(link);
    loop_timer_stop(&link->give_up);
    free(link);
}
