/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of actors: receiving them from the HTTP server, and sending them over one connection per peer address that
 * a link keeps open and that otherwise closes when its queue is empty. Answers of peers are read and dropped.
 */
#include <stdio.h>

#include "base/fault.h"
#include "base/map.h"
#include "loop/secure.h"
#include "wire/http_connection.h"
#include "wire/libprocess.h"
#include "wire/limits.h"

enum { TEMPORARY_LINGER_MS = 10000, ADDRESS_TEXT = 128, SCRATCH_BYTES = 64 << 10 };

struct libprocess;
#ifdef MESOS_FAULTS
static void late_free_all(struct libprocess *libprocess);
#endif

struct actor {
    struct str id;
};

struct libprocess {
    struct loop *loop;
    char self[ADDRESS_TEXT]; /* "ip:port" */
    libprocess_message_fn *on_message;
    libprocess_exited_fn *on_exited;
    void *arg;
    struct map actors; /* id -> struct actor */
    struct map peers; /* address text -> struct peer that takes messages */
    struct list all_peers; /* also those that are only ending */
    struct list dirty; /* corked in this turn */
    struct list late; /* messages that a test holds back */
    int64_t late_until_ns;
    struct loop_timer flush;
    struct secure *secure; /* TLS to peers; NULL = none */
    bool match_peers;
    size_t unread_bytes; /* may wait for one peer */
    bool (*may_send)(void *arg);
    void *guard_arg;
    size_t unlinked; /* peers without a link */
    struct buf head; /* scratch */
    char last_from[512]; /* the last sender's text and what it means: peers send many in a row */
    size_t last_from_len;
    struct upid last_upid;
    uint64_t connection; /* of the message that is being received */
    struct address caller; /* likewise */
    struct http_exchange *exchange; /* likewise; NULL = it came at another time */
};

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
static void peer_free(struct peer *peer);
static void peer_broken(struct peer *peer);

static const struct stream_handler peer_handler = {.on_connect = on_peer_connect,
                                                   .on_data = on_peer_data,
                                                   .on_drain = on_peer_drain,
                                                   .on_close = on_peer_close};

struct libprocess *
libprocess_new(struct loop *loop, const struct address *self, libprocess_message_fn *on_message,
               libprocess_exited_fn *on_exited, void *arg)
{
    struct libprocess *libprocess = xcalloc(1, sizeof(*libprocess));
    libprocess->loop = loop;
    libprocess->on_message = on_message;
    libprocess->on_exited = on_exited;
    libprocess->arg = arg;
    libprocess->unread_bytes = LIMIT_SUBSCRIBER_BYTES;
    address_format(self, libprocess->self);
    list_init(&libprocess->all_peers);
    list_init(&libprocess->dirty);
    list_init(&libprocess->late);
    loop_timer_init(&libprocess->flush, loop, on_flush, libprocess);
    return libprocess;
}

void
libprocess_free(struct libprocess *libprocess)
{
    if (libprocess == NULL)
        return;
    struct peer *peer;
    while ((peer = list_first(&libprocess->all_peers, struct peer, in_all)))
        peer_free(peer);
#ifdef MESOS_FAULTS
    late_free_all(libprocess);
#endif
    struct actor *actor;
    map_foreach(actor, &libprocess->actors)
        free(actor);
    map_fini(&libprocess->actors);
    map_fini(&libprocess->peers);
    buf_fini(&libprocess->head);
    loop_timer_stop(&libprocess->flush);
    secure_unref(libprocess->secure);
    free(libprocess);
}

/* ---- local actors ---- */

void
libprocess_spawn(struct libprocess *libprocess, const char *id)
{
    size_t len = strlen(id);
    if (map_get(&libprocess->actors, str_of(id)))
        return;
    struct actor *actor = xmalloc(sizeof(*actor) + len + 1);
    memcpy(actor + 1, id, len + 1);
    actor->id = str_n(actor + 1, len);
    map_add(&libprocess->actors, actor->id, actor);
}

void
libprocess_terminate(struct libprocess *libprocess, const char *id)
{
    free(map_remove(&libprocess->actors, str_of(id)));
}

bool
libprocess_has(const struct libprocess *libprocess, struct str id)
{
    return map_get(&libprocess->actors, id) != NULL;
}

void
libprocess_match_peers(struct libprocess *libprocess, bool match)
{
    libprocess->match_peers = match;
}

void
libprocess_limit(struct libprocess *libprocess, size_t unread_bytes)
{
    if (unread_bytes)
        libprocess->unread_bytes = unread_bytes;
}

void
libprocess_secure(struct libprocess *libprocess, struct secure *secure)
{
    secure_ref(secure);
    secure_unref(libprocess->secure);
    libprocess->secure = secure;
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

/* ---- receiving ---- */

/* The same machine, whatever the port. */
static bool
same_ip(const struct address *a, const struct address *b)
{
    char one[64], other[64];
    return strcmp(address_ip(a, one), address_ip(b, other)) == 0;
}

/* The text after "Libprocess-From:" or "User-Agent: libprocess/"; ptr NULL when the request is no message. */
static struct str
sender_of(const struct http_request *request)
{
    struct str from = {NULL, 0};
    if (!str_is(request->method, "POST"))
        return from;
    from = http_header_get(&request->headers, "Libprocess-From");
    if (from.ptr)
        return from;
    struct str agent = http_header_get(&request->headers, "User-Agent");
    return str_starts(agent, STR_LIT("libprocess/")) ? str_n(agent.ptr + 11, agent.len - 11) : from;
}

static const struct upid *
parse_sender(struct libprocess *libprocess, struct str from, struct err *err)
{
    if (from.len == libprocess->last_from_len && from.len > 0 &&
        memcmp(from.ptr, libprocess->last_from, from.len) == 0)
        return &libprocess->last_upid;
    if (upid_parse(from, &libprocess->last_upid, err) < 0 || from.len > sizeof(libprocess->last_from)) {
        libprocess->last_from_len = 0;
        return err->code ? NULL : &libprocess->last_upid;
    }
    memcpy(libprocess->last_from, from.ptr, from.len);
    libprocess->last_from_len = from.len;
    return &libprocess->last_upid;
}

/* "/<id>/<name>": both non-empty; the id decoded. */
static bool
split_path(const struct http_request *request, struct str *ret_id, struct str *ret_name)
{
    struct str rest = request->path;
    str_cut(&rest, '/');
    struct str id = str_cut(&rest, '/');
    if (id.len == 0 || http_percent_decode(id, false, request->arena, ret_id) < 0)
        return false;
    *ret_name = rest;
    return true;
}

uint64_t
libprocess_connection(const struct libprocess *libprocess)
{
    return libprocess->connection;
}

const struct address *
libprocess_caller(const struct libprocess *libprocess)
{
    return &libprocess->caller;
}

/* Hands a message over; what tests want of the network stands between. */
#ifdef MESOS_FAULTS
struct late {
    struct list node;
    struct libprocess *libprocess;
    struct loop_timer timer;
    struct upid from;
    struct buf text; /* id, name and body, one after the other */
    size_t id_len, name_len;
    uint64_t connection;
    struct address caller;
};

static void
late_free(struct late *late)
{
    list_remove(&late->node);
    loop_timer_stop(&late->timer);
    buf_fini(&late->text);
    free(late);
}

static void
late_free_all(struct libprocess *libprocess)
{
    while (!list_empty(&libprocess->late))
        late_free(list_first(&libprocess->late, struct late, node));
}

static void
on_late(void *arg)
{
    struct late *late = arg;
    struct libprocess *libprocess = late->libprocess;
    const char *text = buf_data(&late->text);
    size_t head = late->id_len + late->name_len;
    libprocess->connection = late->connection;
    libprocess->caller = late->caller;
    if (libprocess_has(libprocess, str_n(text, late->id_len)))
        libprocess->on_message(&late->from, str_n(text, late->id_len), str_n(text + late->id_len, late->name_len),
                               str_n(text + head, late->text.len - head), libprocess->arg);
    late_free(late);
}

static void
deliver_later(struct libprocess *libprocess, const struct upid *from, struct str id, struct str name, struct str body,
              int64_t delay_ms)
{
    struct late *late = xcalloc(1, sizeof(*late));
    late->libprocess = libprocess;
    late->from = *from;
    late->connection = libprocess->connection;
    late->caller = libprocess->caller;
    late->id_len = id.len;
    late->name_len = name.len;
    buf_append_str(&late->text, id);
    buf_append_str(&late->text, name);
    buf_append_str(&late->text, body);
    list_push(&libprocess->late, &late->node);
    loop_timer_init(&late->timer, libprocess->loop, on_late, late);
    int64_t now_ns = loop_now_ns(libprocess->loop), due_ns = now_ns + delay_ms * 1000000;
    if (due_ns > libprocess->late_until_ns)
        libprocess->late_until_ns = due_ns;
    loop_timer_start_ns(&late->timer, libprocess->late_until_ns - now_ns); /* as on a slow line: none overtakes another */
}

static void
deliver(struct libprocess *libprocess, const struct upid *from, struct str id, struct str name, struct str body)
{
    int64_t delay_ms[FAULT_COPIES];
    int copies = fault_message(name.ptr, name.len, delay_ms);
    for (int i = 0; i < copies; i++) {
        if (delay_ms[i] > 0 || !list_empty(&libprocess->late))
            deliver_later(libprocess, from, id, name, body, delay_ms[i]);
        else
            libprocess->on_message(from, id, name, body, libprocess->arg);
    }
}
#else
static void
deliver(struct libprocess *libprocess, const struct upid *from, struct str id, struct str name, struct str body)
{
    libprocess->on_message(from, id, name, body, libprocess->arg);
}
#endif

void
libprocess_patient(struct libprocess *libprocess, bool patient)
{
    if (libprocess->exchange)
        http_exchange_patient(libprocess->exchange, patient);
}

bool
libprocess_try(struct libprocess *libprocess, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str from = sender_of(request), id, name;
    struct err err = {0};
    if (from.ptr == NULL)
        return false;
    const struct upid *sender = parse_sender(libprocess, from, &err);
    if (sender == NULL) {
        http_reply_text(exchange, 500, "Failed to parse the sender: %s", err.text);
        return true;
    }
    if (libprocess->match_peers && !same_ip(&sender->address, http_exchange_peer(exchange))) {
        char peer[128];
        http_reply_text(exchange, 400, "The sender names itself %.*s, but its connection comes from %s", STR_ARG(from),
                        address_format(http_exchange_peer(exchange), peer));
        return true;
    }
    if (!split_path(request, &id, &name) || !libprocess_has(libprocess, id)) {
        http_reply(exchange, 404, "text/plain; charset=utf-8", STR_LIT("404 Not Found."));
        return true;
    }
    struct upid copy = *sender; /* the handler may receive another message meanwhile (tests) */
    libprocess->connection = http_exchange_connection(exchange);
    libprocess->caller = *http_exchange_peer(exchange);
    if (name.len) {
        libprocess->exchange = exchange;
        deliver(libprocess, &copy, id, name, buf_str(&request->body));
        libprocess->exchange = NULL;
    }
    http_reply_accepted(exchange);
    return true;
}

/* ---- connections to peers ---- */

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
    peer_broken(arg);
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
