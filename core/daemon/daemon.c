/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the parts of a daemon's outer side together, in the order in which they need each other. */
#include <stdio.h>

#include "base/log.h"
#include "base/units.h"
#include "daemon/builtin.h"
#include "daemon/options.h"

static void on_exchange(struct http_exchange *exchange, void *arg);
static void on_large_body(struct http_exchange *exchange, void *arg);
static void on_health(struct http_exchange *exchange, void *arg);
static void on_metrics(struct http_exchange *exchange, void *arg);

static const char readonly_realm[] = "readonly", readwrite_realm[] = "readwrite";

/* Below the default actor, so that /flags and /master/flags are the same. */
static const struct route own_routes[] = {
    {"/health", NULL, on_health, "Answers 200 while the daemon runs.", NULL, 0},
    {"/flags", "GET", builtin_flags, "The daemon's flags and their values.", readonly_realm, 0,
     "jsonp: name of a function to wrap the answer in"},
    {NULL},
};
static const struct route processes_routes[] = {
    {"", NULL, builtin_processes, "The actors of this daemon.", NULL, 0}, {NULL}};
static const struct route profiler_routes[] = {
    {"/start", NULL, builtin_profiler, "Would start a CPU profiler; there is none inside.", readwrite_realm, 0},
    {"/stop", NULL, builtin_profiler, "Would stop it and return what it saw.", readwrite_realm, 0},
    {NULL}};
static const struct route memory_profiler_routes[] = {
    {"/start", NULL, builtin_memory_profiler, "Would start a memory profiler; there is none inside.", readwrite_realm, 0,
     "duration: how long, default 5mins"},
    {"/stop", NULL, builtin_memory_profiler, "Would stop it.", readwrite_realm, 0},
    {"/download/raw", "GET", builtin_memory_profiler, "Would return what it saw.", readwrite_realm, 0, "id: of the run"},
    {"/download/text", "GET", builtin_memory_profiler, "The same as text.", readwrite_realm, 0, "id: of the run"},
    {"/download/graph", "GET", builtin_memory_profiler, "The same as a picture.", readwrite_realm, 0, "id: of the run"},
    {"/statistics", "GET", builtin_memory_profiler, "Would return the allocator's figures.", readwrite_realm, 0},
    {"/state", "GET", builtin_memory_profiler, "Would tell whether it runs.", readwrite_realm, 0},
    {NULL}};
static const struct route metrics_routes[] = {
    /* The same values, so that rules about one hold for the other. */
    {"", "GET", builtin_prometheus, "The values of all metrics now, as Prometheus reads them.", readonly_realm, 0,
     .endpoint = "/metrics/snapshot"},
    {"/snapshot", "GET", on_metrics, "The values of all metrics now.", readonly_realm, 0,
     "timeout: how long to wait for them, e.g. 5secs; jsonp: name of a function to wrap the answer in",
     .endpoint = "/metrics/snapshot"},
    {NULL}};
static const struct route logging_routes[] = {
    {"/toggle", NULL, builtin_logging_toggle, "Shows the log's verbosity, or raises it for a while.",
     readwrite_realm, 0, "level: the new verbosity; duration: how long, e.g. 10mins", .endpoint = "/logging/toggle"},
    {NULL}};
static const struct route version_routes[] = {
    {"", NULL, builtin_version, "The release and its build.", NULL, 0}, {NULL}};
static const struct route system_routes[] = {
    {"/stats.json", NULL, builtin_system_stats, "Load, processors and memory of the machine.", NULL, 0}, {NULL}};
static const struct route help_routes[] = {
    {"", NULL, builtin_help, "This list.", NULL, 0,
     "format: html, text or json; without it the Accept header decides"}, {NULL}};

/* What the operator wants of peers. */
static void
set_limits(struct daemon *daemon, const struct daemon_options *options)
{
    if (options == NULL)
        return;
    http_server_limit(daemon->http, options->max_unread_bytes, options->slow_peer_timeout_ns / 1000000);
    libprocess_limit(daemon->libprocess, options->max_unread_bytes);
    libprocess_match_peers(daemon->libprocess, options->require_peer_address_ip_match);
}

static int
listen_first(struct daemon *daemon, const struct daemon_setup *setup, struct err *err)
{
    daemon->http = http_server_new(daemon->loop, on_exchange, daemon);
    http_server_secure(daemon->http, setup->secure);
    daemon->secure = setup->secure;
    int status = setup->listen_fd > 0 ? http_server_listen_fd(daemon->http, setup->listen_fd, &daemon->bound, err)
                                      : http_server_listen(daemon->http, &setup->listen, &daemon->bound, err);
    if (status < 0)
        return err_wrap(err, "cannot listen");
    daemon->self = setup->advertise.len ? setup->advertise : daemon->bound;
    if (setup->advertise.len && address_port(&setup->advertise) == 0)
        address_set_port(&daemon->self, address_port(&daemon->bound));
    return 0;
}

static void
attach_log(struct daemon *daemon, const char *path)
{
    const char *file = log_served_file();
    struct err err = {0};
    if (path == NULL || file == NULL)
        return;
    if (files_attach(daemon->files, file, path, &err) < 0) {
        log_warning("log file not shown under %s: %s", path, err.text);
        return;
    }
    if (strcmp(path, "/slave/log") == 0)
        files_attach(daemon->files, file, "/agent/log", NULL);
}

/* --audit_log, or a file beside the log's own. */
static int
open_audit(struct daemon *daemon, const struct daemon_setup *setup, struct err *err)
{
    const struct daemon_options *options = setup->options;
    auto_free char *beside = NULL;
    if (options && !options->audit_log && options->log_dir)
        beside = xasprintf("%s/mesos-%s.audit.log", options->log_dir, strcmp(setup->actor, "master") == 0 ? "master" : "agent");
    daemon->audit = audit_new(daemon->loop, options && options->audit_log ? options->audit_log : beside, err);
    return daemon->audit ? 0 : err_wrap(err, "option 'audit_log'");
}

static void
protect(struct daemon *daemon, const struct daemon_setup *setup)
{
    daemon->authentication = authentication_new(daemon->audit);
    for (size_t i = 0; i < setup->realm_count; i++)
        authentication_protect(daemon->authentication, setup->realms[i].name, setup->realms[i].authenticators,
                               setup->realms[i].count);
    router_authenticate(daemon->router, daemon->authentication);
}

static int
reload_tls(void *arg, struct err *err)
{
    return secure_reload(arg, err);
}

static const char *const *
tls_files(void *arg)
{
    return secure_files(arg);
}

struct daemon *
daemon_new(struct loop *loop, const struct daemon_setup *setup, struct err *err)
{
    struct daemon *daemon = xcalloc(1, sizeof(*daemon));
    daemon->loop = loop;
    daemon->conf = setup->conf;
    daemon->start_secs = loop_wall_secs(loop);
    daemon->start_ns = loop_now_ns(loop);
    loop_timer_init(&daemon->toggle, loop, builtin_toggle_over, daemon);
    daemon->firewall = firewall_new(setup->options ? setup->options->firewall_rules : NULL, err);
    daemon->cors = daemon->firewall ? cors_new(setup->options ? setup->options->http_cors_origins : NULL, err) : NULL;
    if (!daemon->cors || openness_check(setup->conf, &setup->listen, err) < 0 || open_audit(daemon, setup, err) < 0 ||
        listen_first(daemon, setup, err) < 0) {
        daemon_free(daemon);
        return NULL;
    }
    daemon->libprocess = libprocess_new(loop, &daemon->self, setup->on_message, setup->on_exited, setup->arg);
    libprocess_secure(daemon->libprocess, setup->secure);
    libprocess_spawn(daemon->libprocess, setup->actor);
    set_limits(daemon, setup->options);
    daemon->actor = xstrdup(setup->actor);
    daemon->router = router_new(setup->actor);
    http_server_stream_bodies(daemon->http, router_wants_stream, daemon->router);
    http_server_look(daemon->http, on_large_body, daemon);
    if (cors_asks(daemon->cors))
        http_server_vary(daemon->http);
    router_firewall(daemon->router, daemon->firewall);
    daemon->metrics = metrics_new(loop);
    daemon->openness = openness_new(loop, daemon->metrics, setup->conf, &daemon->bound);
    daemon->access = access_new(setup->authorizer, daemon->audit);
    router_access(daemon->router, daemon->access);
    daemon->files = files_new(loop, daemon->access);
    protect(daemon, setup);
    daemon->reload = reload_new(loop, setup->host, daemon->metrics);
    if (setup->secure)
        reload_add(daemon->reload, &(const struct reload_source){.what = "certificate, key and authorities of TLS",
                                                                 .reload = reload_tls, .watched = tls_files,
                                                                 .arg = setup->secure});
    metrics_add_system(daemon->metrics);
    router_mount(daemon->router, daemon->actor, own_routes, daemon);
    router_mount(daemon->router, "files", files_routes(), daemon->files);
    router_mount(daemon->router, "metrics", metrics_routes, daemon);
    router_mount(daemon->router, "logging", logging_routes, daemon);
    router_mount(daemon->router, "version", version_routes, daemon);
    router_mount(daemon->router, "system", system_routes, daemon);
    router_mount(daemon->router, "help", help_routes, daemon);
    router_mount(daemon->router, "__processes__", processes_routes, daemon);
    router_mount(daemon->router, "profiler", profiler_routes, daemon);
    router_mount(daemon->router, "memory-profiler", memory_profiler_routes, daemon);
    attach_log(daemon, setup->log_path);
    return daemon;
}

void
daemon_free(struct daemon *daemon)
{
    if (daemon == NULL)
        return;
    http_server_free(daemon->http);
    libprocess_free(daemon->libprocess);
    if (daemon->guard_arg)
        stream_guard_gone(daemon->loop, daemon->guard_arg);
    router_free(daemon->router);
    authentication_free(daemon->authentication);
    files_free(daemon->files);
    reload_free(daemon->reload);
    openness_free(daemon->openness);
    firewall_free(daemon->firewall);
    cors_free(daemon->cors);
    access_free(daemon->access);
    audit_free(daemon->audit);
    metrics_free(daemon->metrics);
    if (loop_timer_running(&daemon->toggle))
        builtin_toggle_over(daemon);
    loop_timer_stop(&daemon->toggle);
    free(daemon->actor);
    free(daemon);
}

void
daemon_guard(struct daemon *daemon, bool (*may_send)(void *arg), void *arg)
{
    daemon->guard_arg = arg;
    http_server_guard(daemon->http, may_send, arg);
    libprocess_guard(daemon->libprocess, may_send, arg);
}

int
daemon_listen(struct daemon *daemon, const struct address *at, struct err *err)
{
    return http_server_listen(daemon->http, at, NULL, err);
}

int
daemon_listen_fd(struct daemon *daemon, int fd, struct err *err)
{
    return http_server_listen_fd(daemon->http, fd, NULL, err);
}

double
daemon_uptime_secs(const struct daemon *daemon)
{
    return (double)(loop_now_ns(daemon->loop) - daemon->start_ns) / 1e9;
}

/* Messages name their sender themselves: over the executors' Unix socket, where nothing is known of who sends, there are none. */
static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    bool message = !http_exchange_is_local(exchange) && libprocess_try(daemon->libprocess, exchange);
    if (!message && !cors_answers(daemon->cors, exchange))
        router_handle(daemon->router, exchange);
}

/* Strangers cannot make us hold what they send. */
static void
on_large_body(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    bool message = !http_exchange_is_local(exchange) && libprocess_look(daemon->libprocess, exchange);
    if (!message && !cors_answers(daemon->cors, exchange))
        router_look(daemon->router, exchange);
}

static void
on_health(struct http_exchange *exchange, void *arg)
{
    http_reply(exchange, 200, NULL, STR_LIT(""));
}

/* Mesos names the part of a duration that is no number. */
static void
refuse_timeout(struct http_exchange *exchange, struct str text, const struct err *err)
{
    size_t digits = 0;
    while (digits < text.len && strchr("0123456789.", text.ptr[digits]))
        digits++;
    if (digits == 0)
        http_reply_text(exchange, 400, "Invalid timeout '%.*s': Failed to convert '' to number.\n", STR_ARG(text));
    else
        http_reply_text(exchange, 400, "Invalid timeout '%.*s': %s.\n", STR_ARG(text), err->text);
}

static void
on_metrics(struct http_exchange *exchange, void *arg)
{
    struct daemon *daemon = arg;
    struct str timeout = http_param_get(http_exchange_request(exchange), "timeout");
    struct err err = {0};
    int64_t timeout_ns;
    if (timeout.ptr && duration_parse(timeout, &timeout_ns, &err) < 0) {
        refuse_timeout(exchange, timeout, &err);
        return;
    }
    auto_buf struct buf out = {0};
    metrics_snapshot(daemon->metrics, &out); /* every gauge answers at once: nothing to time out */
    reply_json(exchange, buf_str(&out));
}
