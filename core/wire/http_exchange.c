/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server's exchanges: one request and its answer. Keeps the order of answers on a connection, puts them together
 * into few writes, and cuts off who does not take them. Called by http_reply.c with what is to be sent.
 */
#include "wire/http_connection.h"
#include "wire/principal.h"

enum { SPARE_EXCHANGES = 16, SPARE_BODY_BYTES = 16 << 10, REQUEST_ARENA_BYTES = 2048 };

void
http_exchange_free(struct http_exchange *exchange)
{
    arena_free(exchange->request.arena);
    buf_fini(&exchange->request.body);
    rope_fini(&exchange->out);
    free(exchange);
}

struct http_exchange *
http_exchange_new(struct http_connection *connection)
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
void
http_exchange_count_body(struct http_server *server, struct http_exchange *exchange, size_t bytes)
{
    server->body_bytes += bytes - exchange->counted;
    exchange->counted = bytes;
}

/* Empties an exchange and keeps it for the next request, memory of ordinary size included. */
void
http_exchange_recycle(struct http_server *server, struct http_exchange *exchange)
{
    list_remove(&exchange->in_connection);
    http_exchange_count_body(server, exchange, 0);
    if (server->spare_count >= SPARE_EXCHANGES) {
        http_exchange_free(exchange);
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

bool
http_exchange_is_local(const struct http_exchange *exchange)
{
    return http_exchange_peer(exchange)->sa.ss_family == AF_UNIX;
}

void
http_exchange_patient(struct http_exchange *exchange, bool patient)
{
    struct http_connection *connection = exchange->connection;
    if (connection->patient == patient)
        return;
    connection->patient = patient;
    connection->turn = 0;
    stream_patient(connection->stream, patient);
}

uint64_t
http_exchange_connection(const struct http_exchange *exchange)
{
    return exchange->connection->number;
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
    exchange->body_handed_on = true;
    http_connection_continue(exchange->connection);
}

void
http_exchange_pause_body(struct http_exchange *exchange, bool paused)
{
    exchange->body_paused = paused;
    if (!exchange->connection->in_data)
        http_connection_settle(exchange->connection);
}

void
http_exchange_take_body(struct http_exchange *exchange)
{
    http_connection_continue(exchange->connection);
    http_exchange_pause_body(exchange, false);
}

const char *
http_exchange_realm(const struct http_exchange *exchange)
{
    return exchange->realm;
}

void
http_exchange_set_realm(struct http_exchange *exchange, const char *realm)
{
    exchange->realm = realm;
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
void
http_connection_watch_reader(struct http_connection *connection)
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

void
http_connection_stalled(void *arg)
{
    struct http_connection *connection = arg;
    size_t queued = stream_queued(connection->stream);
    if (queued && connection->written - queued == connection->taken && !is_streaming(connection))
        http_connection_close(connection);
    else
        http_connection_watch_reader(connection);
}

void
http_connection_send(struct http_connection *connection, const void *data, size_t len)
{
    connection_cork(connection);
    connection->written += len;
    stream_write(connection->stream, data, len);
}

void
http_connection_uncork(struct http_connection *connection)
{
    if (!connection->corked)
        return;
    connection->corked = false;
    list_remove(&connection->in_dirty);
    stream_uncork(connection->stream);
}

/* Only who streams its answer cares; it may end it in here. */
void
http_connection_tell_drained(struct http_connection *connection)
{
    struct http_exchange *exchange = list_first(&connection->exchanges, struct http_exchange, in_connection);
    if (exchange && exchange->state == EXCHANGE_STREAMING && exchange->on_drain)
        exchange->on_drain(exchange, exchange->drain_arg);
}

void
http_server_flush(void *arg)
{
    struct http_server *server = arg;
    struct http_connection *connection;
    while ((connection = list_first(&server->dirty, struct http_connection, in_dirty))) {
        http_connection_uncork(connection);
        http_connection_watch_reader(connection);
        if (stream_queued(connection->stream) == 0)
            list_remove(&connection->in_answering);
        if (connection->paused)
            http_connection_settle(connection); /* the queue may be empty again */
        if (stream_queued(connection->stream) == 0)
            http_connection_tell_drained(connection); /* the system has taken all at once: no on_drain follows */
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
    http_connection_send(connection, data, len);
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
        http_connection_send(connection, buf_data(&exchange->out.tail), exchange->out.tail.len);
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
        if (!connection->doomed && !connection->lingering)
            loop_timer_stop(&connection->timer); /* it watched over what was received */
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
    if (connection->incoming && connection->incoming->continue_owed)
        http_connection_continue(connection);
    if (!connection->in_data)
        http_connection_settle(connection);
}

void
http_exchange_abort(struct http_exchange *exchange)
{
    exchange->on_gone = NULL;
    exchange->state = EXCHANGE_DONE;
    http_connection_doom(exchange->connection);
}

const struct mesos_principal *
http_exchange_principal(const struct http_exchange *exchange)
{
    return exchange->principal;
}

void
http_exchange_allow_origin(struct http_exchange *exchange, const char *origin)
{
    exchange->origin = origin;
}

void
http_exchange_set_principal(struct http_exchange *exchange, const struct mesos_principal *principal)
{
    exchange->principal = principal_copy(principal, exchange->request.arena);
}
