/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /system/v1/agent/<agent id>/metrics/v0/...: asked of the agent at the address it registered with, and passed on as it
 * answers. Nothing else of an agent can be reached this way.
 */
#include "master/telemetry.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/telemetry.h"
#include "master/state.h"
#include "wire/http_client.h"

enum { PROXY_TIMEOUT_MS = 30000, PROXIES_MAX = 256 };

struct master_telemetry {
    struct master *master;
    struct mesos_telemetry_source source;
    struct telemetry *telemetry; /* NULL without a module */
    struct list proxies;
    uint32_t proxy_count;
};

/* One request on its way through. */
struct proxy {
    struct list in_telemetry;
    struct master_telemetry *telemetry;
    struct http_exchange *exchange; /* NULL when it is answered or gone */
    struct http_client *client;
    struct loop_timer over; /* frees it from the loop: the client is in the middle of its callback */
};

static void
proxy_free(struct proxy *proxy)
{
    list_remove(&proxy->in_telemetry);
    proxy->telemetry->proxy_count--;
    loop_timer_stop(&proxy->over);
    http_client_free(proxy->client);
    free(proxy);
}

static void
on_over(void *arg)
{
    proxy_free(arg);
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct proxy *proxy = arg;
    (void)exchange;
    proxy->exchange = NULL;
    loop_timer_start(&proxy->over, 0);
}

static void
on_response(const struct http_response *response, void *arg)
{
    struct proxy *proxy = arg;
    struct str type = http_header_get(&response->headers, "Content-Type");
    loop_timer_start(&proxy->over, 0);
    if (!proxy->exchange)
        return;
    char type_text[128];
    snprintf(type_text, sizeof(type_text), "%.*s", STR_ARG(type));
    struct http_exchange *exchange = take(&proxy->exchange);
    http_reply(exchange, response->status, type.len ? type_text : NULL, buf_str(response->body));
}

static void
on_error(const struct err *err, void *arg)
{
    struct proxy *proxy = arg;
    loop_timer_start(&proxy->over, 0);
    if (proxy->exchange)
        http_reply_text(take(&proxy->exchange), 502, "The agent does not answer: %s.\n", err->text);
}

static void
proxy_start(struct master_telemetry *telemetry, struct http_exchange *exchange, const struct agent *agent,
            const char *target)
{
    static const struct http_call_handler handler = {.on_response = on_response, .on_error = on_error};
    struct proxy *proxy = xcalloc(1, sizeof(*proxy));
    proxy->telemetry = telemetry;
    proxy->exchange = exchange;
    list_push(&telemetry->proxies, &proxy->in_telemetry);
    telemetry->proxy_count++;
    loop_timer_init(&proxy->over, telemetry->master->loop, on_over, proxy);
    http_exchange_on_gone(exchange, on_gone, proxy);
    proxy->client = http_client_new(telemetry->master->loop, &agent->upid.address, agent->hostname);
    http_client_secure(proxy->client, telemetry->master->daemon->secure, NULL);
    http_client_send(proxy->client, "GET", target, NULL, 0, STR_LIT(""), PROXY_TIMEOUT_MS, &handler, proxy);
}

/* The segments behind /system/v1/agent as they came: the id, "metrics", "v0" and what the agent is asked for. */
static void
on_agent_request(struct http_exchange *exchange, void *arg)
{
    struct master_telemetry *telemetry = arg;
    const struct http_request *request = http_exchange_request(exchange);
    auto_buf struct buf target = {0};
    struct str path = request->path, id = {0};
    int at = 0;
    bool good = true;
    while (path.len) {
        struct str segment = str_cut(&path, '/');
        if (segment.len == 0)
            continue;
        if (at == 3)
            id = segment;
        good = good && (at != 4 || str_is(segment, "metrics")) && (at != 5 || str_is(segment, "v0"));
        if (at++ < 6)
            continue;
        buf_putc(&target, '/');
        buf_append_str(&target, segment);
    }
    if (!good || at < 6 || http_percent_decode(id, false, request->arena, &id) < 0) {
        reply_not_found(exchange);
        return;
    }
    const struct agent *agent = map_get(&telemetry->master->agents, id);
    if (!agent)
        http_reply_text(exchange, 404, "There is no agent '%.*s'.\n", STR_ARG(id));
    else if (telemetry->proxy_count >= PROXIES_MAX)
        http_reply_text(exchange, 503, "%u such requests are under way; try again.\n", PROXIES_MAX);
    else {
        auto_free char *text = xasprintf("/system/v1/metrics/v0%s", buf_cstr(&target));
        proxy_start(telemetry, exchange, agent, text);
    }
}

/* Who may not see a module's answers here sees no agent's either. */
static const struct route agent_routes[] = {
    {"/v1/agent", "GET", on_agent_request, "What an agent's telemetry module shows: /<agent id>/metrics/v0/...",
     "mesos-master-readonly", ROUTE_LEADER, NULL, .endpoint = "/system/v1/metrics/v0"},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL}};

/* ---- the source ---- */

static const char *
source_id(void *arg)
{
    return ((struct master_telemetry *)arg)->master->id;
}

static const char *
source_cluster(void *arg)
{
    return ((struct master_telemetry *)arg)->master->options->cluster;
}

static void
source_each(void *arg, void (*fn)(void *fn_arg, const struct mesos_telemetry_container *container), void *fn_arg)
{
    (void)arg;
    (void)fn;
    (void)fn_arg;
}

static void
source_usage(void *arg, const char *container_id,
             void (*done)(void *done_arg, int status, struct mesos_bytes statistics), void *done_arg)
{
    (void)arg;
    (void)container_id;
    done(done_arg, -ENOENT, (struct mesos_bytes){NULL, 0});
}

int
master_telemetry_start(struct master *master, struct err *err)
{
    struct master_telemetry *t = master->telemetry = xcalloc(1, sizeof(*t));
    t->master = master;
    list_init(&t->proxies);
    router_mount(master->daemon->router, "system", agent_routes, t);
    if (!master->setup.telemetry)
        return 0;
    t->source = (struct mesos_telemetry_source){.size = sizeof(t->source),
                                                .arg = t,
                                                .hostname = master->hostname,
                                                .id = source_id,
                                                .cluster = source_cluster,
                                                .each = source_each,
                                                .usage = source_usage};
    t->telemetry = telemetry_new(master->daemon, master->setup.host, master->setup.telemetry, &t->source,
                                 "mesos-master-readonly", err);
    return t->telemetry ? 0 : -EINVAL;
}

void
master_telemetry_stop(struct master *master)
{
    struct master_telemetry *t = take(&master->telemetry);
    struct proxy *proxy;
    if (!t)
        return;
    while ((proxy = list_first(&t->proxies, struct proxy, in_telemetry)))
        proxy_free(proxy);
    telemetry_free(t->telemetry);
    free(t);
}
