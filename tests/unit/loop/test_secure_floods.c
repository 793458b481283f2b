/* SPDX-License-Identifier: Apache-2.0 */
/* Peers over TLS that say a lot in which there is nothing: what one turn of the loop spends on them has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/ssl.h>

#include "certificates.h"
#include "loop/secure.h"
#include "loop/stream.h"

static struct authority *ours;
static struct certificate daemon_s;

/* The client is OpenSSL between two buffers, which a plain stream empties and fills. */
struct fixture {
    struct loop *loop;
    struct stream_net *net;
    struct stream_listener *listener;
    struct secure *secure;
    struct stream *client, *server;
    SSL_CTX *context;
    SSL *ssl;
    struct buf made; /* to be sent by the client */
    bool shaken, closed;
    struct err why;
    size_t got, most, wanted; /* by the server: in all, at once; how much there is */
};

static void
take_made(struct fixture *f)
{
    char bytes[16384];
    int n;
    while ((n = BIO_read(SSL_get_wbio(f->ssl), bytes, sizeof(bytes))) > 0)
        buf_append(&f->made, bytes, (size_t)n);
}

static void
send_made(struct fixture *f)
{
    take_made(f);
    stream_write(f->client, buf_data(&f->made), f->made.len);
    buf_clear(&f->made);
}

static void
client_connected(struct stream *stream, void *arg)
{
    struct fixture *f = arg;
    SSL_do_handshake(f->ssl);
    send_made(f);
}

static void
client_data(struct stream *stream, struct buf *in, void *arg)
{
    struct fixture *f = arg;
    BIO_write(SSL_get_rbio(f->ssl), buf_data(in), (int)in->len);
    buf_clear(in);
    if (!f->shaken)
        f->shaken = SSL_do_handshake(f->ssl) == 1;
    send_made(f);
}

static void
client_closed(struct stream *stream, const struct err *err, void *arg)
{
}

static void
server_data(struct stream *stream, struct buf *in, void *arg)
{
    struct fixture *f = arg;
    f->got += in->len;
    f->most = in->len > f->most ? in->len : f->most;
    buf_clear(in);
}

static void
server_closed(struct stream *stream, const struct err *err, void *arg)
{
    struct fixture *f = arg;
    f->closed = true;
    f->why = *err;
}

static void
on_accept(struct stream *stream, void *arg)
{
    static const struct stream_handler handler = {NULL, server_data, NULL, NULL, server_closed};
    struct fixture *f = arg;
    f->server = stream;
    stream_handle(stream, &handler, f);
}

static bool
is_shaken(void *arg)
{
    struct fixture *f = arg;
    return f->shaken && f->server;
}

static void
fixture_open(struct fixture *f, bool memory, bool tls_1_3)
{
    static const struct stream_handler handler = {client_connected, client_data, NULL, NULL, client_closed};
    struct secure_settings settings = {.cert_file = daemon_s.cert, .key_file = daemon_s.key, .ca_file = authority_file(ours),
                                       .tls_1_2 = !tls_1_3, .tls_1_3 = tls_1_3};
    struct loop_options options = {.virtual_clock = memory, .seed = 1};
    struct address at;
    struct err err = {0};
    *f = (struct fixture){.loop = loop_new(&options, &err)};
    if (memory)
        f->net = stream_net_new(f->loop, NULL);
    assert_int_equal(address_parse(STR_LIT("127.0.0.1:0"), &at, NULL), 0);
    f->listener = stream_listen(f->loop, &at, on_accept, f, &err);
    f->secure = secure_new(&settings, &err);
    assert_non_null(f->secure);
    stream_listener_secure(f->listener, f->secure);
    f->context = SSL_CTX_new(TLS_client_method());
    f->ssl = SSL_new(f->context);
    SSL_set_bio(f->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(f->ssl);
    f->client = stream_connect(f->loop, stream_listener_address(f->listener), &handler, f);
    assert_true(loop_run_until(f->loop, is_shaken, f, 60000));
}

static void
fixture_close(struct fixture *f)
{
    stream_close(f->client);
    stream_close(f->server);
    stream_listener_free(f->listener);
    stream_net_free(f->net);
    loop_free(f->loop);
    secure_unref(f->secure);
    SSL_free(f->ssl);
    SSL_CTX_free(f->context);
    buf_fini(&f->made);
}

static void
make_key_updates(struct fixture *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(SSL_key_update(f->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(f->ssl), 1);
    }
}

static void
make_data(struct fixture *f, size_t bytes, size_t records)
{
    static const char zeros[16384];
    for (size_t i = 0; i < records; i++)
        assert_int_equal(SSL_write(f->ssl, zeros, (int)bytes), (int)bytes);
}

static bool
is_over(void *arg)
{
    struct fixture *f = arg;
    return f->closed || f->got >= f->wanted;
}

/* A few are anybody's right; who does nothing else has its connection closed. */
static void
test_changes_of_keys(void **state)
{
    static const size_t counts[] = {30, 5000};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct fixture f;
        fixture_open(&f, true, true);
        make_key_updates(&f, counts[i]);
        make_data(&f, f.wanted = 1000, 1);
        send_made(&f);
        assert_true(loop_run_until(f.loop, is_over, &f, 60000));
        assert_int_equal(f.closed, i == 1);
        assert_int_equal(f.got, i == 1 ? 0 : 1000);
        assert_int_equal(f.why.code, i == 1 ? -EPROTO : 0);
        fixture_close(&f);
    }
}

/* The more it has to say, the more often it may change them. */
static void
test_changes_of_keys_among_data(void **state)
{
    struct fixture f;
    fixture_open(&f, true, true);
    for (size_t i = 0; i < 40; i++) {
        make_data(&f, 16384, 16);
        make_key_updates(&f, 4);
    }
    f.wanted = 40 * 16 * 16384;
    send_made(&f);
    assert_true(loop_run_until(f.loop, is_over, &f, 60000));
    assert_false(f.closed);
    fixture_close(&f);
}

/* Records of one byte: others have their turn between them. */
static void
test_small_records(void **state)
{
    for (int tls_1_3 = 0; tls_1_3 < 2; tls_1_3++) {
        struct fixture f;
        fixture_open(&f, false, tls_1_3);
        stream_pause(f.server); /* until the system holds as much as it will */
        make_data(&f, 1, f.wanted = 30000);
        send_made(&f);
        loop_run_until(f.loop, is_over, &f, 200);
        stream_resume(f.server);
        assert_true(loop_run_until(f.loop, is_over, &f, 60000));
        assert_false(f.closed);
        assert_true(f.most < f.wanted / 4);
        fixture_close(&f);
    }
}

static int
make_certificates(void **state)
{
    ours = authority_new("/tmp/test_secure_floods.XXXXXX", "ours");
    daemon_s = authority_sign(ours, "localhost", NULL, 2);
    return 0;
}

static int
remove_certificates(void **state)
{
    authority_free(ours);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_of_keys),
        cmocka_unit_test(test_changes_of_keys_among_data),
        cmocka_unit_test(test_small_records),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
