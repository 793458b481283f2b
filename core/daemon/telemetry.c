/* SPDX-License-Identifier: Apache-2.0 */
/* Carries GET requests to the daemon's telemetry module and its answers back; see telemetry.h. */
#include "daemon/telemetry.h"

#include <errno.h>

struct telemetry {
    struct host *host;
    struct module *module;
    char *actor; /* "system" of "/system/v1/metrics/v0" */
    struct route routes[2];
};

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct telemetry *telemetry = arg;
    host_call_forget(telemetry->host, exchange);
}

static void
on_answer(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct http_exchange *exchange = arg;
    if (status == 0)
        reply_json(exchange, str_n(answer.data, answer.len));
    else if (status == -ENODATA)
        http_reply(exchange, 204, NULL, STR_LIT(""));
    else
        http_reply_text(exchange, status == -ENOENT ? 404 : status == -ETIMEDOUT ? 504 : 500, "%s.\n",
                        error ? error : "No answer");
}

/* The path below the prefix, where the router found it: an empty segment counts for nothing there. */
static int
rest_of(const struct telemetry *telemetry, const struct http_request *request, struct str *ret)
{
    auto_buf struct buf rest = {0};
    struct str prefix = str_of(telemetry_prefix(telemetry->module)), path = request->path;
    size_t skip = 0;
    while (prefix.len)
        skip += str_cut(&prefix, '/').len > 0;
    while (path.len) {
        struct str segment = str_cut(&path, '/');
        if (segment.len == 0 || (skip && skip--))
            continue;
        buf_putc(&rest, '/');
        buf_append_str(&rest, segment);
    }
    if (http_percent_decode(buf_str(&rest), false, request->arena, ret) < 0 || memchr(ret->ptr, 0, ret->len))
        return -EINVAL;
    ret->ptr = arena_strdup(request->arena, *ret);
    return 0;
}

static void
on_request(struct http_exchange *exchange, void *arg)
{
    struct telemetry *telemetry = arg;
    struct str rest;
    if (rest_of(telemetry, http_exchange_request(exchange), &rest) < 0) {
        reply_not_found(exchange);
        return;
    }
    http_exchange_on_gone(exchange, on_gone, telemetry);
    telemetry_get(telemetry->module, rest.ptr, on_answer, exchange);
}

struct telemetry *
telemetry_new(struct daemon *daemon, struct host *host, struct module *module,
              const struct mesos_telemetry_source *source, const char *realm, struct err *err)
{
    struct str path = str_of(telemetry_prefix(module));
    if (telemetry_initialize(module, source, err) < 0)
        return NULL;
    if (path.len < 2 || path.ptr[0] != '/' || path.ptr[path.len - 1] == '/') {
        err_set(err, -EINVAL, "telemetry module %s: its prefix '%.*s' is no path", module_name(module), STR_ARG(path));
        return NULL;
    }
    struct telemetry *telemetry = xcalloc(1, sizeof(*telemetry));
    telemetry->host = host;
    telemetry->module = module;
    path = str_n(path.ptr + 1, path.len - 1);
    telemetry->actor = str_dup(str_cut(&path, '/'));
    telemetry->routes[0] = (struct route){.path = path.len ? path.ptr - 1 : "",
                                          .methods = "GET",
                                          .handler = on_request,
                                          .help = "What the telemetry module shows.",
                                          .realm = realm,
                                          .endpoint = telemetry_prefix(module)};
    router_mount(daemon->router, telemetry->actor, telemetry->routes, telemetry);
    return telemetry;
}

void
telemetry_free(struct telemetry *telemetry)
{
    if (telemetry == NULL)
        return;
    free(telemetry->actor);
    free(telemetry);
}
