/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedulers over libprocess (v0) and their master, on a virtual clock and an in-memory network: drivers that go, come
 * back, come back elsewhere, and drivers that the master cannot reach any more. Agent and drivers are played over the
 * wire; the modules are those that ship.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "../lib/facts.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "host/host.h"
#include "master/master.h"
#include "master/options.h"
#include "mesos/internal/messages.pb-c.h"
#include "mesos/scheduler/scheduler.pb-c.h"
#include "wire/json.h"
#include "wire/libprocess.h"
#include "wire/message.h"
#include "stage.h"

#define SECS(n) ((int64_t)(n)*1000000000)
#define MINUTE_MS 60000

enum { NOTES = 256 };

struct note {
    char *name;
    void *body;
    size_t len;
};

/* Whoever is not the master: an address, and what arrived there. */
struct peer {
    struct world *world;
    struct address at;
    struct http_server *http;
    struct libprocess *libprocess;
    struct note notes[NOTES];
    size_t count, seen;
    bool deaf; /* what arrives is not noted */
    const char *actor;
};

struct world {
    struct loop *loop;
    struct stream_net *net;
    struct host *host;
    struct master_options options;
    struct master *master;
    struct address master_at;
    struct peer agent, driver, second;
    const struct peer *unreachable; /* for the master, not the other way */
    struct arena *arena;
    char framework_id[80], agent_id[80];
};

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

static void
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

/* As when its process ends: every connection to it breaks. */
static void
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

static void
says(struct peer *peer, const char *name, const void *message)
{
    struct upid to = {.id = "master", .address = peer->world->master_at};
    auto_buf struct buf body = {0};
    message_pack(&body, message);
    libprocess_send(peer->libprocess, peer->actor, &to, name, buf_str(&body));
}

static void
pass(struct world *w, int64_t ms)
{
    stage_pass(w->loop, ms);
}

/* The next message of that name since the last one looked at; NULL when it does not come within the time. */
static const struct note *
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

static size_t
times(const struct peer *peer, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < peer->count; i++)
        count += strcmp(peer->notes[i].name, name) == 0;
    return count;
}

#define UNPACK(Type, type, note) MESSAGE_UNPACK(Type, type, str_n((note)->body, (note)->len), w->arena, NULL)

static void
hears_error(struct world *w, struct peer *peer, const char *text)
{
    const struct note *note = hears(peer, "FrameworkErrorMessage", 1000);
    assert_non_null(note);
    assert_string_equal(
        UNPACK(Mesos__Internal__FrameworkErrorMessage, mesos__internal__framework_error_message, note)->message,
        text);
}

/* A message from its JSON, sent by the peer. %s is the framework's id. */
#define SAYS(w, peer, name, Type, type, ...)                                                                 \
    do {                                                                                                     \
        struct err err_ = {0};                                                                               \
        auto_free char *json_ = xasprintf(__VA_ARGS__);                                                      \
        Type *message_ = MESSAGE_FROM_JSON(Type, type, str_of(json_), (w)->arena, &err_);                    \
        assert_string_equal(err_.text, "");                                                                  \
        says(peer, name, message_);                                                                          \
    } while (0)

#define CALLS(w, peer, ...)                                                                                  \
    SAYS(w, peer, "mesos.scheduler.Call", Mesos__Scheduler__Call, mesos__scheduler__call, __VA_ARGS__)

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

static struct world *
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

static void
world_free(struct world *w)
{
    master_free(w->master);
    stage_stop(w->loop, w->host);
    peer_close(&w->agent);
    peer_close(&w->driver);
    peer_close(&w->second);
    host_free(w->host);
    stream_net_free(w->net);
    loop_free(w->loop);
    arena_free(w->arena);
    free(w);
}

/* ---- what drivers do ---- */

#define INFO "\"user\":\"root\",\"name\":\"driver\",\"failover_timeout\":60,\"checkpoint\":true"

static void
registers(struct world *w, struct peer *peer)
{
    CALLS(w, peer, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{" INFO "}}}");
    const struct note *note = hears(peer, "FrameworkRegisteredMessage", 1000);
    assert_non_null(note);
    snprintf(w->framework_id, sizeof(w->framework_id), "%s",
             UNPACK(Mesos__Internal__FrameworkRegisteredMessage, mesos__internal__framework_registered_message, note)
                 ->framework_id->value);
}

static void
subscribes_again(struct world *w, struct peer *peer, bool force)
{
    CALLS(w, peer,
          "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"%s\"},\"subscribe\":{\"force\":%s,\"framework_info\":{" INFO
          ",\"id\":{\"value\":\"%s\"}}}}",
          w->framework_id, force ? "true" : "false", w->framework_id);
}

static const char *
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

static void
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

static void
agent_updates(struct world *w, const char *task_id, const char *state)
{
    SAYS(w, &w->agent, "mesos.internal.StatusUpdateMessage", Mesos__Internal__StatusUpdateMessage,
         mesos__internal__status_update_message,
         "{\"pid\":\"slave(1)@10.0.0.2:5051\",\"update\":{\"framework_id\":{\"value\":\"%s\"},"
         "\"slave_id\":{\"value\":\"%s\"},\"timestamp\":1,\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"latest_state\":\"%s\","
         "\"status\":{\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\",\"uuid\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}}",
         w->framework_id, w->agent_id, state, task_id, state);
}

static const Mesos__Internal__StatusUpdateMessage *
updated(struct world *w, struct peer *peer, Mesos__V1__TaskState state)
{
    const struct note *note = hears(peer, "StatusUpdateMessage", 1000);
    assert_non_null(note);
    Mesos__Internal__StatusUpdateMessage *message =
        UNPACK(Mesos__Internal__StatusUpdateMessage, mesos__internal__status_update_message, note);
    assert_int_equal(message->update->status->state, state);
    return message;
}

/* ---- the tests ---- */

static void
test_a_driver_comes_back_elsewhere(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    launches(w, &w->driver, "t1");
    agent_updates(w, "t1", "TASK_RUNNING");
    assert_string_equal(updated(w, &w->driver, MESOS__V1__TASK_STATE__TASK_RUNNING)->pid, "slave(1)@10.0.0.2:5051");
    offered(w, &w->driver); /* the rest */
    peer_dies(&w->driver);
    pass(w, 50000);
    subscribes_again(w, &w->second, true);
    assert_non_null(hears(&w->second, "FrameworkRegisteredMessage", 1000));
    const struct note *note = hears(&w->agent, "UpdateFrameworkMessage", 1000);
    assert_non_null(note);
    assert_string_equal(
        UNPACK(Mesos__Internal__UpdateFrameworkMessage, mesos__internal__update_framework_message, note)->pid,
        "sched@10.0.0.4:7001");
    offered(w, &w->second);
    pass(w, 2 * MINUTE_MS); /* the time-out of its absence no longer counts */
    agent_updates(w, "t1", "TASK_FINISHED");
    updated(w, &w->second, MESOS__V1__TASK_STATE__TASK_FINISHED);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    world_free(w);
}

static void
test_a_driver_stays_away_too_long(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    launches(w, &w->driver, "t1");
    peer_dies(&w->driver);
    pass(w, 59000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    pass(w, 2000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 1);
    peer_listen(&w->driver);
    subscribes_again(w, &w->driver, true);
    hears_error(w, &w->driver, "Framework has been removed");
    world_free(w);
}

static void
test_nobody_takes_over_without_force(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    subscribes_again(w, &w->second, false);
    hears_error(w, &w->second, "Framework failed over");
    CALLS(w, &w->second, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    SAYS(w, &w->second, "mesos.internal.UnregisterFrameworkMessage", Mesos__Internal__UnregisterFrameworkMessage,
         mesos__internal__unregister_framework_message, "{\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    pass(w, 1000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    assert_int_equal(times(&w->driver, "FrameworkErrorMessage"), 0);
    subscribes_again(w, &w->second, true);
    hears_error(w, &w->driver, "Framework failed over");
    assert_non_null(hears(&w->second, "FrameworkRegisteredMessage", 1000));
    CALLS(w, &w->driver, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    pass(w, 1000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 0);
    world_free(w);
}

/* The master cannot reach the driver, which hears nothing and goes on calling: as soon as it can be told, it is told. */
static void
test_a_driver_that_cannot_be_reached(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    launches(w, &w->driver, "t1");
    w->unreachable = &w->driver;
    agent_updates(w, "t1", "TASK_RUNNING"); /* breaks the connection */
    pass(w, 1000);
    assert_null(hears(&w->driver, "StatusUpdateMessage", 1000));
    w->unreachable = NULL;
    CALLS(w, &w->driver, "{\"type\":\"KILL\",\"framework_id\":{\"value\":\"%s\"},\"kill\":{\"task_id\":{\"value\":\"t1\"}}}",
          w->framework_id);
    hears_error(w, &w->driver, "Framework disconnected");
    assert_int_equal(times(&w->agent, "KillTaskMessage"), 0);
    subscribes_again(w, &w->driver, false);
    assert_non_null(hears(&w->driver, "FrameworkReregisteredMessage", 1000));
    CALLS(w, &w->driver, "{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"%s\"},\"reconcile\":{}}", w->framework_id);
    updated(w, &w->driver, MESOS__V1__TASK_STATE__TASK_RUNNING);
    world_free(w);
}

static void
test_an_answer_that_was_lost_is_given_again(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    char first[80];
    snprintf(first, sizeof(first), "%s", w->framework_id);
    registers(w, &w->driver); /* it repeats itself, and is no second framework */
    assert_string_equal(w->framework_id, first);
    pass(w, 1000);
    assert_int_equal(times(&w->driver, "ResourceOffersMessage"), 1);
    world_free(w);
}

static void
test_two_frameworks_of_one_driver_process(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    char first[80];
    snprintf(first, sizeof(first), "%s", w->framework_id);
    libprocess_spawn(w->driver.libprocess, "other");
    w->driver.actor = "other";
    registers(w, &w->driver);
    assert_string_not_equal(w->framework_id, first);
    CALLS(w, &w->driver, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    pass(w, 1000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 1);
    peer_dies(&w->driver); /* is noticed for the one that is left */
    pass(w, 61000);
    assert_int_equal(times(&w->agent, "ShutdownFrameworkMessage"), 2);
    world_free(w);
}

static void
test_no_offers_while_deactivated(void **state)
{
    (void)state;
    struct world *w = world_new();
    registers(w, &w->driver);
    offered(w, &w->driver);
    SAYS(w, &w->driver, "mesos.internal.DeactivateFrameworkMessage", Mesos__Internal__DeactivateFrameworkMessage,
         mesos__internal__deactivate_framework_message, "{\"framework_id\":{\"value\":\"%s\"}}", w->framework_id);
    assert_non_null(hears(&w->driver, "RescindResourceOfferMessage", 1000));
    assert_null(hears(&w->driver, "ResourceOffersMessage", 5000));
    subscribes_again(w, &w->driver, true);
    assert_non_null(hears(&w->driver, "FrameworkRegisteredMessage", 1000));
    offered(w, &w->driver);
    world_free(w);
}

/* The body of a recorded request, which came in one chunk; its name goes to name. */
static struct str
recorded(const char *path, struct buf *raw, char name[80])
{
    struct err err = {0};
    assert_int_equal(file_read(path, 1 << 20, raw, &err), 0);
    struct str all = buf_str(raw), line = all;
    line = str_cut(&line, '\r');
    const char *slash = strchr(line.ptr + strlen("POST /"), '/') + 1;
    snprintf(name, 80, "%.*s", (int)(strchr(slash, ' ') - slash), slash);
    const char *end = memmem(all.ptr, all.len, "\r\n\r\n", 4);
    struct str rest = str_n(end + 4, all.len - (size_t)(end + 4 - all.ptr));
    struct str size = str_cut(&rest, '\r');
    size_t len = strtoul(size.ptr, NULL, 16);
    return str_n(rest.ptr + 1, len);
}

static unsigned
random_of(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245U + 12345U;
    return (*seed >> 8) % below;
}

/* Damages a message here and there: bytes changed, cut off, put in. */
static void
damage(struct buf *body, unsigned *seed)
{
    static const unsigned char favourites[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x08};
    for (unsigned n = 1 + random_of(seed, 4); n > 0 && body->len > 0; n--) {
        unsigned at = random_of(seed, (unsigned)body->len);
        char *bytes = buf_data(body);
        switch (random_of(seed, 4)) {
        case 0:
            bytes[at] = (char)favourites[random_of(seed, sizeof(favourites))];
            break;
        case 1:
            bytes[at] = (char)random_of(seed, 256);
            break;
        case 2:
            body->len = at;
            break;
        default:
            bytes[at] ^= (char)(1 << random_of(seed, 8));
        }
    }
}

/* Every message that a recorded scheduler sent, damaged in many ways: the master goes on and answers. */
static void
test_damaged_messages(void **state)
{
    (void)state;
    struct world *w = world_new();
    static const char theirs[] = "6db91cb1-19d9-4d8d-b030-b61df76da796";
    unsigned seed = 42, sent = 0;
    glob_t found;
    auto_free char *pattern = facts_path("traces/08c-v0-scheduler-by-hand/*-sched[12]-master-*.req");
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    registers(w, &w->driver);
    w->driver.deaf = w->agent.deaf = true;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        auto_buf struct buf raw = {0};
        char name[80];
        struct str body = recorded(found.gl_pathv[i], &raw, name);
        for (int round = 0; round < 100; round++, sent++) {
            auto_buf struct buf copy = {0};
            struct upid to = {.id = "master", .address = w->master_at};
            buf_append_str(&copy, body);
            for (char *at = buf_data(&copy); (at = memmem(at, copy.len - (size_t)(at - (char *)buf_data(&copy)), theirs,
                                                          sizeof(theirs) - 1));)
                memcpy(at, w->framework_id, sizeof(theirs) - 1);
            damage(&copy, &seed);
            libprocess_send(w->driver.libprocess, "sched", &to, name, buf_str(&copy));
            if (sent % 20 == 0)
                pass(w, 10);
        }
    }
    globfree(&found);
    pass(w, 1000);
    assert_true(sent > 3000);
    registers(w, &w->second); /* offers may be with whoever the damage made */
    CALLS(w, &w->second, "{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"%s\"},\"reconcile\":{\"tasks\":[{"
          "\"task_id\":{\"value\":\"none\"}}]}}", w->framework_id);
    updated(w, &w->second, MESOS__V1__TASK_STATE__TASK_LOST);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_driver_comes_back_elsewhere),
        cmocka_unit_test(test_a_driver_stays_away_too_long),
        cmocka_unit_test(test_nobody_takes_over_without_force),
        cmocka_unit_test(test_a_driver_that_cannot_be_reached),
        cmocka_unit_test(test_an_answer_that_was_lost_is_given_again),
        cmocka_unit_test(test_two_frameworks_of_one_driver_process),
        cmocka_unit_test(test_no_offers_while_deactivated),
        cmocka_unit_test(test_damaged_messages),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
