/* SPDX-License-Identifier: Apache-2.0 */
/* What TLS costs: bytes a second and connections a second over loopback, with it and without, both ends on one thread. */
#include <stdio.h>
#include <stdlib.h>

#include "certificates.h"
#include "loop/secure.h"
#include "loop/stream.h"

enum { BLOCK = 256 * 1024 };

struct bench {
    struct loop *loop;
    struct stream_listener *listener;
    struct secure *secure;
    struct stream *client, *server;
    size_t received, wanted;
    char *block;
    bool failed;
};

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    struct bench *bench = arg;
    if (stream != bench->client)
        return; /* the client goes as it likes */
    fprintf(stderr, "tls: %s\n", err->text);
    bench->failed = true;
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct bench *bench = arg;
    bench->received += in->len;
    buf_clear(in);
}

static void
push(struct stream *stream, void *arg)
{
    struct bench *bench = arg;
    stream_write_ref(stream, bench->block, BLOCK, NULL, NULL);
}

static const struct stream_handler client_handler = {push, on_data, NULL, push, on_close};
static const struct stream_handler server_handler = {NULL, on_data, NULL, NULL, on_close};

static void
on_accept(struct stream *stream, void *arg)
{
    struct bench *bench = arg;
    stream_close(bench->server);
    bench->server = stream;
    stream_handle(stream, &server_handler, bench);
}

static bool
enough(void *arg)
{
    const struct bench *bench = arg;
    return bench->failed || bench->received >= bench->wanted;
}

static void
start(struct bench *bench)
{
    stream_close(bench->client);
    bench->received = 0;
    bench->client = stream_connect_secure(bench->loop, stream_listener_address(bench->listener), bench->secure, NULL,
                                          &client_handler, bench);
}

static double
bytes_a_second(struct bench *bench, size_t megabytes)
{
    bench->wanted = megabytes << 20;
    int64_t begin_ms = loop_exact_ms(bench->loop);
    start(bench);
    loop_run_until(bench->loop, enough, bench, 600000);
    return (double)bench->received * 1000 / (double)(loop_exact_ms(bench->loop) - begin_ms + 1);
}

static double
connections_a_second(struct bench *bench, int count)
{
    bench->wanted = 1;
    int64_t begin_ms = loop_exact_ms(bench->loop);
    for (int i = 0; i < count && !bench->failed; i++) {
        start(bench);
        loop_run_until(bench->loop, enough, bench, 60000);
    }
    return count * 1000.0 / (double)(loop_exact_ms(bench->loop) - begin_ms + 1);
}

static bool
run(const struct secure_settings *settings, double ret[2])
{
    struct bench bench = {.block = xcalloc(1, BLOCK)};
    struct err err = {0};
    struct address at;
    bench.loop = loop_new(NULL, &err);
    address_parse(STR_LIT("127.0.0.1:0"), &at, NULL);
    bench.listener = stream_listen(bench.loop, &at, on_accept, &bench, &err);
    bench.secure = settings ? secure_new(settings, &err) : NULL;
    if (!bench.listener || (settings && !bench.secure)) {
        fprintf(stderr, "tls: %s\n", err.text);
        exit(1);
    }
    stream_listener_secure(bench.listener, bench.secure);
    ret[0] = bytes_a_second(&bench, 1024);
    ret[1] = connections_a_second(&bench, 500);
    stream_close(bench.client);
    stream_close(bench.server);
    stream_listener_free(bench.listener);
    loop_free(bench.loop);
    secure_unref(bench.secure);
    free(bench.block);
    return !bench.failed;
}

int
main(void)
{
    struct authority *authority = authority_new("/tmp/bench_tls.XXXXXX", "authority");
    struct certificate own = authority_sign(authority, "localhost", "IP:127.0.0.1", 2);
    struct secure_settings settings = {.cert_file = own.cert, .key_file = own.key, .ca_file = authority_file(authority),
                                       .verify_server = true, .verify_ip = true, .tls_1_2 = true, .tls_1_3 = true};
    double plain[2], tls[2];
    bool good = run(NULL, plain) && run(&settings, tls);
    authority_free(authority);
    if (!good)
        return 1;
    printf("  %-24s %8.0f MB/s plain %8.0f MB/s TLS  ratio %.2f\n", "one stream", plain[0] / 1e6, tls[0] / 1e6, tls[0] / plain[0]);
    printf("  %-24s %8.0f /s   plain %8.0f /s   TLS  ratio %.2f\n", "connections", plain[1], tls[1], tls[1] / plain[1]);
    return 0;
}
