/* SPDX-License-Identifier: Apache-2.0 */
/* Runs Debian's libhttp-parser and writes down what it saw, for comparison with our own parser. */
#include <http_parser.h>
#include "their_http_parser.h"

struct theirs {
    struct buf *out;
    struct buf url, headers, body;
    bool in_value, in_trailers;
};

static void
end_value(struct theirs *theirs)
{
    struct buf *headers = &theirs->headers;
    if (!theirs->in_value)
        return;
    while (headers->len && strchr(" \t", buf_data(headers)[headers->len - 1]))
        headers->len--;
    buf_putc(headers, '\n');
    theirs->in_value = false;
}

static int
on_begin(http_parser *parser)
{
    struct theirs *theirs = parser->data;
    buf_clear(&theirs->url);
    buf_clear(&theirs->headers);
    buf_clear(&theirs->body);
    theirs->in_value = theirs->in_trailers = false;
    return 0;
}

static int
on_url(http_parser *parser, const char *at, size_t len)
{
    struct theirs *theirs = parser->data;
    buf_append(&theirs->url, at, len);
    return 0;
}

static int
on_field(http_parser *parser, const char *at, size_t len)
{
    struct theirs *theirs = parser->data;
    if (theirs->in_trailers)
        return 0;
    end_value(theirs);
    buf_append(&theirs->headers, at, len);
    return 0;
}

static int
on_value(http_parser *parser, const char *at, size_t len)
{
    struct theirs *theirs = parser->data;
    if (theirs->in_trailers)
        return 0;
    if (!theirs->in_value)
        buf_putc(&theirs->headers, '=');
    theirs->in_value = true;
    buf_append(&theirs->headers, at, len);
    return 0;
}

static int
on_headers(http_parser *parser)
{
    struct theirs *theirs = parser->data;
    end_value(theirs);
    theirs->in_trailers = true;
    return 0;
}

static int
on_body(http_parser *parser, const char *at, size_t len)
{
    struct theirs *theirs = parser->data;
    buf_append(&theirs->body, at, len);
    return 0;
}

static int
on_end(http_parser *parser)
{
    struct theirs *theirs = parser->data;
    if (parser->type == HTTP_RESPONSE && parser->status_code < 200)
        return 0; /* the answer itself follows */
    if (parser->type == HTTP_RESPONSE)
        buf_printf(theirs->out, "%u", parser->status_code);
    else
        buf_printf(theirs->out, "%s %s", http_method_str(parser->method), buf_cstr(&theirs->url));
    buf_printf(theirs->out, " 1.%u keep=%d\n", parser->http_minor, http_should_keep_alive(parser));
    buf_append_str(theirs->out, buf_str(&theirs->headers));
    buf_printf(theirs->out, "body %zu ", theirs->body.len);
    buf_append_str(theirs->out, buf_str(&theirs->body));
    buf_putc(theirs->out, '\n');
    return 0;
}

void
their_result(struct str input, bool response, bool eof, struct buf *ret)
{
    struct theirs theirs = {.out = ret};
    http_parser parser;
    http_parser_settings settings;
    http_parser_init(&parser, response ? HTTP_RESPONSE : HTTP_REQUEST);
    http_parser_settings_init(&settings);
    parser.data = &theirs;
    settings.on_message_begin = on_begin;
    settings.on_url = on_url;
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_headers;
    settings.on_body = on_body;
    settings.on_message_complete = on_end;
    http_parser_execute(&parser, &settings, input.ptr, input.len);
    if (eof && HTTP_PARSER_ERRNO(&parser) == HPE_OK)
        http_parser_execute(&parser, &settings, NULL, 0);
    if (HTTP_PARSER_ERRNO(&parser) != HPE_OK)
        buf_puts(ret, "refused");
    buf_fini(&theirs.url);
    buf_fini(&theirs.headers);
    buf_fini(&theirs.body);
}
