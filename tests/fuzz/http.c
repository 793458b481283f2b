/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP heads, chunks and trailers of both directions. The first byte says request or response and how large
 * the pieces are in which the bytes come; pieces may not change what is understood.
 */
#include "fuzz/fuzz.h"
#include "wire/http_parse.h"

enum { MESSAGES_MAX = 100, BODY_LIMIT = 1 << 20 };

/* Everything that was understood, as text. */
static void
note_head(struct buf *out, const struct http_head *head)
{
    buf_printf(out, "[%.*s|%.*s|%d|%d%d%d|", STR_ARG(head->method), STR_ARG(head->target), head->status,
               head->http11, head->keep_alive, head->chunked);
    for (size_t i = 0; i < head->headers.count; i++)
        buf_printf(out, "%.*s=%.*s;", STR_ARG(head->headers.items[i].name),
                   STR_ARG(head->headers.items[i].value));
    buf_puts(out, "]");
}

static void
split_target(const struct http_head *head, struct arena *arena)
{
    struct http_request request = {.arena = arena, .method = head->method, .target = head->target};
    struct err err = {0};
    if (http_request_split(&request, &err))
        must(err.text[0]);
    else
        must(request.path.len <= request.target.len);
}

static void
read_all(struct str bytes, size_t piece, bool response, struct buf *notes)
{
    auto_buf struct buf in = {0}, body = {0};
    auto_arena struct arena *arena = arena_new(0);
    struct http_parser parser = {0};
    enum http_parse_result result = HTTP_PARSE_MORE;
    unsigned messages = 0;
    http_parse_init(&parser, response, BODY_LIMIT);
    while (result != HTTP_PARSE_FAILED) {
        result = http_parse(&parser, &in, arena, &body);
        if (result == HTTP_PARSE_HEAD) {
            note_head(notes, &parser.head);
            if (!response)
                split_target(&parser.head, arena);
        } else if (result == HTTP_PARSE_DONE) {
            buf_append_str(notes, buf_str(&body));
            buf_puts(notes, "|end|");
            buf_clear(&body);
            if (++messages == MESSAGES_MAX)
                return;
            http_parse_next(&parser);
        } else if (result == HTTP_PARSE_MORE) {
            size_t n = bytes.len < piece ? bytes.len : piece;
            if (!n)
                break;
            buf_append(&in, bytes.ptr, n);
            bytes = str_n(bytes.ptr + n, bytes.len - n);
        }
    }
    if (result == HTTP_PARSE_FAILED) {
        must(parser.status >= 400 && parser.why);
        buf_printf(notes, "|failed %d %s", parser.status, parser.why);
    } else {
        buf_append_str(notes, buf_str(&body));
        buf_printf(notes, "|eof %d", http_parse_eof(&parser));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_n(data, size);
    unsigned choice = take_choice(&bytes, 128);
    auto_buf struct buf whole = {0}, pieces = {0};
    read_all(bytes, bytes.len ? bytes.len : 1, choice & 1, &whole);
    read_all(bytes, 1 + choice / 2, choice & 1, &pieces);
    must(str_eq(buf_str(&whole), buf_str(&pieces)));
    return 0;
}
