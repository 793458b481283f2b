/* SPDX-License-Identifier: Apache-2.0 */
/* See drivers.h. */
#include "drivers.h"

#define SECS(n) ((int64_t)(n)*1000000000)

static const char *
daemon_option(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "allocation_interval") == 0 ? "50ms" : NULL;
}

static int64_t
shape(void *arg, const struct address *from, const struct address *to)
{
    const struct world *w = arg;
    (void)from;
    return w->unreachable && address_eq(to, &w->unreachable->at) ? -1 : 1000000;
}

static void
on_message(const struct upid *from, struct str to, struct str name, struct str body, void *arg)
{
    struct peer *peer = arg;
    char id[80];
    snprintf(id, sizeof(id), "%.*s", STR_ARG(to));
    if (str_is(name, "mesos.internal.PingSlaveMessage")) {
        libprocess_send(peer->libprocess, id, from, "mesos.internal.PongSlaveMessage", (struct str){0});
        return;
    }
    if (peer->deaf)
        return;
    assert_true(peer->count < NOTES);
    struct note *note = &peer->notes[peer->count++];
    note->name = str_dup(str_n(name.ptr + strlen("mesos.internal."), name.len - strlen("mesos.internal.")));
    note->body = xmemdup(body.len ? body.ptr : "", body.len ? body.len : 1);
    note->len = body.len;
}

static void
on_http(struct http_exchange *exchange, void *arg)
{
    struct peer *peer = arg;
    if (!libprocess_try(peer->libprocess, exchange))
        http_reply_text(exchange, 404, "not here");
}

void
peer_listen(struct peer *peer)
{
    struct err err;
    peer->http = http_server_new(peer->world->loop, on_http, peer);
    assert_int_equal(http_server_listen(peer->http, &peer->at, NULL, &err), 0);
}

static void
peer_open(struct world *w, struct peer *peer, const char *at, const char *actor)
{
    peer->world = w;
    peer->actor = actor;
    assert_int_equal(address_parse(str_of(at), &peer->at, NULL), 0);
    peer->libprocess = libprocess_new(w->loop, &peer->at, on_message, NULL, peer);
    libprocess_spawn(peer->libprocess, actor);
    peer_listen(peer);
}

void
peer_dies(struct peer *peer)
{
    http_server_free(peer->http);
    peer->http = NULL;
}

static void
peer_close(struct peer *peer)
{
    http_server_free(peer->http);
    libprocess_free(peer->libprocess);
    for (size_t i = 0; i < peer->count; i++) {
        free(peer->notes[i].name);
        free(peer->notes[i].body);
    }
}

void
says(struct peer *peer, const char *name, const void *message)
{
    struct upid to = {.id = "master", .address = peer->world->master_at};
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    libprocess_send(peer->libprocess, peer->actor, &to, name, buf_str(&body));
}

void
pass(struct world *w, int64_t ms)
{
    stage_pass(w->loop, ms);
}

const struct note *
hears(struct peer *peer, const char *name, int64_t within_ms)
{
    for (int64_t waited = 0; waited <= within_ms; waited += 10) {
        for (; peer->seen < peer->count; peer->seen++)
            if (strcmp(peer->notes[peer->seen].name, name) == 0)
                return &peer->notes[peer->seen++];
        pass(peer->world, 10);
    }
    return NULL;
}

size_t
times(const struct peer *peer, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < peer->count; i++)
        count += strcmp(peer->notes[i].name, name) == 0;
    return count;
}

void
hears_error(struct world *w, struct peer *peer, const char *text)
{
    const struct note *note = hears(peer, "FrameworkErrorMessage", 1000);
    assert_non_null(note);
    assert_string_equal(
        UNPACK(Mesos__Internal__FrameworkErrorMessage, mesos__internal__framework_error_message, note)->message,
        text);
}

static void
register_agent(struct world *w)
{
    SAYS(w, &w->agent, "mesos.internal.RegisterSlaveMessage", Mesos__Internal__RegisterSlaveMessage,
         mesos__internal__register_slave_message,
         "{\"version\":\"1.11.0\",\"slave\":{\"hostname\":\"agent1.example\",\"checkpoint\":true,\"resources\":["
         "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4},\"role\":\"*\"},"
         "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4096},\"role\":\"*\"}]}}");
    const struct note *note = hears(&w->agent, "SlaveRegisteredMessage", 1000);
    assert_non_null(note);
    snprintf(w->agent_id, sizeof(w->agent_id), "%s",
             UNPACK(Mesos__Internal__SlaveRegisteredMessage, mesos__internal__slave_registered_message, note)
                 ->slave_id->value);
}

struct world *
world_new(void)
{
    struct world *w = xcalloc(1, sizeof(*w));
    const struct loop_options options = {.virtual_clock = true, .seed = 11};
    const struct stream_net_shape net_shape = {shape, w};
    struct err err = {0};
    const char *keys[] = {NULL};
    w->options = (struct master_options){
        .registry_fetch_timeout_ns = SECS(60),
        .registry_store_timeout_ns = SECS(20),
        .registry_gc_interval_ns = SECS(900),
        .registry_max_agent_age_ns = SECS(86400),
        .registry_max_agent_count = 1000,
        .agent_ping_timeout_ns = SECS(15),
        .max_agent_ping_timeouts = 5,
        .agent_reregister_timeout_ns = SECS(600),
        .recovery_agent_removal_limit = 1.0,
        .root_submissions = true,
        .max_completed_frameworks = 5,
        .max_completed_tasks_per_framework = 5,
        .max_unreachable_tasks_per_framework = 5,
    };
    w->loop = loop_new(&options, NULL);
    w->net = stream_net_new(w->loop, &net_shape);
    w->arena = arena_new(0);
    w->host = stage_host((struct host_options){.loop = w->loop, .daemon_option = daemon_option});
    assert_int_equal(address_parse(STR_LIT("10.0.0.1:5050"), &w->master_at, NULL), 0);
    struct master_setup setup = {
        .loop = w->loop, .options = &w->options, .host = w->host, .hostname = "master1.example", .listen = w->master_at};
    setup.allocator = host_start(w->host, MESOS_KIND_ALLOCATOR, "hierarchical_drf", keys, keys, 0, &err);
    setup.registry = host_start(w->host, MESOS_KIND_REGISTRY, "memory", keys, keys, 0, &err);
    setup.election = host_start(w->host, MESOS_KIND_ELECTION, "standalone", keys, keys, 0, &err);
    assert_string_equal(err.text, "");
    w->master = master_new(&setup, &err);
    assert_non_null(w->master);
    assert_int_equal(master_start(w->master, &err), 0);
    peer_open(w, &w->agent, "10.0.0.2:5051", "slave(1)");
    peer_open(w, &w->driver, "10.0.0.3:7001", "sched");
    peer_open(w, &w->second, "10.0.0.4:7001", "sched");
    pass(w, 1000);
    register_agent(w);
    return w;
}

void
world_free(struct world *w)
{
    master_free(w->master);
    stage_stop(w->host);
    peer_close(&w->agent);
    peer_close(&w->driver);
    peer_close(&w->second);
    host_free(w->host);
    stream_net_free(w->net);
    loop_free(w->loop);
    arena_free(w->arena);
    free(w);
}

void
registers(struct world *w, struct peer *peer)
{
    CALLS(w, peer, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{" INFO "}}}");
    const struct note *note = hears(peer, "FrameworkRegisteredMessage", 1000);
    assert_non_null(note);
    snprintf(w->framework_id, sizeof(w->framework_id), "%s",
             UNPACK(Mesos__Internal__FrameworkRegisteredMessage, mesos__internal__framework_registered_message, note)
                 ->framework_id->value);
}

void
subscribes_again(struct world *w, struct peer *peer, bool force)
{
    CALLS(w, peer,
          "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"%s\"},\"subscribe\":{\"force\":%s,\"framework_info\":{" INFO
          ",\"id\":{\"value\":\"%s\"}}}}",
          w->framework_id, force ? "true" : "false", w->framework_id);
}

const char *
offered(struct world *w, struct peer *peer)
{
    const struct note *note = hears(peer, "ResourceOffersMessage", 2000);
    assert_non_null(note);
    Mesos__Internal__ResourceOffersMessage *message =
        UNPACK(Mesos__Internal__ResourceOffersMessage, mesos__internal__resource_offers_message, note);
    assert_int_equal(message->n_offers, message->n_pids);
    assert_string_equal(message->pids[0], "slave(1)@10.0.0.2:5051");
    return message->offers[0]->id->value;
}

void
launches(struct world *w, struct peer *peer, const char *task_id)
{
    const char *offer = offered(w, peer);
    SAYS(w, peer, "mesos.internal.LaunchTasksMessage", Mesos__Internal__LaunchTasksMessage,
         mesos__internal__launch_tasks_message,
         "{\"framework_id\":{\"value\":\"%s\"},\"filters\":{\"refuse_seconds\":0},\"offer_ids\":[{\"value\":\"%s\"}],"
         "\"tasks\":[{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},\"agent_id\":{\"value\":\"%s\"},"
         "\"command\":{\"value\":\"sleep 1\"},\"resources\":["
         "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}},"
         "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}]}]}",
         w->framework_id, offer, task_id, w->agent_id);
    const struct note *note = hears(&w->agent, "RunTaskMessage", 1000);
    assert_non_null(note);
    Mesos__Internal__RunTaskMessage *message =
        UNPACK(Mesos__Internal__RunTaskMessage, mesos__internal__run_task_message, note);
    char pid[400];
    struct upid upid = {.address = peer->at};
    snprintf(upid.id, sizeof(upid.id), "%s", peer->actor);
    assert_string_equal(message->pid, upid_format(&upid, pid));
}

void
agent_updates(struct world *w, const char *task_id, const char *state)
{
    SAYS(w, &w->agent, "mesos.internal.StatusUpdateMessage", Mesos__Internal__StatusUpdateMessage,
         mesos__internal__status_update_message,
         "{\"pid\":\"slave(1)@10.0.0.2:5051\",\"update\":{\"framework_id\":{\"value\":\"%s\"},"
         "\"slave_id\":{\"value\":\"%s\"},\"timestamp\":1,\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"latest_state\":\"%s\","
         "\"status\":{\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\",\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}}",
         w->framework_id, w->agent_id, state, task_id, state);
}

const Mesos__Internal__StatusUpdateMessage *
updated(struct world *w, struct peer *peer, Mesos__V1__TaskState state)
{
    const struct note *note = hears(peer, "StatusUpdateMessage", 1000);
    assert_non_null(note);
    Mesos__Internal__StatusUpdateMessage *message =
        UNPACK(Mesos__Internal__StatusUpdateMessage, mesos__internal__status_update_message, note);
    assert_int_equal(message->update->status->state, state);
    return message;
}
