/* SPDX-License-Identifier: Apache-2.0 */
/* See two_ends.h. */
#include "two_ends.h"

#include <stdio.h>
#include <unistd.h>

#ifdef TEST_OVER_TLS
#include "certificates.h"
#endif

#ifdef TEST_OVER_TLS
static struct authority *authority;
static struct certificate certificate;

static struct secure *
new_secure(void)
{
    struct secure_settings settings = {.cert_file = certificate.cert, .key_file = certificate.key, .tls_1_2 = true,
                                       .ca_file = authority_file(authority), .verify_server = true, .verify_ip = true,
                                       .tls_1_3 = true};
    struct err err = {0};
    struct secure *secure = secure_new(&settings, &err);
    if (!secure)
        fail_msg("%s", err.text);
    return secure;
}

int
two_ends_begin(void **state)
{
    authority = authority_new("/tmp/test_stream.XXXXXX", "authority");
    certificate = authority_sign(authority, "localhost", "IP:127.0.0.1", 2);
    return 0;
}

int
two_ends_end(void **state)
{
    authority_free(authority);
    return 0;
}
#else
#define new_secure() NULL

int
two_ends_begin(void **state)
{
    return 0;
}

int
two_ends_end(void **state)
{
    return 0;
}
#endif

static void
on_connect(struct stream *stream, void *arg)
{
    ((struct end *)arg)->connected = true;
}

static void
on_data(struct stream *stream, struct buf *in, void *arg)
{
    struct end *end = arg;
    size_t n = end->eat_at_most && end->eat_at_most < in->len ? end->eat_at_most : in->len;
    buf_append(&end->got, buf_data(in), n);
    buf_consume(in, n);
    if (end->pause_after_data)
        stream_pause(stream);
    if (end->close_on_data) {
        stream_close(stream);
        end->stream = NULL;
    }
}

static void
on_eof(struct stream *stream, void *arg)
{
    struct end *end = arg;
    end->eof = true;
    end->got_at_eof = end->got.len;
}

static void
on_drain(struct stream *stream, void *arg)
{
    ((struct end *)arg)->drains++;
}

static void
on_close(struct stream *stream, const struct err *err, void *arg)
{
    struct end *end = arg;
    assert_false(end->closed); /* exactly once */
    end->closed = true;
    end->close_code = err->code;
}

const struct stream_handler two_ends_handler = {on_connect, on_data, on_eof, on_drain, on_close};
static void
on_accept(struct stream *stream, void *arg)
{
    struct fixture *f = arg;
    stream_close(f->server.stream);
    f->server.stream = stream;
    stream_handle(stream, &two_ends_handler, &f->server);
}

static struct address
listen_address(enum kind kind)
{
    struct address at;
    char text[100] = "127.0.0.1:0";
    if (kind == UNIX)
        snprintf(text, sizeof(text), "unix:/tmp/test_stream.%d", (int)getpid());
    assert_int_equal(address_parse(str_of(text), &at, NULL), 0);
    return at;
}

void
fixture_open(struct fixture *f, enum kind kind, const struct stream_net_shape *shape)
{
    struct loop_options options = {.virtual_clock = kind == MEMORY, .seed = 1};
    struct address at = listen_address(kind);
    struct err err = {0};
    *f = (struct fixture){0};
    f->loop = loop_new(&options, &err);
    assert_non_null(f->loop);
    if (kind == MEMORY)
        f->net = stream_net_new(f->loop, shape);
    f->listener = stream_listen(f->loop, &at, on_accept, f, &err);
    assert_non_null(f->listener);
    f->secure = new_secure();
    stream_listener_secure(f->listener, f->secure);
}

bool
both_up(void *arg)
{
    struct fixture *f = arg;
    return f->client.connected && f->server.stream;
}

struct stream *
connect_to(struct fixture *f, const struct address *to, const struct stream_handler *client_handler)
{
    return stream_connect_secure(f->loop, to, f->secure, NULL, client_handler, &f->client);
}

void
fixture_connect(struct fixture *f, const struct stream_handler *client_handler)
{
    f->client.stream = connect_to(f, stream_listener_address(f->listener), client_handler);
    assert_false(f->client.connected);
    assert_true(loop_run_until(f->loop, both_up, f, 5000));
}

void
fixture_close(struct fixture *f)
{
    stream_close(f->client.stream);
    stream_close(f->server.stream);
    stream_listener_free(f->listener);
    stream_net_free(f->net);
    secure_unref(f->secure);
    loop_free(f->loop);
    buf_fini(&f->client.got);
    buf_fini(&f->server.got);
    struct address at = listen_address(UNIX);
    char text[128];
    unlink(address_format(&at, text) + 5);
}

struct amount {
    const struct buf *got;
    size_t want;
};

static bool
has_amount(void *arg)
{
    struct amount *amount = arg;
    return amount->got->len >= amount->want;
}

void
wait_for(struct fixture *f, const struct buf *got, size_t want)
{
    struct amount amount = {got, want};
    assert_true(loop_run_until(f->loop, has_amount, &amount, 10000));
    assert_int_equal(got->len, want);
}

bool
is_true(void *arg)
{
    return *(bool *)arg;
}

char *
pattern(size_t len)
{
    char *bytes = xmalloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    return bytes;
}

bool
all_gone(void *arg)
{
    struct end *end = arg;
    return end->drains >= 1 && stream_queued(end->stream) == 0;
}

bool
nothing(void *arg)
{
    return false;
}
