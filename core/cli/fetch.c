/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from a command to a daemon's answer. Never interprets what is answered. */
#include "cli/fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "cli/config.h"
#include "cli/detect.h"
#include "cli/login.h"
#include "cli/term.h"
#include "cli/tls.h"

static struct str
without_prefix(struct str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return str_starts(text, str_of(prefix)) ? str_n(text.ptr + len, text.len - len) : text;
}

/* Cuts ":port" off the end of *host; a bracketed IPv6 address keeps its colons. */
static int
cut_port(struct str *host, uint16_t *ret_port, struct err *err)
{
    ptrdiff_t colon = -1;
    uint64_t port;

    for (size_t i = 0; i < host->len; i++)
        if (host->ptr[i] == ':')
            colon = (ptrdiff_t)i;
        else if (host->ptr[i] == ']')
            colon = -1;
    if (colon < 0)
        return 0;
    if (str_to_u64(str_n(host->ptr + colon + 1, host->len - (size_t)colon - 1), &port) < 0 || port == 0 ||
        port > 65535)
        return err_set(err, -EINVAL, "'%.*s' has no right port: HOST:PORT is wanted, such as localhost:5050",
                       STR_ARG(*host));
    host->len = (size_t)colon;
    *ret_port = (uint16_t)port;
    return 0;
}

static enum cli_scheme
scheme_of(struct str text)
{
    if (str_starts(text, STR_LIT("https://")))
        return CLI_SCHEME_TLS;
    return str_starts(text, STR_LIT("http://")) ? CLI_SCHEME_PLAIN : CLI_SCHEME_ANY;
}

int
cli_server_parse(struct cli_server *ret, struct str text, uint16_t default_port, struct err *err)
{
    struct cli_server out = {.scheme = scheme_of(str_trim(text))};
    struct str host = without_prefix(without_prefix(without_prefix(str_trim(text), "http://"), "https://"), "//");
    uint16_t port = default_port;
    ptrdiff_t at;

    host = str_cut(&host, '/');
    at = str_find(host, '@'); /* a UPID: master@ip:port */
    if (at >= 0)
        host = str_n(host.ptr + at + 1, host.len - (size_t)at - 1);
    if (cut_port(&host, &port, err) < 0)
        return err->code;
    if (host.len == 0 || host.len > 255)
        return err_set(err, -EINVAL, "'%.*s' names no host: HOST:PORT is wanted, such as localhost:5050",
                       STR_ARG(text));
    snprintf(out.host, sizeof(out.host), "%.*s:%u", STR_ARG(host), port);
    if (host.ptr[0] == '[' && host.len > 2)
        host = str_n(host.ptr + 1, host.len - 2);
    {
        auto_free char *name = str_dup(host);

        if (address_resolve(name, port, &out.address, err) < 0)
            return err->code;
        if (inet_pton(AF_INET, name, &(struct in_addr){0}) != 1 && inet_pton(AF_INET6, name, &(struct in6_addr){0}) != 1)
            snprintf(out.name, sizeof(out.name), "%s", name);
    }
    *ret = out;
    return 0;
}

/* One of "a:5050,b:5050". /version needs no credentials; a master that does not lead answers everything else with the
 * leader's address. */
static int
try_master(struct cli_server *ret, struct cli *cli, struct str text, struct err *err)
{
    auto_buf struct buf ignored = {0};

    if (cli_server_parse(ret, text, 5050, err) < 0)
        return err_wrap(err, "master '%.*s'", STR_ARG(text));
    if (cli_get(cli, ret, "/version", &ignored, err) < 0)
        return err_wrap(err, "master '%.*s'%s", STR_ARG(text),
                        err->code == -ECONNRESET && ret->scheme != CLI_SCHEME_TLS && !cli->tls ? ", which may want https://" : "");
    return 0;
}

int
cli_find_master(struct cli_server *ret, struct cli *cli, struct err *err)
{
    const struct cli_common *common = cli->target;
    auto_free char *home = NULL;
    const char *master = common->master;
    auto_buf struct buf all = {0};
    struct str rest;

    if (!master || !*master) {
        if (cli_config_value(&home, "master", err) < 0)
            return err->code;
        master = home;
    }
    if (!master || !*master)
        return err_set(err, -EINVAL,
                       "no master is named: give --master=HOST:PORT, set MESOS_MASTER, or write the line "
                       "master=HOST:PORT into ~/.mesos");
    rest = str_of(master);
    if (strncmp(master, "zk", 2) == 0 && strstr(master, "://"))
        return cli_detect(cli, master, ret, err);
    while (rest.len > 0) {
        struct str one = str_trim(str_cut(&rest, ','));

        if (one.len == 0)
            continue;
        if (try_master(ret, cli, one, err) == 0)
            return 0;
        buf_printf(&all, "%s%s", all.len ? "; " : "", err->text);
    }
    return err_set(err, all.len ? err->code : -EINVAL, "%s", all.len ? buf_cstr(&all) : "no master is named");
}

enum {
    SLICE_MS = 1000,
    LEAST_BYTES_PER_SLICE = 512, /* on average, once CLI_TIMEOUT_MS is over */
    MOST_BODY_BYTES = 1 << 30,
    MOST_ERROR_BYTES = 500,
};

struct request {
    const char *method, *target;
    struct str body; /* JSON; empty = none */
    int64_t timeout_ms;
    FILE *to; /* where the body of a 200 goes, or NULL */
};

struct exchange {
    const struct request *request;
    bool done;
    int status;
    struct buf *out;
    char location[512];
    uint64_t received;
    struct err *err;
};

static void
on_head(const struct http_response *response, void *arg)
{
    struct exchange *x = arg;
    struct str location = http_header_get(&response->headers, "Location");

    x->status = response->status;
    snprintf(x->location, sizeof(x->location), "%.*s", STR_ARG(location));
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct exchange *x = arg;

    x->received += response->body->len;
    if (x->request->to && x->status == 200)
        fwrite(buf_data(response->body), 1, response->body->len, x->request->to);
    else if (x->out->len < MOST_BODY_BYTES)
        buf_append_str(x->out, buf_str(response->body));
    buf_consume(response->body, response->body->len);
}

static void
on_response(const struct http_response *response, void *arg)
{
    ((struct exchange *)arg)->done = true;
}

static void
on_error(const struct err *err, void *arg)
{
    struct exchange *x = arg;

    err_set(x->err, err->code ? err->code : -ECONNRESET, "%s", err->code ? err->text : "the connection was closed");
    x->done = true;
}

static bool
is_done(void *arg)
{
    return ((struct exchange *)arg)->done;
}

static const struct http_call_handler streamed = {
    .on_head = on_head, .on_body = on_body, .on_response = on_response, .on_error = on_error};

/* Waits while enough comes. False: it was given up. */
static bool
wait_for_answer(struct cli *cli, const struct cli_server *server, struct exchange *x)
{
    auto_progress struct term_progress progress = {0};
    int64_t waited;

    for (waited = 0; !x->done; waited += SLICE_MS) {
        loop_run_until(cli->loop, is_done, x, SLICE_MS);
        if (x->done)
            return true;
        if (waited >= x->request->timeout_ms &&
            x->received < (uint64_t)(waited / SLICE_MS) * LEAST_BYTES_PER_SLICE)
            return false;
        if (x->received > 0)
            term_progress(&progress, "%s: %llu KB so far", server->host, (unsigned long long)x->received >> 10);
        else
            term_progress(&progress, "waiting for %s (%lld s)", server->host, (long long)(waited / SLICE_MS) + 1);
    }
    return true;
}

static int
send_once(struct cli *cli, const struct cli_server *server, struct exchange *x)
{
    const struct request *request = x->request;
    struct http_header headers[3] = {{STR_LIT("Accept"), STR_LIT("application/json")},
                                     {STR_LIT("Content-Type"), STR_LIT("application/json")}};
    size_t count = cli_login_header(cli, headers, request->body.len ? 2 : 1);
    struct http_client *client;
    bool in_time;

    x->err->code = 0;
    if (cli_tls_prepare(cli, server, x->err) < 0)
        return x->err->code;
    client = cli_client(cli, server);
    http_client_send(client, request->method, request->target, headers, count, request->body,
                     request->timeout_ms, &streamed, x);
    in_time = wait_for_answer(cli, server, x);
    http_client_free(client);
    if (!in_time)
        return err_set(x->err, -ETIMEDOUT, "%s is too slow: %llu bytes in %lld s", server->host,
                       (unsigned long long)x->received, (long long)request->timeout_ms / 1000);
    if (x->err->code)
        return err_wrap(x->err, "%s", server->host);
    return 0;
}

/* Follows one redirect, and takes anything but success for an error. */
static int
send_request(struct cli *cli, struct cli_server *server, const struct request *request, struct buf *out,
             struct err *err)
{
    struct exchange x = {.request = request, .out = out, .err = err};
    size_t start = out->len;

    if (send_once(cli, server, &x) < 0)
        return err->code;
    if (x.status == 307 && x.location[0]) {
        if (cli_server_parse(server, str_of(x.location), 5050, err) < 0)
            return err_wrap(err, "redirect to '%s'", x.location);
        x = (struct exchange){.request = request, .out = out, .err = err};
        out->len = start;
        if (send_once(cli, server, &x) < 0)
            return err->code;
    }
    if (x.received > MOST_BODY_BYTES && !request->to)
        return err_set(err, -EFBIG, "%s answers more than %d bytes to %s", server->host, MOST_BODY_BYTES,
                       request->target);
    if (x.status == 200 || x.status == 202)
        return 0;
    {
        struct str why = str_trim(str_n(buf_str(out).ptr + start, out->len - start));

        if (str_is(why, "401 Unauthorized.") || str_is(why, "403 Forbidden.")) /* the same once more */
            why = (struct str){0};
        err_set(err, x.status == 404 ? -ENOENT : -EPROTO, "%s answers %d %s to %s%s%.*s%s", server->host, x.status,
                http_status_text(x.status), request->target, why.len ? ": " : "",
                (int)(why.len < MOST_ERROR_BYTES ? why.len : MOST_ERROR_BYTES), why.len ? why.ptr : "",
                cli_login_advice(cli->authorization, x.status));
    }
    return err->code;
}

/* What is asked first is short: a server that cannot even say its version in time is none. */
static int64_t
timeout_of(const char *target)
{
    return strcmp(target, "/version") == 0 ? CLI_CONTACT_MS : CLI_TIMEOUT_MS;
}

int
cli_get(struct cli *cli, struct cli_server *server, const char *target, struct buf *out, struct err *err)
{
    struct request request = {.method = "GET", .target = target, .timeout_ms = timeout_of(target)};

    return send_request(cli, server, &request, out, err);
}

int
cli_download(struct cli *cli, struct cli_server *server, const char *target, FILE *to, struct err *err)
{
    struct request request = {.method = "GET", .target = target, .timeout_ms = CLI_TIMEOUT_MS, .to = to};
    auto_buf struct buf rest = {0};

    return send_request(cli, server, &request, &rest, err);
}

static json_t *
parse(const struct cli_server *server, const char *target, struct buf *body, struct err *err)
{
    json_error_t problem;
    json_t *value = json_loadb(body->len ? buf_data(body) : "", body->len, 0, &problem);

    if (!value)
        err_set(err, -EPROTO, "%s answers no JSON to %s: line %d: %s", server->host, target, problem.line,
                problem.text);
    return value;
}

json_t *
cli_get_json(struct cli *cli, struct cli_server *server, const char *target, struct err *err)
{
    auto_buf struct buf body = {0};

    if (cli_get(cli, server, target, &body, err) < 0)
        return NULL;
    return parse(server, target, &body, err);
}

int
cli_call(struct cli *cli, struct cli_server *server, json_t *call, json_t **ret_answer, struct err *err)
{
    auto_free char *text = json_dumps(call, JSON_COMPACT);
    struct request request = {
        .method = "POST", .target = "/api/v1", .body = str_of(text), .timeout_ms = CLI_TIMEOUT_MS};
    auto_buf struct buf body = {0};
    int status;

    json_decref(call);
    status = send_request(cli, server, &request, &body, err);
    if (status < 0 || !ret_answer)
        return status;
    *ret_answer = body.len > 0 ? parse(server, "/api/v1", &body, err) : NULL;
    return body.len > 0 && !*ret_answer ? err->code : 0;
}

int
cli_find_leader(struct cli_server *ret, struct cli *cli, struct err *err)
{
    auto_buf struct buf ignored = {0};

    if (cli_find_master(ret, cli, err) < 0)
        return err->code;
    return cli_get(cli, ret, "/master/slaves?slave_id=-", &ignored, err); /* little, and redirected */
}

const char *
cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

double
cli_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}
