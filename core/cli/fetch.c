/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the way from a command to a daemon's answer. Never interprets what is answered. */
#include "cli/fetch.h"

#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "wire/http_client.h"

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

int
cli_server_parse(struct cli_server *ret, struct str text, uint16_t default_port, struct err *err)
{
    struct cli_server out;
    struct str host = without_prefix(without_prefix(str_trim(text), "http://"), "//");
    uint16_t port = default_port;
    ptrdiff_t at;

    if (str_starts(host, STR_LIT("zk://")))
        return err_set(err, -EINVAL,
                       "'%.*s': masters are not looked up in ZooKeeper yet; name one of them as HOST:PORT",
                       STR_ARG(host));
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
    }
    *ret = out;
    return 0;
}

/* {"master": "HOST:PORT"}, or the profiles of the older mesos-cli: {"profile": "default", "default": {"master": ...}}. */
static char *
master_of_json(const json_t *object)
{
    const char *profile = cli_text(object, "profile"), *value = cli_text(object, "master");

    if (!*value)
        value = cli_text(json_object_get(object, *profile ? profile : "default"), "master");
    return *value ? xstrdup(value) : NULL;
}

static char *
master_of_lines(struct str rest)
{
    while (rest.len > 0) {
        struct str value = str_cut(&rest, '\n');
        struct str key = str_trim(str_cut(&value, '='));

        if (str_is(key, "master") && str_trim(value).len > 0)
            return str_dup(str_trim(value));
    }
    return NULL;
}

static char *
master_of_file(const char *path, struct err *err)
{
    auto_buf struct buf text = {0};
    json_t *object;
    char *found;

    if (file_read(path, 64 << 10, &text, err) < 0)
        return NULL;
    object = json_loadb(buf_data(&text), text.len, 0, NULL);
    found = object ? master_of_json(object) : master_of_lines(buf_str(&text));
    json_decref(object);
    return found;
}

/* ~/.mesos (a line master=HOST:PORT, or JSON), else ~/.mesos.json. NULL when neither names a master. */
static char *
master_of_home(struct err *err)
{
    static const char *const names[] = {".mesos", ".mesos.json"};
    const char *home = getenv("HOME");
    char *found = NULL;

    for (size_t i = 0; home && !found && !err->code && i < ARRAY_LEN(names); i++) {
        auto_free char *path = xasprintf("%s/%s", home, names[i]);

        if (access(path, R_OK) == 0)
            found = master_of_file(path, err);
    }
    return found;
}

int
cli_find_master(struct cli_server *ret, struct cli *cli, struct err *err)
{
    const struct cli_common *common = cli->target;
    auto_free char *home = NULL;
    const char *master = common->master;
    auto_buf struct buf ignored = {0};

    if (!master || !*master) {
        err->code = 0;
        home = master_of_home(err);
        if (err->code)
            return err->code;
        master = home;
    }
    if (!master || !*master)
        return err_set(err, -EINVAL,
                       "no master is named: give --master=HOST:PORT, set MESOS_MASTER, or write the line "
                       "master=HOST:PORT into ~/.mesos");
    if (cli_server_parse(ret, str_of(master), 5050, err) < 0)
        return err_wrap(err, "master '%s'", master);
    /* /version needs no credentials; a master that does not lead answers everything else with the leader's address. */
    if (cli_get(cli, ret, "/version", &ignored, err) < 0)
        return err_wrap(err, "master '%s'", master);
    return 0;
}

struct exchange {
    bool done;
    int status;
    struct buf *out;
    char location[512];
    struct err *err;
};

static void
on_response(const struct http_response *response, void *arg)
{
    struct exchange *x = arg;
    struct str location = http_header_get(&response->headers, "Location");

    x->status = response->status;
    snprintf(x->location, sizeof(x->location), "%.*s", STR_ARG(location));
    buf_append_str(x->out, buf_str(response->body));
    x->done = true;
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

static const struct http_call_handler whole_answer = {.on_response = on_response, .on_error = on_error};

static int
get_once(struct cli *cli, const struct cli_server *server, const char *target, struct exchange *x)
{
    struct http_header accept = {STR_LIT("Accept"), STR_LIT("application/json")};
    struct http_client *client = http_client_new(cli->loop, &server->address, server->host);

    x->err->code = 0;
    http_client_send(client, "GET", target, &accept, 1, str_n("", 0), CLI_TIMEOUT_MS, &whole_answer, x);
    loop_run_until(cli->loop, is_done, x, CLI_TIMEOUT_MS + 1000);
    http_client_free(client);
    if (!x->done)
        return err_set(x->err, -ETIMEDOUT, "%s does not answer", server->host);
    if (x->err->code)
        return err_wrap(x->err, "%s", server->host);
    return 0;
}

int
cli_get(struct cli *cli, struct cli_server *server, const char *target, struct buf *out, struct err *err)
{
    auto_buf struct buf body = {0};
    struct exchange x = {.out = &body, .err = err};

    if (get_once(cli, server, target, &x) < 0)
        return err->code;
    if (x.status == 307 && x.location[0]) {
        if (cli_server_parse(server, str_of(x.location), 5050, err) < 0)
            return err_wrap(err, "redirect to '%s'", x.location);
        x = (struct exchange){.out = &body, .err = err};
        buf_clear(&body);
        if (get_once(cli, server, target, &x) < 0)
            return err->code;
    }
    if (x.status != 200)
        return err_set(err, x.status == 404 ? -ENOENT : -EPROTO, "%s answers %d %s to %s%s%.*s", server->host,
                       x.status, http_status_text(x.status), target, body.len ? ": " : "",
                       (int)(body.len < 500 ? body.len : 500), body.len ? buf_data(&body) : "");
    buf_append_str(out, buf_str(&body));
    return 0;
}

json_t *
cli_get_json(struct cli *cli, struct cli_server *server, const char *target, struct err *err)
{
    auto_buf struct buf body = {0};
    json_error_t problem;
    json_t *value;

    if (cli_get(cli, server, target, &body, err) < 0)
        return NULL;
    value = json_loadb(buf_data(&body), body.len, 0, &problem);
    if (!value)
        err_set(err, -EPROTO, "%s answers no JSON to %s: line %d: %s", server->host, target, problem.line,
                problem.text);
    return value;
}

const char *
cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}
