/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending messages: over one connection per peer address, which a link keeps open and which otherwise closes when its queue
 * is empty. Answers of peers are read and dropped.
 */
#include <stdio.h>

#include "wire/libprocess_inside.h"
#include "wire/limits.h"

enum { TEMPORARY_LINGER_MS = 10000, SCRATCH_BYTES = 64 << 10 };

/* One connection to a peer address. */
struct peer {
    struct libprocess *libprocess;
    struct list in_all, in_dirty;
    struct address address;
    char text[ADDRESS_TEXT];
    struct stream *stream;
    struct map links; /* id -> the same id, owned; not empty: persistent */
    struct loop_timer timer; /* an ending connection waits no longer than this */
    bool corked;
    bool in_map; /* takes messages; else it is ending */
};

static void on_peer_connect(struct stream *stream, void *arg);
static void on_peer_data(struct stream *stream, struct buf *in, void *arg);
static void on_peer_drain(struct stream *stream, void *arg);
static void on_peer_close(struct stream *stream, const struct err *err, void *arg);
static void on_peer_timer(void *arg);
static void on_flush(void *arg);
static void peer_broken(struct peer *peer);

static const struct stream_handler peer_handler = {.on_connect = on_peer_connect,
                                                   .on_data = on_peer_data,
                                                   .on_drain = on_peer_drain,
                                                   .on_close = on_peer_close};

static void
peer_leave_map(struct peer *peer)
{
    if (peer->in_map)
        map_remove(&peer->libprocess->peers, str_of(peer->text));
    peer->in_map = false;
}

static void
peer_free(struct peer *peer)
{
    char *id;
    peer_leave_map(peer);
    peer->libprocess->unlinked -= map_count(&peer->links) == 0;
    loop_timer_stop(&peer->timer);
    list_remove(&peer->in_all);
    list_remove(&peer->in_dirty);
    stream_close(peer->stream);
    map_foreach(id, &peer->links)
        free(id);
    map_fini(&peer->links);
    free(peer);
}

void
libprocess_peers_init(struct libprocess *libprocess)
{
    list_init(&libprocess->all_peers);
    list_init(&libprocess->dirty);
    loop_timer_init(&libprocess->flush, libprocess->loop, on_flush, libprocess);
}

void
libprocess_peers_fini(struct libprocess *libprocess)
{
    struct peer *peer;
    while ((peer = list_first(&libprocess->all_peers, struct peer, in_all)))
        peer_free(peer);
    map_fini(&libprocess->peers);
    buf_fini(&libprocess->head);
    loop_timer_stop(&libprocess->flush);
}

void
libprocess_guard(struct libprocess *libprocess, bool (*may_send)(void *arg), void *arg)
{
    struct peer *peer;
    libprocess->may_send = may_send;
    libprocess->guard_arg = arg;
    list_foreach (peer, &libprocess->all_peers, in_all)
        stream_guard(peer->stream, may_send, arg);
}

static struct peer *
peer_new(struct libprocess *libprocess, const struct address *address, const char *text)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));
    peer->libprocess = libprocess;
    peer->address = *address;
    snprintf(peer->text, sizeof(peer->text), "%s", text);
    list_init(&peer->in_dirty);
    list_push(&libprocess->all_peers, &peer->in_all);
    loop_timer_init(&peer->timer, libprocess->loop, on_peer_timer, peer);
    map_add(&libprocess->peers, str_of(peer->text), peer);
    libprocess->unlinked++;
    peer->in_map = true;
    peer->stream = stream_connect_secure(libprocess->loop, address, libprocess->secure, NULL, &peer_handler, peer);
    stream_guard(peer->stream, libprocess->may_send, libprocess->guard_arg);
    return peer;
}

static struct peer *
peer_find(struct libprocess *libprocess, const struct address *address, bool make)
{
    char text[ADDRESS_TEXT];
    struct peer *peer = map_get(&libprocess->peers, str_of(address_format(address, text)));
    return peer || !make ? peer : peer_new(libprocess, address, text);
}

static void
peer_cork(struct peer *peer)
{
    struct libprocess *libprocess = peer->libprocess;
    if (peer->corked)
        return;
    peer->corked = true;
    stream_cork(peer->stream);
    list_push(&libprocess->dirty, &peer->in_dirty);
    if (!loop_timer_running(&libprocess->flush))
        loop_timer_start(&libprocess->flush, 0);
}

static void
peer_uncork(struct peer *peer)
{
    if (!peer->corked)
        return;
    peer->corked = false;
    list_remove(&peer->in_dirty);
    stream_uncork(peer->stream);
}

static void
on_flush(void *arg)
{
    struct libprocess *libprocess = arg;
    struct peer *peer;
    while ((peer = list_first(&libprocess->dirty, struct peer, in_dirty))) {
        peer_uncork(peer);
        if (stream_queued(peer->stream) == 0)
            on_peer_drain(peer->stream, peer);
    }
}

static void
on_peer_data(struct stream *stream, struct buf *in, void *arg)
{
    buf_consume(in, in->len);
}

/* A temporary connection ends when its queue is empty: our FIN goes out, the answers are still read. */
static void
on_peer_drain(struct stream *stream, void *arg)
{
    struct peer *peer = arg;
    if (!peer->in_map || map_count(&peer->links) || peer->corked || stream_queued(stream) > 0)
        return;
    peer_leave_map(peer);
    stream_finish(stream);
    loop_timer_start(&peer->timer, TEMPORARY_LINGER_MS);
}

static void
on_peer_connect(struct stream *stream, void *arg)
{
    on_peer_drain(stream, arg); /* what was queued may have left already */
}

static void
on_peer_timer(void *arg)
{
    peer_broken(arg);
}

/* Tells every linked actor, then forgets the connection. A callback may link again: that makes a new peer. */
static void
peer_broken(struct peer *peer)
{
    struct libprocess *libprocess = peer->libprocess;
    struct map links = peer->links;
    struct upid upid = {.address = peer->address};
    char *id;
    libprocess->unlinked += map_count(&links) > 0;
    peer->links = (struct map){0};
    peer_free(peer);
    map_foreach(id, &links)
    {
        snprintf(upid.id, sizeof(upid.id), "%s", id);
        if (libprocess->on_exited)
            libprocess->on_exited(&upid, libprocess->arg);
        free(id);
    }
    map_fini(&links);
}

static void
on_peer_close(struct stream *stream, const struct err *err, void *arg)
{
    struct libprocess *libprocess = ((struct peer *)arg)->libprocess;
    snprintf(libprocess->ended, sizeof(libprocess->ended), "%.250s", err && err->code ? err->text : "");
    peer_broken(arg);
    libprocess->ended[0] = '\0';
}

const char *
libprocess_ended(const struct libprocess *libprocess)
{
    return libprocess->ended;
}

/* ---- links ---- */

void
libprocess_link(struct libprocess *libprocess, const struct upid *upid)
{
    struct peer *peer = peer_find(libprocess, &upid->address, true);
    if (map_get(&peer->links, str_of(upid->id)))
        return;
    char *id = xstrdup(upid->id);
    libprocess->unlinked -= map_count(&peer->links) == 0;
    map_add(&peer->links, str_of(id), id);
}

void
libprocess_relink(struct libprocess *libprocess, const struct upid *upid)
{
    struct peer *peer = peer_find(libprocess, &upid->address, false);
    if (peer) {
        list_remove(&peer->in_dirty);
        peer->corked = false;
        stream_close(peer->stream);
        peer->stream = stream_connect_secure(libprocess->loop, &upid->address, libprocess->secure, NULL, &peer_handler, peer);
        stream_guard(peer->stream, libprocess->may_send, libprocess->guard_arg);
    }
    libprocess_link(libprocess, upid);
}

void
libprocess_unlink(struct libprocess *libprocess, const struct upid *upid)
{
    struct peer *peer = peer_find(libprocess, &upid->address, false);
    char *id = peer ? map_remove(&peer->links, str_of(upid->id)) : NULL;
    if (id == NULL)
        return;
    free(id);
    libprocess->unlinked += map_count(&peer->links) == 0;
    if (map_count(&peer->links) == 0)
        peer_cork(peer); /* a temporary one now: ends at the next flush when nothing is queued */
}

/* ---- sending ---- */

static void
put(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text));
}

/* Head and body of a message, byte for byte as libprocess writes them. */
static void
put_message(struct libprocess *libprocess, struct buf *out, const char *from_id, const struct peer *peer,
            const struct upid *to, const char *name, struct str body)
{
    char size[24];
    put(out, "POST /");
    put(out, to->id);
    buf_putc(out, '/');
    put(out, name);
    put(out, " HTTP/1.1\r\nUser-Agent: libprocess/");
    put(out, from_id);
    buf_putc(out, '@');
    put(out, libprocess->self);
    put(out, "\r\nLibprocess-From: ");
    put(out, from_id);
    buf_putc(out, '@');
    put(out, libprocess->self);
    put(out, "\r\nConnection: Keep-Alive\r\nHost: ");
    put(out, peer->text);
    if (body.len == 0) {
        put(out, "\r\n\r\n");
        return;
    }
    put(out, "\r\nTransfer-Encoding: chunked\r\n\r\n");
    buf_append(out, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", body.len));
    buf_append_str(out, body);
    put(out, "\r\n0\r\n\r\n");
}

/* A connection that there is, or a new one; NULL when too many that nobody has linked are open: whoever names ever new
 * senders could have us call them all. */
static struct peer *
peer_for_sending(struct libprocess *libprocess, const struct address *address)
{
    struct peer *peer = peer_find(libprocess, address, false);
    if (peer || libprocess->unlinked < LIMIT_TEMPORARY_PEERS)
        return peer ? peer : peer_find(libprocess, address, true);
    return NULL;
}

void
libprocess_send(struct libprocess *libprocess, const char *from_id, const struct upid *to, const char *name,
                struct str body)
{
    struct peer *peer = peer_for_sending(libprocess, &to->address);
    if (peer == NULL)
        return;
    if (stream_queued(peer->stream) > libprocess->unread_bytes) {
        loop_timer_start(&peer->timer, 0); /* it does not read: broken from the loop, never inside this call */
        return;
    }
    struct buf *out = &libprocess->head;
    buf_clear(out);
    put_message(libprocess, out, from_id, peer, to, name, body);
    peer_cork(peer);
    stream_write(peer->stream, buf_data(out), out->len);
    buf_clear(out);
    buf_shrink(out, SCRATCH_BYTES);
}
