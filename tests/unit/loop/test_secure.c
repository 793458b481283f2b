/* SPDX-License-Identifier: Apache-2.0 */
/* What is special to TLS: who is believed, plain peers, handshakes that stall, files that change.
 * (Settings that are wrong from the first are test_secure_settings.c's.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "certificates.h"
#include "loop/secure.h"
#include "loop/stream.h"

static struct authority *ours, *other, *below, *lowest; /* ours vouches for below, and that for lowest */
static struct certificate by_name, by_ip, by_nothing, stranger, expired, by_one, by_two; /* how many stand between it and ours */

struct end {
    struct stream *stream;
    struct buf got;
    bool connected, eof, closed, echo;
    struct err why;
};

struct fixture {
    struct loop *loop;
    struct stream_net *net;
    struct stream_listener *listener;
    struct secure *server_side, *client_side;
    struct end client, server;
};

static void
on_connect(struct stream *stream, void *arg)
{
    ((struct end *)arg)->connected = true;
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct end *end = arg;
    buf_append_str(&end->got, buf_str(in));
    if (end->echo)
        stream_write(stream, buf_data(in), in->len);
    buf_clear(in);
}

static void
on_eof(struct stream *stream, void *arg)
{
    ((struct end *)arg)->eof = true;
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    struct end *end = arg;
    assert_false(end->closed);
    end->closed = true;
    end->why = *err;
}

static const struct stream_handler handler = {on_connect, on_data, on_eof, NULL, on_close};

static void
on_accept(struct stream *stream, void *arg)
{
    struct fixture *f = arg;
    stream_close(f->server.stream);
    f->server = (struct end){.stream = stream, .echo = true, .got = f->server.got};
    stream_handle(stream, &handler, &f->server);
}

static struct secure_settings
base(const struct certificate *own)
{
    return (struct secure_settings){.cert_file = own ? own->cert : NULL, .key_file = own ? own->key : NULL,
                                    .ca_file = authority_file(ours), .tls_1_2 = true, .tls_1_3 = true};
}

static struct secure *
make(const struct secure_settings *settings)
{
    struct err err = {0};
    struct secure *secure = secure_new(settings, &err);
    if (!secure)
        fail_msg("%s", err.text);
    return secure;
}

/* NULL settings: that side speaks plainly. */
static void
fixture_open(struct fixture *f, bool memory, const struct secure_settings *server, const struct secure_settings *client)
{
    struct loop_options options = {.virtual_clock = memory, .seed = 1};
    struct address at;
    struct err err = {0};
    *f = (struct fixture){0};
    f->loop = loop_new(&options, &err);
    if (memory)
        f->net = stream_net_new(f->loop, NULL);
    assert_int_equal(address_parse(STR_LIT("127.0.0.1:0"), &at, NULL), 0);
    f->listener = stream_listen(f->loop, &at, on_accept, f, &err);
    assert_non_null(f->listener);
    f->server_side = server ? make(server) : NULL;
    f->client_side = client ? make(client) : NULL;
    stream_listener_secure(f->listener, f->server_side);
}

static void
fixture_close(struct fixture *f)
{
    stream_close(f->client.stream);
    stream_close(f->server.stream);
    stream_listener_free(f->listener);
    stream_net_free(f->net);
    loop_free(f->loop);
    secure_unref(f->client_side);
    secure_unref(f->server_side);
    buf_fini(&f->client.got);
    buf_fini(&f->server.got);
}

static bool
over(void *arg)
{
    struct fixture *f = arg;
    return f->client.got.len >= 5 || f->client.closed || f->client.eof || f->server.closed;
}

/* Says hello; true when it came back. */
static bool
greets(struct fixture *f, const char *name)
{
    stream_close(f->client.stream);
    buf_clear(&f->client.got);
    f->client = (struct end){.got = f->client.got};
    f->client.stream = stream_connect_secure(f->loop, stream_listener_address(f->listener), f->client_side, name, &handler,
                                             &f->client);
    stream_write(f->client.stream, "hello", 5);
    assert_true(loop_run_until(f->loop, over, f, 90000));
    return f->client.got.len == 5 && memcmp(buf_data(&f->client.got), "hello", 5) == 0;
}

static bool
meet(const struct secure_settings *server, const struct secure_settings *client, const char *name, struct err *ret_why)
{
    struct fixture f;
    fixture_open(&f, false, server, client);
    bool good = greets(&f, name);
    if (ret_why)
        *ret_why = f.client.why;
    fixture_close(&f);
    return good;
}

static void
test_whom_a_client_believes(void **state)
{
    static const struct {
        const struct certificate *server;
        bool verify, verify_ip, lookup;
        const char *name, *why; /* NULL = welcome */
    } cases[] = {
        {&stranger, false, false, false, NULL, NULL},
        {&by_name, true, false, false, "localhost", NULL},
        {&by_ip, true, false, false, NULL, "verify_ipadd"}, /* known by address alone, and addresses are not looked for */
        {&by_name, true, true, false, NULL, "IP address mismatch"},
        {&by_ip, true, true, false, NULL, NULL},
        {&by_name, true, false, false, "elsewhere", "ostname mismatch"},
        {&stranger, true, false, false, "localhost", "issuer certificate"},
        {&expired, true, false, false, "localhost", "expired"},
        {&by_name, true, false, true, NULL, NULL},
        {&by_ip, true, true, true, NULL, NULL},
        {&by_nothing, true, true, true, NULL, "not for"},
        {&by_nothing, true, true, true, "elsewhere", "not for"},
        {&stranger, true, true, true, NULL, "issuer certificate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secure_settings server = base(cases[i].server), client = base(NULL);
        struct err why = {0};
        client.verify_server = cases[i].verify;
        client.verify_ip = cases[i].verify_ip;
        client.names_by_lookup = cases[i].lookup;
        bool good = meet(&server, &client, cases[i].name, &why);
        if (good == (cases[i].why != NULL) || (cases[i].why && !strstr(why.text, cases[i].why)))
            fail_msg("case %zu: %s: %s", i, good ? "welcome" : "refused", why.text);
    }
}

static void
test_whom_a_server_believes(void **state)
{
    static const struct {
        const struct certificate *client;
        bool lookup, good;
    } cases[] = {{&by_name, false, true}, {NULL, false, false}, {&stranger, false, false}, {&expired, false, false},
                 {&by_nothing, false, true}, {&by_name, true, true}, {&by_nothing, true, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secure_settings server = base(&by_name), client = base(cases[i].client);
        server.require_client = true;
        server.names_by_lookup = cases[i].lookup;
        if (meet(&server, &client, NULL, NULL) != cases[i].good)
            fail_msg("case %zu", i);
    }
}

/* On either side: who shows one has to bring those that stand between. */
static void
test_chains(void **state)
{
    static const struct {
        const struct certificate *shown;
        unsigned depth; /* 0 = what it is by itself */
        bool good;
    } cases[] = {{&by_one, 1, true}, {&by_two, 2, true}, {&by_two, 1, false}, {&by_two, 0, true}, {&by_name, 1, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secure_settings shows = base(cases[i].shown), looks = base(NULL);
        struct err why = {0};
        looks.verify_server = true;
        looks.depth = cases[i].depth;
        bool good = meet(&shows, &looks, "localhost", &why);
        if (good != cases[i].good || (!good && !strstr(why.text, "chain too long")))
            fail_msg("a server's, case %zu: %s", i, why.text);
        looks = base(&by_name);
        looks.require_client = true;
        looks.depth = cases[i].depth;
        if (meet(&looks, &shows, NULL, NULL) != cases[i].good)
            fail_msg("a client's, case %zu", i);
    }
}

/* Authorities are found there by the names of links alone. */
static void
test_directories_of_authorities(void **state)
{
    const char *hashed = authority_hashed(ours);
    char plain[128];
    snprintf(plain, sizeof(plain), "%.*s", (int)(strrchr(hashed, '/') - hashed), hashed); /* holds ours.pem, without a link */
    const struct {
        const struct certificate *shown;
        const char *directory;
        bool good;
    } cases[] = {{&by_name, hashed, true}, {&by_one, hashed, true}, {&stranger, hashed, false}, {&by_name, plain, false},
                 {&by_name, authority_hashed(other), false}, {&stranger, authority_hashed(other), true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secure_settings shows = base(cases[i].shown), looks = base(&by_name);
        struct err why = {0};
        looks.ca_file = NULL;
        looks.ca_dir = cases[i].directory;
        looks.verify_server = looks.require_client = true;
        if (meet(&shows, &looks, "localhost", &why) != cases[i].good)
            fail_msg("a server's, case %zu: %s", i, why.text);
        if (meet(&looks, &shows, NULL, NULL) != cases[i].good)
            fail_msg("a client's, case %zu", i);
    }
}

static void
test_curves(void **state)
{
    static const struct {
        const char *server, *client;
        bool good;
    } cases[] = {{"P-384", "P-384:P-256", true}, {"P-384", "P-256", false}, {"P-256:P-384", "P-256", true},
                 {"X25519", "P-256", false},     {"auto", "P-256", true},   {"P-521:P-256", "auto", true}};
    for (int tls_1_3 = 0; tls_1_3 < 2; tls_1_3++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct secure_settings server = base(&by_name), client = base(NULL);
            server.curves = cases[i].server;
            client.curves = cases[i].client;
            server.tls_1_3 = tls_1_3;
            server.tls_1_2 = !tls_1_3;
            if (meet(&server, &client, NULL, NULL) != cases[i].good)
                fail_msg("TLS 1.%d, case %zu", 2 + tls_1_3, i);
        }
}

/* Plain and TLS on one port, and a client that finds no TLS. */
static void
test_downgrade(void **state)
{
    struct secure_settings strict = base(&by_name), loose = base(&by_name);
    loose.downgrade = true;
    assert_true(meet(&loose, &strict, NULL, NULL));
    assert_true(meet(&loose, NULL, NULL, NULL));
    assert_false(meet(&strict, NULL, NULL, NULL));
    assert_true(meet(NULL, &loose, NULL, NULL) == false); /* our echo is no HTTP server: it sends our own hello back */
    assert_true(meet(&strict, &loose, NULL, NULL));
    loose.verify_server = loose.verify_ip = true; /* who has TLS and the wrong certificate is not asked again without it */
    struct secure_settings wrong = base(&stranger);
    struct err why = {0};
    assert_false(meet(&wrong, &loose, NULL, &why));
    assert_non_null(strstr(why.text, "not accepted"));
}

/* A plain server as daemons without TLS are: what is no HTTP is answered by one line and the end. */
struct rude {
    struct fixture f;
    int accepted;
};

static void
rude_data(struct stream *stream, struct buf *in, void *arg)
{
    struct rude *rude = arg;
    bool tls = buf_data(in)[0] == 0x16;
    if (tls) {
        stream_write(stream, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        stream_close_soon(stream);
        rude->f.server.stream = NULL;
        return;
    }
    stream_write(stream, buf_data(in), in->len);
    buf_clear(in);
}

static void
rude_close(struct stream *stream, const struct err *err, void *arg)
{
}

static void
rude_accept(struct stream *stream, void *arg)
{
    static const struct stream_handler rude_handler = {NULL, rude_data, NULL, NULL, rude_close};
    struct rude *rude = arg;
    stream_close(rude->f.server.stream);
    rude->accepted++;
    rude->f.server.stream = stream;
    stream_handle(stream, &rude_handler, rude);
}

static void
test_a_client_finds_no_tls(void **state)
{
    for (int downgrade = 0; downgrade < 2; downgrade++) {
        struct rude rude = {.accepted = 0};
        struct secure_settings client = base(NULL);
        struct address at;
        struct err err = {0};
        client.downgrade = downgrade;
        rude.f.loop = loop_new(NULL, &err);
        assert_int_equal(address_parse(STR_LIT("127.0.0.1:0"), &at, NULL), 0);
        rude.f.listener = stream_listen(rude.f.loop, &at, rude_accept, &rude, &err);
        rude.f.client_side = make(&client);
        assert_int_equal(greets(&rude.f, NULL), downgrade);
        assert_int_equal(rude.accepted, 1 + downgrade);
        assert_false(downgrade && stream_is_secure(rude.f.client.stream));
        assert_true(downgrade || strstr(rude.f.client.why.text, "does not speak TLS"));
        fixture_close(&rude.f);
    }
}

static bool
server_gone(void *arg)
{
    return ((struct fixture *)arg)->server.closed;
}

/* Silence, half a greeting, nonsense: each ends, the first two when the time is over. */
static void
test_handshakes_that_stall(void **state)
{
    static const char *const starts[] = {"", "\x16\x03\x01", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "GET / HTTP/1.1\r\n\r\n"};
    for (int loose = 0; loose < 2; loose++)
        for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
            struct secure_settings server = base(&by_name);
            struct fixture f;
            server.downgrade = loose;
            fixture_open(&f, true, &server, NULL);
            int64_t start_ms = loop_now_ms(f.loop);
            f.client.stream = stream_connect(f.loop, stream_listener_address(f.listener), &handler, &f.client);
            stream_write(f.client.stream, starts[i], strlen(starts[i]) + (i == 2));
            if (loose && i == 3) {
                assert_true(loop_run_until(f.loop, over, &f, 90000)); /* it is welcome */
            } else {
                assert_true(loop_run_until(f.loop, server_gone, &f, 90000));
                assert_int_equal(f.server.got.len, 0);
                assert_true(i == 3 || loop_now_ms(f.loop) - start_ms >= 60000);
                assert_true(i == 3 || f.server.why.code == -ETIMEDOUT);
            }
            fixture_close(&f);
        }
}

static void
copy_file(const char *from, const char *to)
{
    char bytes[8192];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in && out);
    size_t n = fread(bytes, 1, sizeof(bytes), in);
    fwrite(bytes, 1, n, out);
    fclose(in);
    fclose(out);
}

/* New files count from the reload on; wrong ones do not count; open connections go on. */
static void
test_reload(void **state)
{
    struct certificate own;
    struct fixture f;
    struct err err = {0};
    snprintf(own.cert, sizeof(own.cert), "%.120s.own", by_name.cert);
    snprintf(own.key, sizeof(own.key), "%.120s.own", by_name.key);
    copy_file(by_name.cert, own.cert);
    copy_file(by_name.key, own.key);
    struct secure_settings server = base(&own), client = base(NULL);
    client.verify_server = true;
    fixture_open(&f, false, &server, &client);
    assert_true(greets(&f, "localhost"));
    copy_file(by_nothing.key, own.key);
    assert_true(secure_reload(f.server_side, &err) < 0);
    assert_non_null(strstr(err.text, "mismatch"));
    assert_true(greets(&f, "localhost"));
    copy_file(by_nothing.cert, own.cert);
    struct stream *open = f.client.stream;
    assert_int_equal(secure_reload(f.server_side, &err), 0);
    buf_clear(&f.client.got);
    stream_write(open, "again", 5);
    assert_true(loop_run_until(f.loop, over, &f, 10000));
    assert_int_equal(f.client.got.len, 5);
    assert_false(greets(&f, "localhost"));
    assert_true(greets(&f, "nothing"));
    unlink(own.cert);
    unlink(own.key);
    fixture_close(&f);
}

/* Versions and ciphers that the two sides do not share. */
static void
test_nothing_in_common(void **state)
{
    struct secure_settings server = base(&by_name), client = base(NULL);
    server.tls_1_2 = false;
    client.tls_1_3 = false;
    assert_false(meet(&server, &client, NULL, NULL));
    client.tls_1_3 = true;
    assert_true(meet(&server, &client, NULL, NULL));
    server = base(&by_name);
    server.tls_1_3 = false;
    server.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
    assert_true(meet(&server, &client, NULL, NULL));
    client.tls_1_3 = false;
    client.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
    assert_false(meet(&server, &client, NULL, NULL));
}

static int
make_certificates(void **state)
{
    ours = authority_new("/tmp/test_secure.XXXXXX", "ours");
    other = authority_new("/tmp/test_secure.XXXXXX", "other");
    by_name = authority_sign(ours, "localhost", NULL, 2);
    by_ip = authority_sign(ours, "address", "IP:127.0.0.1", 2);
    by_nothing = authority_sign(ours, "nothing", "DNS:nothing", 2);
    expired = authority_sign(ours, "expired", "DNS:localhost", -1);
    below = authority_below(ours, "/tmp/test_secure.XXXXXX", "below");
    lowest = authority_below(below, "/tmp/test_secure.XXXXXX", "lowest");
    by_one = authority_sign(below, "one", "DNS:localhost", 2);
    by_two = authority_sign(lowest, "two", "DNS:localhost", 2);
    stranger = authority_sign(other, "stranger", "DNS:localhost,IP:127.0.0.1", 2);
    return 0;
}

static int
remove_certificates(void **state)
{
    authority_free(lowest);
    authority_free(below);
    authority_free(ours);
    authority_free(other);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whom_a_client_believes), cmocka_unit_test(test_whom_a_server_believes),
        cmocka_unit_test(test_chains),                 cmocka_unit_test(test_directories_of_authorities),
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_downgrade),              cmocka_unit_test(test_a_client_finds_no_tls),
        cmocka_unit_test(test_handshakes_that_stall),  cmocka_unit_test(test_reload),
        cmocka_unit_test(test_nothing_in_common),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
