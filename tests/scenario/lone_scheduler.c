/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler and the reader of a lone master (lone_master.h): its calls, the events that come, pages that are read. */
#include "lone_master.h"

static void
on_head(const struct http_response *response, void *arg)
{
    struct world *w = arg;
    assert_int_equal(response->status, 200);
    snprintf(w->stream_id, sizeof(w->stream_id), "%.*s",
             STR_ARG(http_header_get(&response->headers, "Mesos-Stream-Id")));
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct world *w = arg;
    struct str record;
    size_t used;
    while (recordio_read(response->body, &record, &used, NULL) == 1) {
        assert_true(w->event_count < EVENTS);
        w->events[w->event_count++] =
            MESSAGE_UNPACK(Mesos__V1__Scheduler__Event, mesos__v1__scheduler__event, record, w->arena, NULL);
        assert_non_null(w->events[w->event_count - 1]);
        buf_consume(response->body, used);
    }
}

static void
on_stream_end(const struct http_response *response, void *arg)
{
    (void)response;
    ((struct world *)arg)->stream_ended = true;
}

static void
on_stream_error(const struct err *err, void *arg)
{
    (void)err;
    ((struct world *)arg)->stream_ended = true;
}

static const struct http_call_handler stream_handler = {on_head, on_body, on_stream_end, on_stream_error};

static void
on_answer(const struct http_response *response, void *arg)
{
    ((struct world *)arg)->status = response->status;
}

static void
on_answer_error(const struct err *err, void *arg)
{
    (void)err;
    ((struct world *)arg)->status = -1;
}

static const struct http_call_handler call_handler = {.on_response = on_answer, .on_error = on_answer_error};

const Mesos__V1__Scheduler__Event *
told(const struct world *w, Mesos__V1__Scheduler__Event__Type type)
{
    for (size_t i = w->event_count; i-- > 0;)
        if (w->events[i]->type == type)
            return w->events[i];
    return NULL;
}

size_t
told_times(const struct world *w, Mesos__V1__Scheduler__Event__Type type)
{
    size_t count = 0;
    for (size_t i = 0; i < w->event_count; i++)
        count += w->events[i]->type == type;
    return count;
}

void
subscribe(struct world *w, const char *more, const char *id)
{
    auto_buf struct buf body = {0};
    buf_printf(&body, "{\"type\":\"SUBSCRIBE\",");
    if (id)
        buf_printf(&body, "\"framework_id\":{\"value\":\"%s\"},", id);
    buf_printf(&body,
               "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":\"fw\",\"roles\":[\"*\"],"
               "\"capabilities\":[{\"type\":\"MULTI_ROLE\"}%s]%s",
               w->capabilities ? w->capabilities : "", more);
    if (id)
        buf_printf(&body, ",\"id\":{\"value\":\"%s\"}", id);
    buf_puts(&body, "}}}");
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/x-protobuf")}};
    w->stream_ended = false;
    http_client_free(w->stream);
    w->stream = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    http_client_send(w->stream, "POST", "/api/v1/scheduler", headers, 2, buf_str(&body), 0, &stream_handler,
                     w);
    pass(w, 100);
    const Mesos__V1__Scheduler__Event *event = told(w, EVENT(SUBSCRIBED));
    if (event)
        snprintf(w->framework_id, sizeof(w->framework_id), "%s", event->subscribed->framework_id->value);
}

int
call(struct world *w, const char *rest)
{
    auto_buf struct buf body = {0};
    buf_printf(&body, "{\"framework_id\":{\"value\":\"%s\"},%s}", w->framework_id, rest);
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Mesos-Stream-Id"), str_of(w->stream_id)}};
    if (!w->calls)
        w->calls = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    w->status = 0;
    http_client_send(w->calls, "POST", "/api/v1/scheduler", headers, 2, buf_str(&body), 0, &call_handler, w);
    pass(w, 20);
    return w->status;
}

static void
on_got(const struct http_response *response, void *arg)
{
    struct world *w = arg;
    assert_int_equal(response->status, 200);
    buf_clear(&w->got);
    buf_append_str(&w->got, buf_str(response->body));
}

const char *
get(struct world *w, const char *path)
{
    static const struct http_call_handler handler = {.on_response = on_got, .on_error = on_answer_error};
    buf_clear(&w->got);
    if (!w->calls)
        w->calls = http_client_new(w->loop, &w->master_at, "10.0.0.1:5050");
    http_client_send(w->calls, "GET", path, NULL, 0, (struct str){0}, 0, &handler, w);
    pass(w, 20);
    assert_true(w->got.len > 0);
    return buf_cstr(&w->got);
}

const Mesos__V1__Offer *
an_offer(struct world *w)
{
    for (int i = 0; i < 100 && !told(w, EVENT(OFFERS)); i++)
        pass(w, 50);
    const Mesos__V1__Scheduler__Event *event = told(w, EVENT(OFFERS));
    assert_non_null(event);
    return event->offers->offers[0];
}

void
launch(struct world *w, const char *task_id)
{
    const Mesos__V1__Offer *offer = an_offer(w);
    auto_buf struct buf text = {0};
    buf_printf(&text,
               "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[{\"type\":"
               "\"LAUNCH\","
               "\"launch\":{\"task_infos\":[{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{"
               "\"value\":\"%s\"},"
               "\"command\":{\"value\":\"true\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
               "\"scalar\":{\"value\":1}}]"
               "}]}}],\"filters\":{\"refuse_seconds\":1000}}",
               offer->id->value, task_id, offer->agent_id->value);
    assert_int_equal(call(w, buf_cstr(&text)), 202);
}

int
acknowledge(struct world *w, const char *agent_id, const char *task_id)
{
    auto_buf struct buf text = {0};
    buf_printf(&text,
               "\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{"
               "\"value\":\"%s\"},"
               "\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}", /* 0123456789abcdef */
               agent_id, task_id);
    return call(w, buf_cstr(&text));
}
