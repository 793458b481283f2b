/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the handler of a request and refuses what has none. Answers in Mesos's words. */
#include <stdio.h>

#include "base/list.h"
#include "base/map.h"
#include "daemon/access.h"
#include "daemon/authentication.h"
#include "daemon/firewall.h"
#include "daemon/routes.h"

enum { MAX_SEGMENTS = 64 };

struct mounted {
    struct list in_actor;
    const struct route *route;
    void *arg;
    const struct actor *actor;
};

struct actor {
    struct list in_router;
    struct map routes; /* path -> struct mounted */
    struct list mounted; /* the same, in order */
    char name[];
};

struct router {
    struct map actors;
    struct list order;
    char *default_actor;
    bool (*gate)(struct http_exchange *exchange, const struct route *route, void *arg);
    void *gate_arg;
    struct authentication *authentication; /* NULL = nobody is asked */
    struct access *access;
    const struct firewall *firewall;
};

struct router *
router_new(const char *default_actor)
{
    struct router *router = xcalloc(1, sizeof(*router));
    router->default_actor = xstrdup(default_actor);
    list_init(&router->order);
    return router;
}

static void
actor_free(struct router *router, struct actor *actor)
{
    struct mounted *mounted, *next;
    map_remove(&router->actors, str_of(actor->name));
    list_remove(&actor->in_router);
    list_foreach_safe(mounted, next, &actor->mounted, in_actor)
        free(mounted);
    map_fini(&actor->routes);
    free(actor);
}

void
router_free(struct router *router)
{
    struct actor *actor;
    if (router == NULL)
        return;
    while ((actor = list_first(&router->order, struct actor, in_router)))
        actor_free(router, actor);
    map_fini(&router->actors);
    free(router->default_actor);
    free(router);
}

static struct actor *
actor_get(struct router *router, const char *name)
{
    struct actor *actor = map_get(&router->actors, str_of(name));
    if (actor)
        return actor;
    size_t len = strlen(name);
    actor = xcalloc(1, sizeof(*actor) + len + 1);
    memcpy(actor->name, name, len + 1);
    list_init(&actor->mounted);
    list_push(&router->order, &actor->in_router);
    map_add(&router->actors, str_n(actor->name, len), actor);
    return actor;
}

void
router_mount(struct router *router, const char *name, const struct route *table, void *arg)
{
    struct actor *actor = actor_get(router, name);
    for (const struct route *route = table; route->path; route++) {
        struct mounted *mounted = map_get(&actor->routes, str_of(route->path));
        if (mounted == NULL) {
            mounted = xcalloc(1, sizeof(*mounted));
            list_push(&actor->mounted, &mounted->in_actor);
            map_add(&actor->routes, str_of(route->path), mounted);
        }
        mounted->route = route;
        mounted->actor = actor;
        mounted->arg = arg;
    }
}

void
router_unmount(struct router *router, const char *name)
{
    struct actor *actor = map_get(&router->actors, str_of(name));
    if (actor)
        actor_free(router, actor);
}

void
router_gate(struct router *router, bool (*gate)(struct http_exchange *exchange, const struct route *route, void *arg),
            void *arg)
{
    router->gate = gate;
    router->gate_arg = arg;
}

void
router_authenticate(struct router *router, struct authentication *authentication)
{
    router->authentication = authentication;
}

void
router_access(struct router *router, struct access *access)
{
    router->access = access;
}

void
router_firewall(struct router *router, const struct firewall *firewall)
{
    router->firewall = firewall;
}

void
router_each(const struct router *router, void (*fn)(const char *actor, const struct route *route, void *arg), void *arg)
{
    struct actor *actor;
    struct mounted *mounted;
    list_foreach(actor, &router->order, in_router)
        list_foreach(mounted, &actor->mounted, in_actor)
            fn(actor->name, mounted->route, arg);
}

/* ---- finding ---- */

/* The path's segments, empty ones dropped ("//state" is "/state"); -1 when there are too many. */
static int
split(struct str path, struct str segments[MAX_SEGMENTS])
{
    int count = 0;
    while (path.len) {
        struct str segment = str_cut(&path, '/');
        if (segment.len == 0)
            continue;
        if (count == MAX_SEGMENTS)
            return -1;
        segments[count++] = segment;
    }
    return count;
}

static bool
has_dotdot(struct str path)
{
    return path.len >= 3 && memmem(path.ptr, path.len, "/..", 3) != NULL;
}

/* The route with the most segments that begins the rest of the path; "" (the actor itself) comes last. */
static struct mounted *
longest(const struct actor *actor, const struct str *segments, int count)
{
    auto_buf struct buf path = {0};
    struct mounted *best = count == 0 ? map_get(&actor->routes, STR_LIT("/")) : NULL;
    if (best == NULL)
        best = map_get(&actor->routes, STR_LIT(""));
    for (int i = 0; i < count; i++) {
        buf_putc(&path, '/');
        buf_append_str(&path, segments[i]);
        struct mounted *mounted = map_get(&actor->routes, buf_str(&path));
        if (mounted)
            best = mounted;
    }
    return best;
}

static struct mounted *
find(const struct router *router, const struct http_request *request)
{
    struct str segments[MAX_SEGMENTS], name;
    int count = has_dotdot(request->path) ? -1 : split(request->path, segments);
    struct actor *actor = NULL;
    if (count < 0)
        return NULL;
    if (count > 0 && http_percent_decode(segments[0], false, request->arena, &name) == 0)
        actor = map_get(&router->actors, name);
    if (actor)
        return longest(actor, segments + 1, count - 1);
    actor = map_get(&router->actors, str_of(router->default_actor));
    return actor ? longest(actor, segments, count) : NULL;
}

/* ---- answering ---- */

/* Is the method in "GET,POST"? Where GET is, HEAD is too. */
static bool
allowed(const char *methods, struct str method)
{
    struct str list = str_of(methods);
    while (list.len) {
        struct str one = str_trim(str_cut(&list, ','));
        if (str_eq(one, method) || (str_is(one, "GET") && str_is(method, "HEAD")))
            return true;
    }
    return false;
}

static void
refuse_method(struct http_exchange *exchange, const char *methods)
{
    auto_buf struct buf quoted = {0};
    auto_buf struct buf plain = {0};
    auto_buf struct buf text = {0};
    struct str list = str_of(methods);
    while (list.len) {
        struct str one = str_trim(str_cut(&list, ','));
        buf_printf(&quoted, "%s'%.*s'", quoted.len ? ", " : "", STR_ARG(one));
        buf_printf(&plain, "%s%.*s", plain.len ? ", " : "", STR_ARG(one));
    }
    buf_printf(&text, "405 Method Not Allowed. Expecting one of { %s }, but received '%.*s'.", buf_cstr(&quoted),
               STR_ARG(http_exchange_request(exchange)->method));
    struct http_header allow = {STR_LIT("Allow"), buf_str(&plain)};
    http_reply_headers(exchange, 405, &allow, 1, "text/plain; charset=utf-8", buf_str(&text));
}

bool
router_wants_stream(const struct http_request *request, void *arg)
{
    const struct router *router = arg;
    const struct mounted *mounted = find(router, request);
    return mounted && (mounted->route->flags & ROUTE_STREAM) &&
           (!mounted->route->methods || allowed(mounted->route->methods, request->method));
}

static const char *
methods_now(const struct router *router, const struct route *route)
{
    bool ruled = (route->flags & ROUTE_GET_BY_RULES) && router->access && access_ruled(router->access);
    return ruled ? "GET" : route->methods;
}

static bool
wrong_method(const struct router *router, struct http_exchange *exchange, const struct route *route)
{
    const char *methods = methods_now(router, route);
    if (!methods || allowed(methods, http_exchange_request(exchange)->method))
        return false;
    refuse_method(exchange, methods);
    return true;
}

/* Who asks is known, or need not be. */
static void
admit(struct router *router, struct http_exchange *exchange, const struct mounted *mounted)
{
    const struct route *route = mounted->route;
    void *arg = mounted->arg;
    if (wrong_method(router, exchange, route))
        return;
    if (router->gate && router->gate(exchange, route, router->gate_arg))
        return;
    if (route->endpoint && router->access &&
        !access_admits_endpoint(router->access, exchange, route->endpoint))
        return;
    route->handler(exchange, arg);
}

typedef void admit_fn(struct router *router, struct http_exchange *exchange, const struct mounted *mounted);

/* The same for who has not sent its body yet. */
static void
admit_body(struct router *router, struct http_exchange *exchange, const struct mounted *mounted)
{
    if (!wrong_method(router, exchange, mounted->route))
        http_exchange_take_body(exchange);
}

/* Routes may have changed meanwhile: what is no longer protected alike was not asked for. */
static void
go_on(struct router *router, struct http_exchange *exchange, admit_fn *then)
{
    const struct mounted *mounted = find(router, http_exchange_request(exchange));
    if (mounted && mounted->route->realm)
        then(router, exchange, mounted);
    else
        reply_not_found(exchange);
}

static void
on_authenticated(struct http_exchange *exchange, void *arg)
{
    go_on(arg, exchange, admit);
}

static void
on_authenticated_head(struct http_exchange *exchange, void *arg)
{
    go_on(arg, exchange, admit_body);
}

static bool
stopped(const struct router *router, const struct mounted *mounted, struct str path)
{
    return firewall_stops(router->firewall, path, mounted->actor->name, mounted->route->path,
                          strcmp(mounted->actor->name, router->default_actor) == 0);
}

static void
handle(struct router *router, struct http_exchange *exchange, admit_fn *then,
       void (*on_authentic)(struct http_exchange *exchange, void *arg))
{
    struct str path = http_exchange_request(exchange)->path;
    const struct mounted *mounted = find(router, http_exchange_request(exchange));
    if (mounted == NULL || (http_exchange_is_local(exchange) && !(mounted->route->flags & ROUTE_LOCAL)))
        reply_not_found(exchange);
    else if (stopped(router, mounted, path))
        http_reply_text(exchange, 403, "Endpoint '%.*s' is disabled", STR_ARG(path));
    else if (router->authentication && authentication_wanted(router->authentication, mounted->route->realm))
        authentication_begin(router->authentication, exchange, mounted->route->realm, on_authentic, router);
    else
        then(router, exchange, mounted);
}

void
router_handle(struct router *router, struct http_exchange *exchange)
{
    handle(router, exchange, admit, on_authenticated);
}

void
router_look(struct router *router, struct http_exchange *exchange)
{
    handle(router, exchange, admit_body, on_authenticated_head);
}

void
reply_not_found(struct http_exchange *exchange)
{
    http_reply(exchange, 404, "text/plain; charset=utf-8", STR_LIT("404 Not Found."));
}

void
reply_redirect(struct http_exchange *exchange, const char *hostname, unsigned port, const char *path)
{
    auto_free char *location = xasprintf("//%s:%u%s", hostname, port, path ? path : "");
    struct http_header header = {STR_LIT("Location"), str_of(location)};
    http_reply_headers(exchange, 307, &header, 1, NULL, STR_LIT(""));
}

/* The name comes from outside and is sent as program text: a JavaScript name and nothing else. */
static bool
good_callback(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !memchr("_$.[]", c, 5))
            return false;
    }
    return name.len > 0 && name.len <= 256;
}

/* What ?jsonp= says; false when that is no name and was answered. */
static bool
callback_name(struct http_exchange *exchange, struct str *ret)
{
    struct str name = http_param_get(http_exchange_request(exchange), "jsonp");
    if (name.ptr && !good_callback(name)) {
        http_reply_text(exchange, 400, "Expecting a JavaScript name in 'jsonp=name'.\n");
        return false;
    }
    *ret = name;
    return true;
}

void
reply_json(struct http_exchange *exchange, struct str body)
{
    struct str name;
    auto_buf struct buf out = {0};
    if (!callback_name(exchange, &name))
        return;
    if (name.ptr == NULL) {
        http_reply_legacy(exchange, "application/json", body);
        return;
    }
    buf_append_str(&out, name);
    buf_putc(&out, '(');
    buf_append_str(&out, body);
    buf_putc(&out, ')');
    http_reply_legacy(exchange, "text/javascript", buf_str(&out));
}

void
reply_json_rope(struct http_exchange *exchange, struct rope *rope)
{
    struct str name;
    auto_rope struct rope out = {0};
    if (!callback_name(exchange, &name))
        return;
    if (name.ptr == NULL) {
        http_reply_legacy_rope(exchange, "application/json", rope);
        return;
    }
    buf_append_str(&out.tail, name);
    buf_putc(&out.tail, '(');
    rope_seal(rope);
    for (size_t i = 0; i < rope->count; i++)
        rope_add_piece(&out, &rope->pieces[i]);
    buf_putc(&out.tail, ')');
    http_reply_legacy_rope(exchange, "text/javascript", &out);
}
