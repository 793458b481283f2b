/* SPDX-License-Identifier: Apache-2.0 */
/* See parties.h. */
#include "parties.h"

#include "mesos/scheduler/scheduler.pb-c.h"

#define MASTER_HOST "10.0.0.1:5050"

void
party_init(struct party *party, struct world *w, const char *name, bool v0)
{
    *party = (struct party){.w = w, .name = name, .v0 = v0};
    if (v0)
        libprocess_spawn(w->agents, name);
    else
        party->calls = http_client_new(w->loop, &w->master_at, MASTER_HOST);
}

void
party_fini(struct party *party)
{
    http_client_free(party->stream);
    http_client_free(party->calls);
    buf_fini(&party->answer);
}

/* ---- what it hears ---- */

static void
on_head(const struct http_response *response, void *arg)
{
    struct party *party = arg;
    party->status = response->status;
    snprintf(party->stream_id, sizeof(party->stream_id), "%.*s",
             STR_ARG(http_header_get(&response->headers, "Mesos-Stream-Id")));
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct party *party = arg;
    struct str record;
    size_t used;
    if (response->status != 200) {
        buf_append_str(&party->answer, buf_str(response->body));
        buf_clear(response->body);
        return;
    }
    while (recordio_read(response->body, &record, &used, NULL) == 1) {
        Mesos__V1__Scheduler__Event *event =
            MESSAGE_UNPACK(Mesos__V1__Scheduler__Event, mesos__v1__scheduler__event, record, party->w->arena, NULL);
        assert_non_null(event);
        assert_true(party->event_count < PARTY_EVENTS);
        if (event->type != EVENT(HEARTBEAT))
            party->events[party->event_count++] = event;
        buf_consume(response->body, used);
    }
}

static void
on_end(const struct http_response *response, void *arg)
{
    (void)response;
    (void)arg;
}

static void
on_error(const struct err *err, void *arg)
{
    (void)err;
    ((struct party *)arg)->status = -1;
}

static void
on_answer(const struct http_response *response, void *arg)
{
    struct party *party = arg;
    party->status = response->status;
    buf_append_str(&party->answer, buf_str(response->body));
}

static const struct http_call_handler stream_handler = {on_head, on_body, on_end, on_error};
static const struct http_call_handler call_handler = {.on_response = on_answer, .on_error = on_error};

static const Mesos__V1__Scheduler__Event *
last_event(const struct party *party, Mesos__V1__Scheduler__Event__Type type)
{
    for (size_t i = party->event_count; i-- > 0;)
        if (party->events[i]->type == type)
            return party->events[i];
    return NULL;
}

/* The last message of that name to its actor, or NULL. */
static const struct note *
last_note(const struct party *party, const char *name)
{
    const struct world *w = party->w;
    for (size_t i = w->note_count; i-- > 0;)
        if (strcmp(w->notes[i].to, party->name) == 0 && strcmp(w->notes[i].name + sizeof("mesos.internal.") - 1, name) == 0)
            return &w->notes[i];
    return NULL;
}

#define LAST_NOTE(party, Type, type) \
    (last_note(party, #Type) \
         ? MESSAGE_UNPACK(Mesos__Internal__##Type, mesos__internal__##type, \
                          str_n(last_note(party, #Type)->body, last_note(party, #Type)->len), (party)->w->arena, NULL) \
         : NULL)

size_t
party_heard(const struct party *party)
{
    size_t count = party->event_count;
    for (size_t i = 0; i < party->w->note_count; i++)
        count += strcmp(party->w->notes[i].to, party->name) == 0;
    return count;
}

const Mesos__V1__Offer *
party_offer(const struct party *party)
{
    if (party->v0) {
        const Mesos__Internal__ResourceOffersMessage *message =
            LAST_NOTE(party, ResourceOffersMessage, resource_offers_message);
        return message ? message->offers[0] : NULL;
    }
    const Mesos__V1__Scheduler__Event *event = last_event(party, EVENT(OFFERS));
    return event ? event->offers->offers[0] : NULL;
}

const Mesos__V1__TaskStatus *
party_status(const struct party *party)
{
    if (party->v0) {
        const Mesos__Internal__StatusUpdateMessage *message = LAST_NOTE(party, StatusUpdateMessage, status_update_message);
        return message ? message->update->status : NULL;
    }
    const Mesos__V1__Scheduler__Event *event = last_event(party, EVENT(UPDATE));
    return event ? event->update->status : NULL;
}

const char *
party_error(const struct party *party)
{
    if (party->v0) {
        const Mesos__Internal__FrameworkErrorMessage *message =
            LAST_NOTE(party, FrameworkErrorMessage, framework_error_message);
        return message ? message->message : NULL;
    }
    const Mesos__V1__Scheduler__Event *event = last_event(party, EVENT(ERROR));
    return event ? event->error->message : NULL;
}

/* ---- what it says ---- */

void
party_says(struct party *party, const char *name, const void *message)
{
    struct upid to = {.id = "master", .address = party->w->master_at};
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    libprocess_send(party->w->agents, party->name, &to, name, buf_str(&body));
    pass(party->w, 20);
}

static void
post(struct party *party, struct http_client *client, const char *stream_id, struct str body, const struct http_call_handler *handler)
{
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/x-protobuf")},
                                          {STR_LIT("Authorization"), str_of(party->name)},
                                          {STR_LIT("Mesos-Stream-Id"), str_of(stream_id ? stream_id : "")}};
    party->status = 0;
    buf_clear(&party->answer);
    http_client_send(client, "POST", "/api/v1/scheduler", headers, stream_id ? 4 : 3, body, 0, handler, party);
    pass(party->w, 20);
}

static void
send_v0(struct party *party, const char *json)
{
    struct err err = {0};
    Mesos__Scheduler__Call *call =
        MESSAGE_FROM_JSON(Mesos__Scheduler__Call, mesos__scheduler__call, str_of(json), party->w->arena, &err);
    assert_string_equal(err.text, "");
    party_says(party, "mesos.scheduler.Call", call);
}

int
party_calls(struct party *party, const char *id, const char *members)
{
    auto_free char *json = xasprintf("{\"framework_id\":{\"value\":\"%s\"},%s}", id, members);
    if (party->v0)
        send_v0(party, json);
    else
        post(party, party->calls, party->stream_id, str_of(json), &call_handler);
    return party->status;
}

void
party_claims(struct party *party, const char *id, const char *principal, bool force)
{
    auto_buf struct buf text = {0};
    buf_puts(&text, "{\"type\":\"SUBSCRIBE\",");
    if (id)
        buf_printf(&text, "\"framework_id\":{\"value\":\"%s\"},", id);
    buf_puts(&text, "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":\"fw\",\"failover_timeout\":1000");
    if (id)
        buf_printf(&text, ",\"id\":{\"value\":\"%s\"}", id);
    if (principal)
        buf_printf(&text, ",\"principal\":\"%s\"", principal);
    buf_printf(&text, "}%s}}", force && party->v0 ? ",\"force\":true" : "");
    if (party->v0) {
        send_v0(party, buf_cstr(&text));
        return;
    }
    struct http_client *before = take(&party->stream), *claim = http_client_new(party->w->loop, &party->w->master_at, MASTER_HOST);
    char stream_id[sizeof(party->stream_id)];
    memcpy(stream_id, party->stream_id, sizeof(stream_id));
    size_t count = party->event_count;
    post(party, claim, NULL, buf_str(&text), &stream_handler);
    bool subscribed = party->event_count > count && party->events[count]->type == EVENT(SUBSCRIBED);
    if (!subscribed)
        memcpy(party->stream_id, stream_id, sizeof(stream_id));
    party->stream = subscribed ? claim : before;
    http_client_free(subscribed ? before : claim);
}

void
party_joins(struct party *party)
{
    party_claims(party, NULL, party->name, false);
    const char *id = NULL;
    if (party->v0) {
        const Mesos__Internal__FrameworkRegisteredMessage *message =
            LAST_NOTE(party, FrameworkRegisteredMessage, framework_registered_message);
        id = message ? message->framework_id->value : NULL;
    } else if (last_event(party, EVENT(SUBSCRIBED))) {
        id = last_event(party, EVENT(SUBSCRIBED))->subscribed->framework_id->value;
    }
    assert_non_null(id);
    snprintf(party->id, sizeof(party->id), "%s", id);
}
