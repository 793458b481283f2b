/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams in memory, for scenario tests: a pair of ends that post parcels to each other, each due at a time that the
 * test's shape decides. Behaves like TCP where it matters: order is kept, a window bounds what is under way, an end
 * that goes away is an end of file. Called by stream.c only.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/fault.h"
#include "loop/stream_internal.h"

enum { WINDOW_BYTES = 64 * 1024, PAUSED_RETRY_MS = 10, FIRST_PORT = 20000 };

struct stream_net {
    struct loop *loop;
    struct stream_net_shape shape;
    struct list listeners;
    uint16_t next_port;
};

struct parcel {
    struct list node;
    int64_t due_ns;
    bool fin; /* the end; no bytes */
    struct buf bytes;
};

/* One end of a pair. */
struct end {
    struct stream *stream;
    struct end *peer; /* NULL: not linked yet, or gone */
    struct list inbox;
    size_t inbox_bytes;
    int64_t last_due_ns; /* of what was posted to the inbox */
    struct loop_timer timer;
    int wanted;
    bool linked, reset, fin_posted;
};

static const struct stream_ops net_ops;
static void on_end_timer(void *arg);

static int64_t
shape_delay(struct stream_net *net, const struct address *from, const struct address *to)
{
    return net && net->shape.delay_ns ? net->shape.delay_ns(net->shape.arg, from, to) : 0;
}

static struct end *
end_new(struct stream *stream)
{
    struct end *end = xcalloc(1, sizeof(*end));
    end->stream = stream;
    list_init(&end->inbox);
    loop_timer_init(&end->timer, stream->loop, on_end_timer, end);
    stream->backend = end;
    return end;
}

static bool
writable(const struct end *end)
{
    return end->reset || !end->peer || end->peer->inbox_bytes < WINDOW_BYTES;
}

/* Sets the timer to when something wanted becomes possible. */
static void
kick(struct end *end)
{
    int64_t now_ns = loop_now_ns(end->stream->loop), due_ns = INT64_MAX;
    struct parcel *first = list_first(&end->inbox, struct parcel, node);
    if (!end->linked)
        return;
    if ((end->reset && end->wanted) || ((end->wanted & LOOP_WRITE) && writable(end)))
        due_ns = now_ns;
    else if ((end->wanted & LOOP_READ) && first)
        due_ns = first->due_ns;
    if (due_ns == INT64_MAX)
        return;
    if (!loop_timer_running(&end->timer) || end->timer.due_ns > due_ns)
        loop_timer_start_ns(&end->timer, due_ns - now_ns);
}

static void
post(struct end *to, int64_t delay_ns, const char *data, size_t len, bool fin)
{
    int64_t due_ns = loop_now_ns(to->stream->loop) + delay_ns;
    if (due_ns < to->last_due_ns)
        due_ns = to->last_due_ns;
    struct parcel *last = list_empty(&to->inbox) ? NULL : list_entry(to->inbox.prev, struct parcel, node);
    if (!last || last->due_ns != due_ns || last->fin || fin) {
        last = xcalloc(1, sizeof(*last));
        last->due_ns = to->last_due_ns = due_ns;
        last->fin = fin;
        list_push(&to->inbox, &last->node);
    }
    buf_append(&last->bytes, data, len);
    to->inbox_bytes += len;
    kick(to);
}

static void
reset_both(struct end *end)
{
    struct end *peer = end->peer;
    end->reset = true;
    if (peer) {
        peer->reset = true;
        kick(peer);
    }
}

static ssize_t
net_send(struct stream *stream, const struct iovec *iov, int count)
{
    struct end *end = stream->backend;
    if (end->reset)
        return -ECONNRESET;
    if (!end->peer)
        return -EPIPE;
    size_t room = WINDOW_BYTES - end->peer->inbox_bytes, sent = 0;
    if (room == 0)
        return -EAGAIN;
    int64_t delay_ns = shape_delay(stream->loop->net, &stream->local, &stream->peer);
    if (delay_ns < 0) {
        reset_both(end);
        return -ECONNRESET;
    }
    for (int i = 0; i < count && room; i++) {
        size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;
        post(end->peer, delay_ns, iov[i].iov_base, n, false);
        room -= n;
        sent += n;
    }
    return (ssize_t)sent;
}

static ssize_t
net_recv(struct stream *stream, void *data, size_t len)
{
    struct end *end = stream->backend;
    size_t got = 0;
    struct parcel *parcel;
    if (end->reset)
        return -ECONNRESET;
    while (got < len && (parcel = list_first(&end->inbox, struct parcel, node)) != NULL &&
           parcel->due_ns <= loop_now_ns(stream->loop)) {
        if (parcel->fin && got == 0)
            return 0;
        if (parcel->fin)
            break;
        size_t n = parcel->bytes.len < len - got ? parcel->bytes.len : len - got;
        memcpy((char *)data + got, buf_data(&parcel->bytes), n);
        buf_consume(&parcel->bytes, n);
        got += n;
        if (parcel->bytes.len == 0) {
            list_remove(&parcel->node);
            buf_fini(&parcel->bytes);
            free(parcel);
        }
    }
    end->inbox_bytes -= got;
    if (got && end->peer)
        kick(end->peer);
    kick(end);
    return got ? (ssize_t)got : -EAGAIN;
}

static void
net_want(struct stream *stream, int events)
{
    struct end *end = stream->backend;
    end->wanted = events;
    kick(end);
}

static void
post_fin(struct end *end)
{
    if (!end->peer || end->fin_posted)
        return;
    end->fin_posted = true;
    int64_t delay_ns = shape_delay(end->stream->loop->net, &end->stream->local, &end->stream->peer);
    if (delay_ns < 0)
        reset_both(end);
    else
        post(end->peer, delay_ns, NULL, 0, true);
}

static void
net_finish(struct stream *stream)
{
    post_fin(stream->backend);
}

static void
net_close(struct stream *stream)
{
    struct end *end = stream->backend;
    post_fin(end);
    if (end->peer) {
        end->peer->peer = NULL;
        kick(end->peer);
    }
    loop_timer_stop(&end->timer);
    while (!list_empty(&end->inbox)) {
        struct parcel *parcel = list_first(&end->inbox, struct parcel, node);
        list_remove(&parcel->node);
        buf_fini(&parcel->bytes);
        free(parcel);
    }
    free(end);
}

static const struct stream_ops net_ops = {net_send, net_recv, net_want, net_finish, net_close};

static bool
is_any(const struct address *a)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(uintptr_t)&a->sa;
    return a->sa.ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY);
}

static struct stream_listener *
find_listener(struct stream_net *net, const struct address *at)
{
    struct stream_listener *listener;
    list_foreach(listener, &net->listeners, node)
        if (address_eq(&listener->address, at) ||
            (is_any(&listener->address) && address_port(&listener->address) == address_port(at)))
            return listener;
    return NULL;
}

/* The connection reaches the listener; the client hears of it in the next turn. */
static void
link_up(struct end *client)
{
    struct stream *stream = client->stream;
    struct stream_net *net = stream->loop->net;
    struct stream_listener *listener = net ? find_listener(net, &stream->peer) : NULL;
    if (!listener) {
        stream_connected(stream, -ECONNREFUSED);
        return;
    }
    if (listener->paused) {
        loop_timer_start(&client->timer, PAUSED_RETRY_MS);
        return;
    }
    struct stream *server = stream_new(stream->loop, &net_ops);
    struct end *end = end_new(server);
    server->local = stream->peer;
    server->peer = stream->local;
    server->connected_told = true;
    end->peer = client;
    client->peer = end;
    end->linked = client->linked = true;
    loop_timer_start_ns(&client->timer, 0);
    stream_accepted(listener, server);
}

static void
on_end_timer(void *arg)
{
    struct end *end = arg;
    struct stream *stream = end->stream;
    if (!end->linked) {
        link_up(end);
        return;
    }
    if (stream->connecting) {
        stream_connected(stream, 0);
        return;
    }
    struct parcel *first = list_first(&end->inbox, struct parcel, node);
    int events = 0;
    if (end->reset || (first && first->due_ns <= loop_now_ns(stream->loop)))
        events |= LOOP_READ;
    if (writable(end))
        events |= LOOP_WRITE;
    events &= end->wanted;
    if (events)
        stream_ready(stream, events);
    else
        kick(end);
}

static struct address
new_local(struct stream_net *net)
{
    struct address a;
    int rc = address_parse(STR_LIT("127.0.0.1:0"), &a, NULL);
    assert(rc == 0);
    (void)rc;
    address_set_port(&a, net->next_port++);
    return a;
}

struct stream *
stream_net_connect(struct loop *loop, const struct address *to)
{
    struct stream *stream = stream_new(loop, &net_ops);
    struct end *end = end_new(stream);
    stream->connecting = true;
    stream->wanted = LOOP_WRITE;
    stream->peer = *to;
    stream->local = new_local(loop->net);
    int failed = fault("stream_connect");
    int64_t delay_ns = shape_delay(loop->net, &stream->local, to);
    if (failed || delay_ns < 0)
        stream_connected(stream, failed ? failed : -ECONNREFUSED);
    else
        loop_timer_start_ns(&end->timer, delay_ns);
    return stream;
}

static void
net_listener_pause(struct stream_listener *listener, bool paused)
{
    /* link_up looks at the flag. */
}

static void
net_listener_free(struct stream_listener *listener)
{
    list_remove(&listener->node);
    stream_listener_forget(listener);
}

static const struct stream_listener_ops net_listener_ops = {net_listener_pause, net_listener_free};

struct stream_listener *
stream_net_listen(struct loop *loop, const struct address *at, struct err *err)
{
    char text[128];
    if (address_port(at) && find_listener(loop->net, at)) {
        err_set(err, -EADDRINUSE, "cannot listen on %s: already in use", address_format(at, text));
        return NULL;
    }
    struct stream_listener *listener = xcalloc(1, sizeof(*listener));
    listener->loop = loop;
    listener->ops = &net_listener_ops;
    listener->fd = -1;
    listener->address = *at;
    if (at->sa.ss_family != AF_UNIX && !address_port(at))
        address_set_port(&listener->address, loop->net->next_port++);
    list_push(&loop->net->listeners, &listener->node);
    return listener;
}

struct stream_net *
stream_net_new(struct loop *loop, const struct stream_net_shape *shape)
{
    struct stream_net *net = xcalloc(1, sizeof(*net));
    assert(!loop->net);
    net->loop = loop;
    if (shape)
        net->shape = *shape;
    list_init(&net->listeners);
    net->next_port = FIRST_PORT;
    loop->net = net;
    return net;
}

void
stream_net_free(struct stream_net *net)
{
    if (!net)
        return;
    assert(list_empty(&net->listeners));
    net->loop->net = NULL;
    free(net);
}
