/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole HTTP server with libprocess behind it, over an in-memory stream on a virtual clock: bytes of one
 * connection come in pieces of a size that the first byte gives. Whatever they are, the connection ends, and
 * what is answered begins as HTTP.
 */
#include "fuzz/fuzz.h"
#include "loop/stream.h"
#include "wire/http_server.h"
#include "wire/libprocess.h"
#include "wire/recordio.h"

enum { PATIENCE_MS = 600 * 1000 };

struct peer {
    struct buf got;
    bool gone;
};

static bool
wants_stream(const struct http_request *request, void *arg)
{
    return str_is(request->path, "/upload");
}

/* Records of a body as it comes. One that begins with "s" is answered at once, "p" pauses for a moment, "n" lets
 * somebody else go on. */
static void
on_records(struct http_exchange *exchange, struct buf *body, bool end, void *arg)
{
    struct str record;
    size_t used;
    int rc;
    while ((rc = recordio_read(body, &record, &used, NULL)) == 1) {
        char first = record.len ? record.ptr[0] : ' ';
        buf_consume(body, used);
        if (first == 's') {
            http_reply_text(exchange, 200, "stopped");
            return;
        }
        if (first == 'p') {
            http_exchange_pause_body(exchange, true);
            http_exchange_pause_body(exchange, false);
        }
        if (first == 'n') {
            http_exchange_on_body(exchange, on_records, arg);
            return;
        }
    }
    if (rc < 0)
        http_reply_text(exchange, 400, "no record");
    else if (end)
        http_reply_text(exchange, 200, "%zu bytes left", body->len);
}

/* Large bodies: "/no" is refused before it has one. */
static void
on_look(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_exchange_request(exchange);
    must(!request->body_follows);
    if (libprocess_look(arg, exchange))
        return;
    if (str_is(request->path, "/no"))
        http_reply_text(exchange, 401, "who asks?");
    else
        http_exchange_take_body(exchange);
}

static void
on_request(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_exchange_request(exchange);
    if (libprocess_try(arg, exchange))
        return;
    if (request->body_follows) {
        must(str_is(request->path, "/upload") && request->body.len == 0);
        http_exchange_on_body(exchange, on_records, arg);
        return;
    }
    if (!str_is(request->path, "/stream")) {
        http_reply_text(exchange, 200, "%zu parameters, %zu bytes", request->param_count, request->body.len);
        return;
    }
    http_stream_start(exchange, 200, NULL, 0, "application/json");
    if (http_stream_write(exchange, buf_str(&request->body)))
        http_stream_end(exchange);
}

static void
on_message(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    must(str_is(to_id, "master") || str_is(to_id, "slave(1)"));
    must(name.len > 0);
}

static void
on_exited(const struct upid *upid, void *arg)
{
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct peer *peer = arg;
    buf_append_str(&peer->got, buf_str(in));
    buf_consume(in, in->len);
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    ((struct peer *)arg)->gone = true;
}

static bool
is_gone(void *arg)
{
    return ((struct peer *)arg)->gone;
}

static void
talk(struct loop *loop, const struct address *to, struct str bytes, size_t piece)
{
    static const struct stream_handler handler = {.on_data = on_data, .on_close = on_close};
    struct peer peer = {0};
    struct stream *stream = stream_connect(loop, to, &handler, &peer);
    while (bytes.len && !peer.gone) {
        size_t n = bytes.len < piece ? bytes.len : piece;
        stream_write(stream, bytes.ptr, n);
        bytes = str_n(bytes.ptr + n, bytes.len - n);
        loop_run_until(loop, is_gone, &peer, 1);
    }
    if (!peer.gone)
        stream_finish(stream);
    must(loop_run_until(loop, is_gone, &peer, PATIENCE_MS));
    must(peer.got.len == 0 || str_starts(buf_str(&peer.got), STR_LIT("HTTP/1.")));
    stream_close(stream);
    buf_fini(&peer.got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_n(data, size);
    static const size_t pieces[] = {SIZE_MAX, 1000, 61, 7};
    size_t piece = pieces[take_choice(&bytes, 4)];
    const struct loop_options options = {.virtual_clock = true, .seed = 1};
    struct err err = {0};
    struct address at;
    if (piece == 7 && bytes.len > 4096)
        return 0;
    must(address_parse(STR_LIT("127.0.0.1:5050"), &at, &err) == 0);
    struct loop *loop = loop_new(&options, &err);
    must(loop);
    struct stream_net *net = stream_net_new(loop, NULL);
    struct libprocess *libprocess = libprocess_new(loop, &at, on_message, on_exited, NULL);
    libprocess_spawn(libprocess, "master");
    libprocess_spawn(libprocess, "slave(1)");
    struct http_server *server = http_server_new(loop, on_request, libprocess);
    http_server_stream_bodies(server, wants_stream, NULL);
    http_server_look(server, on_look, libprocess);
    must(http_server_listen(server, &at, NULL, &err) == 0);
    talk(loop, &at, bytes, piece);
    http_server_free(server);
    libprocess_free(libprocess);
    stream_net_free(net);
    loop_free(loop);
    return 0;
}
