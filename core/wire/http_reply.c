/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers look like: status line, Date and the other headers in the order that Mesos writes them, bodies whole or
 * in chunks, gzip. Called by handlers through http_server.h; order and closing are http_server.c's business.
 */
#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

#include "wire/http_connection.h"

enum { GZIP_FROM_BYTES = 1024, GZIP_OFFLOAD_BYTES = 128 << 10, COPY_BODY_BYTES = 8 << 10 };

/* An answer whose body is compressed on another thread, because it would hold the loop up. */
struct gzip_job {
    struct loop *loop;
    struct http_exchange *exchange; /* NULL when the peer has gone meanwhile */
    struct buf head; /* of the answer, without framing headers; Content-Encoding goes before Date */
    struct buf plain, packed;
    int status;
    char *type;
    bool type_last;
};

static void
put(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

static void
put_header(struct buf *out, const char *name, struct str value)
{
    put(out, name);
    buf_append(out, ": ", 2);
    for (size_t i = 0; i < value.len; i++) /* a value made from outside text must not end the line */
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n')
            value.len = i;
    buf_append_str(out, value);
    buf_append(out, "\r\n", 2);
}

/* For browsers. */
static void
put_origin(struct buf *out, const char *origin)
{
    put_header(out, "Access-Control-Allow-Origin", str_of(origin));
    put_header(out, "Access-Control-Expose-Headers", STR_LIT("Mesos-Stream-Id"));
    if (strcmp(origin, "*") != 0)
        put_header(out, "Access-Control-Allow-Credentials", STR_LIT("true"));
}

static void
put_status(struct http_exchange *exchange, struct buf *out, const struct reply *reply)
{
    char line[64];
    if (reply->status == 200)
        put(out, "HTTP/1.1 200 OK\r\n");
    else
        buf_append(out, line, (size_t)snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", reply->status,
                                               http_status_text(reply->status)));
    if (reply->gzipped)
        put(out, "Content-Encoding: gzip\r\n");
    put(out, "Date: ");
    buf_append(out, http_server_date(exchange->connection->server), HTTP_DATE_BYTES);
    put(out, "\r\n");
    if (exchange->origin)
        put_origin(out, exchange->origin);
    if (exchange->connection->server->varies)
        put(out, "Vary: Origin\r\n");
    if (reply->chunked)
        put(out, "Transfer-Encoding: chunked\r\n");
    if (exchange->looked && exchange->connection->incoming == exchange)
        put(out, "Connection: close\r\n"); /* the rest of its body is not wanted */
    else if (!exchange->request.http11 && exchange->request.keep_alive && !exchange->close_after)
        put(out, "Connection: Keep-Alive\r\n");
}

static void
put_extra(struct buf *out, const struct reply *reply)
{
    char name[256];
    for (size_t i = 0; i < reply->count; i++) {
        snprintf(name, sizeof(name), "%.*s", STR_ARG(reply->headers[i].name));
        put_header(out, name, reply->headers[i].value);
    }
}

static void
put_type_and_length(struct buf *out, const struct reply *reply, size_t len)
{
    char line[48];
    if (reply->type && !reply->type_last)
        put_header(out, "Content-Type", str_of(reply->type));
    if (!reply->chunked)
        buf_append(out, line, (size_t)snprintf(line, sizeof(line), "Content-Length: %zu\r\n", len));
    if (reply->type && reply->type_last)
        put_header(out, "Content-Type", str_of(reply->type));
    put(out, "\r\n");
}

static bool
is_head(const struct http_exchange *exchange)
{
    return str_is(exchange->request.method, "HEAD");
}

/* ---- gzip ---- */

static bool
gzip(struct buf *out, struct str body)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&z, body.len);
    z.next_in = (Bytef *)(uintptr_t)body.ptr;
    z.avail_in = (uInt)body.len;
    z.next_out = (Bytef *)buf_reserve(out, room);
    z.avail_out = (uInt)room;
    bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (ok)
        buf_added(out, z.total_out);
    deflateEnd(&z);
    return ok;
}

bool
http_reply_wants_gzip(const struct http_exchange *exchange, size_t len)
{
    struct str accept = len >= GZIP_FROM_BYTES && len < UINT32_MAX
                            ? http_header_get(&exchange->request.headers, "Accept-Encoding")
                            : (struct str){NULL, 0};
    return accept.ptr && http_accepts(accept, "gzip");
}

static void
gzip_work(void *arg)
{
    struct gzip_job *job = arg;
    gzip(&job->packed, buf_str(&job->plain));
}

static void
gzip_job_free(struct gzip_job *job)
{
    buf_fini(&job->head);
    buf_fini(&job->plain);
    buf_fini(&job->packed);
    free(job->type);
    free(job);
}

static void
gzip_done(void *arg)
{
    struct gzip_job *job = arg;
    struct http_exchange *exchange = job->exchange;
    if (exchange) {
        bool packed = job->packed.len > 0;
        struct buf *body = packed ? &job->packed : &job->plain;
        struct reply reply = {.status = job->status, .type = job->type, .type_last = job->type_last, .gzipped = packed};
        auto_buf struct buf out = {0};
        exchange->job = NULL;
        exchange->connection->waiting_bytes -= job->plain.len;
        put_status(exchange, &out, &reply);
        buf_append_str(&out, buf_str(&job->head));
        put_type_and_length(&out, &reply, body->len);
        http_connection_write(exchange, buf_data(&out), out.len);
        if (!is_head(exchange))
            http_connection_write(exchange, buf_data(body), body->len);
        http_exchange_finish(exchange);
    }
    gzip_job_free(job);
}

static void
gzip_offload(struct http_exchange *exchange, const struct reply *reply, struct str body)
{
    struct gzip_job *job = xcalloc(1, sizeof(*job));
    job->loop = exchange->connection->server->loop;
    job->exchange = exchange;
    job->status = reply->status;
    job->type = reply->type ? xstrdup(reply->type) : NULL;
    job->type_last = reply->type_last;
    put_extra(&job->head, reply);
    buf_append_str(&job->plain, body);
    exchange->job = job;
    exchange->connection->waiting_bytes += job->plain.len;
    exchange->on_gone = NULL; /* answered, as far as the handler is concerned */
    loop_offload(job->loop, NULL, gzip_work, gzip_done, job);
}

void
http_reply_forget_job(struct gzip_job *job)
{
    job->exchange = NULL;
}

/* ---- whole answers ---- */

static void
send_whole(struct http_exchange *exchange, struct reply *reply, struct str body)
{
    auto_buf struct buf packed = {0};
    auto_buf struct buf out = {0};
    if (http_reply_wants_gzip(exchange, body.len)) {
        if (body.len >= GZIP_OFFLOAD_BYTES) {
            gzip_offload(exchange, reply, body);
            return;
        }
        reply->gzipped = gzip(&packed, body);
        if (reply->gzipped)
            body = buf_str(&packed);
    }
    bool send_body = body.len > 0 && !is_head(exchange);
    buf_reserve(&out, 512 + (send_body && body.len <= COPY_BODY_BYTES ? body.len : 0));
    put_status(exchange, &out, reply);
    put_extra(&out, reply);
    put_type_and_length(&out, reply, body.len);
    if (send_body && body.len <= COPY_BODY_BYTES)
        buf_append_str(&out, body);
    http_connection_write(exchange, buf_data(&out), out.len);
    if (send_body && body.len > COPY_BODY_BYTES)
        http_connection_write(exchange, body.ptr, body.len);
    http_exchange_finish(exchange);
}

void
http_reply_headers(struct http_exchange *exchange, int status, const struct http_header *headers, size_t count,
                   const char *type, struct str body)
{
    struct reply reply = {.status = status, .headers = headers, .count = count, .type = type};
    send_whole(exchange, &reply, body);
}

void
http_reply(struct http_exchange *exchange, int status, const char *type, struct str body)
{
    struct reply reply = {.status = status, .type = type};
    send_whole(exchange, &reply, body);
}

void
http_reply_legacy(struct http_exchange *exchange, const char *type, struct str body)
{
    struct reply reply = {.status = 200, .type = type, .type_last = true};
    send_whole(exchange, &reply, body);
}

void
http_reply_send_rope(struct http_exchange *exchange, const struct reply *reply, struct rope *rope)
{
    auto_buf struct buf out = {0};
    put_status(exchange, &out, reply);
    put_extra(&out, reply);
    put_type_and_length(&out, reply, rope_len(rope));
    http_connection_write(exchange, buf_data(&out), out.len);
    if (!is_head(exchange))
        http_connection_write_rope(exchange, rope);
    rope_fini(rope);
    http_exchange_finish(exchange);
}

static void
reply_rope(struct http_exchange *exchange, const struct reply *reply, struct rope *rope)
{
    if (http_reply_wants_gzip(exchange, rope_len(rope)))
        http_pack_rope(exchange, reply, rope);
    else
        http_reply_send_rope(exchange, reply, rope);
}

void
http_reply_rope(struct http_exchange *exchange, const char *type, struct rope *rope)
{
    reply_rope(exchange, &(struct reply){.status = 200, .type = type}, rope);
}

void
http_reply_legacy_rope(struct http_exchange *exchange, const char *type, struct rope *rope)
{
    reply_rope(exchange, &(struct reply){.status = 200, .type = type, .type_last = true}, rope);
}

void
http_reply_text(struct http_exchange *exchange, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *text = xvasprintf(fmt, ap);
    va_end(ap);
    http_reply(exchange, status, "text/plain; charset=utf-8", str_of(text));
}

void
http_reply_accepted(struct http_exchange *exchange)
{
    static const char before[] = "HTTP/1.1 202 Accepted\r\nDate: ", after[] = "\r\nContent-Length: 0\r\n\r\n";
    char out[sizeof(before) + HTTP_DATE_BYTES + sizeof(after)];
    size_t at = sizeof(before) - 1;
    memcpy(out, before, at);
    memcpy(out + at, http_server_date(exchange->connection->server), HTTP_DATE_BYTES);
    at += HTTP_DATE_BYTES;
    memcpy(out + at, after, sizeof(after) - 1);
    http_connection_write(exchange, out, at + sizeof(after) - 1);
    http_exchange_finish(exchange);
}

/* ---- streamed answers ---- */

void
http_stream_start(struct http_exchange *exchange, int status, const struct http_header *headers, size_t count,
                  const char *type)
{
    auto_buf struct buf out = {0};
    exchange->chunked = exchange->request.http11;
    struct reply reply = {.status = status, .headers = headers, .count = count, .type = type, .chunked = exchange->chunked};
    if (!exchange->chunked)
        exchange->close_after = true; /* HTTP/1.0: the end of the connection is the end of the body */
    put_status(exchange, &out, &reply);
    put_extra(&out, &reply);
    if (reply.type)
        put_header(&out, "Content-Type", str_of(reply.type));
    put(&out, "\r\n");
    exchange->state = EXCHANGE_STREAMING;
    http_connection_write(exchange, buf_data(&out), out.len);
    if (exchange->connection->eof)
        http_connection_doom(exchange->connection); /* it has hung up before */
}

size_t
http_stream_queued(const struct http_exchange *exchange)
{
    return stream_queued(exchange->connection->stream) + exchange->connection->waiting_bytes;
}

bool
http_stream_write(struct http_exchange *exchange, struct str data)
{
    struct http_connection *connection = exchange->connection;
    char size[24];
    if (connection->doomed)
        return false;
    if (data.len == 0 || is_head(exchange))
        return true;
    if (http_stream_queued(exchange) + data.len > connection->server->subscriber_bytes + exchange->allowance) {
        http_connection_doom(connection);
        return false;
    }
    if (exchange->chunked)
        http_connection_write(exchange, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", data.len));
    http_connection_write(exchange, data.ptr, data.len);
    if (exchange->chunked)
        http_connection_write(exchange, "\r\n", 2);
    return true;
}

void
http_stream_write_rope(struct http_exchange *exchange, struct rope *rope)
{
    char size[24];
    size_t len = rope_len(rope);
    if (!exchange->connection->doomed && len > 0 && !is_head(exchange)) {
        exchange->allowance = len;
        if (exchange->chunked)
            http_connection_write(exchange, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", len));
        http_connection_write_rope(exchange, rope);
        if (exchange->chunked)
            http_connection_write(exchange, "\r\n", 2);
    }
    rope_fini(rope);
}

void
http_stream_end(struct http_exchange *exchange)
{
    if (exchange->chunked && !is_head(exchange))
        http_connection_write(exchange, "0\r\n\r\n", 5);
    http_exchange_finish(exchange);
}
