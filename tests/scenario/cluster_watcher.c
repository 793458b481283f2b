/* SPDX-License-Identifier: Apache-2.0 */
/* An operator who watches a cluster (cluster.h): the master's stream of events, as text. */
#include "cluster.h"

#include <stdio.h>

#include "mesos/v1/master/master.pb-c.h"
#include "wire/message.h"
#include "wire/recordio.h"

static void
note_state(struct buf *log, const Mesos__V1__Master__Response__GetState *state)
{
    buf_printf(log, "SUBSCRIBED agents=%zu recovered=%zu frameworks=%zu tasks=%zu unreachable=%zu completed=%zu\n",
               state->get_agents->n_agents, state->get_agents->n_recovered_agents, state->get_frameworks->n_frameworks,
               state->get_tasks->n_tasks, state->get_tasks->n_unreachable_tasks, state->get_tasks->n_completed_tasks);
}

static void
note_event(struct watcher *watcher, const Mesos__V1__Master__Event *event)
{
    struct buf *log = &watcher->log;
    const ProtobufCEnumValue *name =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__master__event__type__descriptor, (int)event->type);
    assert_non_null(name);
    if (event->type == MESOS__V1__MASTER__EVENT__TYPE__HEARTBEAT) {
        watcher->heartbeats++;
    } else if (event->subscribed) {
        assert_true(event->subscribed->heartbeat_interval_seconds == 15);
        note_state(log, event->subscribed->get_state);
    } else if (event->task_added) {
        buf_printf(log, "%s %s %d\n", name->name, event->task_added->task->task_id->value,
                   (int)event->task_added->task->state);
    } else if (event->task_updated) {
        buf_printf(log, "%s %s %d\n", name->name, event->task_updated->status->task_id->value,
                   (int)event->task_updated->state);
        assert_false(event->task_updated->status->has_data);
    } else if (event->framework_added || event->framework_updated) {
        const Mesos__V1__Master__Response__GetFrameworks__Framework *framework =
            event->framework_added ? event->framework_added->framework : event->framework_updated->framework;
        buf_printf(log, "%s %s\n", name->name,
                   framework->connected   ? "connected"
                   : framework->recovered ? "recovered"
                                          : "disconnected");
    } else {
        buf_printf(log, "%s\n", name->name);
    }
}

static void
on_watched(const struct http_response *response, void *arg)
{
    struct watcher *watcher = arg;
    struct str record;
    size_t used;
    while (recordio_read(response->body, &record, &used, NULL) == 1) {
        auto_arena struct arena *arena = arena_new(0);
        Mesos__V1__Master__Event *event =
            MESSAGE_UNPACK(Mesos__V1__Master__Event, mesos__v1__master__event, record, arena, NULL);
        assert_non_null(event);
        note_event(watcher, event);
        buf_consume(response->body, used);
    }
}

static void
on_watch_head(const struct http_response *response, void *arg)
{
    assert_int_equal(response->status, 200);
}

static void
on_watch_end(const struct http_response *response, void *arg)
{
    ((struct watcher *)arg)->ended = true;
}

static void
on_watch_error(const struct err *err, void *arg)
{
    ((struct watcher *)arg)->ended = true;
}

void
watch(struct cluster *c, struct watcher *watcher)
{
    static const struct http_call_handler handler = {on_watch_head, on_watched, on_watch_end, on_watch_error};
    static const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                                 {STR_LIT("Accept"), STR_LIT("application/x-protobuf")}};
    *watcher = (struct watcher){.c = c};
    watcher->client = http_client_new(c->loop, &c->master_at, "master");
    c->connecting++;
    http_client_send(watcher->client, "POST", "/api/v1", headers, ARRAY_LEN(headers), STR_LIT("{\"type\":\"SUBSCRIBE\"}"), 0,
                     &handler, watcher);
    pass(c, 100);
}

void
unwatch(struct watcher *watcher)
{
    http_client_free(watcher->client);
    buf_fini(&watcher->log);
}

void
expect_events(struct watcher *watcher, const char *text)
{
    assert_string_equal(buf_cstr(&watcher->log), text);
    buf_clear(&watcher->log);
}

