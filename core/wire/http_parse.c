/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser's states: a head is searched for its end and then read in one go from a copy in the arena, so that header
 * values cost no allocation each; bodies are passed on as they come. Every refusal is one static sentence.
 */
#include <errno.h>
#include <stdio.h>

#include "wire/http_parse.h"
#include "wire/limits.h"

enum { STATE_HEAD, STATE_BODY, STATE_BODY_EOF, STATE_CHUNK_SIZE, STATE_CHUNK_DATA, STATE_CHUNK_END, STATE_TRAILERS,
       STATE_DONE, STATE_FAILED };
enum { CHUNK_LINE_BYTES = 1024 };

/* RFC 9110 token characters: 1; other bytes that a header value may hold: 2; controls: 0. */
#define T 1
#define V 2
static const uint8_t char_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    V, T, V, T, T, T, T, T, V, V, T, T, V, T, T, V, T, T, T, T, T, T, T, T, T, T, V, V, V, V, V, V,
    V, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, V, V, V, T, T,
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, V, T, V, T, 0,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
};
#undef T
#undef V

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

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

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
    for (; rest < line.len; rest++)
        if (!char_class[(uint8_t)line.ptr[rest]])
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

/* ---- header lines ---- */

static const char *
header_line(struct str line, struct http_header *ret)
{
    size_t at = 0;
    while (at < line.len && char_class[(uint8_t)line.ptr[at]] == 1)
        at++;
    if (at == line.len || line.ptr[at] != ':')
        return at == 0 && line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t')
                   ? "A header line must not begin with a space (folded headers are refused)"
                   : "Expecting 'name: value' in a header line";
    if (at == 0)
        return "A header has no name";
    ret->name = str_n(line.ptr, at);
    for (size_t i = at + 1; i < line.len; i++)
        if (!char_class[(uint8_t)line.ptr[i]])
            return "A header value has a control character";
    ret->value = str_trim(str_n(line.ptr + at + 1, line.len - at - 1));
    return NULL;
}

/* Cuts one line off text; a bare LF ends it too, as every server reads it. */
static struct str
next_line(struct str *text)
{
    struct str line = str_cut(text, '\n');
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

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
        struct str line = next_line(&text);
        struct http_header header;
        const char *why = line.len ? header_line(line, &header) : NULL;
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

static bool
has_token(struct str list, struct str token)
{
    while (list.len)
        if (str_ieq(str_trim(str_cut(&list, ',')), token))
            return true;
    return false;
}

static const char *
content_length(struct http_head *head, struct str value)
{
    if (head->has_length)
        return "Content-Length is given twice";
    if (str_to_u64(value, &head->length) < 0 || head->length > INT64_MAX)
        return "Content-Length is not a number";
    head->has_length = true;
    return NULL;
}

/* What a header means for the framing of the message. seen_host: one bit of memory. */
static const char *
framing_header(struct http_head *head, const struct http_header *header, bool *seen_host)
{
    struct str name = header->name, value = header->value;
    switch (name.len) {
    case 4:
        if (str_ieq(name, STR_LIT("host"))) {
            if (*seen_host)
                return "Host is given twice";
            *seen_host = true;
        }
        break;
    case 6:
        if (str_ieq(name, STR_LIT("expect")))
            head->expect_continue = str_ieq(value, STR_LIT("100-continue"));
        break;
    case 10:
        if (!str_ieq(name, STR_LIT("connection")))
            break;
        if (has_token(value, STR_LIT("close")))
            head->keep_alive = false;
        else if (!head->http11 && has_token(value, STR_LIT("keep-alive")))
            head->keep_alive = true;
        break;
    case 14:
        if (str_ieq(name, STR_LIT("content-length")))
            return content_length(head, value);
        break;
    case 17:
        if (!str_ieq(name, STR_LIT("transfer-encoding")))
            break;
        if (head->chunked)
            return "Transfer-Encoding is given twice";
        if (!str_ieq(value, STR_LIT("chunked")))
            return "Transfer-Encoding other than 'chunked' is not supported";
        head->chunked = true;
        break;
    default:
        break;
    }
    return NULL;
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

static bool
http_version(struct str text, bool *ret_11)
{
    if (text.len != 8 || memcmp(text.ptr, "HTTP/1.", 7) != 0 || (text.ptr[7] != '0' && text.ptr[7] != '1'))
        return false;
    *ret_11 = text.ptr[7] == '1';
    return true;
}

static bool
known_method(struct str method)
{
    static const char *const known[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_is(method, known[i]))
            return true;
    return false;
}

static bool
good_target(struct str method, struct str target)
{
    if (target.len == 0)
        return false;
    for (size_t i = 0; i < target.len; i++) {
        uint8_t c = (uint8_t)target.ptr[i];
        if (c <= ' ' || c == 127 || c == '#')
            return false;
    }
    return target.ptr[0] == '/' || str_starts(target, STR_LIT("http://")) ||
           (str_is(target, "*") && str_is(method, "OPTIONS"));
}

static const char *
request_line(struct http_parser *parser, struct str line)
{
    struct http_head *head = &parser->head;
    struct str rest = line;
    head->method = str_cut(&rest, ' ');
    if (!known_method(head->method))
        return "The request line does not begin with a known method";
    head->target = str_cut(&rest, ' ');
    if (!good_target(head->method, head->target))
        return "The request line has no proper target";
    if (!http_version(rest, &head->http11)) {
        if (str_starts(rest, STR_LIT("HTTP/")) && rest.len == 8)
            parser->status = 505;
        return "The request line does not end with HTTP/1.1 or HTTP/1.0";
    }
    return NULL;
}

static const char *
status_line(struct http_parser *parser, struct str line)
{
    struct http_head *head = &parser->head;
    struct str rest = line;
    uint64_t status = 0;
    if (!http_version(str_cut(&rest, ' '), &head->http11))
        return "The status line does not begin with HTTP/1.1 or HTTP/1.0";
    struct str code = str_cut(&rest, ' ');
    if (code.len != 3 || str_to_u64(code, &status) < 0 || status < 100)
        return "The status line has no status of three digits";
    head->status = (int)status;
    for (size_t i = 0; i < rest.len; i++)
        if (!char_class[(uint8_t)rest.ptr[i]])
            return "The status line has a control character";
    head->reason = rest;
    return NULL;
}

static const char *
head_lines(struct http_parser *parser, struct str text, struct arena *arena)
{
    struct http_header headers[LIMIT_HEADERS];
    struct http_head *head = &parser->head;
    size_t count = 0;
    bool seen_host = false;
    struct str first = next_line(&text);
    const char *why = parser->response ? status_line(parser, first) : request_line(parser, first);
    if (why)
        return why;
    head->keep_alive = head->http11;
    for (struct str line = next_line(&text); line.len; line = next_line(&text)) {
        if (count == LIMIT_HEADERS) {
            parser->status = 431;
            return "There are more than 200 header lines";
        }
        if ((why = header_line(line, &headers[count])) || (why = framing_header(head, &headers[count], &seen_host)))
            return why;
        count++;
    }
    head->headers.items = arena_alloc(arena, (count + 1) * sizeof(headers[0]));
    memcpy(head->headers.items, headers, count * sizeof(headers[0]));
    head->headers.count = count;
    return NULL;
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
    const char *why = head_lines(parser, str_n(copy, len), arena);
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
