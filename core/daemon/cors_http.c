/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of pages; see cors.h. Answers before authenticators are asked: browsers send no login with their question. */
#include "daemon/cors.h"
#include "wire/http_server.h"

/* A page of the daemon itself: what follows "://" is whom the request was sent to. */
static bool
is_own(const struct http_request *request, struct str origin)
{
    struct str host = http_header_get(&request->headers, "Host");
    ptrdiff_t at = str_find(origin, '/');
    return at > 0 && (size_t)at + 2 <= origin.len && host.len > 0 &&
           str_ieq(str_n(origin.ptr + at + 2, origin.len - (size_t)at - 2), host);
}

static bool
only_looks(struct str method)
{
    return str_is(method, "GET") || str_is(method, "HEAD") || str_is(method, "OPTIONS");
}

static void
answer_question(struct http_exchange *exchange)
{
    static const struct http_header headers[] = {
        {STR_LIT("Access-Control-Allow-Methods"), STR_LIT("GET, HEAD, POST, PUT, DELETE")},
        {STR_LIT("Access-Control-Allow-Headers"),
         STR_LIT("Accept, Authorization, Content-Type, Mesos-Stream-Id, Message-Accept, Message-Content-Type")},
        {STR_LIT("Access-Control-Max-Age"), STR_LIT("600")}};
    http_reply_headers(exchange, 204, headers, ARRAY_LEN(headers), NULL, STR_LIT(""));
}

/* Program text is read by every page that loads it, with the logins of its user, and browsers do not say whose page does. */
static bool
refuses_script(const struct cors *cors, struct http_exchange *exchange, struct str origin)
{
    if (!http_param_get(http_exchange_request(exchange), "jsonp").ptr || (origin.ptr && cors_allows(cors, origin)))
        return false;
    http_reply_text(exchange, 403, "Only pages of --http_cors_origins may ask for 'jsonp', and must say who they are");
    return true;
}

bool
cors_answers(const struct cors *cors, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str origin = cors_asks(cors) ? http_header_get(&request->headers, "Origin") : (struct str){0};
    if (!cors_asks(cors) || (origin.ptr && is_own(request, origin)))
        return false;
    if (refuses_script(cors, exchange, origin))
        return true;
    if (!origin.ptr)
        return false;
    const char *allowed = cors_allows(cors, origin);
    if (allowed)
        http_exchange_allow_origin(exchange, allowed);
    if (allowed && str_is(request->method, "OPTIONS") &&
        http_header_get(&request->headers, "Access-Control-Request-Method").ptr) {
        answer_question(exchange);
        return true;
    }
    if (allowed || only_looks(request->method))
        return false;
    http_reply_text(exchange, 403, "Pages of '%.*s' may not change anything here", STR_ARG(origin));
    return true;
}
