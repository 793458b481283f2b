/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the HTTP server: what http_server.c (connections), http_reply.c (answers) and libprocess.c share. */
#ifndef WIRE_HTTP_CONNECTION_H
#define WIRE_HTTP_CONNECTION_H

#include "base/list.h"
#include "wire/http_parse.h"
#include "wire/http_server.h"

enum { HTTP_DATE_BYTES = 29 }; /* "Sat, 21 Nov 2026 00:41:03 GMT" */

struct http_server {
    struct loop *loop;
    http_handler_fn *handler;
    void *arg;
    bool (*wants_stream)(const struct http_request *request, void *arg);
    void *wants_arg;
    http_handler_fn *look; /* NULL = every body is taken */
    void *look_arg;
    bool varies; /* answers depend on Origin */
    bool (*may_send)(void *arg);
    void *guard_arg;
    struct secure *secure; /* TLS; NULL = none */
    struct stream_listener **listeners;
    size_t listener_count;
    bool listeners_paused;
    struct list connections;
    size_t connection_count;
    struct list dirty; /* connections with corked writes */
    struct list answering; /* connections that have been sent pages and not yet taken them, oldest first */
    struct page_account pages;
    struct list rope_jobs; /* answers of pages to be compressed; the first is under way */
    struct loop_timer flush; /* uncorks them in the next turn */
    struct list patient; /* connections that wait for their turn, in order of arrival */
    struct loop_background turns; /* gives one of them its turn */
    struct list spare; /* exchanges for reuse */
    size_t spare_count;
    int64_t date_at; /* the second that date shows */
    char date[HTTP_DATE_BYTES + 1];
    size_t subscriber_bytes, connection_limit, stale_limit; /* limits.h; tests lower them */
    int64_t header_ms, stall_ms;
    uint64_t taken; /* connections so far */
    size_t body_bytes, bodies_limit; /* of all requests that are not answered yet */
};

struct http_connection {
    struct http_server *server;
    struct stream *stream;
    uint64_t number; /* of those that the server has taken: grows */
    struct list in_server, in_dirty, in_answering, in_patient;
    struct http_parser parser;
    struct http_exchange *incoming; /* its request is being received */
    struct list exchanges; /* handed over and not yet finished, in order of arrival */
    size_t exchange_count;
    struct loop_timer timer; /* slow heads, lingering, dooming: by state */
    struct loop_timer stall; /* runs while answer bytes are queued */
    uint64_t written, taken; /* bytes given to the stream; those that had left it when stall was started */
    size_t waiting_bytes; /* of answers that wait for earlier ones or are being compressed */
    size_t body_mark; /* how long the body was when timer was started */
    int64_t linger_until_ms; /* loop clock: lingering ends then, whatever still comes */
    uint64_t drained; /* bytes that came while lingering */
    int64_t asked_ms; /* loop clock: when the last request was complete, if there was one (asked) */
    bool asked;
    bool corked, paused;
    bool patient; /* what it has sent waits for a turn (http_exchange_patient) ... */
    unsigned turn; /* ... which has come, for so many requests */
    bool in_data; /* the parse loop is on the stack: do not free the connection under it */
    bool eof; /* the peer sends no more */
    bool deaf; /* no further request is read: the last one wanted is here, or what came was no HTTP */
    bool closing; /* the last answer is given */
    bool lingering; /* our FIN is sent; reading until the peer's */
    bool doomed; /* to be closed from the loop */
};

enum http_exchange_state { EXCHANGE_RECEIVING, EXCHANGE_HANDED, EXCHANGE_STREAMING, EXCHANGE_DONE };

struct http_exchange {
    struct list in_connection;
    struct http_connection *connection;
    struct http_request request;
    struct mesos_principal *principal; /* in the request's arena; NULL = nobody */
    const char *realm; /* whose authenticators have let it in; NULL = nobody was asked yet */
    const char *origin; /* whose pages may read the answer; NULL = nothing is said of it */
    struct rope out; /* answer bytes that wait for earlier exchanges */
    struct gzip_job *job; /* the answer is being compressed off the loop */
    struct rope_job *rope_job; /* likewise, one made of pages */
    void (*on_gone)(struct http_exchange *exchange, void *arg);
    void *gone_arg;
    void (*on_drain)(struct http_exchange *exchange, void *arg); /* streaming */
    void *drain_arg;
    http_body_fn *on_body; /* body_follows */
    void *body_arg;
    bool body_paused, body_ended;
    bool body_handed_on; /* on_body was set since it was last called */
    bool looked; /* server->look has been asked about its body */
    bool continued; /* its peer has heard "100 Continue" */
    bool continue_owed; /* ... will hear it when the answers before are given */
    size_t allowance; /* streaming: bytes that may be queued beyond the limit */
    size_t counted; /* what of body_bytes is this request's */
    uint8_t state;
    bool close_after;
    bool chunked; /* streaming: chunk framing (HTTP/1.1) */
};

/* http_server.c */
void http_connection_doom(struct http_connection *connection); /* closes it from the loop */
void http_connection_close(struct http_connection *connection); /* now: it is gone */
/* After answers were given: closes when it is time, or lets the peer go on. */
void http_connection_settle(struct http_connection *connection);
/* What still comes when the last answer is given: len bytes were dropped. */
void http_connection_drained(struct http_connection *connection, size_t len);
const char *http_server_date(struct http_server *server);

/* http_receive.c */
void http_server_turn(void *server); /* bite of server->turns */
void http_connection_received(struct stream *stream, struct buf *in, void *arg); /* as stream_handler's on_data */
/* Answers what is being received with an error, and reads no more. */
void http_connection_refuse(struct http_connection *connection, int status, const char *why);
bool http_connection_may_read(const struct http_connection *connection);
/* Says "100 Continue" if its peer waits for that, at once or behind the answers that stand before. */
void http_connection_continue(struct http_connection *connection);

/* http_exchange.c */
struct http_exchange *http_exchange_new(struct http_connection *connection);
void http_exchange_free(struct http_exchange *exchange);
/* Keeps the server's sum of request bodies right. */
void http_exchange_count_body(struct http_server *server, struct http_exchange *exchange, size_t bytes);
void http_exchange_recycle(struct http_server *server, struct http_exchange *exchange);
/* At once, whatever waits; http_connection_write keeps the order. */
void http_connection_send(struct http_connection *connection, const void *data, size_t len);
void http_connection_uncork(struct http_connection *connection);
/* Looks from time to time whether the peer takes what is queued for it. */
void http_connection_watch_reader(struct http_connection *connection);
void http_connection_tell_drained(struct http_connection *connection);
void http_connection_stalled(void *arg); /* timer of a connection */
void http_server_flush(void *arg); /* timer of a server */
void http_connection_write(struct http_exchange *exchange, const void *data, size_t len);
/* The same for what a rope holds: its pages are referred to, not copied. Seals it. */
void http_connection_write_rope(struct http_exchange *exchange, struct rope *rope);
/* The answer is complete: recycles the exchange, lets the next one write, closes when that was wanted. */
void http_exchange_finish(struct http_exchange *exchange);

/* http_reply.c */
void http_reply_forget_job(struct gzip_job *job); /* its exchange is gone */
/* What an answer's head says beyond the framing. */
struct reply {
    int status;
    const struct http_header *headers;
    size_t count;
    const char *type;
    bool type_last; /* Content-Type after Content-Length, as Mesos's legacy endpoints order them */
    bool gzipped;
    bool chunked;
};
bool http_reply_wants_gzip(const struct http_exchange *exchange, size_t len);
/* Head and body; the exchange is gone afterwards. */
void http_reply_send_rope(struct http_exchange *exchange, const struct reply *reply, struct rope *rope);

/* http_pack.c: compresses, then sends. Empties rope. */
void http_pack_rope(struct http_exchange *exchange, const struct reply *reply, struct rope *rope);
void http_pack_forget(struct rope_job *job); /* its exchange is gone */
void http_pack_free(struct http_server *server); /* every answer is forgotten already */
/* "202 Accepted" and nothing else, for libprocess messages. */
void http_reply_accepted(struct http_exchange *exchange);

#endif
