/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /help, made from the tables of routes: a list of all endpoints as HTML or (?format=json) as JSON, and one page per
 * endpoint (/help/<actor>/<path>).
 */
#include "daemon/builtin.h"

/* One walk over the routes. */
struct walk {
    struct json json;
    struct buf *out;
    const char *actor; /* whose group is open */
    struct str wanted; /* "<actor><path>" of one page, or empty */
    bool found;
};

static void
json_one(const char *actor, const struct route *route, void *arg)
{
    struct walk *walk = arg;
    struct json *json = &walk->json;
    if (walk->actor == NULL || strcmp(walk->actor, actor) != 0) {
        if (walk->actor) {
            json_array_end(json);
            json_object_end(json);
        }
        json_object(json);
        json_key_text(json, "id", actor);
        json_key(json, "endpoints");
        json_array(json);
        walk->actor = actor;
    }
    json_object(json);
    json_key_text(json, "name", route->path);
    json_key_text(json, "text", route->help ? route->help : "");
    json_object_end(json);
}

static void
help_json(struct daemon *daemon, struct buf *out)
{
    struct walk walk = {.json = json_on(out)};
    json_object(&walk.json);
    json_key(&walk.json, "processes");
    json_array(&walk.json);
    router_each(daemon->router, json_one, &walk);
    if (walk.actor) {
        json_array_end(&walk.json);
        json_object_end(&walk.json);
    }
    json_array_end(&walk.json);
    json_object_end(&walk.json);
}

static void
html_one(const char *actor, const struct route *route, void *arg)
{
    struct walk *walk = arg;
    buf_printf(walk->out, "<tr><td><a href=\"/help/%s%s\">/%s%s</a></td><td>%s</td></tr>\n", actor, route->path, actor,
               route->path, route->help ? route->help : "");
}

static void
page_one(const char *actor, const struct route *route, void *arg)
{
    struct walk *walk = arg;
    size_t len = strlen(actor);
    if (walk->wanted.len != len + strlen(route->path) || !str_starts(walk->wanted, str_of(actor)) ||
        !str_is(str_n(walk->wanted.ptr + len, walk->wanted.len - len), route->path))
        return;
    buf_printf(walk->out, "<h1>/%s%s</h1>\n<p>%s</p>\n<p>Methods: %s.</p>\n", actor, route->path,
               route->help ? route->help : "", route->methods ? route->methods : "all");
    if (route->realm)
        buf_printf(walk->out, "<p>Authentication realm: %s.</p>\n", route->realm);
    walk->found = true;
}

/* The part of the path behind /help/, without a slash at its end. */
static struct str
wanted_page(const struct http_request *request)
{
    struct str path = request->path;
    ptrdiff_t at = (const char *)memmem(path.ptr, path.len, "help", 4) - path.ptr;
    path = str_n(path.ptr + at + 4, path.len - (size_t)at - 4);
    while (path.len && path.ptr[0] == '/')
        path = str_n(path.ptr + 1, path.len - 1);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

void
builtin_help(struct http_exchange *exchange, void *arg)
{
    static const char head[] = "<!DOCTYPE html>\n<html><head><title>Endpoints</title></head><body>\n";
    struct daemon *daemon = arg;
    const struct http_request *request = http_exchange_request(exchange);
    auto_buf struct buf out = {0};
    struct walk walk = {.out = &out};
    if (http_percent_decode(wanted_page(request), false, request->arena, &walk.wanted) < 0) {
        http_reply_text(exchange, 400, "Malformed percent escape in the path.\n");
        return;
    }
    if (walk.wanted.len == 0 && str_is(http_param_get(request, "format"), "json")) {
        help_json(daemon, &out);
        reply_json(exchange, buf_str(&out));
        return;
    }
    buf_puts(&out, head);
    if (walk.wanted.len == 0) {
        buf_puts(&out, "<h1>Endpoints</h1>\n<table>\n");
        router_each(daemon->router, html_one, &walk);
        buf_puts(&out, "</table>\n");
        walk.found = true;
    } else {
        router_each(daemon->router, page_one, &walk);
    }
    buf_puts(&out, "</body></html>\n");
    if (walk.found)
        http_reply(exchange, 200, "text/html; charset=utf-8", buf_str(&out));
    else
        reply_not_found(exchange);
}
