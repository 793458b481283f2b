/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of actors: who they are here, and receiving what others send them from the HTTP server. Sending:
 * libprocess_peers.c.
 */
#include <stdio.h>

#include "base/fault.h"
#include "loop/secure.h"
#include "wire/http_connection.h"
#include "wire/libprocess_inside.h"
#include "wire/limits.h"

#ifdef MESOS_FAULTS
static void late_free_all(struct libprocess *libprocess);
#endif

struct actor {
    struct str id;
};

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
    list_init(&libprocess->late);
    libprocess_peers_init(libprocess);
    return libprocess;
}

void
libprocess_free(struct libprocess *libprocess)
{
    if (libprocess == NULL)
        return;
    libprocess_peers_fini(libprocess);
#ifdef MESOS_FAULTS
    late_free_all(libprocess);
#endif
    struct actor *actor;
    map_foreach(actor, &libprocess->actors)
        free(actor);
    map_fini(&libprocess->actors);
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

/* Who sends it to whom; NULL when there is no such sender or actor: answered. */
static const struct upid *
addressed(struct libprocess *libprocess, struct http_exchange *exchange, struct str *ret_id, struct str *ret_name)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str from = sender_of(request);
    struct err err = {0};
    const struct upid *sender = parse_sender(libprocess, from, &err);
    if (sender == NULL) {
        http_reply_text(exchange, 500, "Failed to parse the sender: %s", err.text);
        return NULL;
    }
    if (libprocess->match_peers && !same_ip(&sender->address, http_exchange_peer(exchange))) {
        char peer[128];
        http_reply_text(exchange, 400, "The sender names itself %.*s, but its connection comes from %s", STR_ARG(from),
                        address_format(http_exchange_peer(exchange), peer));
        return NULL;
    }
    if (!split_path(request, ret_id, ret_name) || !libprocess_has(libprocess, *ret_id)) {
        http_reply(exchange, 404, "text/plain; charset=utf-8", STR_LIT("404 Not Found."));
        return NULL;
    }
    return sender;
}

bool
libprocess_look(struct libprocess *libprocess, struct http_exchange *exchange)
{
    struct str id, name;
    if (sender_of(http_exchange_request(exchange)).ptr == NULL)
        return false;
    if (addressed(libprocess, exchange, &id, &name))
        http_exchange_take_body(exchange);
    return true;
}

bool
libprocess_try(struct libprocess *libprocess, struct http_exchange *exchange)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct str id, name;
    if (sender_of(request).ptr == NULL)
        return false;
    const struct upid *sender = addressed(libprocess, exchange, &id, &name);
    if (sender == NULL)
        return true;
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
