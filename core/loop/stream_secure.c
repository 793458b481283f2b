/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS as a layer between a stream and its back end: handshakes with their time limit, whose certificate it is, plain peers
 * where the settings let them be, and what OpenSSL holds back. Called by stream.c only; knows OpenSSL by the table of
 * secure.h alone.
 */
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>

#include "loop/secure_internal.h"
#include "loop/stream_internal.h"

enum { HANDSHAKE_MS = 60000, RECORD_BYTES = 16 * 1024, TLS_HELLO = 0x16, /* how the first record begins */
       CARRIED_BYTES = 128 * 1024 /* of a peer's that one turn looks at, however little is in them */ };

enum state {
    STATE_CARRIER, /* a client's connection does not stand yet */
    STATE_LOOKING, /* a server waits for the first byte, which says what the peer speaks */
    STATE_HANDSHAKE,
    STATE_NAMING, /* the peer's address is being looked up */
    STATE_OPEN,
};

struct layer {
    struct stream *stream;
    const struct stream_ops *under; /* the back end's */
    struct secure *secure;
    void *session;
    enum state state;
    bool server;
    char *name; /* what a client called its peer, or NULL */
    int waits;  /* of the handshake: LOOP_READ or LOOP_WRITE */
    int wanted, under_wanted; /* what the stream asks of us; what we asked of the back end */
    bool more; /* OpenSSL may hold bytes that the back end will not tell of */
    bool read_writes; /* reading waits until something can be written */
    bool finishing;
    bool head_there; /* the first byte was taken to look at it */
    char head;
    size_t carried; /* of CARRIED_BYTES, in this turn */
    struct loop_task again; /* reads what is held */
    struct loop_timer limit;
    struct lookup *lookup;
};

struct lookup {
    struct layer *layer; /* NULL: the stream has gone meanwhile */
    atomic_bool unwanted; /* the same for the other thread */
    struct address peer;
    char name[NI_MAXHOST];
    int failed;
};

static const struct stream_ops secure_ops;

/* ---- the back end as the session sees it ---- */

static ssize_t
carry_send(void *arg, const void *data, size_t len)
{
    struct layer *layer = arg;
    struct iovec iov = {(void *)(uintptr_t)data, len};
    return layer->under->send(layer->stream, &iov, 1);
}

static ssize_t
carry_recv(void *arg, void *data, size_t len)
{
    struct layer *layer = arg;
    if (layer->carried >= CARRIED_BYTES)
        return -EAGAIN; /* the back end tells again of what is there */
    if (!layer->head_there || len == 0) {
        ssize_t n = layer->under->recv(layer->stream, data, len);
        layer->carried += n > 0 ? (size_t)n : 0;
        return n;
    }
    layer->head_there = false;
    *(char *)data = layer->head;
    return 1;
}

/* ---- what is waited for ---- */

static void
apply(struct layer *layer)
{
    int want = 0;
    if (layer->stream->broken || layer->stream->closed_told || layer->state == STATE_NAMING)
        want = 0;
    else if (layer->state == STATE_CARRIER)
        want = LOOP_WRITE;
    else if (layer->state == STATE_LOOKING)
        want = LOOP_READ;
    else if (layer->state == STATE_HANDSHAKE)
        want = layer->waits;
    else
        want = layer->wanted | (layer->finishing || (layer->read_writes && (layer->wanted & LOOP_READ)) ? LOOP_WRITE : 0);
    if (want != layer->under_wanted) {
        layer->under_wanted = want;
        layer->under->want(layer->stream, want);
    }
    if (layer->state == STATE_OPEN && layer->more && (layer->wanted & LOOP_READ))
        loop_task_post(layer->stream->loop, &layer->again);
}

static void
on_again(void *arg)
{
    struct layer *layer = arg;
    if (layer->state == STATE_OPEN && layer->more && (layer->wanted & LOOP_READ))
        stream_ready(layer->stream, LOOP_READ);
}

static void
secure_want(struct stream *stream, int events)
{
    stream->layer->wanted = events;
    apply(stream->layer);
}

/* ---- bytes ---- */

static ssize_t
to_errno(ssize_t n)
{
    return n == SECURE_WANT_READ || n == SECURE_WANT_WRITE ? -EAGAIN : n;
}

/* One record. Small pieces share it; a piece that fills one is not copied. */
static ssize_t
secure_send(struct stream *stream, const struct iovec *iov, int count)
{
    struct layer *layer = stream->layer;
    char record[RECORD_BYTES];
    size_t len = 0;
    if (iov[0].iov_len >= RECORD_BYTES || count == 1) {
        len = iov[0].iov_len < RECORD_BYTES ? iov[0].iov_len : RECORD_BYTES;
        ssize_t n = layer->secure->engine->send(layer->session, iov[0].iov_base, len);
        return n > 0 ? n : to_errno(n);
    }
    for (int i = 0; i < count && len < sizeof(record); i++) {
        size_t n = iov[i].iov_len < sizeof(record) - len ? iov[i].iov_len : sizeof(record) - len;
        memcpy(record + len, iov[i].iov_base, n);
        len += n;
    }
    ssize_t n = layer->secure->engine->send(layer->session, record, len);
    return n > 0 ? n : to_errno(n);
}

static ssize_t
secure_recv(struct stream *stream, void *data, size_t len)
{
    struct layer *layer = stream->layer;
    size_t got = 0;
    layer->more = true;
    layer->read_writes = false;
    layer->carried = 0;
    while (got < len) {
        ssize_t n = layer->secure->engine->recv(layer->session, (char *)data + got, len - got);
        if (n > 0) {
            got += (size_t)n;
            continue;
        }
        layer->more = false;
        layer->read_writes = n == SECURE_WANT_WRITE;
        if (got && (n == 0 || (n < 0 && n > SECURE_WANT_READ && n != -EAGAIN)))
            layer->more = true; /* the end is told next time */
        apply(layer);
        return got ? (ssize_t)got : to_errno(n);
    }
    apply(layer);
    return (ssize_t)got;
}

/* ---- ends ---- */

static void
try_finish(struct layer *layer)
{
    layer->finishing = layer->secure->engine->finish(layer->session) == SECURE_WANT_WRITE;
    if (!layer->finishing)
        layer->under->finish(layer->stream);
}

static void
secure_finish(struct stream *stream)
{
    try_finish(stream->layer);
    apply(stream->layer);
}

int
stream_secure_events(struct stream *stream, int events)
{
    struct layer *layer = stream->layer;
    if (!(events & LOOP_WRITE))
        return events;
    if (layer->finishing) {
        try_finish(layer);
        apply(layer);
    }
    return layer->read_writes ? events | LOOP_READ : events;
}

static void
layer_free(struct layer *layer)
{
    loop_task_cancel(&layer->again);
    loop_timer_stop(&layer->limit);
    if (layer->lookup) {
        layer->lookup->layer = NULL;
        atomic_store(&layer->lookup->unwanted, true);
    }
    if (layer->session)
        layer->secure->engine->session_free(layer->session);
    secure_unref(layer->secure);
    free(layer->name);
    free(layer);
}

static void
secure_close(struct stream *stream)
{
    struct layer *layer = stream->layer;
    const struct stream_ops *under = layer->under;
    if (layer->state == STATE_OPEN && !stream->finished)
        layer->secure->engine->finish(layer->session); /* as far as it goes at once */
    layer_free(layer);
    stream->layer = NULL;
    under->close(stream);
}

static const struct stream_ops secure_ops = {secure_send, secure_recv, secure_want, secure_finish, secure_close};

/* The stream goes on without TLS. */
static void
step_aside(struct layer *layer)
{
    struct stream *stream = layer->stream;
    stream->ops = layer->under;
    stream->wanted = layer->under_wanted;
    stream->layer = NULL;
    stream->securing = false;
    if (layer->head_there)
        buf_append(&stream->in, &layer->head, 1);
    layer_free(layer);
}

/* ---- handshakes ---- */

static void
fail(struct layer *layer, const struct err *why)
{
    char peer[128];
    struct err err;
    err_set(&err, why->code < 0 && why->code > -4096 ? why->code : -EPROTO, "TLS with %s: %s",
            address_format(&layer->stream->peer, peer), why->text);
    loop_timer_stop(&layer->limit);
    stream_break_why(layer->stream, &err);
    apply(layer);
}

static void
on_limit(void *arg)
{
    struct err err;
    err_set(&err, -ETIMEDOUT, "the handshake took more than %d seconds", HANDSHAKE_MS / 1000);
    fail(arg, &err);
}

static bool
open_up(struct layer *layer)
{
    struct stream *stream = layer->stream;
    layer->state = STATE_OPEN;
    layer->more = true; /* what came with the end of the handshake */
    stream->securing = false;
    loop_timer_stop(&layer->limit);
    stream->wanted = layer->wanted = 0;
    if (stream->connecting)
        return true; /* stream_connected does the rest */
    stream_flush(stream);
    stream_want_again(stream);
    return !stream->broken;
}

static void
look_up(void *arg)
{
    struct lookup *lookup = arg;
    if (atomic_load(&lookup->unwanted))
        return;
    lookup->failed = getnameinfo((const struct sockaddr *)&lookup->peer.sa, lookup->peer.len, lookup->name,
                                 sizeof(lookup->name), NULL, 0, NI_NAMEREQD);
}

static void
on_looked_up(void *arg)
{
    struct lookup *lookup = arg;
    struct layer *layer = lookup->layer;
    struct err err;
    if (!layer) {
        free(lookup);
        return;
    }
    layer->lookup = NULL;
    if (!lookup->failed && layer->secure->engine->names(layer->session, lookup->name, NULL)) {
        free(lookup);
        if (!open_up(layer))
            return;
        stream_connected(layer->stream, 0);
        return;
    }
    if (lookup->failed)
        err_set(&err, -EPERM, "the peer's address has no name that its certificate could be compared with: %s",
                gai_strerror(lookup->failed));
    else
        err_set(&err, -EPERM, "the peer's certificate is not accepted: it is not for %s", lookup->name);
    free(lookup);
    fail(layer, &err);
}

/* Lookups may take long, and all of them where names are not served: threads are left for other work. */
static const void *
lane_of_lookup(struct loop *loop)
{
    return &loop->lookups[loop->lookup_count++ % ARRAY_LEN(loop->lookups)];
}

/* The scheme that Mesos calls legacy, after the chain was found right. True when nothing is left to be found out. */
static bool
check_name(struct layer *layer)
{
    const struct secure_settings *settings = &layer->secure->settings;
    char ip[64];
    if (!settings->names_by_lookup || !(layer->server ? settings->require_client : settings->verify_server))
        return true;
    if (layer->secure->engine->names(layer->session, layer->name,
                                     settings->verify_ip ? address_ip(&layer->stream->peer, ip) : NULL))
        return true;
    if (layer->name) {
        struct err err;
        err_set(&err, -EPERM, "the peer's certificate is not accepted: it is not for %s", layer->name);
        fail(layer, &err);
        return false;
    }
    struct lookup *lookup = xcalloc(1, sizeof(*lookup));
    lookup->layer = layer;
    lookup->peer = layer->stream->peer;
    layer->lookup = lookup;
    layer->state = STATE_NAMING;
    apply(layer);
    loop_offload(layer->stream->loop, lane_of_lookup(layer->stream->loop), look_up, on_looked_up, lookup);
    return false;
}

/* A client that may speak plainly tries once more without TLS, for a peer that does not know it. */
static bool
downgrade(struct layer *layer)
{
    struct stream *stream = layer->stream;
    if (layer->server || !secure_downgrades(layer->secure))
        return false;
    const struct stream_ops *under = layer->under;
    stream->ops = under;
    if (!stream_socket_again(stream)) {
        stream->ops = &secure_ops;
        return false;
    }
    layer->under_wanted = LOOP_WRITE;
    step_aside(layer);
    return true;
}

static bool
handshake(struct layer *layer)
{
    struct err err = {0};
    layer->carried = 0;
    int status = layer->secure->engine->handshake(layer->session, &err);
    if (status == SECURE_WANT_READ || status == SECURE_WANT_WRITE) {
        layer->waits = status == SECURE_WANT_READ ? LOOP_READ : LOOP_WRITE;
        apply(layer);
        return false;
    }
    if (status == 0)
        return check_name(layer) && open_up(layer);
    if (status != SECURE_NOT_TLS || !downgrade(layer))
        fail(layer, &err);
    return false;
}

static void
begin_handshake(struct layer *layer)
{
    const struct secure_io io = {carry_send, carry_recv, layer};
    char ip[64];
    void *context = layer->server ? layer->secure->server : layer->secure->client;
    bool inet = layer->stream->peer.sa.ss_family == AF_INET || layer->stream->peer.sa.ss_family == AF_INET6;
    layer->state = STATE_HANDSHAKE;
    layer->session = layer->secure->engine->session_new(context, layer->server, layer->name,
                                                        inet ? address_ip(&layer->stream->peer, ip) : NULL, &io);
}

/* The first byte tells a peer with TLS from one without. False: it is not there yet, or the peer has left. */
static bool
look(struct layer *layer)
{
    ssize_t n = layer->under->recv(layer->stream, &layer->head, 1);
    struct err err;
    if (n == -EAGAIN)
        return false;
    if (n > 0) {
        layer->head_there = true;
        return true;
    }
    err_set(&err, n < 0 ? (int)n : -ECONNRESET, "the peer left before it said anything");
    fail(layer, &err);
    return false;
}

/* With the scheme that Mesos calls openssl a server is whom we called. One that has an address only, which is not to be looked
 * for, could be anybody that the authority knows. */
static bool
is_checkable(struct layer *layer)
{
    const struct secure_settings *settings = &layer->secure->settings;
    struct err err;
    if (!settings->verify_server || settings->names_by_lookup || settings->verify_ip || layer->name)
        return true;
    err_set(&err, -EPERM, "it is known by its address alone, which no certificate is compared with unless verify_ipadd is set");
    fail(layer, &err);
    return false;
}

bool
stream_secure_step(struct stream *stream)
{
    struct layer *layer = stream->layer;
    if (layer->state == STATE_OPEN)
        return true;
    if (layer->state == STATE_NAMING || stream->broken)
        return false;
    if (layer->state == STATE_CARRIER) {
        stream->securing = true;
        if (!is_checkable(layer))
            return false;
        loop_timer_start(&layer->limit, HANDSHAKE_MS);
        begin_handshake(layer);
    }
    if (layer->state == STATE_LOOKING) {
        if (!look(layer))
            return false;
        if (layer->head != TLS_HELLO) {
            step_aside(layer);
            stream_want_again(stream);
            return true;
        }
        begin_handshake(layer);
    }
    return handshake(layer);
}

/* ---- beginnings ---- */

static struct layer *
layer_new(struct stream *stream, struct secure *secure, bool server)
{
    struct layer *layer = xcalloc(1, sizeof(*layer));
    layer->stream = stream;
    layer->under = stream->ops;
    layer->secure = secure_ref(secure);
    layer->server = server;
    layer->under_wanted = stream->wanted;
    layer->waits = LOOP_READ;
    loop_task_init(&layer->again, on_again, layer);
    loop_timer_init(&layer->limit, stream->loop, on_limit, layer);
    stream->layer = layer;
    stream->ops = &secure_ops;
    return layer;
}

void
stream_secure_client(struct stream *stream, struct secure *secure, const char *name)
{
    struct layer *layer = layer_new(stream, secure, false);
    layer->state = STATE_CARRIER;
    layer->name = name ? xstrdup(name) : NULL;
}

void
stream_secure_server(struct stream *stream, struct secure *secure)
{
    struct layer *layer = layer_new(stream, secure, true);
    stream->securing = true;
    layer->state = STATE_LOOKING;
    if (!secure_downgrades(secure))
        begin_handshake(layer);
    loop_timer_start(&layer->limit, HANDSHAKE_MS);
    apply(layer);
}
