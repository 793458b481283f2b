/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a head, for http_parse.c, which has found where it ends: the request or status line, the headers, and what they mean
 * for the framing of the message. Takes no bytes off a connection. Every refusal is one static sentence.
 */
#include "wire/http_parse_inside.h"
#include "wire/limits.h"

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

bool
http_printable(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_class[(uint8_t)text.ptr[i]])
            return false;
    return true;
}

const char *
http_header_line(struct str line, struct http_header *ret)
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
    struct str value = str_n(line.ptr + at + 1, line.len - at - 1);
    if (!http_printable(value))
        return "A header value has a control character";
    ret->value = str_trim(value);
    return NULL;
}

struct str
http_next_line(struct str *text)
{
    struct str line = str_cut(text, '\n');
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
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
    if (!http_printable(rest))
        return "The status line has a control character";
    head->reason = rest;
    return NULL;
}

const char *
http_head_lines(struct http_parser *parser, struct str text, struct arena *arena)
{
    struct http_header headers[LIMIT_HEADERS];
    struct http_head *head = &parser->head;
    size_t count = 0;
    bool seen_host = false;
    struct str first = http_next_line(&text);
    const char *why = parser->response ? status_line(parser, first) : request_line(parser, first);
    if (why)
        return why;
    head->keep_alive = head->http11;
    for (struct str line = http_next_line(&text); line.len; line = http_next_line(&text)) {
        if (count == LIMIT_HEADERS) {
            parser->status = 431;
            return "There are more than 200 header lines";
        }
        if ((why = http_header_line(line, &headers[count])) || (why = framing_header(head, &headers[count], &seen_host)))
            return why;
        count++;
    }
    head->headers.items = arena_alloc(arena, (count + 1) * sizeof(headers[0]));
    memcpy(head->headers.items, headers, count * sizeof(headers[0]));
    head->headers.count = count;
    return NULL;
}
