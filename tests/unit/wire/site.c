/* SPDX-License-Identifier: Apache-2.0 */
/* See site.h. */
#include "site.h"

#include <zlib.h>

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct site *site = arg;
    site->gone++;
    if (site->stream == exchange)
        site->stream = NULL;
    if (site->upload == exchange)
        site->upload = NULL;
}

/* Takes whole lines; "stop" is answered at once, the end too. */
static void
on_rest(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct site *site = arg;
    ptrdiff_t line;
    while ((line = str_find(buf_str(body), '\n')) >= 0) {
        bool stop = str_starts(buf_str(body), STR_LIT("stop"));
        buf_append(&site->uploaded, buf_data(body), (size_t)line + 1);
        buf_consume(body, (size_t)line + 1);
        if (!stop)
            continue;
        site->upload = NULL;
        http_reply_text(exchange, 200, "stopped");
        return;
    }
    if (!end)
        return;
    site->upload = NULL;
    site->upload_ended = true;
    http_reply_text(exchange, 200, "done");
}

/* The first line says who takes the others: on_rest. */
static void
on_first(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    ptrdiff_t line = str_find(buf_str(body), '\n');
    if (line < 0)
        return;
    buf_consume(body, (size_t)line + 1);
    http_exchange_on_body(exchange, on_rest, arg);
}

static bool
wants_stream(const struct http_request *request, void *arg)
{
    return str_is(request->path, "/upload");
}

void
site_reply_pages(struct http_exchange *exchange, struct site *site)
{
    struct rope rope = {0};
    buf_putc(&rope.tail, '[');
    for (size_t i = 0; i < site->page_count; i++)
        rope_add(&rope, site->pages[i], i > 0);
    buf_putc(&rope.tail, ']');
    http_reply_legacy_rope(exchange, "application/json", &rope);
    assert_int_equal(rope_len(&rope), 0);
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct site *site = arg;
    const struct http_request *request = http_exchange_request(exchange);
    site->handled++;
    if (str_is(request->path, "/wait")) {
        http_exchange_on_gone(exchange, on_gone, site);
        site->waiting[site->waiting_count++] = exchange;
    } else if (str_is(request->path, "/stream")) {
        struct http_header id = {STR_LIT("Mesos-Stream-Id"), STR_LIT("x")};
        http_exchange_on_gone(exchange, on_gone, site);
        site->stream = exchange;
        http_stream_start(exchange, 200, &id, 1, "application/json");
    } else if (str_is(request->path, "/version")) {
        http_reply_legacy(exchange, "application/json", STR_LIT(VERSION));
    } else if (str_is(request->path, "/upload")) {
        assert_true(request->body_follows);
        site->upload = exchange;
        http_exchange_on_gone(exchange, on_gone, site);
        http_exchange_on_body(exchange, on_first, site);
    } else if (str_is(request->path, "/echo")) {
        http_reply(exchange, 200, "text/plain", buf_str(&request->body));
    } else if (str_is(request->path, "/big")) {
        http_reply(exchange, 200, "text/plain", buf_str(&site->big));
    } else if (str_is(request->path, "/pages")) {
        site_reply_pages(exchange, site);
    } else if (str_is(request->path, "/abort")) {
        http_exchange_abort(exchange);
    } else if (str_is(request->path, "/patient") || str_is(request->path, "/hasty")) {
        site->patient++;
        http_exchange_patient(exchange, str_is(request->path, "/patient"));
        http_reply(exchange, 202, NULL, STR_LIT(""));
    } else if (str_is(request->path, "/q")) {
        http_reply_text(exchange, 404, "no %.*s", STR_ARG(http_param_get(request, "x")));
    } else {
        site->patient_before = site->patient;
        http_reply(exchange, 202, NULL, STR_LIT(""));
    }
}

int
site_setup(void **state)
{
    struct site *site = xcalloc(1, sizeof(*site));
    struct address at = world_address(AT);
    struct err err = {0};
    world_open(&site->world);
    site->server = http_server_new(site->world.loop, on_exchange, site);
    http_server_stream_bodies(site->server, wants_stream, site);
    assert_int_equal(http_server_listen(site->server, &at, NULL, &err), 0);
    *state = site;
    return 0;
}

int
site_teardown(void **state)
{
    struct site *site = *state;
    http_server_free(site->server);
    world_close(&site->world);
    buf_fini(&site->big);
    for (size_t i = 0; i < ARRAY_LEN(site->pages); i++)
        page_unref(site->pages[i]);
    buf_fini(&site->uploaded);
    free(site);
    return 0;
}

void
site_check(struct site *site, const char *request, const char *answer, bool closes)
{
    struct caller caller;
    caller_open(&caller, &site->world, AT);
    caller_send(&caller, request);
    world_pass(&site->world, 10);
    assert_string_equal(caller_text(&caller), answer);
    assert_int_equal(caller.eof || caller.closed, closes);
    caller_close(&caller);
    world_pass(&site->world, 10);
    assert_int_equal(http_server_connections(site->server), 0);
}

void
site_fill_big(struct site *site, size_t bytes)
{
    while (site->big.len < bytes)
        buf_printf(&site->big, "%zu,", site->big.len);
}

void
gunzip(struct str packed, struct buf *out)
{
    z_stream z = {0};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)packed.ptr;
    z.avail_in = (uInt)packed.len;
    z.next_out = (Bytef *)buf_reserve(out, 1 << 20);
    z.avail_out = 1 << 20;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    buf_added(out, z.total_out);
    inflateEnd(&z);
}
