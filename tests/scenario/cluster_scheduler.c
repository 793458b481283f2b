/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler of a cluster (cluster.h): what it says over the v1 API, and the events that come. */
#include "cluster.h"

#include <stdio.h>

#include "base/units.h"
#include "wire/message.h"
#include "wire/recordio.h"

struct ear {
    struct cluster *c;
    struct scheduler *s;
};

static void
on_head(const struct http_response *response, void *arg)
{
    struct ear *ear = arg;
    assert_int_equal(response->status, 200);
    snprintf(ear->s->stream_id, sizeof ear->s->stream_id, "%.*s",
             STR_ARG(http_header_get(&response->headers, "Mesos-Stream-Id")));
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct ear *ear = arg;
    struct str record;
    size_t used;
    while (recordio_read(response->body, &record, &used, NULL) == 1) {
        Mesos__V1__Scheduler__Event *event = MESSAGE_UNPACK(
            Mesos__V1__Scheduler__Event, mesos__v1__scheduler__event, record, ear->c->arena, NULL);
        assert_non_null(event);
        if (event->type != EVENT(HEARTBEAT)) {
            assert_true(ear->s->event_count < EVENTS);
            ear->s->events[ear->s->event_count++] = event;
        }
        buf_consume(response->body, used);
    }
}

static void
on_stream_end(const struct http_response *response, void *arg)
{
    ((struct ear *)arg)->s->stream_ended = true;
}

static void
on_stream_error(const struct err *err, void *arg)
{
    ((struct ear *)arg)->s->stream_ended = true;
}

static void
on_answer(const struct http_response *response, void *arg)
{
    ((struct scheduler *)arg)->status = response->status;
}

static void
on_answer_error(const struct err *err, void *arg)
{
    ((struct scheduler *)arg)->status = -1;
}

static void
send_json(struct cluster *c, struct scheduler *s, struct http_client *client, const struct buf *body,
          const struct http_call_handler *handler, void *arg)
{
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/x-protobuf")},
                                          {STR_LIT("Mesos-Stream-Id"), str_of(s->stream_id)}};
    http_client_send(client, "POST", "/api/v1/scheduler", headers, s->stream_id[0] ? 3 : 2, buf_str(body), 0, handler, arg);
}

struct wanted {
    struct scheduler *s;
    Mesos__V1__Scheduler__Event__Type type;
    const Mesos__V1__Scheduler__Event *found;
};

static bool
has_event(void *arg)
{
    struct wanted *wanted = arg;
    for (; !wanted->found && wanted->s->seen < wanted->s->event_count; wanted->s->seen++) {
        if (wanted->s->events[wanted->s->seen]->type == wanted->type)
            wanted->found = wanted->s->events[wanted->s->seen];
    }
    return wanted->found != NULL;
}

const Mesos__V1__Scheduler__Event *
next(struct cluster *c, struct scheduler *s, Mesos__V1__Scheduler__Event__Type type, int64_t ms)
{
    struct wanted wanted = {s, type, NULL};
    loop_run_until(c->loop, has_event, &wanted, ms);
    return wanted.found;
}

const Mesos__V1__TaskStatus *
next_status(struct cluster *c, struct scheduler *s, int64_t ms)
{
    const Mesos__V1__Scheduler__Event *event = next(c, s, EVENT(UPDATE), ms);
    return event ? event->update->status : NULL;
}

void
subscribe(struct cluster *c, struct scheduler *s)
{
    static const struct http_call_handler handler = {on_head, on_body, on_stream_end, on_stream_error};
    auto_buf struct buf body = {0};
    const char *id = c->framework_id;
    buf_puts(&body, "{\"type\":\"SUBSCRIBE\",");
    if (*id)
        buf_printf(&body, "\"framework_id\":{\"value\":\"%s\"},", id);
    buf_puts(&body, "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":\"fw\",\"roles\":[\"*\"],\"checkpoint\":true,"
                    "\"failover_timeout\":3600,\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]");
    if (*id)
        buf_printf(&body, ",\"id\":{\"value\":\"%s\"}", id);
    buf_puts(&body, "}}}");
    struct ear *ear = arena_calloc(c->arena, 1, sizeof *ear);
    *ear = (struct ear){c, s};
    s->stream = http_client_new(c->loop, &c->master_at, "master");
    s->calls = http_client_new(c->loop, &c->master_at, "master");
    c->connecting++;
    send_json(c, s, s->stream, &body, &handler, ear);
    const Mesos__V1__Scheduler__Event *event = next(c, s, EVENT(SUBSCRIBED), MINUTE);
    assert_non_null(event);
    snprintf(c->framework_id, sizeof c->framework_id, "%s", event->subscribed->framework_id->value);
}

void
call(struct cluster *c, struct scheduler *s, const char *rest)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_answer_error};
    auto_buf struct buf body = {0};
    buf_printf(&body, "{\"framework_id\":{\"value\":\"%s\"},%s}", c->framework_id, rest);
    s->status = 0;
    c->connecting += !s->called;
    s->called = true;
    send_json(c, s, s->calls, &body, &handler, s);
    pass(c, 50);
    assert_int_equal(s->status, 202);
}

const Mesos__V1__Offer *
next_offer(struct cluster *c, struct scheduler *s)
{
    const Mesos__V1__Scheduler__Event *event = next(c, s, EVENT(OFFERS), MINUTE);
    assert_non_null(event);
    assert_int_equal(event->offers->n_offers, 1);
    return event->offers->offers[0];
}

double
cpus_of(const Mesos__V1__Offer *offer)
{
    double sum = 0;
    for (size_t i = 0; i < offer->n_resources; i++) {
        if (strcmp(offer->resources[i]->name, "cpus") == 0)
            sum += offer->resources[i]->scalar->value;
    }
    return sum;
}

void
launch(struct cluster *c, struct scheduler *s, const char *task_id)
{
    const Mesos__V1__Offer *offer = next_offer(c, s);
    auto_buf struct buf text = {0};
    buf_printf(&text,
               "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[{\"type\":\"LAUNCH\","
               "\"launch\":{\"task_infos\":[{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},"
               "\"executor\":{\"type\":\"CUSTOM\",\"executor_id\":{\"value\":\"e\"},\"framework_id\":{\"value\":\"%s\"},"
               "\"command\":{\"value\":\"none\"}},"
               "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}},"
               "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64}}]}]}}],\"filters\":{\"refuse_seconds\":0}}",
               offer->id->value, task_id, offer->agent_id->value, c->framework_id);
    call(c, s, buf_cstr(&text));
}

void
acknowledge(struct cluster *c, struct scheduler *s, const Mesos__V1__TaskStatus *status)
{
    auto_buf struct buf text = {0}, uuid = {0};
    assert_true(status->has_uuid);
    base64_encode(&uuid, status->uuid.data, status->uuid.len);
    buf_printf(&text, "\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{\"value\":\"%s\"},"
                      "\"uuid\":\"%s\"}",
               status->agent_id->value, status->task_id->value, buf_cstr(&uuid));
    call(c, s, buf_cstr(&text));
    buf_fini(&uuid);
}

void
expect(struct cluster *c, struct scheduler *s, const char *task_id, Mesos__V1__TaskState state)
{
    const Mesos__V1__TaskStatus *status = next_status(c, s, 5 * MINUTE);
    assert_non_null(status);
    assert_string_equal(status->task_id->value, task_id);
    assert_int_equal(status->state, state);
    acknowledge(c, s, status);
}

struct executor_double *
running(struct cluster *c, const char *task_id)
{
    launch(c, &c->scheduler, task_id);
    expect(c, &c->scheduler, task_id, STATE(TASK_RUNNING));
    struct executor_double *executor = double_find("e");
    assert_non_null(executor);
    return executor;
}
