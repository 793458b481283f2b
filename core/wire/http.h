/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP message is, for server and client: methods, headers, a parsed target. The parser fills these. */
#ifndef WIRE_HTTP_H
#define WIRE_HTTP_H

#include "base/arena.h"
#include "base/buf.h"

struct http_header {
    struct str name, value; /* value trimmed */
};

struct http_headers {
    struct http_header *items;
    size_t count;
};

/* The first value of a name (case ignored), or an empty str with ptr NULL. */
struct str http_header_get(const struct http_headers *headers, const char *name);
/* The last of several of that name, which is the one that Mesos goes by: some clients send Accept twice. */
struct str http_header_last(const struct http_headers *headers, const char *name);

struct http_param {
    struct str name, value; /* percent- and plus-decoded */
};

/* A whole request. Everything in it lives in `arena` (freed with the exchange) or in body. */
struct http_request {
    struct arena *arena;
    struct str method; /* as sent: "GET" */
    struct str target; /* as sent */
    struct str path; /* of the target as sent, without query; not decoded (libprocess routes so) */
    struct http_param *params; /* of the query */
    size_t param_count;
    struct http_headers headers;
    struct buf body; /* complete, de-chunked */
    bool body_follows; /* handed over at its head: the body comes through http_exchange_on_body */
    bool http11; /* false: HTTP/1.0 */
    bool keep_alive;
};

/* The first value of a query parameter; ptr NULL when absent. */
struct str http_param_get(const struct http_request *request, const char *name);
const char *http_status_text(int status); /* "Not Found" */
/* Decodes %XX; -EINVAL on a bad escape. plus: '+' means space. */
int http_percent_decode(struct str text, bool plus, struct arena *arena, struct str *ret);
void http_percent_encode(struct buf *out, struct str text);
/* Does this Accept (or Accept-Encoding) header value admit `type`? Absent (ptr NULL) and wildcards admit all; q=0 refuses. */
bool http_accepts(struct str accept, const char *type);
/* The media type of a Content-Type value equals `type`, without parameters and ignoring case. */
bool http_type_is(struct str value, const char *type);

#endif
