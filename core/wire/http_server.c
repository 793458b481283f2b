/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the HTTP server: receives requests, keeps the order of answers, bounds what a peer can make us hold
 * and how slowly it may talk. What an answer looks like is http_reply.c's business.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "wire/http_connection.h"
#include "wire/limits.h"

enum { SPARE_EXCHANGES = 16, SPARE_BODY_BYTES = 16 << 10, REQUEST_ARENA_BYTES = 2048, LINGER_MS = 2000,
       UNREAD_ANSWER_BYTES = 4 << 20, SMALL_BODY_BYTES = 16 << 10, BODY_STEP_BYTES = 4 << 10,
       ROOM_LOOKS = 64 };

static void on_accept(struct stream *stream, void *arg);
static void on_data(struct stream *stream, struct buf *in, void *arg);
static void on_eof(struct stream *stream, void *arg);
static void on_drain(struct stream *stream, void *arg);
static void on_close(struct stream *stream, const struct err *err, void *arg);
static void on_timer(void *arg);
static void on_stall(void *arg);
static void on_flush(void *arg);
static void connection_close(struct http_connection *connection);
static void connection_settle(struct http_connection *connection);
static bool may_read(const struct http_connection *connection);

static const struct stream_handler stream_handler = {
    .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close};

/* ---- server ---- */

/* A quarter of the descriptors stays for files, children and connections of our own. */
static size_t
connection_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return LIMIT_CONNECTIONS;
    size_t most = (size_t)(limit.rlim_cur / 4 * 3);
    return most < LIMIT_CONNECTIONS ? most : LIMIT_CONNECTIONS;
}

struct http_server *
http_server_new(struct loop *loop, http_handler_fn *handler, void *arg)
{
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->loop = loop;
    server->handler = handler;
    server->arg = arg;
    server->subscriber_bytes = LIMIT_SUBSCRIBER_BYTES;
    server->connection_limit = connection_limit();
    server->header_ms = LIMIT_HEADER_SECS * 1000;
    server->stall_ms = LIMIT_STALL_SECS * 1000;
    server->bodies_limit = LIMIT_BODIES_BYTES;
    server->date_at = -1;
    list_init(&server->connections);
    list_init(&server->dirty);
    list_init(&server->answering);
    list_init(&server->rope_jobs);
    server->stale_limit = LIMIT_STALE_BYTES;
    list_init(&server->spare);
    loop_timer_init(&server->flush, loop, on_flush, server);
    return server;
}

int
http_server_listen(struct http_server *server, const struct address *at, struct address *ret_bound, struct err *err)
{
    struct stream_listener *listener = stream_listen(server->loop, at, on_accept, server, err);
    if (listener == NULL)
        return err && err->code ? err->code : -EIO;
    server->listeners =
        xreallocarray(server->listeners, server->listener_count + 1, sizeof(struct stream_listener *));
    server->listeners[server->listener_count++] = listener;
    if (ret_bound)
        *ret_bound = *stream_listener_address(listener);
    return 0;
}

static void
exchange_free(struct http_exchange *exchange)
{
    arena_free(exchange->request.arena);
    buf_fini(&exchange->request.body);
    rope_fini(&exchange->out);
    free(exchange);
}

void
http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    for (size_t i = 0; i < server->listener_count; i++)
        stream_listener_free(server->listeners[i]);
    server->listener_count = 0;
    free(server->listeners);
    server->listeners = NULL;
    struct http_connection *connection;
    while ((connection = list_first(&server->connections, struct http_connection, in_server)))
        connection_close(connection);
    http_pack_free(server);
    struct http_exchange *exchange, *next;
    list_foreach_safe(exchange, next, &server->spare, in_connection)
        exchange_free(exchange);
    loop_timer_stop(&server->flush);
    free(server);
}

struct page_account *
http_server_pages(struct http_server *server)
{
    return &server->pages;
}

void
http_server_limit(struct http_server *server, size_t unread_bytes, int64_t slow_ms)
{
    if (unread_bytes)
        server->subscriber_bytes = unread_bytes;
    if (slow_ms)
        server->header_ms = server->stall_ms = slow_ms;
}

size_t
http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

const char *
http_server_date(struct http_server *server)
{
    int64_t now = (int64_t)loop_wall_secs(server->loop);
    if (now != server->date_at) {
        time_t at = (time_t)now;
        struct tm tm;
        static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        gmtime_r(&at, &tm);
        char text[80];
        snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
                 months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        memcpy(server->date, text, HTTP_DATE_BYTES);
        server->date_at = now;
    }
    return server->date;
}

static void
listeners_pause(struct http_server *server, bool paused)
{
    if (server->listeners_paused == paused)
        return;
    server->listeners_paused = paused;
    for (size_t i = 0; i < server->listener_count; i++)
        stream_listener_pause(server->listeners[i], paused);
}

/* Too many: one goes that never asked for anything, or not for long. The list begins with those whose last request is
 * longest ago. Connections in use, as those of agents and streams are, stay; false when there is nothing else. */
static bool
make_room(struct http_server *server, const struct http_connection *newest)
{
    struct http_connection *connection;
    size_t looked = 0;
    list_foreach(connection, &server->connections, in_server) {
        bool open = connection == newest || connection->incoming || connection->lingering || connection->doomed ||
                    !list_empty(&connection->exchanges);
        int64_t idle_ms = loop_now_ms(server->loop) - connection->asked_ms;
        if (!open && (!connection->asked || idle_ms >= server->header_ms)) {
            connection_close(connection);
            return true;
        }
        if (++looked == ROOM_LOOKS)
            break;
    }
    return false;
}

static void
on_accept(struct stream *stream, void *arg)
{
    http_server_adopt(arg, stream);
}

void
http_server_adopt(struct http_server *server, struct stream *stream)
{
    struct http_connection *connection = xcalloc(1, sizeof(*connection));
    connection->server = server;
    connection->stream = stream;
    list_init(&connection->exchanges);
    list_init(&connection->in_dirty);
    list_init(&connection->in_answering);
    list_push(&server->connections, &connection->in_server);
    server->connection_count++;
    http_parse_init(&connection->parser, false, LIMIT_MESSAGE_BYTES);
    loop_timer_init(&connection->timer, server->loop, on_timer, connection);
    loop_timer_init(&connection->stall, server->loop, on_stall, connection);
    loop_timer_start(&connection->timer, server->header_ms);
    stream_handle(stream, &stream_handler, connection);
    if (server->connection_count > server->connection_limit && !make_room(server, connection))
        listeners_pause(server, true);
}

void
http_server_stream_bodies(struct http_server *server, bool (*wants)(const struct http_request *request, void *arg),
                          void *arg)
{
    server->wants_stream = wants;
    server->wants_arg = arg;
}

/* ---- exchanges ---- */

static struct http_exchange *
exchange_new(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = list_first(&server->spare, struct http_exchange, in_connection);
    if (exchange) {
        list_remove(&exchange->in_connection);
        server->spare_count--;
    } else {
        exchange = xcalloc(1, sizeof(*exchange));
        exchange->request.arena = arena_new(REQUEST_ARENA_BYTES);
        list_init(&exchange->in_connection);
    }
    exchange->connection = connection;
    exchange->state = EXCHANGE_RECEIVING;
    return exchange;
}

/* Keeps the server's sum of request bodies right. */
static void
count_body(struct http_server *server, struct http_exchange *exchange, size_t bytes)
{
    server->body_bytes += bytes - exchange->counted;
    exchange->counted = bytes;
}

/* Empties an exchange and keeps it for the next request, memory of ordinary size included. */
void
http_exchange_recycle(struct http_server *server, struct http_exchange *exchange)
{
    list_remove(&exchange->in_connection);
    count_body(server, exchange, 0);
    if (server->spare_count >= SPARE_EXCHANGES) {
        exchange_free(exchange);
        return;
    }
    struct arena *arena = exchange->request.arena;
    struct buf body = exchange->request.body, out = exchange->out.tail;
    exchange->out.tail = (struct buf){0};
    rope_fini(&exchange->out);
    arena_reset(arena);
    buf_clear(&body);
    buf_shrink(&body, SPARE_BODY_BYTES);
    buf_clear(&out);
    buf_shrink(&out, SPARE_BODY_BYTES);
    memset(exchange, 0, sizeof(*exchange));
    exchange->request.arena = arena;
    exchange->request.body = body;
    exchange->out.tail = out;
    list_push_front(&server->spare, &exchange->in_connection);
    server->spare_count++;
}

const struct http_request *
http_exchange_request(const struct http_exchange *exchange)
{
    return &exchange->request;
}

const struct address *
http_exchange_peer(const struct http_exchange *exchange)
{
    return stream_peer(exchange->connection->stream);
}

void
http_exchange_on_gone(struct http_exchange *exchange, void (*fn)(struct http_exchange *, void *), void *arg)
{
    exchange->on_gone = fn;
    exchange->gone_arg = arg;
}

void
http_stream_on_drain(struct http_exchange *exchange, void (*fn)(struct http_exchange *exchange, void *arg), void *arg)
{
    exchange->on_drain = fn;
    exchange->drain_arg = arg;
}

void
http_exchange_on_body(struct http_exchange *exchange, http_body_fn *fn, void *arg)
{
    exchange->on_body = fn;
    exchange->body_arg = arg;
}

void
http_exchange_pause_body(struct http_exchange *exchange, bool paused)
{
    exchange->body_paused = paused;
    if (!exchange->connection->in_data)
        connection_settle(exchange->connection);
}

static bool
is_first(const struct http_exchange *exchange)
{
    return exchange->connection->exchanges.next == &exchange->in_connection;
}

/* Corks the stream until the next turn of the loop, so that a batch of answers leaves in one write. */
static void
connection_cork(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->corked)
        return;
    connection->corked = true;
    stream_cork(connection->stream);
    list_push(&server->dirty, &connection->in_dirty);
    if (!loop_timer_running(&server->flush))
        loop_timer_start(&server->flush, 0);
}

/* Looks from time to time whether the peer takes what is queued for it. Subscribers are bounded by bytes instead. */
static void
watch_reader(struct http_connection *connection)
{
    size_t queued = stream_queued(connection->stream);
    if (queued == 0)
        loop_timer_stop(&connection->stall);
    else if (!loop_timer_running(&connection->stall)) {
        connection->taken = connection->written - queued;
        loop_timer_start(&connection->stall, connection->server->stall_ms);
    }
}

static bool
is_streaming(const struct http_connection *connection)
{
    const struct http_exchange *first = list_first(&connection->exchanges, struct http_exchange, in_connection);
    return first && first->state == EXCHANGE_STREAMING;
}

static void
on_stall(void *arg)
{
    struct http_connection *connection = arg;
    size_t queued = stream_queued(connection->stream);
    if (queued && connection->written - queued == connection->taken && !is_streaming(connection))
        connection_close(connection);
    else
        watch_reader(connection);
}

static void
connection_write(struct http_connection *connection, const void *data, size_t len)
{
    connection_cork(connection);
    connection->written += len;
    stream_write(connection->stream, data, len);
}

static void
connection_uncork(struct http_connection *connection)
{
    if (!connection->corked)
        return;
    connection->corked = false;
    list_remove(&connection->in_dirty);
    stream_uncork(connection->stream);
}

/* Only who streams its answer cares; it may end it in here. */
static void
tell_drained(struct http_connection *connection)
{
    struct http_exchange *exchange = list_first(&connection->exchanges, struct http_exchange, in_connection);
    if (exchange && exchange->state == EXCHANGE_STREAMING && exchange->on_drain)
        exchange->on_drain(exchange, exchange->drain_arg);
}

static void
on_flush(void *arg)
{
    struct http_server *server = arg;
    struct http_connection *connection;
    while ((connection = list_first(&server->dirty, struct http_connection, in_dirty))) {
        connection_uncork(connection);
        watch_reader(connection);
        if (stream_queued(connection->stream) == 0)
            list_remove(&connection->in_answering);
        if (connection->paused)
            connection_settle(connection); /* the queue may be empty again */
        if (stream_queued(connection->stream) == 0)
            tell_drained(connection); /* the system has taken all at once: no on_drain follows */
    }
}

void
http_connection_write(struct http_exchange *exchange, const void *data, size_t len)
{
    struct http_connection *connection = exchange->connection;
    if (!is_first(exchange)) {
        buf_append(&exchange->out.tail, data, len);
        connection->waiting_bytes += len;
        return;
    }
    connection_write(connection, data, len);
}

/* More is held for slow readers than may be: who has been reading for longest has had most time. */
static void
cut_off_slow(struct http_server *server, struct http_connection *newest)
{
    struct http_connection *oldest = list_first(&server->answering, struct http_connection, in_answering);
    if (server->pages.stale_bytes <= server->stale_limit || oldest == NULL || oldest == newest || oldest->doomed)
        return;
    list_remove(&oldest->in_answering);
    http_connection_doom(oldest);
}

static void
connection_write_rope(struct http_connection *connection, struct rope *rope)
{
    struct http_server *server = connection->server;
    connection_cork(connection);
    rope_seal(rope);
    connection->written += rope->bytes;
    stream_write_rope(connection->stream, rope);
    list_remove(&connection->in_answering);
    list_push(&server->answering, &connection->in_answering);
    cut_off_slow(server, connection);
}

void
http_connection_write_rope(struct http_exchange *exchange, struct rope *rope)
{
    struct http_connection *connection = exchange->connection;
    if (is_first(exchange)) {
        connection_write_rope(connection, rope);
        return;
    }
    rope_seal(rope);
    connection->waiting_bytes += rope->bytes;
    for (size_t i = 0; i < rope->count; i++)
        rope_add_piece(&exchange->out, &rope->pieces[i]);
}

static void
flush_waiting(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    connection->waiting_bytes -= rope_len(&exchange->out);
    if (exchange->out.count) {
        connection_write_rope(connection, &exchange->out);
    } else if (exchange->out.tail.len) {
        connection_write(connection, buf_data(&exchange->out.tail), exchange->out.tail.len);
        buf_clear(&exchange->out.tail);
        buf_shrink(&exchange->out.tail, SPARE_BODY_BYTES);
    }
}

void
http_exchange_finish(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    exchange->state = EXCHANGE_DONE;
    exchange->on_gone = NULL;
    exchange->on_body = NULL;
    if (connection->incoming == exchange) {
        connection->incoming = NULL;
        if (!exchange->body_ended) /* nobody wants the rest of its body */
            connection->deaf = exchange->close_after = true;
    }
    if (!is_first(exchange))
        return;
    while (exchange && exchange->state == EXCHANGE_DONE) {
        bool close_after = exchange->close_after;
        http_exchange_recycle(connection->server, exchange);
        connection->exchange_count--;
        if (close_after)
            connection->closing = true;
        exchange = close_after ? NULL : list_first(&connection->exchanges, struct http_exchange, in_connection);
        if (exchange)
            flush_waiting(exchange);
    }
    if (!connection->in_data)
        connection_settle(connection);
}

void
http_exchange_abort(struct http_exchange *exchange)
{
    exchange->on_gone = NULL;
    exchange->state = EXCHANGE_DONE;
    http_connection_doom(exchange->connection);
}

/* ---- the life of a connection ---- */

void
http_connection_doom(struct http_connection *connection)
{
    connection->doomed = true;
    loop_timer_start(&connection->timer, 0);
}

static void
connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    loop_timer_stop(&connection->timer);
    loop_timer_stop(&connection->stall);
    list_remove(&connection->in_dirty);
    list_remove(&connection->in_answering);
    list_remove(&connection->in_server);
    server->connection_count--;
    stream_close(connection->stream);
    if (connection->incoming && !connection->incoming->request.body_follows)
        http_exchange_recycle(server, connection->incoming); /* else it is among the exchanges */
    struct http_exchange *exchange;
    while ((exchange = list_first(&connection->exchanges, struct http_exchange, in_connection))) {
        list_remove(&exchange->in_connection);
        if (exchange->state != EXCHANGE_DONE && exchange->on_gone)
            exchange->on_gone(exchange, exchange->gone_arg);
        if (exchange->job)
            http_reply_forget_job(exchange->job);
        if (exchange->rope_job)
            http_pack_forget(exchange->rope_job);
        http_exchange_recycle(server, exchange);
    }
    free(connection);
    if (server->connection_count <= server->connection_limit)
        listeners_pause(server, false);
}

/* Our last bytes are on their way: when they have left, the peer has a moment to close its side. */
static void
linger(struct http_connection *connection)
{
    if (stream_queued(connection->stream) > 0)
        return; /* until on_drain or on_stall */
    if (connection->eof)
        http_connection_doom(connection); /* not here: a handler of this connection may be on the stack */
    else
        loop_timer_start(&connection->timer, LINGER_MS);
}

/* After answers were given: closes when it is time, or lets the peer go on. */
static void
connection_settle(struct http_connection *connection)
{
    bool over = connection->closing || (connection->eof && list_empty(&connection->exchanges));
    if (connection->doomed || connection->lingering)
        return;
    if (over) {
        connection_uncork(connection);
        connection->lingering = true; /* an answer must not be lost to a reset because of unread bytes */
        loop_timer_stop(&connection->timer);
        stream_finish(connection->stream);
        watch_reader(connection);
        linger(connection);
    } else if (connection->paused && may_read(connection)) {
        connection->paused = false;
        stream_resume(connection->stream);
    }
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    connection_close(arg);
}

static void
on_eof(struct stream *stream, void *arg)
{
    struct http_connection *connection = arg;
    struct http_exchange *exchange;
    connection->eof = true;
    connection->deaf = true;
    if (connection->lingering) {
        linger(connection);
        return;
    }
    list_foreach(exchange, &connection->exchanges, in_connection) {
        if (exchange->state == EXCHANGE_STREAMING || exchange == connection->incoming) {
            connection_close(connection); /* a subscriber that has hung up, or a body without its end */
            return;
        }
    }
    loop_timer_stop(&connection->timer);
    connection_settle(connection);
}

static void
on_drain(struct stream *stream, void *arg)
{
    struct http_connection *connection = arg;
    loop_timer_stop(&connection->stall);
    list_remove(&connection->in_answering);
    if (connection->lingering) {
        linger(connection);
        return;
    }
    if (connection->paused)
        connection_settle(connection);
    tell_drained(connection);
}

/* ---- receiving ---- */

static void
refuse(struct http_connection *connection, int status, const char *why)
{
    struct http_exchange *exchange = connection->incoming ? connection->incoming : exchange_new(connection);
    connection->incoming = NULL;
    connection->deaf = true;
    buf_fini(&exchange->request.body); /* nobody will read it */
    exchange->request.body = (struct buf){0};
    count_body(connection->server, exchange, 0);
    list_push(&connection->exchanges, &exchange->in_connection);
    connection->exchange_count++;
    exchange->state = EXCHANGE_HANDED;
    exchange->close_after = true;
    http_reply_text(exchange, status, "%s", why);
}

/* The head has come: says "100 Continue" where it is waited for. Bodies beyond the limit were refused before. */
static void
begin_request(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->incoming;
    struct http_head *head = &connection->parser.head;
    struct http_request *request = &exchange->request;
    request->method = head->method;
    request->target = head->target;
    request->headers = head->headers;
    request->http11 = head->http11;
    request->keep_alive = head->keep_alive;
    exchange->close_after = !head->keep_alive;
    if (head->expect_continue && head->http11 && (head->chunked || head->length > 0) &&
        list_empty(&connection->exchanges)) {
        connection_write(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
}

static void
hand_over(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->incoming;
    struct err err = {0};
    if (http_request_split(&exchange->request, &err) < 0) {
        refuse(connection, 400, err.text);
        return;
    }
    connection->asked = true;
    connection->asked_ms = loop_now_ms(connection->server->loop);
    list_remove(&connection->in_server);
    list_push(&connection->server->connections, &connection->in_server);
    connection->incoming = NULL;
    connection->body_mark = 0;
    loop_timer_stop(&connection->timer); /* the next request has its own time */
    http_parse_next(&connection->parser);
    list_push(&connection->exchanges, &exchange->in_connection);
    connection->exchange_count++;
    exchange->state = EXCHANGE_HANDED;
    if (exchange->close_after)
        connection->deaf = true; /* closed when this is answered */
    connection->server->handler(exchange, connection->server->arg);
}

/* The head of a request whose body its handler wants as it comes. */
static void
hand_over_head(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->incoming;
    struct http_request *request = &exchange->request;
    if (!server->wants_stream ||
        !http_type_is(http_header_get(&request->headers, "Content-Type"), "application/recordio") ||
        http_request_split(request, NULL) < 0 || !server->wants_stream(request, server->wants_arg))
        return;
    request->body_follows = true;
    connection->parser.body_limit = 0;
    loop_timer_stop(&connection->timer);
    list_push(&connection->exchanges, &exchange->in_connection);
    connection->exchange_count++;
    exchange->state = EXCHANGE_HANDED;
    server->handler(exchange, server->arg);
}

/* Gives the handler what has come of such a body; afterwards the exchange may be gone. A handler that lets another one
 * take the rest sets on_body anew. */
static void
hand_over_body(struct http_connection *connection, bool end)
{
    struct http_exchange *exchange = connection->incoming;
    struct buf *body = &exchange->request.body;
    http_body_fn *fn = NULL;
    if (end) {
        exchange->body_ended = true;
        http_parse_next(&connection->parser);
        connection->parser.body_limit = LIMIT_MESSAGE_BYTES;
        if (exchange->close_after)
            connection->deaf = true;
    }
    while (connection->incoming == exchange && exchange->on_body != fn && (end || body->len > 0)) {
        fn = exchange->on_body;
        fn(exchange, body, end, exchange->body_arg);
    }
    if (connection->incoming != exchange)
        return;
    count_body(connection->server, exchange, body->len);
    if (end)
        connection->incoming = NULL;
}

/* One step of a body that its handler takes as it comes. */
static bool
receive_stream(struct http_connection *connection, struct buf *in)
{
    struct http_exchange *exchange = connection->incoming;
    struct http_server *server = connection->server;
    enum http_parse_result result =
        http_parse(&connection->parser, in, exchange->request.arena, &exchange->request.body);
    count_body(server, exchange, exchange->request.body.len);
    if (result == HTTP_PARSE_FAILED ||
        (exchange->counted > SMALL_BODY_BYTES && server->body_bytes > server->bodies_limit)) {
        http_connection_doom(connection);
        return false;
    }
    hand_over_body(connection, result == HTTP_PARSE_DONE);
    return result == HTTP_PARSE_DONE;
}

/* One step of the parser; false when there is nothing more to do now. */
static bool
receive(struct http_connection *connection, struct buf *in)
{
    if (connection->incoming == NULL) {
        if (in->len == 0)
            return false;
        connection->incoming = exchange_new(connection);
    }
    struct http_exchange *exchange = connection->incoming;
    if (exchange->request.body_follows)
        return receive_stream(connection, in);
    enum http_parse_result result =
        http_parse(&connection->parser, in, exchange->request.arena, &exchange->request.body);
    count_body(connection->server, exchange, exchange->request.body.len);
    switch (result) {
    case HTTP_PARSE_HEAD:
        begin_request(connection);
        hand_over_head(connection);
        return true;
    case HTTP_PARSE_DONE:
        hand_over(connection);
        return true;
    case HTTP_PARSE_FAILED:
        refuse(connection, connection->parser.status, connection->parser.why);
        return false;
    default:
        if (exchange->counted > SMALL_BODY_BYTES && connection->server->body_bytes > connection->server->bodies_limit)
            refuse(connection, 503, "Too many requests with large bodies at the same time; try again later");
        return false;
    }
}

static bool
may_read(const struct http_connection *connection)
{
    return connection->exchange_count < LIMIT_PIPELINE &&
           !(connection->incoming && connection->incoming->body_paused) &&
           stream_queued(connection->stream) + connection->waiting_bytes < UNREAD_ANSWER_BYTES;
}

/* A body must make progress, a head must end. */
static void
watch_slowness(struct http_connection *connection)
{
    bool in_body = connection->parser.head.method.len > 0;
    size_t have = connection->incoming ? connection->incoming->counted : 0;
    if (connection->incoming == NULL || connection->incoming->request.body_follows)
        loop_timer_stop(&connection->timer); /* a stream may pause for long */
    else if (!loop_timer_running(&connection->timer) ||
             (in_body && (have < connection->body_mark || have >= connection->body_mark + BODY_STEP_BYTES))) {
        connection->body_mark = have;
        loop_timer_start(&connection->timer, connection->server->header_ms);
    }
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct http_connection *connection = arg;
    connection->in_data = true;
    while (!connection->deaf && !connection->doomed && may_read(connection) && receive(connection, in))
        ;
    connection->in_data = false;
    if (connection->doomed)
        return;
    if (connection->deaf || connection->lingering)
        buf_consume(in, in->len);
    else if (!connection->paused && !may_read(connection)) {
        connection->paused = true;
        stream_pause(stream);
    }
    if (!connection->lingering)
        watch_slowness(connection);
    connection_settle(connection);
}

static void
on_timer(void *arg)
{
    struct http_connection *connection = arg;
    if (connection->paused && !connection->doomed && !connection->lingering) {
        loop_timer_start(&connection->timer, connection->server->header_ms); /* it is us who do not read */
        return;
    }
    if (!connection->doomed && !connection->lingering && connection->incoming) {
        refuse(connection, 408, "The request did not come in time");
        return;
    }
    connection_close(connection);
}
