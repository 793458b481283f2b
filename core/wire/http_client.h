/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 client: one connection object to one address, requests in order, whole or streamed answers.
 */
#ifndef WIRE_HTTP_CLIENT_H
#define WIRE_HTTP_CLIENT_H

#include "loop/stream.h"
#include "wire/http.h"

struct http_client;
struct http_call;

struct http_response {
    int status;
    struct http_headers headers; /* valid during the callback */
    struct buf *body; /* whole body (on_response) or newly arrived bytes to consume (on_body) */
};

struct http_call_handler {
    /* The head has come. NULL unless streaming. */
    void (*on_head)(const struct http_response *response, void *arg);
    /* Streaming: body bytes as they come. NULL = collect the body for on_response. */
    void (*on_body)(const struct http_response *response, void *arg);
    /* The answer is complete. The call is gone afterwards. */
    void (*on_response)(const struct http_response *response, void *arg);
    /* Connection failed or broke, or the answer was no HTTP. The call is gone afterwards. */
    void (*on_error)(const struct err *err, void *arg);
};

/* Connects when first needed, reconnects for later requests. host: value of the Host header. */
struct http_client *http_client_new(struct loop *loop, const struct address *to, const char *host);
/* TLS for connections from now on. name: what the server is called by, NULL when only its address is known; copied. */
void http_client_secure(struct http_client *client, struct secure *secure, const char *name);
/* How many requests may be under way at a time (pipelining); 1 unless told. */
void http_client_pipeline(struct http_client *client, size_t depth);
void http_client_free(struct http_client *client); /* open calls end without a callback */
/* method, target, headers and body are copied. Content-Length is added when there is a body or the method is POST.
 * timeout_ms 0 = none; with on_body it ends with the head. */
struct http_call *http_client_send(struct http_client *client, const char *method, const char *target,
                                   const struct http_header *headers, size_t count, struct str body,
                                   int64_t timeout_ms, const struct http_call_handler *handler, void *arg);
void http_call_cancel(struct http_call *call); /* no callback follows; the connection is dropped */

#endif
