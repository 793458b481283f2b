/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half of the HTTP server: from bytes of a connection to requests for the handler. Bounds how slowly a peer may
 * talk and how much it may make us hold.
 */
#include "wire/http_connection.h"
#include "wire/limits.h"

enum { UNREAD_ANSWER_BYTES = 4 << 20, SMALL_BODY_BYTES = 16 << 10, BODY_STEP_BYTES = 4 << 10, TURN_REQUESTS = 2 };

/* Its answer has its place from now on. */
static void
enlist(struct http_exchange *exchange)
{
    struct http_connection *connection = exchange->connection;
    if (exchange->state != EXCHANGE_RECEIVING)
        return;
    list_push(&connection->exchanges, &exchange->in_connection);
    connection->exchange_count++;
    exchange->state = EXCHANGE_HANDED;
}

void
http_connection_refuse(struct http_connection *connection, int status, const char *why)
{
    struct http_exchange *exchange = connection->incoming ? connection->incoming : http_exchange_new(connection);
    connection->incoming = NULL;
    connection->deaf = true;
    buf_fini(&exchange->request.body); /* nobody will read it */
    exchange->request.body = (struct buf){0};
    http_exchange_count_body(connection->server, exchange, 0);
    enlist(exchange);
    exchange->close_after = true;
    http_reply_text(exchange, status, "%s", why);
}

static bool
waits_for_continue(const struct http_connection *connection)
{
    const struct http_head *head = &connection->parser.head;
    return head->expect_continue && head->http11 && (head->chunked || head->length > 0);
}

void
http_connection_continue(struct http_connection *connection)
{
    struct http_exchange *first = list_first(&connection->exchanges, struct http_exchange, in_connection);
    struct http_exchange *incoming = connection->incoming;
    if (!incoming || incoming->continued || !waits_for_continue(connection))
        return;
    incoming->continue_owed = first && first != incoming;
    if (incoming->continue_owed)
        return;
    incoming->continued = true;
    http_connection_send(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* The head has come. Bodies beyond the limit were refused before. */
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
}

/* Is it time to ask whether anybody wants the body that comes? */
static bool
is_large(const struct http_connection *connection)
{
    const struct http_head *head = &connection->parser.head;
    return waits_for_continue(connection) || (!head->chunked && head->length > SMALL_BODY_BYTES) ||
           connection->incoming->counted > SMALL_BODY_BYTES;
}

static void
look(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->incoming;
    struct err err = {0};
    exchange->looked = true;
    if (!server->look) {
        http_connection_continue(connection);
        return;
    }
    if (http_request_split(&exchange->request, &err) < 0) {
        http_connection_refuse(connection, 400, err.text);
        return;
    }
    enlist(exchange);
    exchange->body_paused = true;
    server->look(exchange, server->look_arg);
}

static void
hand_over(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->incoming;
    struct err err = {0};
    if (http_request_split(&exchange->request, &err) < 0) {
        http_connection_refuse(connection, 400, err.text);
        return;
    }
    connection->asked = true;
    connection->asked_ms = loop_now_ms(connection->server->loop);
    list_remove(&connection->in_server);
    list_push(&connection->server->connections, &connection->in_server);
    connection->incoming = NULL;
    connection->turn -= connection->turn > 0;
    connection->body_mark = 0;
    loop_timer_stop(&connection->timer); /* the next request has its own time */
    http_parse_next(&connection->parser);
    enlist(exchange);
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
    enlist(exchange);
    server->handler(exchange, server->arg);
}

/* Gives the handler what has come of such a body; afterwards the exchange may be gone. A handler that lets another one
 * take the rest sets on_body anew. */
static void
hand_over_body(struct http_connection *connection, bool end)
{
    struct http_exchange *exchange = connection->incoming;
    struct buf *body = &exchange->request.body;
    if (end) {
        exchange->body_ended = true;
        http_parse_next(&connection->parser);
        connection->parser.body_limit = LIMIT_MESSAGE_BYTES;
        if (exchange->close_after)
            connection->deaf = true;
    }
    exchange->body_handed_on = exchange->on_body != NULL;
    while (connection->incoming == exchange && exchange->body_handed_on && (end || body->len > 0)) {
        exchange->body_handed_on = false;
        exchange->on_body(exchange, body, end, exchange->body_arg);
    }
    if (connection->incoming != exchange)
        return;
    http_exchange_count_body(connection->server, exchange, body->len);
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
    http_exchange_count_body(server, exchange, exchange->request.body.len);
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
        connection->incoming = http_exchange_new(connection);
    }
    struct http_exchange *exchange = connection->incoming;
    if (exchange->request.body_follows)
        return receive_stream(connection, in);
    enum http_parse_result result =
        http_parse(&connection->parser, in, exchange->request.arena, &exchange->request.body);
    http_exchange_count_body(connection->server, exchange, exchange->request.body.len);
    switch (result) {
    case HTTP_PARSE_HEAD:
        begin_request(connection);
        hand_over_head(connection);
        if (connection->incoming == exchange && !exchange->request.body_follows && is_large(connection))
            look(connection);
        return true;
    case HTTP_PARSE_DONE:
        hand_over(connection);
        return true;
    case HTTP_PARSE_FAILED:
        http_connection_refuse(connection, connection->parser.status, connection->parser.why);
        return false;
    default:
        if (!exchange->looked && connection->parser.head.method.len && is_large(connection))
            look(connection);
        else if (exchange->counted > SMALL_BODY_BYTES && connection->server->body_bytes > connection->server->bodies_limit)
            http_connection_refuse(connection, 503, "Too many requests with large bodies at the same time; try again later");
        return false;
    }
}

bool
http_connection_may_read(const struct http_connection *connection)
{
    return connection->exchange_count < LIMIT_PIPELINE && list_empty(&connection->in_patient) &&
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

/* What is here waits: nothing more is read until its turn. */
static bool
waits(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (!connection->patient || connection->turn || connection->deaf || connection->doomed)
        return false;
    if (list_empty(&connection->in_patient)) {
        list_push(&server->patient, &connection->in_patient);
        loop_background_start(server->loop, &server->turns);
    }
    return true;
}

void
http_server_turn(void *arg)
{
    struct http_server *server = arg;
    struct http_connection *connection = list_first(&server->patient, struct http_connection, in_patient);
    if (connection) {
        list_remove(&connection->in_patient);
        connection->turn = TURN_REQUESTS;
        http_connection_settle(connection);
    }
    if (list_empty(&server->patient))
        loop_background_stop(&server->turns);
}

void
http_connection_received(struct stream *stream, struct buf *in, void *arg)
{
    struct http_connection *connection = arg;
    connection->in_data = true;
    if (list_empty(&connection->in_patient))
        connection->turn = TURN_REQUESTS; /* what comes now was patient already; only what is beyond waits once more */
    while (!connection->deaf && !connection->doomed && !(in->len && waits(connection)) && http_connection_may_read(connection) &&
           receive(connection, in))
        ;
    connection->in_data = false;
    if (connection->doomed)
        return;
    if (connection->deaf || connection->lingering) {
        http_connection_drained(connection, in->len);
        buf_consume(in, in->len);
    } else if (!connection->paused && !http_connection_may_read(connection)) {
        connection->paused = true;
        stream_pause(stream);
    }
    if (!connection->lingering)
        watch_slowness(connection);
    http_connection_settle(connection);
}
