/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole cluster in this process: a real master, a real agent, a scheduler and executors played over the wire, one
 * virtual clock, an in-memory network that can be cut between master and agent. The modules are those that ship, but for
 * the containerizer (executor_double.h). Time-outs of minutes are waited for in full and cost nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options.h"
#include "base/arena.h"
#include "base/units.h"
#include "executor_double.h"
#include "master/master.h"
#include "master/options.h"
#include "mesos/v1/master/master.pb-c.h"
#include "mesos/v1/scheduler/scheduler.pb-c.h"
#include "wire/http_client.h"
#include "wire/message.h"
#include "wire/recordio.h"

enum { EVENTS = 512, PORTS = 256 };

#define EVENT(name) MESOS__V1__SCHEDULER__EVENT__TYPE__##name
#define STATE(name) MESOS__V1__TASK_STATE__##name
#define MINUTE 60000

struct scheduler {
    struct http_client *stream, *calls;
    Mesos__V1__Scheduler__Event *events[EVENTS];
    size_t event_count, seen; /* events before `seen` were looked at */
    char stream_id[64];
    int status;
    bool called, stream_ended;
};

/* An operator who listens to the master's events: what came, in words, one event a line. */
struct watcher {
    struct cluster *c;
    struct http_client *client;
    struct buf log;
    size_t heartbeats;
    bool ended;
};

struct cluster {
    char dir[64];
    struct loop *loop;
    struct stream_net *net;
    struct arena *arena;
    struct address master_at, agent_at;
    bool cut; /* between master and agent */
    unsigned connecting; /* the next so many connections to the master are a scheduler's */
    uint16_t ports[PORTS]; /* of connections that are never cut */
    size_t port_count;
    uint16_t newest; /* port of the last connection to the master */
    struct host *master_host, *agent_host;
    struct option_set *master_set, *agent_set;
    struct master_options master_options;
    struct agent_options agent_options;
    struct master *master;
    struct agent *agent;
    struct module *isolator, *containerizer; /* of the agent */
    struct scheduler scheduler, second;
    char framework_id[80], agent_id[80];
    bool stopped;
};

/* ---- the network ---- */

static bool
spared(const struct cluster *c, const struct address *at)
{
    for (size_t i = 0; i < c->port_count; i++) {
        if (c->ports[i] == address_port(at))
            return true;
    }
    return false;
}

/* The connections of the scheduler are spared, and those of executors, which are Unix sockets. All others to or from the
 * master are the agent's. */
static int64_t
shape(void *arg, const struct address *from, const struct address *to)
{
    struct cluster *c = arg;
    bool between = address_eq(from, &c->master_at) || address_eq(to, &c->master_at) || address_eq(from, &c->agent_at) ||
                   address_eq(to, &c->agent_at);
    bool connects = address_eq(to, &c->master_at) && address_port(from) > c->newest; /* ports are given in order */
    if (connects)
        c->newest = address_port(from);
    if (connects && c->connecting > 0 && c->port_count < PORTS) {
        c->connecting--;
        c->ports[c->port_count++] = address_port(from);
    }
    return c->cut && between && !spared(c, from) && !spared(c, to) ? -1 : 1000000;
}

/* ---- the daemons ---- */

static const char *
option_of(void *arg, const char *name)
{
    struct option_set *const *set = arg;
    return conf_value(*set, name, NULL);
}

static struct host *
host_of(struct cluster *c, struct option_set **set, const char *work_dir, const char *runtime_dir)
{
    struct err err = {0};
    const char *path = getenv("CMESOS_MODULES");
    const struct host_options options = {.loop = c->loop, .module_path = path ? path : "modules/.libs", .work_dir = work_dir,
                                         .runtime_dir = runtime_dir, .daemon_option = option_of, .arg = set};
    struct host *host = host_new(&options);
    assert_int_equal(host_add_linked(host, double_modules, "double", &err), 0);
    return host;
}

static struct module *
started(struct host *host, enum mesos_kind kind, const char *name)
{
    struct err err = {0};
    struct module *module = host_start(host, kind, name, NULL, NULL, 0, &err);
    assert_string_equal(module ? "" : err.text, "");
    return module;
}

static void
on_fatal(void *arg, const char *reason)
{
    fail_msg("the master gives up: %s", reason);
}

static void
on_finished(void *arg, int exit_status, const char *reason)
{
    fail_msg("the agent gives up: %s", reason);
}

static struct option_set *
options_of(struct conf_owner owner, char **argv, int argc)
{
    struct err err = {0};
    struct option_set *set = NULL;
    char *no_environment[] = {NULL};
    int status;
    owner.ini_name = NULL;
    int rc = conf_load(&set, &owner, argc, argv, no_environment, &status, &err);
    assert_string_equal(rc == 0 ? "" : err.text, "");
    return set;
}

static void
master_open(struct cluster *c, const char *more)
{
    struct err err = {0};
    auto_free char *work_dir = xasprintf("--work_dir=%s/master", c->dir);
    char program[] = "mesos-master", registry[] = "--registry=local", interval[] = "--allocation_interval=100ms";
    auto_free char *extra = xstrdup(more ? more : "--no-hostname_lookup");
    char *argv[] = {program, registry, interval, work_dir, extra, NULL};
    c->master_set = options_of(master_conf_owner(&c->master_options), argv, 5);
    c->master_host = host_of(c, &c->master_set, c->master_options.common.work_dir, NULL);
    assert_int_equal(dir_make(c->master_options.common.work_dir, 0755, &err), 0);
    struct master_setup setup = {
        .loop = c->loop, .options = &c->master_options, .set = c->master_set, .host = c->master_host, .listen = c->master_at,
        .hostname = "master1.example", .fatal = on_fatal, .arg = c};
    setup.allocator = started(c->master_host, MESOS_KIND_ALLOCATOR, "hierarchical_drf");
    setup.registry = started(c->master_host, MESOS_KIND_REGISTRY, "local");
    setup.election = started(c->master_host, MESOS_KIND_ELECTION, "standalone");
    c->master = master_new(&setup, &err);
    assert_string_equal(c->master ? "" : err.text, "");
    assert_string_equal(master_start(c->master, &err) == 0 ? "" : err.text, "");
}

static void
agent_open(struct cluster *c)
{
    struct err err = {0};
    auto_free char *work_dir = xasprintf("--work_dir=%s/agent", c->dir);
    auto_free char *runtime_dir = xasprintf("--runtime_dir=%s/run", c->dir);
    char program[] = "mesos-agent", master[] = "--master=10.0.0.1:5050", isolation[] = "--isolation=posix/cpu",
         containerizers[] = "--containerizers=double", lookup[] = "--no-hostname_lookup", user[] = "--no-switch_user",
         backoff[] = "--registration_backoff_factor=100ms", sockets[] = "--http_executor_domain_sockets",
         resources[] = "--resources=cpus:4;mem:4096;disk:100;ports:[1-2]";
    char *argv[] = {program, master,    isolation, containerizers, lookup, user, backoff,
                    resources, sockets, work_dir,  runtime_dir,    NULL};
    c->agent_set = options_of(agent_conf_owner(&c->agent_options), argv, 11);
    c->agent_host = host_of(c, &c->agent_set, c->agent_options.common.work_dir, c->agent_options.runtime_dir);
    assert_int_equal(dir_make(c->agent_options.runtime_dir, 0755, &err), 0);
    struct agent_setup setup = {
        .loop = c->loop, .options = &c->agent_options, .set = c->agent_set, .host = c->agent_host, .listen = c->agent_at,
        .hostname = "agent1.example", .finished = on_finished, .arg = c};
    setup.election = started(c->agent_host, MESOS_KIND_ELECTION, "standalone");
    setup.container_logger = started(c->agent_host, MESOS_KIND_CONTAINER_LOGGER, "sandbox");
    c->isolator = started(c->agent_host, MESOS_KIND_ISOLATOR, "posix/cpu");
    c->containerizer = started(c->agent_host, MESOS_KIND_CONTAINERIZER, "double");
    setup.isolators = &c->isolator;
    setup.isolator_count = 1;
    setup.containerizers = &c->containerizer;
    setup.containerizer_count = 1;
    c->agent = agent_new(&setup, &err);
    assert_string_equal(c->agent ? "" : err.text, "");
    assert_string_equal(agent_start(c->agent, &err) == 0 ? "" : err.text, "");
}

static void
on_stopped(void *arg)
{
    ((struct cluster *)arg)->stopped = true;
}

static bool
is_stopped(void *arg)
{
    return ((struct cluster *)arg)->stopped;
}

static void
host_close(struct cluster *c, struct host *host, struct option_set *set)
{
    c->stopped = false;
    host_stop(host, on_stopped, c);
    assert_true(loop_run_until(c->loop, is_stopped, c, MINUTE));
    host_free(host);
    conf_free(set);
}

static void
agent_close(struct cluster *c)
{
    agent_free(c->agent);
    c->agent = NULL;
    host_close(c, c->agent_host, c->agent_set);
}

static bool
never(void *arg)
{
    return false;
}

static void
pass(struct cluster *c, int64_t ms)
{
    loop_run_until(c->loop, never, c, ms);
}

static bool
is_up(void *arg)
{
    const struct cluster *c = arg;
    return agent_registered(c->agent);
}

static void
wait_up(struct cluster *c)
{
    assert_true(loop_run_until(c->loop, is_up, c, 5 * MINUTE));
}

static struct cluster *
cluster_new(const char *master_flag)
{
    struct cluster *c = xcalloc(1, sizeof *c);
    struct err err = {0};
    const struct loop_options options = {.virtual_clock = true, .seed = 11};
    snprintf(c->dir, sizeof c->dir, "/tmp/cm-scenario-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    c->loop = loop_new(&options, &err);
    c->arena = arena_new(0);
    assert_int_equal(address_parse(STR_LIT("10.0.0.1:5050"), &c->master_at, NULL), 0);
    assert_int_equal(address_parse(STR_LIT("10.0.0.2:5051"), &c->agent_at, NULL), 0);
    const struct stream_net_shape net_shape = {shape, c};
    c->net = stream_net_new(c->loop, &net_shape);
    double_open(c->loop);
    master_open(c, master_flag);
    agent_open(c);
    wait_up(c);
    snprintf(c->agent_id, sizeof c->agent_id, "%s", agent_id(c->agent));
    return c;
}

static void
cluster_free(struct cluster *c)
{
    struct scheduler *schedulers[] = {&c->scheduler, &c->second};
    for (size_t i = 0; i < ARRAY_LEN(schedulers); i++) {
        http_client_free(schedulers[i]->stream);
        http_client_free(schedulers[i]->calls);
    }
    double_close();
    if (c->agent)
        agent_close(c);
    master_free(c->master);
    host_close(c, c->master_host, c->master_set);
    stream_net_free(c->net);
    loop_free(c->loop);
    arena_free(c->arena);
    assert_int_equal(dir_remove(c->dir, NULL), 0);
    free(c);
}

/* ---- the scheduler ---- */

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

/* The next event of that type within ms; NULL when none comes. */
static const Mesos__V1__Scheduler__Event *
next(struct cluster *c, struct scheduler *s, Mesos__V1__Scheduler__Event__Type type, int64_t ms)
{
    struct wanted wanted = {s, type, NULL};
    loop_run_until(c->loop, has_event, &wanted, ms);
    return wanted.found;
}

static const Mesos__V1__TaskStatus *
next_status(struct cluster *c, struct scheduler *s, int64_t ms)
{
    const Mesos__V1__Scheduler__Event *event = next(c, s, EVENT(UPDATE), ms);
    return event ? event->update->status : NULL;
}

static void
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

/* One call; `rest` are the members after the framework's id. */
static void
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

static const Mesos__V1__Offer *
next_offer(struct cluster *c, struct scheduler *s)
{
    const Mesos__V1__Scheduler__Event *event = next(c, s, EVENT(OFFERS), MINUTE);
    assert_non_null(event);
    assert_int_equal(event->offers->n_offers, 1);
    return event->offers->offers[0];
}

static double
cpus_of(const Mesos__V1__Offer *offer)
{
    double sum = 0;
    for (size_t i = 0; i < offer->n_resources; i++) {
        if (strcmp(offer->resources[i]->name, "cpus") == 0)
            sum += offer->resources[i]->scalar->value;
    }
    return sum;
}

/* Launches a task on an executor of the framework's own and gives the rest of the offer back. */
static void
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

static void
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

/* Waits for the task's next update, which must be this one, and acknowledges it. */
static void
expect(struct cluster *c, struct scheduler *s, const char *task_id, Mesos__V1__TaskState state)
{
    const Mesos__V1__TaskStatus *status = next_status(c, s, 5 * MINUTE);
    assert_non_null(status);
    assert_string_equal(status->task_id->value, task_id);
    assert_int_equal(status->state, state);
    acknowledge(c, s, status);
}

/* A task that runs, acknowledged. */
static struct executor_double *
running(struct cluster *c, const char *task_id)
{
    launch(c, &c->scheduler, task_id);
    expect(c, &c->scheduler, task_id, STATE(TASK_RUNNING));
    struct executor_double *executor = double_find("e");
    assert_non_null(executor);
    return executor;
}

/* ---- the operator ---- */

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

static void
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

static void
unwatch(struct watcher *watcher)
{
    http_client_free(watcher->client);
    buf_fini(&watcher->log);
}

/* What came since the last look. */
static void
expect_events(struct watcher *watcher, const char *text)
{
    assert_string_equal(buf_cstr(&watcher->log), text);
    buf_clear(&watcher->log);
}

/* ---- the scenarios ---- */

static void
test_a_task_runs_and_its_resources_come_back(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    assert_true(cpus_of(next_offer(c, &c->scheduler)) == 3);
    double_update(executor, "t1", "TASK_FINISHED");
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    pass(c, 200);
    assert_int_equal(executor->acknowledged, 2);
    assert_null(executor->unacknowledged);
    assert_true(cpus_of(next_offer(c, &c->scheduler)) == 1); /* what the task had */
    double_end(executor);
    assert_non_null(next(c, &c->scheduler, EVENT(FAILURE), MINUTE)); /* a custom executor has ended */
    cluster_free(c);
}

static void
test_updates_are_sent_until_they_are_acknowledged(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    launch(c, &c->scheduler, "t1");
    const Mesos__V1__TaskStatus *first = next_status(c, &c->scheduler, MINUTE);
    assert_non_null(first);
    double begin = loop_wall_secs(c->loop);
    const Mesos__V1__TaskStatus *again = next_status(c, &c->scheduler, MINUTE);
    assert_non_null(again);
    assert_int_equal(again->uuid.len, first->uuid.len);
    assert_memory_equal(again->uuid.data, first->uuid.data, first->uuid.len);
    assert_true(loop_wall_secs(c->loop) - begin > 9 && loop_wall_secs(c->loop) - begin < 11);
    double_update(double_find("e"), "t1", "TASK_FINISHED"); /* waits behind the first */
    again = next_status(c, &c->scheduler, MINUTE);
    assert_memory_equal(again->uuid.data, first->uuid.data, first->uuid.len);
    acknowledge(c, &c->scheduler, again);
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    assert_null(next_status(c, &c->scheduler, 30 * MINUTE)); /* nothing acknowledged comes again */
    cluster_free(c);
}

static void
test_an_update_that_is_lost_on_the_way_is_sent_again(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    c->cut = true;
    double_update(executor, "t1", "TASK_FINISHED");
    assert_null(next_status(c, &c->scheduler, 20000));
    c->cut = false;
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    assert_string_equal(agent_id(c->agent), c->agent_id);
    cluster_free(c);
}

static void
test_a_restarted_agent_keeps_its_tasks(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    launch(c, &c->scheduler, "t2"); /* its TASK_RUNNING stays unacknowledged */
    const Mesos__V1__TaskStatus *second = next_status(c, &c->scheduler, MINUTE);
    assert_string_equal(second->task_id->value, "t2");
    agent_close(c);
    double_update(executor, "t1", "TASK_FINISHED"); /* nobody hears it yet */
    pass(c, 3000);
    agent_open(c);
    wait_up(c);
    assert_string_equal(agent_id(c->agent), c->agent_id);
    bool finished = false, ran = false;
    for (int i = 0; i < 4 && !(finished && ran); i++) { /* the two streams come in any order */
        const Mesos__V1__TaskStatus *status = next_status(c, &c->scheduler, 5 * MINUTE);
        assert_non_null(status);
        if (strcmp(status->task_id->value, "t2") == 0) {
            assert_int_equal(status->state, STATE(TASK_RUNNING));
            assert_memory_equal(status->uuid.data, second->uuid.data, second->uuid.len);
            ran = true;
        } else {
            assert_int_equal(status->state, STATE(TASK_FINISHED)); /* and never its acknowledged TASK_RUNNING */
            finished = true;
        }
        acknowledge(c, &c->scheduler, status);
    }
    assert_true(finished && ran);
    assert_int_equal(executor->subscribed, 2);
    assert_int_equal(double_launches(), 1);
    double_update(executor, "t2", "TASK_FINISHED");
    expect(c, &c->scheduler, "t2", STATE(TASK_FINISHED));
    cluster_free(c);
}

static void
test_a_restarted_master_learns_what_runs(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    master_free(c->master);
    host_close(c, c->master_host, c->master_set);
    assert_true(c->scheduler.stream_ended || (pass(c, 100), c->scheduler.stream_ended));
    master_open(c, NULL);
    subscribe(c, &c->second);
    pass(c, 2 * MINUTE); /* the agent hears of it when pings stop */
    wait_up(c);
    assert_string_equal(agent_id(c->agent), c->agent_id);
    call(c, &c->second, "\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"t1\"}}]}");
    const Mesos__V1__TaskStatus *status = next_status(c, &c->second, MINUTE);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(TASK_RUNNING));
    double_update(executor, "t1", "TASK_FINISHED");
    expect(c, &c->second, "t1", STATE(TASK_FINISHED));
    cluster_free(c);
}

static void
test_a_second_scheduler_takes_over(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    subscribe(c, &c->second);
    const Mesos__V1__Scheduler__Event *error = next(c, &c->scheduler, EVENT(ERROR), MINUTE);
    assert_non_null(error);
    assert_string_equal(error->error->message, "Framework failed over");
    assert_true(c->scheduler.stream_ended || (pass(c, 100), c->scheduler.stream_ended));
    double_update(executor, "t1", "TASK_FAILED");
    expect(c, &c->second, "t1", STATE(TASK_FAILED));
    assert_null(next_status(c, &c->scheduler, 1000));
    cluster_free(c);
}

static void
test_an_agent_that_is_away_too_long_is_lost_and_comes_back(void **state)
{
    struct cluster *c = cluster_new(NULL);
    subscribe(c, &c->scheduler);
    running(c, "t1");
    c->cut = true;
    const Mesos__V1__TaskStatus *status = next_status(c, &c->scheduler, 70000);
    assert_null(status); /* five pings of 15 s each may fail */
    status = next_status(c, &c->scheduler, 2 * MINUTE);
    assert_non_null(status);
    assert_int_equal(status->state, STATE(TASK_LOST)); /* the framework does not know of partitions */
    assert_int_equal(status->reason, MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_REMOVED);
    c->cut = false;
    pass(c, 3 * MINUTE);
    assert_true(agent_registered(c->agent));
    assert_string_equal(agent_id(c->agent), c->agent_id);
    cluster_free(c);
}

static void
test_offers_end_in_time_and_kills_arrive(void **state)
{
    struct cluster *c = cluster_new("--offer_timeout=30secs");
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    const Mesos__V1__Offer *offer = next_offer(c, &c->scheduler);
    const Mesos__V1__Scheduler__Event *rescind = next(c, &c->scheduler, EVENT(RESCIND), MINUTE);
    assert_non_null(rescind);
    assert_string_equal(rescind->rescind->offer_id->value, offer->id->value);
    call(c, &c->scheduler, "\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"t1\"}}");
    expect(c, &c->scheduler, "t1", STATE(TASK_KILLED));
    assert_int_equal(executor->killed, 1);
    call(c, &c->scheduler, "\"type\":\"TEARDOWN\"");
    pass(c, MINUTE);
    assert_true(executor->ended);
    cluster_free(c);
}

static void
test_operators_see_the_life_of_a_task(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher watcher;
    watch(c, &watcher);
    expect_events(&watcher, "SUBSCRIBED agents=1 recovered=0 frameworks=0 tasks=0 unreachable=0 completed=0\n");
    subscribe(c, &c->scheduler);
    struct executor_double *executor = running(c, "t1");
    double_update(executor, "t1", "TASK_FINISHED");
    expect(c, &c->scheduler, "t1", STATE(TASK_FINISHED));
    launch(c, &c->scheduler, "t2");
    expect(c, &c->scheduler, "t2", STATE(TASK_RUNNING));
    call(c, &c->scheduler, "\"type\":\"TEARDOWN\"");
    pass(c, 1000);
    expect_events(&watcher, "FRAMEWORK_ADDED connected\nTASK_ADDED t1 6\nTASK_UPDATED t1 1\nTASK_UPDATED t1 2\n"
                            "TASK_ADDED t2 6\nTASK_UPDATED t2 1\nTASK_UPDATED t2 4\nFRAMEWORK_REMOVED\n");
    size_t before = watcher.heartbeats;
    pass(c, 5 * MINUTE);
    assert_in_range(watcher.heartbeats - before, 19, 21);
    struct watcher late;
    watch(c, &late);
    expect_events(&late, "SUBSCRIBED agents=1 recovered=0 frameworks=0 tasks=0 unreachable=0 completed=2\n");
    expect_events(&watcher, "");
    unwatch(&late);
    pass(c, 100);
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_operators_see_a_failover(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher watcher;
    subscribe(c, &c->scheduler);
    running(c, "t1");
    watch(c, &watcher);
    expect_events(&watcher, "SUBSCRIBED agents=1 recovered=0 frameworks=1 tasks=1 unreachable=0 completed=0\n");
    subscribe(c, &c->second);
    pass(c, 1000);
    expect_events(&watcher, "FRAMEWORK_UPDATED connected\n");
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_operators_see_an_agent_go_and_come_back(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher watcher;
    subscribe(c, &c->scheduler);
    running(c, "t1");
    watch(c, &watcher);
    buf_clear(&watcher.log);
    c->cut = true;
    pass(c, 3 * MINUTE);
    expect_events(&watcher, "TASK_UPDATED t1 5\nAGENT_REMOVED\n");
    struct watcher late;
    watch(c, &late);
    expect_events(&late, "SUBSCRIBED agents=0 recovered=0 frameworks=1 tasks=0 unreachable=1 completed=0\n");
    unwatch(&late);
    c->cut = false;
    pass(c, 3 * MINUTE);
    assert_true(agent_registered(c->agent));
    expect_events(&watcher, "AGENT_ADDED\nTASK_ADDED t1 1\n");
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_operators_see_a_new_master_learn(void **state)
{
    struct cluster *c = cluster_new(NULL);
    struct watcher first, watcher;
    subscribe(c, &c->scheduler);
    running(c, "t1");
    watch(c, &first);
    master_free(c->master);
    host_close(c, c->master_host, c->master_set);
    pass(c, 100);
    assert_true(first.ended);
    unwatch(&first);
    c->cut = true;
    master_open(c, NULL);
    pass(c, 100);
    watch(c, &watcher);
    expect_events(&watcher, "SUBSCRIBED agents=0 recovered=1 frameworks=0 tasks=0 unreachable=0 completed=0\n");
    c->cut = false;
    pass(c, 2 * MINUTE); /* the agent hears of it when pings stop */
    wait_up(c);
    expect_events(&watcher, "FRAMEWORK_ADDED recovered\nAGENT_ADDED\nTASK_ADDED t1 1\n");
    subscribe(c, &c->second);
    pass(c, 1000);
    expect_events(&watcher, "FRAMEWORK_UPDATED connected\n");
    unwatch(&watcher);
    cluster_free(c);
}

static void
test_the_oldest_operator_makes_room(void **state)
{
    struct cluster *c = cluster_new("--max_operator_event_stream_subscribers=2");
    struct watcher watchers[3];
    for (size_t i = 0; i < ARRAY_LEN(watchers); i++)
        watch(c, &watchers[i]);
    assert_true(watchers[0].ended);
    assert_false(watchers[1].ended || watchers[2].ended);
    subscribe(c, &c->scheduler);
    assert_null(strstr(buf_cstr(&watchers[0].log), "FRAMEWORK_ADDED"));
    for (size_t i = 1; i < ARRAY_LEN(watchers); i++)
        assert_non_null(strstr(buf_cstr(&watchers[i].log), "FRAMEWORK_ADDED"));
    for (size_t i = 0; i < ARRAY_LEN(watchers); i++)
        unwatch(&watchers[i]);
    pass(c, 1000);
    call(c, &c->scheduler, "\"type\":\"TEARDOWN\""); /* nobody listens any more */
    cluster_free(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_task_runs_and_its_resources_come_back),
        cmocka_unit_test(test_updates_are_sent_until_they_are_acknowledged),
        cmocka_unit_test(test_an_update_that_is_lost_on_the_way_is_sent_again),
        cmocka_unit_test(test_a_restarted_agent_keeps_its_tasks),
        cmocka_unit_test(test_a_restarted_master_learns_what_runs),
        cmocka_unit_test(test_a_second_scheduler_takes_over),
        cmocka_unit_test(test_an_agent_that_is_away_too_long_is_lost_and_comes_back),
        cmocka_unit_test(test_offers_end_in_time_and_kills_arrive),
        cmocka_unit_test(test_operators_see_the_life_of_a_task),
        cmocka_unit_test(test_operators_see_a_failover),
        cmocka_unit_test(test_operators_see_an_agent_go_and_come_back),
        cmocka_unit_test(test_operators_see_a_new_master_learn),
        cmocka_unit_test(test_the_oldest_operator_makes_room),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
