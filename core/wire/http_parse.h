/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict incremental parser of HTTP/1.x requests and responses, shared by server and client. It takes bytes off a
 * buffer as they come and never looks at one twice for long; what two servers could read differently (two lengths,
 * length with chunks, folded lines, stray CR) is refused, never guessed.
 */
#ifndef WIRE_HTTP_PARSE_H
#define WIRE_HTTP_PARSE_H

#include "wire/http.h"

enum http_parse_result {
    HTTP_PARSE_MORE, /* everything usable was taken; more bytes are needed */
    HTTP_PARSE_HEAD, /* the head is complete (parser->head); go on calling */
    HTTP_PARSE_DONE, /* the message is complete; http_parse_next before the next one */
    HTTP_PARSE_FAILED, /* parser->status and why say what a server should answer; the connection is of no more use */
};

struct http_head {
    struct str method, target; /* requests */
    int status; /* responses */
    struct str reason;
    struct http_headers headers;
    uint64_t length; /* when has_length */
    bool http11, keep_alive, chunked, has_length, expect_continue;
};

struct http_parser {
    bool response;
    bool no_body; /* responses: the request was HEAD. Set before the head comes */
    uint8_t state;
    uint64_t left; /* bytes of the body or of the chunk still to come */
    uint64_t body_bytes; /* so far, of this message */
    uint64_t body_limit; /* 0 = none (streamed responses) */
    size_t scanned; /* of the head: bytes already searched for its end */
    size_t side_bytes; /* empty lines before the message, and trailers, so far */
    size_t interim_bytes; /* of 1xx heads before an answer */
    int status;
    const char *why;
    struct http_head head; /* in the arena */
};

void http_parse_init(struct http_parser *parser, bool response, uint64_t body_limit);
/* Ready for the next message of the connection; keeps the limits. */
void http_parse_next(struct http_parser *parser);
/* Consumes from in; the head goes to arena, body bytes (de-chunked) are appended to body. */
enum http_parse_result http_parse(struct http_parser *parser, struct buf *in, struct arena *arena, struct buf *body);
/* The peer has ended its direction: DONE for a body that lasts until then, MORE when no message had begun. */
enum http_parse_result http_parse_eof(struct http_parser *parser);
/* Between two messages: nothing of the next one has come. */
bool http_parse_idle(const struct http_parser *parser);

/* Fills path and params from target. -EINVAL with err for a bad escape in the query. */
int http_request_split(struct http_request *request, struct err *err);

#endif
