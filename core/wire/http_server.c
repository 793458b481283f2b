/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: who listens, who is connected, and how a connection ends. Requests are received by http_receive.c, the
 * order of answers is http_exchange.c's, what an answer looks like http_reply.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "loop/secure.h"
#include "wire/http_connection.h"
#include "wire/limits.h"

enum { LINGER_MS = 2000, DRAIN_MS = 30000, ROOM_LOOKS = 64 };

static void on_accept(struct stream *stream, void *arg);
static void on_eof(struct stream *stream, void *arg);
static void on_drain(struct stream *stream, void *arg);
static void on_close(struct stream *stream, const struct err *err, void *arg);
static void on_timer(void *arg);

static const struct stream_handler stream_handler = {
    .on_data = http_connection_received, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close};

/* ---- server ---- */

/* Two fifths of the descriptors stay for files, children and connections of our own: a master calls each agent back, and
 * an agent that it cannot call is as good as disconnected. */
static size_t
connection_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return LIMIT_CONNECTIONS;
    size_t most = (size_t)(limit.rlim_cur / 5 * 3);
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
    list_init(&server->patient);
    loop_background_init(&server->turns, http_server_turn, server);
    server->stale_limit = LIMIT_STALE_BYTES;
    list_init(&server->spare);
    loop_timer_init(&server->flush, loop, http_server_flush, server);
    return server;
}

/* Unix sockets do not leave the machine: executors use them without TLS. */
static void
secure_listener(const struct http_server *server, struct stream_listener *listener)
{
    if (stream_listener_address(listener)->sa.ss_family != AF_UNIX)
        stream_listener_secure(listener, server->secure);
}

static int
add_listener(struct http_server *server, struct stream_listener *listener, struct address *ret_bound, const struct err *err)
{
    if (listener == NULL)
        return err && err->code ? err->code : -EIO;
    server->listeners =
        xreallocarray(server->listeners, server->listener_count + 1, sizeof(struct stream_listener *));
    server->listeners[server->listener_count++] = listener;
    secure_listener(server, listener);
    if (ret_bound)
        *ret_bound = *stream_listener_address(listener);
    return 0;
}

void
http_server_secure(struct http_server *server, struct secure *secure)
{
    secure_ref(secure);
    secure_unref(server->secure);
    server->secure = secure;
    for (size_t i = 0; i < server->listener_count; i++)
        secure_listener(server, server->listeners[i]);
}

int
http_server_listen(struct http_server *server, const struct address *at, struct address *ret_bound, struct err *err)
{
    return add_listener(server, stream_listen(server->loop, at, on_accept, server, err), ret_bound, err);
}

int
http_server_listen_fd(struct http_server *server, int fd, struct address *ret_bound, struct err *err)
{
    return add_listener(server, stream_listen_fd(server->loop, fd, on_accept, server, err), ret_bound, err);
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
    secure_unref(server->secure);
    struct http_connection *connection;
    while ((connection = list_first(&server->connections, struct http_connection, in_server)))
        http_connection_close(connection);
    http_pack_free(server);
    struct http_exchange *exchange, *next;
    list_foreach_safe(exchange, next, &server->spare, in_connection)
        http_exchange_free(exchange);
    loop_timer_stop(&server->flush);
    loop_background_stop(&server->turns);
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
            http_connection_close(connection);
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
    connection->number = ++server->taken;
    list_init(&connection->exchanges);
    list_init(&connection->in_dirty);
    list_init(&connection->in_answering);
    list_init(&connection->in_patient);
    list_push(&server->connections, &connection->in_server);
    server->connection_count++;
    http_parse_init(&connection->parser, false, LIMIT_MESSAGE_BYTES);
    loop_timer_init(&connection->timer, server->loop, on_timer, connection);
    loop_timer_init(&connection->stall, server->loop, http_connection_stalled, connection);
    loop_timer_start(&connection->timer, server->header_ms);
    stream_handle(stream, &stream_handler, connection);
    stream_guard(stream, server->may_send, server->guard_arg);
    if (server->connection_count > server->connection_limit && !make_room(server, connection))
        listeners_pause(server, true);
}

void
http_server_guard(struct http_server *server, bool (*may_send)(void *arg), void *arg)
{
    struct http_connection *connection;
    server->may_send = may_send;
    server->guard_arg = arg;
    list_foreach (connection, &server->connections, in_server)
        stream_guard(connection->stream, may_send, arg);
}

void
http_server_stream_bodies(struct http_server *server, bool (*wants)(const struct http_request *request, void *arg),
                          void *arg)
{
    server->wants_stream = wants;
    server->wants_arg = arg;
}

void
http_server_look(struct http_server *server, http_handler_fn *look, void *arg)
{
    server->look = look;
    server->look_arg = arg;
}

void
http_server_vary(struct http_server *server)
{
    server->varies = true;
}

/* ---- the life of a connection ---- */

void
http_connection_doom(struct http_connection *connection)
{
    connection->doomed = true;
    loop_timer_start(&connection->timer, 0);
}

void
http_connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    loop_timer_stop(&connection->timer);
    loop_timer_stop(&connection->stall);
    list_remove(&connection->in_dirty);
    list_remove(&connection->in_answering);
    list_remove(&connection->in_patient);
    list_remove(&connection->in_server);
    server->connection_count--;
    if (connection->incoming && connection->incoming->state == EXCHANGE_RECEIVING)
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
    stream_close(connection->stream); /* last: who is told asks who it was */
    free(connection);
    if (server->connection_count <= server->connection_limit)
        listeners_pause(server, false);
}

/* Our last bytes are on their way: when they have left, the peer has a moment to close its side. */
static void
linger(struct http_connection *connection)
{
    if (stream_queued(connection->stream) > 0)
        return; /* until on_drain or http_connection_stalled */
    if (connection->eof)
        http_connection_doom(connection); /* not here: a handler of this connection may be on the stack */
    else
        loop_timer_start(&connection->timer, LINGER_MS);
}

/* Whoever is still sending a body that nobody wants may first want to get rid of it before reading why. */
void
http_connection_drained(struct http_connection *connection, size_t len)
{
    int64_t left_ms = connection->linger_until_ms - loop_now_ms(connection->server->loop);
    if (!connection->lingering || connection->eof || !loop_timer_running(&connection->timer))
        return;
    connection->drained += len;
    if (left_ms <= 0 || connection->drained > LIMIT_MESSAGE_BYTES)
        http_connection_doom(connection);
    else
        loop_timer_start(&connection->timer, left_ms < LINGER_MS ? left_ms : LINGER_MS);
}

/* After answers were given: closes when it is time, or lets the peer go on. */
void
http_connection_settle(struct http_connection *connection)
{
    bool over = connection->closing || (connection->eof && list_empty(&connection->exchanges));
    if (connection->doomed || connection->lingering)
        return;
    if (over) {
        http_connection_uncork(connection);
        connection->deaf = true; /* what still waits is not carried out */
        connection->lingering = true; /* an answer must not be lost to a reset because of unread bytes */
        connection->linger_until_ms = loop_now_ms(connection->server->loop) + DRAIN_MS;
        loop_timer_stop(&connection->timer);
        stream_finish(connection->stream);
        if (connection->paused)
            stream_resume(connection->stream);
        connection->paused = false;
        http_connection_watch_reader(connection);
        linger(connection);
    } else if (connection->paused && http_connection_may_read(connection)) {
        connection->paused = false;
        stream_resume(connection->stream);
    }
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    http_connection_close(arg);
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
            http_connection_close(connection); /* a subscriber that has hung up, or a body without its end */
            return;
        }
    }
    loop_timer_stop(&connection->timer);
    http_connection_settle(connection);
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
        http_connection_settle(connection);
    http_connection_tell_drained(connection);
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
        http_connection_refuse(connection, 408, "The request did not come in time");
        return;
    }
    http_connection_close(connection);
}
