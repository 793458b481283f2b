/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /help, made from the tables of routes: all endpoints, those of one actor (/help/<actor>), or one (/help/<actor>/<path>);
 * as HTML for browsers, as plain text for people at a terminal, as JSON for programs.
 */
#include <errno.h>

#include "daemon/builtin.h"
#include "daemon/html.h"

enum format { HTML, TEXT, JSON };

/* One walk over the routes. */
struct walk {
    enum format format;
    struct json json;
    struct buf *out;
    const char *actor; /* whose group is open */
    struct str wanted; /* "<actor>[<path>]", or empty for all */
    bool one; /* wanted is an endpoint: say everything of it */
    bool found;
};

/* ---- pieces ---- */

/* "name: meaning; name: meaning", one at a time. */
static bool
next_param(struct str *rest, struct str *ret_name, struct str *ret_meaning)
{
    *rest = str_trim(*rest);
    if (rest->len == 0)
        return false;
    struct str param = str_cut(rest, ';');
    *ret_name = str_cut(&param, ':');
    *ret_meaning = str_trim(param);
    return true;
}

static void
html_params(struct buf *out, const char *params)
{
    struct str rest = str_of(params), name, meaning;
    buf_puts(out, "<h2>Parameters</h2>\n<dl>\n");
    while (next_param(&rest, &name, &meaning)) {
        buf_puts(out, "<dt><code>");
        html_text(out, name);
        buf_puts(out, "</code></dt><dd>");
        html_text(out, meaning);
        buf_puts(out, "</dd>\n");
    }
    buf_puts(out, "</dl>\n");
}

static void
text_params(struct buf *out, const char *params)
{
    struct str rest = str_of(params), name, meaning;
    buf_puts(out, "  Parameters:\n");
    while (next_param(&rest, &name, &meaning))
        buf_printf(out, "    %-16.*s %.*s\n", STR_ARG(name), STR_ARG(meaning));
}

static const char *
methods_of(const struct route *route)
{
    return route->methods ? route->methods : "any";
}

static const char *
access_of(const struct route *route)
{
    return route->realm ? route->realm : "none: it is open to everybody";
}

/* ---- one endpoint in each format ---- */

static void
html_one(struct walk *walk, const char *actor, const struct route *route)
{
    struct buf *out = walk->out;
    if (!walk->one) {
        buf_printf(out, "<tr><td><a href=\"/help/%s%s\">/%s%s</a></td><td>", actor, route->path, actor, route->path);
        html_text(out, str_of(route->help ? route->help : ""));
        buf_puts(out, "</td></tr>\n");
        return;
    }
    buf_printf(out, "<h1>/%s%s</h1>\n<p>", actor, route->path);
    html_text(out, str_of(route->help ? route->help : ""));
    buf_printf(out, "</p>\n<p>Methods: %s.</p>\n<p>Authentication realm: %s.</p>\n", methods_of(route), access_of(route));
    if (route->params)
        html_params(out, route->params);
}

static void
text_one(struct walk *walk, const char *actor, const struct route *route)
{
    buf_printf(walk->out, "/%s%s\n  %s\n", actor, route->path, route->help ? route->help : "");
    if (!walk->one)
        return;
    buf_printf(walk->out, "  Methods: %s\n  Authentication realm: %s\n", methods_of(route), access_of(route));
    if (route->params)
        text_params(walk->out, route->params);
}

static void
json_group_end(struct walk *walk)
{
    if (!walk->actor)
        return;
    json_array_end(&walk->json);
    json_object_end(&walk->json);
}

static void
json_one(struct walk *walk, const char *actor, const struct route *route)
{
    struct json *json = &walk->json;
    if (walk->actor == NULL || strcmp(walk->actor, actor) != 0) {
        json_group_end(walk);
        json_object(json);
        json_key_text(json, "id", actor);
        json_key(json, "endpoints");
        json_array(json);
        walk->actor = actor;
    }
    auto_buf struct buf text = {0};
    struct walk inner = {.out = &text, .one = true};
    text_one(&inner, actor, route);
    json_object(json);
    json_key_text(json, "name", route->path);
    json_key_string(json, "text", buf_str(&text));
    json_object_end(json);
}

/* ---- the page ---- */

/* Whether this endpoint belongs on the page: all do, or those of the actor, or the one. */
static bool
belongs(const struct walk *walk, const char *actor, const struct route *route)
{
    size_t len = strlen(actor);
    struct str wanted = walk->wanted;
    if (wanted.len == 0 || str_is(wanted, actor))
        return wanted.len == 0 || !walk->one || route->path[0] == '\0';
    return wanted.len == len + strlen(route->path) && str_starts(wanted, str_of(actor)) &&
           str_is(str_n(wanted.ptr + len, wanted.len - len), route->path);
}

static void
on_route(const char *actor, const struct route *route, void *arg)
{
    struct walk *walk = arg;
    if (!belongs(walk, actor, route))
        return;
    walk->found = true;
    if (walk->format == HTML)
        html_one(walk, actor, route);
    else if (walk->format == TEXT)
        text_one(walk, actor, route);
    else
        json_one(walk, actor, route);
}

/* The part of the path behind the first segment, without a slash at its end. The first is "help", or an encoding of it. */
static struct str
wanted_page(const struct http_request *request)
{
    struct str path = request->path;
    while (path.len && path.ptr[0] == '/')
        path = str_n(path.ptr + 1, path.len - 1);
    str_cut(&path, '/');
    while (path.len && path.ptr[0] == '/')
        path = str_n(path.ptr + 1, path.len - 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

/* 0, or -EINVAL for a format that there is not. */
static int
wanted_format(const struct http_request *request, enum format *ret)
{
    struct str format = http_param_get(request, "format"), accept = http_header_get(&request->headers, "Accept");
    *ret = HTML;
    if (str_is(format, "json"))
        *ret = JSON;
    else if (str_is(format, "text") || (!format.ptr && str_starts(accept, STR_LIT("text/plain"))))
        *ret = TEXT;
    else if (format.ptr && !str_is(format, "html"))
        return -EINVAL;
    return 0;
}

/* An actor with more endpoints than the one of its own name has a page that lists them. */
static void
look_for_list(const char *actor, const struct route *route, void *arg)
{
    struct walk *walk = arg;
    walk->found = walk->found || (str_is(walk->wanted, actor) && route->path[0]);
}

static void
write_page(const struct daemon *daemon, struct walk *walk)
{
    struct walk list = {.wanted = walk->wanted};
    router_each(daemon->router, look_for_list, &list);
    walk->one = walk->wanted.len > 0 && !list.found;
    if (walk->format == HTML)
        buf_printf(walk->out, "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Endpoints</title></head><body>\n%s",
                   walk->one ? "" : "<h1>Endpoints</h1>\n<table>\n");
    if (walk->format == JSON) {
        json_object(&walk->json);
        json_key(&walk->json, "processes");
        json_array(&walk->json);
    }
    router_each(daemon->router, on_route, walk);
    if (walk->format == JSON) {
        json_group_end(walk);
        json_array_end(&walk->json);
        json_object_end(&walk->json);
    }
    if (walk->format == HTML)
        buf_printf(walk->out, "%s</body></html>\n", walk->one ? "" : "</table>\n");
}

void
builtin_help(struct http_exchange *exchange, void *arg)
{
    static const char *const types[] = {"text/html; charset=utf-8", "text/plain; charset=utf-8", NULL};
    const struct http_request *request = http_exchange_request(exchange);
    auto_buf struct buf out = {0};
    struct walk walk = {.out = &out, .json = json_on(&out)};
    if (wanted_format(request, &walk.format) < 0) {
        http_reply_text(exchange, 400, "Unknown format '%.*s': html, text and json are known.\n",
                        STR_ARG(http_param_get(request, "format")));
        return;
    }
    if (http_percent_decode(wanted_page(request), false, request->arena, &walk.wanted) < 0) {
        http_reply_text(exchange, 400, "Malformed percent escape in the path.\n");
        return;
    }
    write_page(arg, &walk);
    if (!walk.found)
        reply_not_found(exchange);
    else if (walk.format == JSON)
        reply_json(exchange, buf_str(&out));
    else
        http_reply(exchange, 200, types[walk.format], buf_str(&out));
}
