/* SPDX-License-Identifier: Apache-2.0 */
/* Peers whose names are looked up while nobody answers such questions: what else goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <pthread.h>

#include "certificates.h"
#include "loop/secure.h"
#include "loop/stream.h"

enum { LANES = 2, CROWD = 8 };

/* The system's way to ask for names, while the test says so. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool answers;
    int asked;
} names = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

int
getnameinfo(const struct sockaddr *restrict address, socklen_t len, char *restrict host, socklen_t host_len,
            char *restrict service, socklen_t service_len, int flags)
{
    pthread_mutex_lock(&names.mutex);
    names.asked++;
    while (!names.answers)
        pthread_cond_wait(&names.cond, &names.mutex);
    pthread_mutex_unlock(&names.mutex);
    return EAI_AGAIN;
}

static int
asked(void)
{
    pthread_mutex_lock(&names.mutex);
    int count = names.asked;
    pthread_mutex_unlock(&names.mutex);
    return count;
}

static void
answer(void)
{
    pthread_mutex_lock(&names.mutex);
    names.answers = true;
    pthread_cond_broadcast(&names.cond);
    pthread_mutex_unlock(&names.mutex);
}

struct client {
    struct stream *stream;
    bool closed;
    struct err why;
};

struct fixture {
    struct loop *loop;
    struct stream_listener *listener;
    struct secure *server_side, *client_side;
    struct stream *accepted[CROWD + LANES];
    size_t accepted_count;
    struct client clients[CROWD + LANES];
    bool worked;
};

static void
drop_data(struct stream *stream, struct buf *in, void *arg)
{
    buf_clear(in);
}

static void
on_client_close(struct stream *stream, const struct err *err, void *arg)
{
    struct client *client = arg;
    client->closed = true;
    client->why = *err;
}

static void
on_server_close(struct stream *stream, const struct err *err, void *arg)
{
}

static void
on_accept(struct stream *stream, void *arg)
{
    static const struct stream_handler handler = {.on_data = drop_data, .on_close = on_server_close};
    struct fixture *f = arg;
    f->accepted[f->accepted_count++] = stream;
    stream_handle(stream, &handler, f);
}

static void
call(struct fixture *f, struct client *client)
{
    static const struct stream_handler handler = {.on_data = drop_data, .on_close = on_client_close};
    client->stream =
        stream_connect_secure(f->loop, stream_listener_address(f->listener), f->client_side, NULL, &handler, client);
}

static void
on_work(void *arg)
{
}

static void
on_worked(void *arg)
{
    ((struct fixture *)arg)->worked = true;
}

static bool
has_worked(void *arg)
{
    return ((struct fixture *)arg)->worked;
}

static bool
lanes_are_full(void *arg)
{
    return asked() >= LANES;
}

static bool
last_are_told(void *arg)
{
    const struct fixture *f = arg;
    return f->clients[CROWD].closed && f->clients[CROWD + 1].closed;
}

static void
test_nobody_waits_for_names(void **state)
{
    struct authority *ours = authority_new("/tmp/test_secure_names.XXXXXX", "ours");
    struct certificate own = authority_sign(ours, "elsewhere", NULL, 2);
    const struct secure_settings server = {.cert_file = own.cert, .key_file = own.key, .tls_1_2 = true, .tls_1_3 = true};
    const struct secure_settings client = {.ca_file = authority_file(ours), .verify_server = true, .names_by_lookup = true,
                                           .tls_1_2 = true, .tls_1_3 = true};
    struct fixture f = {.loop = loop_new(NULL, NULL)};
    struct address at;
    struct err err = {0};
    assert_int_equal(address_parse(STR_LIT("127.0.0.1:0"), &at, NULL), 0);
    f.listener = stream_listen(f.loop, &at, on_accept, &f, &err);
    f.server_side = secure_new(&server, &err);
    f.client_side = secure_new(&client, &err);
    assert_true(f.server_side && f.client_side);
    stream_listener_secure(f.listener, f.server_side);

    for (size_t i = 0; i < CROWD; i++)
        call(&f, &f.clients[i]);
    assert_true(loop_run_until(f.loop, lanes_are_full, NULL, 60000));
    loop_run_until(f.loop, NULL, NULL, 500); /* for all of them to ask */
    assert_int_equal(asked(), LANES);
    loop_offload(f.loop, NULL, on_work, on_worked, &f);
    assert_true(loop_run_until(f.loop, has_worked, &f, 60000));

    /* Those that are gone before it is their turn are not asked for. */
    for (size_t i = 0; i < CROWD; i++)
        stream_close(f.clients[i].stream);
    answer();
    for (size_t i = CROWD; i < CROWD + LANES; i++)
        call(&f, &f.clients[i]);
    assert_true(loop_run_until(f.loop, last_are_told, &f, 60000));
    assert_int_equal(f.clients[CROWD].why.code, -EPERM);
    assert_int_equal(asked(), 2 * LANES);

    for (size_t i = CROWD; i < CROWD + LANES; i++)
        stream_close(f.clients[i].stream);
    for (size_t i = 0; i < f.accepted_count; i++)
        stream_close(f.accepted[i]);
    stream_listener_free(f.listener);
    loop_free(f.loop);
    secure_unref(f.client_side);
    secure_unref(f.server_side);
    authority_free(ours);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits_for_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
