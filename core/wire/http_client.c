/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client: a queue of calls over one connection. By default the next request leaves when the answer before it
 * is complete; with a depth, up to that many are under way (pipelining).
 */
#include <errno.h>
#include <stdio.h>

#include "base/list.h"
#include "loop/secure.h"
#include "wire/http_client.h"
#include "wire/http_parse.h"
#include "wire/limits.h"

enum { RESPONSE_ARENA_BYTES = 1024, KEEP_BODY_BYTES = 16 << 10 };

struct http_client {
    struct loop *loop;
    struct address to;
    char *host;
    struct secure *secure; /* NULL = no TLS */
    char *name; /* for TLS, or NULL */
    struct stream *stream; /* NULL = not connected */
    struct list calls; /* in order: those sent come first */
    size_t sent, depth;
    struct http_parser parser;
    bool head_done; /* of the answer that is being received */
    struct arena *arena;
    struct buf body;
    struct loop_timer kick; /* sends or reports from the loop, never inside the caller's call */
    unsigned busy; /* callbacks on the stack */
    bool dead; /* freed inside a callback: its memory goes when the last one returns */
};

struct http_call {
    struct http_client *client;
    struct list in_client;
    struct http_call_handler handler;
    void *arg;
    struct buf request;
    struct loop_timer timer;
    bool sent, no_body, close;
};

static void on_connect(struct stream *stream, void *arg);
static void on_data(struct stream *stream, struct buf *in, void *arg);
static void on_eof(struct stream *stream, void *arg);
static void on_close(struct stream *stream, const struct err *err, void *arg);
static void on_kick(void *arg);
static void on_timeout(void *arg);

static const struct stream_handler stream_handler = {
    .on_connect = on_connect, .on_data = on_data, .on_eof = on_eof, .on_close = on_close};

struct http_client *
http_client_new(struct loop *loop, const struct address *to, const char *host)
{
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->loop = loop;
    client->to = *to;
    client->host = xstrdup(host);
    client->depth = 1;
    client->arena = arena_new(RESPONSE_ARENA_BYTES);
    list_init(&client->calls);
    loop_timer_init(&client->kick, loop, on_kick, client);
    return client;
}

void
http_client_secure(struct http_client *client, struct secure *secure, const char *name)
{
    secure_ref(secure);
    secure_unref(client->secure);
    client->secure = secure;
    free(client->name);
    client->name = name ? xstrdup(name) : NULL;
}

void
http_client_pipeline(struct http_client *client, size_t depth)
{
    client->depth = depth > 0 ? depth : 1;
}

static void
call_free(struct http_call *call)
{
    if (call->sent)
        call->client->sent--;
    list_remove(&call->in_client);
    loop_timer_stop(&call->timer);
    buf_fini(&call->request);
    free(call);
}

static void
client_free_memory(struct http_client *client)
{
    arena_free(client->arena);
    buf_fini(&client->body);
    secure_unref(client->secure);
    free(client->name);
    free(client->host);
    free(client);
}

void
http_client_free(struct http_client *client)
{
    struct http_call *call, *next;
    if (client == NULL)
        return;
    list_foreach_safe(call, next, &client->calls, in_client)
        call_free(call);
    loop_timer_stop(&client->kick);
    stream_close(client->stream);
    client->stream = NULL;
    client->dead = true;
    if (client->busy == 0)
        client_free_memory(client);
}

/* Callbacks may do anything to the client, so each one stands between enter and leave. */
static void
enter(struct http_client *client)
{
    client->busy++;
}

/* False: the client has been freed meanwhile and must not be touched. */
static bool
leave(struct http_client *client)
{
    bool alive = !client->dead;
    if (--client->busy == 0 && !alive)
        client_free_memory(client);
    return alive;
}

/* ---- sending ---- */

static void
put_request(struct http_client *client, struct buf *out, const char *method, const char *target,
            const struct http_header *headers, size_t count, struct str body)
{
    buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, client->host);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%.*s: %.*s\r\n", STR_ARG(headers[i].name), STR_ARG(headers[i].value));
    if (body.len > 0 || strcmp(method, "POST") == 0)
        buf_printf(out, "Content-Length: %zu\r\n", body.len);
    buf_append(out, "\r\n", 2);
    buf_append_str(out, body);
}

static bool
asks_to_close(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieq(headers[i].name, STR_LIT("Connection")) && str_ieq(headers[i].value, STR_LIT("close")))
            return true;
    return false;
}

struct http_call *
http_client_send(struct http_client *client, const char *method, const char *target, const struct http_header *headers,
                 size_t count, struct str body, int64_t timeout_ms, const struct http_call_handler *handler, void *arg)
{
    struct http_call *call = xcalloc(1, sizeof(*call));
    call->client = client;
    call->handler = *handler;
    call->arg = arg;
    call->no_body = strcmp(method, "HEAD") == 0;
    call->close = asks_to_close(headers, count);
    put_request(client, &call->request, method, target, headers, count, body);
    list_push(&client->calls, &call->in_client);
    loop_timer_init(&call->timer, client->loop, on_timeout, call);
    if (timeout_ms > 0)
        loop_timer_start(&call->timer, timeout_ms);
    if (!loop_timer_running(&client->kick))
        loop_timer_start(&client->kick, 0);
    return call;
}

static void
begin_response(struct http_client *client)
{
    struct http_call *call = list_first(&client->calls, struct http_call, in_client);
    http_parse_init(&client->parser, true, LIMIT_MESSAGE_BYTES);
    if (call && call->handler.on_body)
        client->parser.body_limit = 0; /* streamed: the caller bounds it */
    client->parser.no_body = call && call->no_body;
    client->head_done = false;
    arena_reset(client->arena);
    buf_clear(&client->body);
    buf_shrink(&client->body, KEEP_BODY_BYTES);
}

/* Sends what may be sent; connects first when there is no connection. */
static void
on_kick(void *arg)
{
    struct http_client *client = arg;
    struct http_call *call;
    if (list_empty(&client->calls))
        return;
    if (client->stream == NULL) {
        client->stream = stream_connect_secure(client->loop, &client->to, client->secure, client->name,
                                               &stream_handler, client);
        begin_response(client);
    }
    stream_cork(client->stream); /* before the connection stands, writes wait in its queue */
    list_foreach(call, &client->calls, in_client) {
        if (client->sent >= client->depth)
            break;
        if (call->sent)
            continue;
        if (client->sent == 0)
            begin_response(client);
        stream_write(client->stream, buf_data(&call->request), call->request.len);
        buf_fini(&call->request);
        call->request = (struct buf){0};
        call->sent = true;
        client->sent++;
    }
    stream_uncork(client->stream);
}

/* ---- the end of a connection ---- */

/* Drops the connection and tells every call whose request was sent; the others go out over a new one. */
static void
connection_lost(struct http_client *client, const struct err *err)
{
    struct list failed;
    struct http_call *call, *next;
    list_init(&failed);
    stream_close(client->stream);
    client->stream = NULL;
    list_foreach_safe(call, next, &client->calls, in_client) {
        if (!call->sent)
            break;
        loop_timer_stop(&call->timer);
        list_remove(&call->in_client);
        list_push(&failed, &call->in_client);
        call->sent = false; /* sent counts those of a connection; a callback may cancel this one yet */
    }
    client->sent = 0;
    if (!list_empty(&client->calls))
        loop_timer_start(&client->kick, 0);
    enter(client);
    while ((call = list_first(&failed, struct http_call, in_client))) {
        struct http_call_handler handler = call->handler;
        void *arg = call->arg;
        list_remove(&call->in_client);
        buf_fini(&call->request);
        free(call);
        if (handler.on_error && !client->dead)
            handler.on_error(err, arg);
    }
    leave(client);
}

static void
lost(struct http_client *client, int code, const char *why)
{
    struct err err;
    char text[128];
    err_set(&err, code, "%s: %s", address_format(&client->to, text), why);
    connection_lost(client, &err);
}

static void
on_timeout(void *arg)
{
    struct http_call *call = arg;
    struct http_client *client = call->client;
    if (!call->sent) { /* it waits behind others: they are late as well, but it alone has run out of time */
        struct http_call_handler handler = call->handler;
        struct err err;
        void *call_arg = call->arg;
        err_set(&err, -ETIMEDOUT, "no answer in time");
        call_free(call);
        enter(client);
        if (handler.on_error)
            handler.on_error(&err, call_arg);
        leave(client);
        return;
    }
    lost(client, -ETIMEDOUT, "no answer in time");
}

void
http_call_cancel(struct http_call *call)
{
    struct http_client *client = call->client;
    bool sent = call->sent;
    call_free(call);
    if (!sent)
        return;
    struct http_call *other;
    stream_close(client->stream); /* the answer that would come is nobody's */
    client->stream = NULL;
    other = list_first(&client->calls, struct http_call, in_client);
    if (other && other->sent)
        lost(client, -ECANCELED, "a call before this one was cancelled");
    else if (other)
        loop_timer_start(&client->kick, 0);
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    struct http_client *client = arg;
    struct http_call *call = list_first(&client->calls, struct http_call, in_client);
    if (err->code == 0) {
        lost(client, -ECONNRESET, "connection closed by the peer before the answer was complete");
        return;
    }
    if (call && !call->sent) { /* could not connect: the first waiting call learns it, the next one tries again */
        call->sent = true;
        client->sent++;
    }
    connection_lost(client, err);
}

static void
on_connect(struct stream *stream, void *arg)
{
}

/* ---- receiving ---- */

static void
report(struct http_client *client, struct http_call *call,
       void (*fn)(const struct http_response *response, void *arg))
{
    struct http_response response = {client->parser.head.status, client->parser.head.headers, &client->body};
    if (fn)
        fn(&response, call->arg);
}

/* The first call's answer is complete. True when the same connection goes on. */
static bool
finish(struct http_client *client, struct http_call *call)
{
    struct http_call_handler handler = call->handler;
    struct http_response response = {client->parser.head.status, client->parser.head.headers, &client->body};
    void *arg = call->arg;
    bool close = !client->parser.head.keep_alive || call->close;
    call_free(call);
    if (close) {
        stream_close(client->stream);
        client->stream = NULL;
    }
    struct stream *stream = client->stream;
    enter(client);
    if (handler.on_response)
        handler.on_response(&response, arg);
    if (!leave(client))
        return false;
    if (close && client->sent > 0) {
        lost(client, -ECONNRESET, "connection closed by the peer after an earlier answer");
        return false;
    }
    begin_response(client);
    if (!list_empty(&client->calls) && client->sent < client->depth)
        loop_timer_start(&client->kick, 0);
    return stream != NULL && client->stream == stream;
}

/* Hands out what has come of an answer. False when the call or the client is gone. */
static bool
progress(struct http_client *client, struct http_call *call, enum http_parse_result result)
{
    struct stream *stream = client->stream;
    if (result == HTTP_PARSE_HEAD && call->handler.on_body)
        loop_timer_stop(&call->timer); /* a stream may be as slow as it likes */
    enter(client);
    if (result == HTTP_PARSE_HEAD)
        report(client, call, call->handler.on_head);
    else if (call->handler.on_body && client->body.len > 0)
        report(client, call, call->handler.on_body);
    return leave(client) && stream == client->stream &&
           list_first(&client->calls, struct http_call, in_client) == call;
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct http_client *client = arg;
    for (;;) {
        struct http_call *call = list_first(&client->calls, struct http_call, in_client);
        if (call == NULL || !call->sent) {
            if (in->len)
                lost(client, -EPROTO, "the peer answers what was not asked");
            return;
        }
        enum http_parse_result result = http_parse(&client->parser, in, client->arena, &client->body);
        if (result == HTTP_PARSE_FAILED) {
            lost(client, -EPROTO, client->parser.why);
            return;
        }
        if (!progress(client, call, result) || result == HTTP_PARSE_MORE)
            return;
        if (result == HTTP_PARSE_DONE && !finish(client, call))
            return;
    }
}

static void
on_eof(struct stream *stream, void *arg)
{
    struct http_client *client = arg;
    struct http_call *call = list_first(&client->calls, struct http_call, in_client);
    bool whole = call && call->sent && http_parse_eof(&client->parser) == HTTP_PARSE_DONE;
    client->parser.head.keep_alive = false;
    if (whole)
        finish(client, call);
    else
        lost(client, -ECONNRESET, "connection closed by the peer before the answer was complete");
}
