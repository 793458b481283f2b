/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 server. It hands over complete requests, one exchange each; pipelined requests are handed over as they come
 * and answered in order. The handler answers at once or later; it holds no connection state of its own.
 */
#ifndef WIRE_HTTP_SERVER_H
#define WIRE_HTTP_SERVER_H

#include "base/page.h"
#include "loop/stream.h"
#include "mesos/principal.h"
#include "wire/http.h"

struct http_server;
struct http_exchange;

/* One request is complete. The handler owes exactly one http_reply* or http_stream_start per exchange. */
typedef void http_handler_fn(struct http_exchange *exchange, void *arg);

struct http_server *http_server_new(struct loop *loop, http_handler_fn *handler, void *arg);
/* Listens on one more address. May be called several times (TCP and a Unix socket). */
int http_server_listen(struct http_server *server, const struct address *at, struct address *ret_bound,
                       struct err *err);
/* The same with a socket that listens already, made by somebody else; taken over. */
int http_server_listen_fd(struct http_server *server, int fd, struct address *ret_bound, struct err *err);
/* TLS on every address but Unix sockets, present ones and those to come. NULL = none. */
void http_server_secure(struct http_server *server, struct secure *secure);
/* Closes every connection; on_gone of open exchanges is called. */
void http_server_free(struct http_server *server);
/* Hands an accepted stream to the server (tests, socket activation). */
void http_server_adopt(struct http_server *server, struct stream *stream);
/* Other limits than those of limits.h, for connections that come from now on; 0 = as it is. unread_bytes: what may wait for a
 * streaming answer's reader. slow_ms: the time for a head, for each step of a body, and for a reader that takes nothing. */
void http_server_limit(struct http_server *server, size_t unread_bytes, int64_t slow_ms);
/* stream_guard for every connection, present ones and those to come. NULL ends it. */
void http_server_guard(struct http_server *server, bool (*may_send)(void *arg), void *arg);
size_t http_server_connections(const struct http_server *server);

const struct http_request *http_exchange_request(const struct http_exchange *exchange);
/* From the next request on, those of its connection wait behind all that is urgent, a few in a turn of the loop: for peers that
 * send more than they may. false: no longer. */
void http_exchange_patient(struct http_exchange *exchange, bool patient);
const struct address *http_exchange_peer(const struct http_exchange *exchange);
/* It came over a Unix socket, where there is no TLS and nobody has an address. */
bool http_exchange_is_local(const struct http_exchange *exchange);
/* Who asks, as an authenticator found out; NULL = nobody proved who they are. Set by the router before a handler is called;
 * copied. */
const struct mesos_principal *http_exchange_principal(const struct http_exchange *exchange);
void http_exchange_set_principal(struct http_exchange *exchange, const struct mesos_principal *principal);
/* Its answer says that pages of that origin ("*": of all, without their user's login) may read it. Lives as long as the server. */
void http_exchange_allow_origin(struct http_exchange *exchange, const char *origin);
/* Every answer to a request of a client says from now on that it depends on the origin: what one page was told, caches must not
 * show to another one. */
void http_server_vary(struct http_server *server);
/* The number of its connection: a later connection has a greater one. */
uint64_t http_exchange_connection(const struct http_exchange *exchange);
/* fn is called when the peer has gone before (or while) it was answered; afterwards the exchange must not be used. In fn itself its
 * request, peer and principal may still be looked at, and no exchange of that connection may be answered.
 * Set it whenever the answer is not given inside the handler. */
void http_exchange_on_gone(struct http_exchange *exchange, void (*fn)(struct http_exchange *, void *), void *arg);

/*
 * Bodies that are not worth receiving. look is asked about each request whose body is large, or whose peer waits for "100
 * Continue", before that body is held: path, parameters and headers are there. It owes, at once or later, either an answer (the
 * rest of the body is dropped, and the connection closed) or http_exchange_take_body, after which the handler gets the request
 * when it is complete. Nothing is read from the peer meanwhile.
 */
void http_server_look(struct http_server *server, http_handler_fn *look, void *arg);
void http_exchange_take_body(struct http_exchange *exchange);
/* The realm whose authenticators have let it in, so that nobody asks them twice; borrowed. NULL = none. */
const char *http_exchange_realm(const struct http_exchange *exchange);
void http_exchange_set_realm(struct http_exchange *exchange, const char *realm);

/*
 * Requests whose bodies are streams. `wants` is asked about each request with a body of application/recordio when its
 * head is complete (path, parameters and headers are there). Where it says true the request is handed over at once, with
 * body_follows set, and its handler either answers inside of the call or sets on_body.
 */
void http_server_stream_bodies(struct http_server *server,
                               bool (*wants)(const struct http_request *request, void *arg), void *arg);
/* body: what has come and was not consumed yet (de-chunked); fn consumes what it can use. end: nothing follows. An
 * answer that is given before the end closes the connection after it. When the peer leaves before the end, on_gone is
 * called. Not called for nothing: either the body has grown or it has ended. */
typedef void http_body_fn(struct http_exchange *exchange, struct buf *body, bool end, void *arg);
void http_exchange_on_body(struct http_exchange *exchange, http_body_fn *fn, void *arg);
/* Nothing more is read from the peer while paused: for a taker that is slower than it. */
void http_exchange_pause_body(struct http_exchange *exchange, bool paused);

/* A whole answer. type NULL: no Content-Type. Body is copied. HEAD requests get headers only. gzip when the client
 * accepts it and the body has 1024 bytes or more. The exchange is gone afterwards. */
void http_reply(struct http_exchange *exchange, int status, const char *type, struct str body);
/* The same with extra headers. */
void http_reply_headers(struct http_exchange *exchange, int status, const struct http_header *headers, size_t count,
                        const char *type, struct str body);
/* 200 in the shape of Mesos's legacy endpoints: Content-Length before Content-Type. */
void http_reply_legacy(struct http_exchange *exchange, const char *type, struct str body);
/* The same two with a body of pages, which are sent without being copied: empties rope. gzip compresses each page once,
 * off the loop. When replaced pages that slow readers hold exceed LIMIT_STALE_BYTES, the oldest unfinished answer of
 * this kind is cut off. */
void http_reply_rope(struct http_exchange *exchange, const char *type, struct rope *rope);
void http_reply_legacy_rope(struct http_exchange *exchange, const char *type, struct rope *rope);
/* Where whoever replaces pages that are answered with counts them (page_retire). */
struct page_account *http_server_pages(struct http_server *server);
/* status with a text/plain body made by printf, as Mesos answers errors. */
void http_reply_text(struct http_exchange *exchange, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A streamed answer (chunked; until close for HTTP/1.0). The exchange lives until http_stream_end or on_gone. */
void http_stream_start(struct http_exchange *exchange, int status, const struct http_header *headers, size_t count,
                       const char *type);
/* Queues bytes as one chunk. When more than LIMIT_SUBSCRIBER_BYTES wait, the connection is cut off: false, and on_gone
 * follows from the loop. */
bool http_stream_write(struct http_exchange *exchange, struct str data);
/* The same for a snapshot that a stream begins with: it may be of any size, and the limit counts what comes after it.
 * It is made of pages: empties rope. */
void http_stream_write_rope(struct http_exchange *exchange, struct rope *rope);
size_t http_stream_queued(const struct http_exchange *exchange);
/* fn is called, from the loop, whenever what was queued has been sent: for a source that can wait. */
void http_stream_on_drain(struct http_exchange *exchange, void (*fn)(struct http_exchange *exchange, void *arg),
                          void *arg);
/* The final chunk; the exchange is gone afterwards. */
void http_stream_end(struct http_exchange *exchange);
/* Closes the connection at once without an answer; the exchange is gone afterwards. */
void http_exchange_abort(struct http_exchange *exchange);

#endif
