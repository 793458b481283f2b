/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's states: a head is searched for its end and then read in one go (by http_head.c) from a copy in the arena, so that
 * header values cost no allocation each; bodies are passed on as they come. Every refusal is one static sentence.
 */
#include "base/hex.h"
#include "wire/http_parse_inside.h"
#include "wire/limits.h"

enum { STATE_HEAD, STATE_BODY, STATE_BODY_EOF, STATE_CHUNK_SIZE, STATE_CHUNK_DATA, STATE_CHUNK_END, STATE_TRAILERS,
       STATE_DONE, STATE_FAILED };
enum { CHUNK_LINE_BYTES = 1024 };

static enum http_parse_result parse_head(struct http_parser *parser, struct buf *in, struct arena *arena);
static enum http_parse_result parse_chunk_size(struct http_parser *parser, struct buf *in);
static enum http_parse_result parse_chunk_end(struct http_parser *parser, struct buf *in);
static enum http_parse_result parse_trailers(struct http_parser *parser, struct buf *in);
static void take_body(struct http_parser *parser, struct buf *in, struct buf *body);

static enum http_parse_result
fail(struct http_parser *parser, int status, const char *why)
{
    parser->state = STATE_FAILED;
    parser->status = status;
    parser->why = why;
    return HTTP_PARSE_FAILED;
}

void
http_parse_init(struct http_parser *parser, bool response, uint64_t body_limit)
{
    *parser = (struct http_parser){.response = response, .body_limit = body_limit};
}

void
http_parse_next(struct http_parser *parser)
{
    http_parse_init(parser, parser->response, parser->body_limit);
}

bool
http_parse_idle(const struct http_parser *parser)
{
    return parser->state == STATE_HEAD && parser->scanned == 0;
}

enum http_parse_result
http_parse(struct http_parser *parser, struct buf *in, struct arena *arena, struct buf *body)
{
    enum http_parse_result result = HTTP_PARSE_DONE; /* here: go on */
    while (result == HTTP_PARSE_DONE) {
        switch (parser->state) {
        case STATE_HEAD:
            result = parse_head(parser, in, arena);
            break;
        case STATE_BODY:
        case STATE_CHUNK_DATA:
            take_body(parser, in, body);
            if (parser->left > 0)
                return HTTP_PARSE_MORE;
            parser->state = parser->state == STATE_BODY ? STATE_DONE : STATE_CHUNK_END;
            break;
        case STATE_BODY_EOF:
            parser->left = in->len;
            if (parser->body_limit && parser->body_bytes + in->len > parser->body_limit)
                return fail(parser, 413, "The body is larger than 64 MiB");
            take_body(parser, in, body);
            return HTTP_PARSE_MORE;
        case STATE_CHUNK_SIZE:
            result = parse_chunk_size(parser, in);
            break;
        case STATE_CHUNK_END:
            result = parse_chunk_end(parser, in);
            break;
        case STATE_TRAILERS:
            result = parse_trailers(parser, in);
            break;
        case STATE_DONE:
            return HTTP_PARSE_DONE;
        default:
            return HTTP_PARSE_FAILED;
        }
    }
    return result;
}

enum http_parse_result
http_parse_eof(struct http_parser *parser)
{
    if (parser->state == STATE_BODY_EOF || parser->state == STATE_DONE) {
        parser->state = STATE_DONE;
        return HTTP_PARSE_DONE;
    }
    if (http_parse_idle(parser))
        return HTTP_PARSE_MORE;
    return fail(parser, 400, "The connection ended in the middle of a message");
}

static void
take_body(struct http_parser *parser, struct buf *in, struct buf *body)
{
    size_t n = in->len < parser->left ? in->len : (size_t)parser->left;
    if (n == 0)
        return;
    buf_append(body, buf_data(in), n);
    buf_consume(in, n);
    parser->left -= n;
    parser->body_bytes += n;
}

/* ---- chunks ---- */

/* A line that ends with CR LF (nothing else will do between chunks): its length without them, -1 when it is not
 * complete, -2 when it is wrong. */
static ptrdiff_t
strict_line(const struct buf *in, size_t max)
{
    struct str text = buf_str(in);
    const char *nl = memchr(text.ptr, '\n', text.len < max ? text.len : max);
    if (nl == NULL)
        return text.len >= max ? -2 : -1;
    if (nl == text.ptr || nl[-1] != '\r')
        return -2;
    return nl - text.ptr - 1;
}

/* The digits at the start of a chunk line; extensions after ';' are ignored but must be printable. */
static bool
chunk_line(struct str line, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t at = 0;
    for (; at < line.len && hex_digit(line.ptr[at]) >= 0; at++) {
        if (at == 15)
            return false;
        size = size * 16 + (uint64_t)hex_digit(line.ptr[at]);
    }
    if (at == 0)
        return false;
    size_t rest = at;
    while (rest < line.len && (line.ptr[rest] == ' ' || line.ptr[rest] == '\t'))
        rest++;
    if (rest < line.len && line.ptr[rest] != ';')
        return false;
    if (!http_printable(str_n(line.ptr + rest, line.len - rest)))
        return false;
    *ret_size = size;
    return true;
}

static enum http_parse_result
parse_chunk_size(struct http_parser *parser, struct buf *in)
{
    ptrdiff_t len = strict_line(in, CHUNK_LINE_BYTES);
    if (len == -1)
        return HTTP_PARSE_MORE;
    uint64_t size = 0;
    if (len < 0 || !chunk_line(str_n(buf_data(in), (size_t)len), &size))
        return fail(parser, 400, "Expecting a chunk size in hexadecimal, ended by CR LF");
    if (parser->body_limit && (size > parser->body_limit || parser->body_bytes + size > parser->body_limit))
        return fail(parser, 413, "The body is larger than 64 MiB");
    parser->left = size;
    parser->state = size > 0 ? STATE_CHUNK_DATA : STATE_TRAILERS;
    buf_consume(in, (size_t)len + 2);
    return HTTP_PARSE_DONE;
}

static enum http_parse_result
parse_chunk_end(struct http_parser *parser, struct buf *in)
{
    struct str text = buf_str(in);
    if ((text.len >= 1 && text.ptr[0] != '\r') || (text.len >= 2 && text.ptr[1] != '\n'))
        return fail(parser, 400, "Expecting CR LF after the data of a chunk");
    if (text.len < 2)
        return HTTP_PARSE_MORE;
    buf_consume(in, 2);
    parser->state = STATE_CHUNK_SIZE;
    return HTTP_PARSE_DONE;
}

/* ---- trailers ---- */

static enum http_parse_result
parse_trailers(struct http_parser *parser, struct buf *in)
{
    for (;;) {
        struct str text = buf_str(in);
        const char *nl = memchr(text.ptr, '\n', text.len);
        size_t used = nl ? (size_t)(nl - text.ptr) + 1 : text.len;
        if (parser->side_bytes + used > LIMIT_HEADER_BYTES)
            return fail(parser, 431, "The trailers are larger than 64 KiB");
        if (nl == NULL)
            return HTTP_PARSE_MORE;
        parser->side_bytes += used;
        struct str line = http_next_line(&text);
        struct http_header header;
        const char *why = line.len ? http_header_line(line, &header) : NULL;
        if (why)
            return fail(parser, 400, why);
        bool last = line.len == 0;
        buf_consume(in, used);
        if (last) {
            parser->state = STATE_DONE;
            return HTTP_PARSE_DONE;
        }
    }
}

/* ---- heads ---- */

/* Length of the head with its empty line, 0 when its end has not come. */
static size_t
head_length(struct http_parser *parser, struct str in)
{
    size_t at = parser->scanned;
    for (;;) {
        const char *nl = at < in.len ? memchr(in.ptr + at, '\n', in.len - at) : NULL;
        if (nl == NULL) {
            parser->scanned = in.len;
            return 0;
        }
        size_t next = (size_t)(nl - in.ptr) + 1;
        if (next < in.len && in.ptr[next] == '\n')
            return next + 1;
        if (next + 1 < in.len && in.ptr[next] == '\r' && in.ptr[next + 1] == '\n')
            return next + 2;
        if (next == in.len || (next + 1 == in.len && in.ptr[next] == '\r')) {
            parser->scanned = next - 1;
            return 0;
        }
        at = next;
    }
}

/* Decides how the body ends, once the head is known to be well formed. */
static enum http_parse_result
begin_body(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    if (head->chunked && head->has_length)
        return fail(parser, 400, "Both Content-Length and Transfer-Encoding are given");
    if (head->chunked && !head->http11)
        return fail(parser, 400, "Transfer-Encoding is not for HTTP/1.0");
    bool none = parser->response && (parser->no_body || head->status == 204 || head->status == 304);
    if (!none && head->has_length && parser->body_limit && head->length > parser->body_limit)
        return fail(parser, 413, "The body is larger than 64 MiB");
    if (none) {
        parser->state = STATE_DONE;
    } else if (head->chunked) {
        parser->state = STATE_CHUNK_SIZE;
    } else if (head->has_length) {
        parser->left = head->length;
        parser->state = head->length > 0 ? STATE_BODY : STATE_DONE;
    } else if (parser->response) {
        head->keep_alive = false;
        parser->state = STATE_BODY_EOF;
    } else {
        parser->state = STATE_DONE;
    }
    return HTTP_PARSE_HEAD;
}

/* DONE: nothing to hand over yet, go on. */
static enum http_parse_result
parse_head(struct http_parser *parser, struct buf *in, struct arena *arena)
{
    while (parser->scanned == 0 && in->len && (*buf_data(in) == '\r' || *buf_data(in) == '\n')) {
        if (++parser->side_bytes > CHUNK_LINE_BYTES)
            return fail(parser, 400, "Too many empty lines before the request line");
        buf_consume(in, 1);
    }
    if (in->len == 0)
        return HTTP_PARSE_MORE;
    struct str text = buf_str(in);
    if (text.ptr[0] < 'A' || text.ptr[0] > 'Z')
        return fail(parser, 400, parser->response ? "The answer is no HTTP"
                                                  : "The request line does not begin with a known method");
    size_t len = head_length(parser, text);
    if (len > LIMIT_HEADER_BYTES || (len == 0 && text.len > LIMIT_HEADER_BYTES))
        return fail(parser, 431, "The request line and headers are larger than 64 KiB");
    if (len == 0)
        return HTTP_PARSE_MORE;
    char *copy = arena_alloc(arena, len);
    memcpy(copy, text.ptr, len);
    buf_consume(in, len);
    parser->status = 400;
    parser->head = (struct http_head){0};
    const char *why = http_head_lines(parser, str_n(copy, len), arena);
    if (why)
        return fail(parser, parser->status, why);
    if (parser->response && parser->head.status < 200) {
        if (parser->head.status == 101)
            return fail(parser, 400, "The answer switches protocols, which was not asked for");
        parser->scanned = 0; /* 100 Continue and the like: the answer itself follows */
        parser->interim_bytes += len;
        if (parser->interim_bytes > LIMIT_HEADER_BYTES)
            return fail(parser, 431, "The heads before the answer are larger than 64 KiB");
        return HTTP_PARSE_DONE;
    }
    return begin_body(parser);
}
