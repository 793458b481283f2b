/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a small cluster, lived again and again while something fails: each fault point of the sources at each of its
 * instants, once and twice, then the messages between master and agent lost, doubled and delayed. The points are read from
 * the sources, so that a new one is covered by being written. Daemons that give up are started again, as a service manager
 * does. Whatever happened, in the end:
 *   - each task that was launched has told exactly one terminal state;
 *   - no executor was given a task twice;
 *   - no update comes again after one that follows it (the agent sends the next only after the acknowledgement), and none at
 *     all where nothing happened to its acknowledgement;
 *   - the books of master and agent are equal and hold nothing that runs.
 */
#include "cluster.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fault.h"
#ifdef MESOS_FAULTS
#include "base/units.h"
#include "mesos/v1/agent/agent.pb-c.h"
#include "mesos/v1/master/master.pb-c.h"
#include "wire/message.h"
#include "wire/recordio.h"

enum { TASKS = 4, UPDATES = 256, POINTS = 64, INSTANTS = 16, STEP_MS = 100, PATIENCE_MS = 30 * MINUTE };

const struct mesos_module *const *mesos_modules(void); /* the registry 'local', linked in: its fault points are ours */

struct task_book {
    char id[24];
    bool launched, wanted; /* its ACCEPT was sent; it is to be launched */
    bool running;
    int terminal; /* state; 0 = none told */
    int64_t launched_ms;
    size_t update_count;
    char updates[UPDATES][UUID_BYTES]; /* in the order of their first coming */
    char end_wanted[16]; /* what its executor shall say: "TASK_FINISHED"; "" = nothing yet; "KILL" = killed by us */
    bool end_said;
};

struct life {
    struct cluster *c;
    const char *spec; /* for the report */
    bool strict; /* acknowledgements are sure to arrive and to be kept */
    struct http_client *stream, *calls;
    char stream_id[64], framework_id[80], agent_id[80];
    bool subscribed, stream_lost;
    int64_t ask_again_ms, kill_again_ms, reopen_ms;
    struct task_book tasks[TASKS];
    char found[512]; /* the first broken promise */
};

static void PRINTF_LIKE(2, 3)
broken(struct life *life, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (!life->found[0])
        vsnprintf(life->found, sizeof life->found, fmt, ap);
    va_end(ap);
}

/* ---- the scheduler, which never gives up ---- */

static bool
is_terminal(int state)
{
    return state == STATE(TASK_FINISHED) || state == STATE(TASK_FAILED) || state == STATE(TASK_KILLED) ||
           state == STATE(TASK_ERROR) || state == STATE(TASK_LOST) || state == STATE(TASK_DROPPED) ||
           state == STATE(TASK_GONE) || state == STATE(TASK_GONE_BY_OPERATOR);
}

static void
on_call_head(const struct http_response *response, void *arg)
{
}

static void
on_call_error(const struct err *err, void *arg)
{
}

static void
post(struct life *life, struct http_client *client, const struct buf *body, const struct http_call_handler *handler)
{
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/x-protobuf")},
                                          {STR_LIT("Mesos-Stream-Id"), str_of(life->stream_id)}};
    life->c->connecting++;
    http_client_send(client, "POST", "/api/v1/scheduler", headers, client == life->stream ? 2 : 3, buf_str(body),
                     client == life->stream ? 0 : 5000, handler, life);
}

static void
say(struct life *life, const char *rest)
{
    static const struct http_call_handler handler = {.on_response = on_call_head, .on_error = on_call_error};
    auto_buf struct buf body = {0};
    if (!life->subscribed)
        return;
    buf_printf(&body, "{\"framework_id\":{\"value\":\"%s\"},%s}", life->framework_id, rest);
    post(life, life->calls, &body, &handler);
}

static void
answer_offer(struct life *life, const Mesos__V1__Offer *offer)
{
    auto_buf struct buf text = {0};
    struct task_book *task = NULL;
    for (size_t i = 0; i < TASKS && !task; i++)
        if (life->tasks[i].wanted && !life->tasks[i].launched)
            task = &life->tasks[i];
    buf_printf(&text, "\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],\"operations\":[", offer->id->value);
    if (task) {
        buf_printf(&text,
                   "{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[{\"name\":\"t\",\"task_id\":{\"value\":\"%s\"},"
                   "\"agent_id\":{\"value\":\"%s\"},\"executor\":{\"type\":\"CUSTOM\",\"executor_id\":{\"value\":\"e-%s\"},"
                   "\"framework_id\":{\"value\":\"%s\"},\"command\":{\"value\":\"none\"}},"
                   "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.5}},"
                   "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64}}]}]}}",
                   task->id, offer->agent_id->value, task->id, life->framework_id);
        task->launched = true;
        task->launched_ms = loop_now_ms(life->c->loop);
        snprintf(life->agent_id, sizeof life->agent_id, "%s", offer->agent_id->value);
    }
    buf_puts(&text, "],\"filters\":{\"refuse_seconds\":1}}");
    say(life, buf_cstr(&text));
}

/* Whether it is the last one that came, an old one, or new. */
static void
note_uuid(struct life *life, struct task_book *task, const Mesos__V1__TaskStatus *status)
{
    if (!status->has_uuid || status->uuid.len != UUID_BYTES)
        return;
    for (size_t i = 0; i < task->update_count; i++) {
        if (memcmp(task->updates[i], status->uuid.data, UUID_BYTES) != 0)
            continue;
        if (life->strict)
            broken(life, "an acknowledged update of task %s came again", task->id);
        if (i + 1 < task->update_count)
            broken(life, "an update of task %s came again after the next one", task->id);
        return;
    }
    assert_true(task->update_count < UPDATES);
    memcpy(task->updates[task->update_count++], status->uuid.data, UUID_BYTES);
}

static void
on_status(struct life *life, const Mesos__V1__TaskStatus *status)
{
    struct task_book *task = NULL;
    for (size_t i = 0; i < TASKS; i++)
        if (strcmp(life->tasks[i].id, status->task_id->value) == 0)
            task = &life->tasks[i];
    assert_non_null(task);
    note_uuid(life, task, status);
    if (is_terminal((int)status->state)) {
        if (task->terminal && task->terminal != (int)status->state)
            broken(life, "task %s has told two ends", task->id);
        task->terminal = (int)status->state;
    } else if (task->terminal && status->has_uuid) {
        broken(life, "task %s was told alive after its end", task->id);
    }
    task->running |= status->state == STATE(TASK_RUNNING);
    if (!status->has_uuid)
        return;
    auto_buf struct buf text = {0}, uuid = {0};
    base64_encode(&uuid, status->uuid.data, status->uuid.len);
    buf_printf(&text, "\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"agent_id\":{\"value\":\"%s\"},\"task_id\":{\"value\":\"%s\"},"
                      "\"uuid\":\"%s\"}",
               status->agent_id->value, status->task_id->value, buf_cstr(&uuid));
    say(life, buf_cstr(&text));
}

static void
on_event(struct life *life, const Mesos__V1__Scheduler__Event *event)
{
    if (event->subscribed) {
        life->subscribed = true;
        snprintf(life->framework_id, sizeof life->framework_id, "%s", event->subscribed->framework_id->value);
    } else if (event->update) {
        on_status(life, event->update->status);
    } else if (event->offers) {
        for (size_t i = 0; i < event->offers->n_offers; i++)
            answer_offer(life, event->offers->offers[i]);
    } else if (event->type == EVENT(ERROR)) {
        broken(life, "the scheduler was told an error: %s", event->error->message);
    }
}

static void
on_stream_head(const struct http_response *response, void *arg)
{
    struct life *life = arg;
    snprintf(life->stream_id, sizeof life->stream_id, "%.*s", STR_ARG(http_header_get(&response->headers, "Mesos-Stream-Id")));
}

static void
on_stream_body(const struct http_response *response, void *arg)
{
    struct life *life = arg;
    struct str record;
    size_t used;
    while (response->status == 200 && recordio_read(response->body, &record, &used, NULL) == 1) {
        auto_arena struct arena *arena = arena_new(0);
        const Mesos__V1__Scheduler__Event *event =
            MESSAGE_UNPACK(Mesos__V1__Scheduler__Event, mesos__v1__scheduler__event, record, arena, NULL);
        assert_non_null(event);
        buf_consume(response->body, used);
        on_event(life, event);
    }
}

static void
on_stream_end(const struct http_response *response, void *arg)
{
    ((struct life *)arg)->stream_lost = true;
}

static void
on_stream_error(const struct err *err, void *arg)
{
    ((struct life *)arg)->stream_lost = true;
}

static void
subscribe_again(struct life *life)
{
    static const struct http_call_handler handler = {on_stream_head, on_stream_body, on_stream_end, on_stream_error};
    auto_buf struct buf body = {0};
    const char *id = life->framework_id;
    http_client_free(life->stream);
    http_client_free(life->calls);
    life->stream = http_client_new(life->c->loop, &life->c->master_at, "master");
    life->calls = http_client_new(life->c->loop, &life->c->master_at, "master");
    life->subscribed = life->stream_lost = false;
    buf_puts(&body, "{\"type\":\"SUBSCRIBE\",");
    if (*id)
        buf_printf(&body, "\"framework_id\":{\"value\":\"%s\"},", id);
    buf_puts(&body, "\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":\"fw\",\"roles\":[\"*\"],\"checkpoint\":true,"
                    "\"failover_timeout\":1000000,\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":\"PARTITION_AWARE\"}]");
    if (*id)
        buf_printf(&body, ",\"id\":{\"value\":\"%s\"}", id);
    buf_puts(&body, "}}}");
    post(life, life->stream, &body, &handler);
}

/* ---- time passes ---- */

/* Tasks whose end is not known: asked for a minute after their launch, as schedulers should. */
static void
reconcile(struct life *life)
{
    int64_t now_ms = loop_now_ms(life->c->loop);
    for (size_t i = 0; i < TASKS; i++) {
        const struct task_book *task = &life->tasks[i];
        auto_buf struct buf text = {0};
        if (!task->launched || task->terminal || now_ms - task->launched_ms < MINUTE)
            continue;
        buf_printf(&text, "\"type\":\"RECONCILE\",\"reconcile\":{\"tasks\":[{\"task_id\":{\"value\":\"%s\"},"
                          "\"agent_id\":{\"value\":\"%s\"}}]}",
                   task->id, life->agent_id);
        say(life, buf_cstr(&text));
    }
}

static void
work_on_tasks(struct life *life)
{
    bool again = loop_now_ms(life->c->loop) >= life->kill_again_ms;
    if (again)
        life->kill_again_ms = loop_now_ms(life->c->loop) + 10000;
    for (size_t i = 0; i < TASKS; i++) {
        struct task_book *task = &life->tasks[i];
        auto_buf struct buf text = {0};
        if (!task->end_wanted[0] || task->terminal || !task->running)
            continue;
        struct executor_double *executor = double_with_task(task->id);
        if (strcmp(task->end_wanted, "KILL") != 0) {
            if (executor && !task->end_said)
                double_update(executor, task->id, task->end_wanted);
            task->end_said |= executor != NULL;
        } else if (again) {
            buf_printf(&text, "\"type\":\"KILL\",\"kill\":{\"task_id\":{\"value\":\"%s\"}}", task->id);
            say(life, buf_cstr(&text));
        }
    }
}

/* As a service manager: what has ended is started again, a moment later. */
static void
keep_daemons(struct life *life)
{
    struct cluster *c = life->c;
    struct err err = {0};
    int64_t now_ms = loop_now_ms(c->loop);
    if (c->master && c->master_ended)
        master_close(c);
    if (c->agent && c->agent_ended)
        agent_close(c);
    if ((c->master && c->agent) || now_ms < life->reopen_ms)
        return;
    life->reopen_ms = now_ms + 2000;
    if (!c->master)
        master_try(c, NULL, &err);
    if (!c->agent)
        agent_try(c, &err);
}

static void
step(struct life *life)
{
    struct cluster *c = life->c;
    pass(c, STEP_MS);
    keep_daemons(life);
    if ((!life->stream || life->stream_lost) && c->master)
        subscribe_again(life);
    work_on_tasks(life);
    if (loop_now_ms(c->loop) >= life->ask_again_ms) {
        life->ask_again_ms = loop_now_ms(c->loop) + 20000;
        reconcile(life);
    }
}

/* Until so many tasks have an end, or run; false when patience is over. */
static bool
live_until(struct life *life, size_t ended, size_t running)
{
    int64_t end_ms = loop_now_ms(life->c->loop) + PATIENCE_MS;
    for (;;) {
        size_t ends = 0, runs = 0;
        for (size_t i = 0; i < TASKS; i++) {
            ends += life->tasks[i].terminal != 0;
            runs += life->tasks[i].running && !life->tasks[i].terminal;
        }
        if (ends >= ended && ends + runs >= ended + running)
            return true;
        if (loop_now_ms(life->c->loop) > end_ms || life->found[0])
            return false;
        step(life);
    }
}

static void
live_ms(struct life *life, int64_t ms)
{
    for (int64_t end_ms = loop_now_ms(life->c->loop) + ms; loop_now_ms(life->c->loop) < end_ms;)
        step(life);
}

/* ---- the books ---- */

struct answer {
    struct arena *arena;
    const ProtobufCMessageDescriptor *descriptor;
    void *message;
    bool over;
};

static void
on_books(const struct http_response *response, void *arg)
{
    struct answer *answer = arg;
    answer->over = true;
    if (response->status == 200)
        answer->message = message_unpack(answer->descriptor, buf_str(response->body), answer->arena, NULL);
}

static void
on_books_error(const struct err *err, void *arg)
{
    ((struct answer *)arg)->over = true;
}

static bool
is_over(void *arg)
{
    return ((struct answer *)arg)->over;
}

static void *
ask(struct life *life, const struct address *whom, const char *name, const ProtobufCMessageDescriptor *descriptor)
{
    static const struct http_call_handler handler = {.on_response = on_books, .on_error = on_books_error};
    static const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                                 {STR_LIT("Accept"), STR_LIT("application/x-protobuf")}};
    struct answer answer = {.arena = life->c->arena, .descriptor = descriptor};
    struct http_client *client = http_client_new(life->c->loop, whom, name);
    life->c->connecting++;
    http_client_send(client, "POST", "/api/v1", headers, 2, STR_LIT("{\"type\":\"GET_TASKS\"}"), 5000, &handler, &answer);
    loop_run_until(life->c->loop, is_over, &answer, MINUTE);
    http_client_free(client);
    return answer.message;
}

static void
compare_books(struct life *life, size_t expected)
{
    const Mesos__V1__Master__Response *master = ask(life, &life->c->master_at, "master", &mesos__v1__master__response__descriptor);
    const Mesos__V1__Agent__Response *agent = ask(life, &life->c->agent_at, "agent", &mesos__v1__agent__response__descriptor);
    if (!master || !agent) {
        broken(life, "the %s does not tell its tasks", master ? "agent" : "master");
        return;
    }
    const Mesos__V1__Master__Response__GetTasks *ours = master->get_tasks;
    const Mesos__V1__Agent__Response__GetTasks *theirs = agent->get_tasks;
    if (ours->n_tasks != expected || ours->n_orphan_tasks)
        broken(life, "the master's books are %s", ours->n_tasks > expected ? "too long" : "too short");
    /* An agent that never heard of its registration stays away for ever under that id. */
    for (size_t i = 0; i < ours->n_unreachable_tasks; i++)
        if (strcmp(ours->unreachable_tasks[i]->agent_id->value, agent_id(life->c->agent)) == 0)
            broken(life, "task %s is unreachable on an agent that is here", ours->unreachable_tasks[i]->task_id->value);
    if (theirs->n_launched_tasks != expected || theirs->n_queued_tasks || theirs->n_pending_tasks)
        broken(life, "the agent's books are %s", theirs->n_launched_tasks != expected ? "wrong" : "full of what waits");
    for (size_t i = 0; i < ours->n_tasks && !life->found[0]; i++) {
        bool known = false;
        for (size_t j = 0; j < theirs->n_launched_tasks; j++)
            known |= strcmp(ours->tasks[i]->task_id->value, theirs->launched_tasks[j]->task_id->value) == 0;
        if (!known)
            broken(life, "the agent does not know %s", ours->tasks[i]->task_id->value);
    }
}

/* ---- one life ---- */

static void
live(struct life *life)
{
    struct cluster *c = life->c;
    life->tasks[0].wanted = life->tasks[1].wanted = life->tasks[2].wanted = true;
    if (!live_until(life, 0, 3))
        return;
    snprintf(life->tasks[0].end_wanted, 16, "TASK_FINISHED");
    if (!live_until(life, 1, 2))
        return;
    live_ms(life, 2000); /* until acknowledgements are where they belong */
    if (c->agent)
        agent_close(c); /* keep_daemons starts it again */
    snprintf(life->tasks[1].end_wanted, 16, "TASK_FAILED");
    if (!live_until(life, 2, 1))
        return;
    live_ms(life, 2000);
    if (c->master)
        master_close(c);
    snprintf(life->tasks[2].end_wanted, 16, "KILL");
    life->tasks[3].wanted = true;
    if (!live_until(life, 3, 1))
        return;
    snprintf(life->tasks[3].end_wanted, 16, "TASK_FINISHED");
    live_until(life, 4, 0);
}

/* No more faults: what is left to be told is told, and both daemons agree. */
static void
come_to_rest(struct life *life)
{
    static char words[] = "TASK_FINISHED";
    live_ms(life, MINUTE);
    for (size_t i = 0; i < TASKS; i++) {
        struct task_book *task = &life->tasks[i];
        if (!task->end_wanted[0])
            snprintf(task->end_wanted, sizeof task->end_wanted, "%s", words);
        task->end_said = false;
        task->wanted = true;
        task->running |= double_with_task(task->id) != NULL;
    }
    if (life->c->agent)
        agent_close(life->c); /* and back: what one side alone knows is told when it registers again */
    if (!live_until(life, TASKS, 0) && !life->found[0])
        for (size_t i = 0; i < TASKS; i++)
            if (!life->tasks[i].terminal)
                broken(life, "task %s never told an end", life->tasks[i].id);
    live_ms(life, 2 * MINUTE);
    if (double_twice())
        broken(life, "%s", "an executor was given a task twice");
    compare_books(life, 0);
}

/* What fails there is no journal, no connection and no registry. */
static bool
is_sure(const char *spec)
{
    static const char *const sure[] = {"checkpoint/", "launch/", "file_"};
    for (size_t i = 0; spec && i < ARRAY_LEN(sure); i++)
        if (strncmp(spec, sure[i], strlen(sure[i])) == 0)
            return true;
    return !spec;
}

/* Returns how often each armed point was passed, in passes. Fails the test when a promise was broken. */
static void
lead_life(const char *spec, uint64_t seed, const char *const *points, size_t count, uint64_t *passes)
{
    struct life life = {.spec = spec, .c = cluster_empty(seed)};
    struct cluster *c = life.c;
    for (size_t i = 0; i < TASKS; i++)
        snprintf(life.tasks[i].id, sizeof life.tasks[i].id, "t%zu", i);
    c->linked = mesos_modules;
    c->tolerant = true;
    life.strict = is_sure(spec);
    fault_arm(spec);
    live(&life);
    for (size_t i = 0; i < count; i++)
        passes[i] += fault_passed(points[i]);
    fault_arm(NULL);
    fault_messages(NULL, NULL);
    come_to_rest(&life);
    http_client_free(life.stream);
    http_client_free(life.calls);
    if (life.found[0])
        print_error("with %s, seed %llu: %s\n", spec ? spec : "no fault", (unsigned long long)seed, life.found);
    assert_string_equal(life.found, "");
    cluster_free(c);
}

/* ---- the fault points of the sources ---- */

static struct {
    char names[POINTS][64];
    size_t count;
} sources;

static void
note_points(const char *text)
{
    static const char call[] = "fault(\"";
    for (const char *at = strstr(text, call); at; at = strstr(at + 1, call)) {
        const char *name = at + sizeof call - 1, *end = strchr(name, '"');
        char copy[64];
        assert_non_null(end);
        snprintf(copy, sizeof copy, "%.*s", (int)(end - name), name);
        bool known = false;
        for (size_t i = 0; i < sources.count; i++)
            known |= strcmp(sources.names[i], copy) == 0;
        assert_true(sources.count < POINTS);
        if (!known)
            memcpy(sources.names[sources.count++], copy, sizeof copy);
    }
}

static int
on_source(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    size_t len = strlen(path);
    auto_buf struct buf text = {0};
    if (kind != FTW_F || len < 2 || strcmp(path + len - 2, ".c") != 0)
        return 0;
    assert_int_equal(file_read(path, 4 << 20, &text, NULL), 0);
    note_points(buf_cstr(&text));
    return 0;
}

static int
read_sources(void **state)
{
    const char *srcdir = getenv("srcdir");
    static const char *const rooms[] = {"core", "modules"};
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        auto_free char *path = xasprintf("%s/%s", srcdir ? srcdir : ".", rooms[i]);
        assert_int_equal(nftw(path, on_source, 16, FTW_PHYS), 0);
    }
    assert_true(sources.count >= 10);
    return 0;
}

/* Points that no life of this cluster comes by, and who sees to them. */
static const struct {
    const char *point, *where;
} elsewhere[] = {
    {"image/sync", "tests/system/test_images.py: the containerizer here has no images"},
    {"image/keep", "tests/system/test_images.py"},
    {"checkpoint/resources", "tests/system/test_persistent_volumes.py: nothing is reserved here"},
    {"agent/drain", "tests/system/test_drain.py: nobody drains this agent"},
};

static bool
is_elsewhere(const char *point)
{
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (strcmp(elsewhere[i].point, point) == 0 || strncmp(point, "zookeeper", 9) == 0)
            return true;
    return false;
}

static void
test_nothing_fails(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        lead_life(NULL, seed, NULL, 0, NULL);
}

/* The n-th passing fails, for up to INSTANTS n of all; twice: the one after it too. */
static void
fail_at_each_instant(bool twice)
{
    size_t lives = 0;
    for (size_t i = 0; i < sources.count; i++) {
        const char *point = sources.names[i];
        auto_free char *dry = xasprintf("%s=sleep:0", point);
        uint64_t passes = 0;
        if (is_elsewhere(point))
            continue;
        lead_life(dry, 1, &point, 1, &passes);
        if (passes == 0)
            fail_msg("no life comes by the fault point %s: let one do so, or say in `elsewhere` who tests it", point);
        uint64_t stride = passes / INSTANTS + 1;
        for (uint64_t n = 1; n <= passes; n += stride) {
            auto_free char *spec = twice ? xasprintf("%s=EIO@%llu,%s=EIO@%llu", point, (unsigned long long)n, point,
                                                     (unsigned long long)n + 1)
                                         : xasprintf("%s=EIO@%llu", point, (unsigned long long)n);
            lead_life(spec, n, NULL, 0, NULL);
            lives++;
        }
    }
    print_message("%zu fault points, %zu lives\n", sources.count, lives);
}

static void
test_each_point_fails_once(void **state)
{
    fail_at_each_instant(false);
}

static void
test_each_point_fails_twice(void **state)
{
    fail_at_each_instant(true);
}

/* ---- messages ---- */

struct weather {
    uint64_t seed;
    unsigned lost, doubled, late; /* percent */
};

static uint64_t
draw(struct weather *weather)
{
    uint64_t z = weather->seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int
on_message(void *arg, const char *name, size_t len, int64_t ret_delay_ms[FAULT_COPIES])
{
    struct weather *weather = arg;
    unsigned lost = (unsigned)(draw(weather) % 100), doubled = (unsigned)(draw(weather) % 100);
    for (int i = 0; i < FAULT_COPIES; i++)
        ret_delay_ms[i] = draw(weather) % 100 < weather->late ? (int64_t)(draw(weather) % 20000) : 0;
    if (lost < weather->lost)
        return 0;
    return doubled < weather->doubled ? 2 : 1;
}

static void
weather_of(const struct weather *kind, const char *name, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct weather weather = *kind;
        auto_free char *text = xasprintf("nothing=sleep:0"); /* a spec, so that reports have one */
        weather.seed = seed;
        print_message("%s, seed %llu\n", name, (unsigned long long)seed);
        fault_messages(on_message, &weather);
        lead_life(text, seed, NULL, 0, NULL);
    }
}

static void
test_messages_are_lost(void **state)
{
    weather_of(&(struct weather){.lost = 10}, "10 % lost", 25);
    weather_of(&(struct weather){.lost = 40}, "40 % lost", 10);
}

static void
test_messages_come_twice(void **state)
{
    weather_of(&(struct weather){.doubled = 50}, "50 % doubled", 25);
}

static void
test_messages_come_late(void **state)
{
    weather_of(&(struct weather){.late = 20}, "20 % late", 25);
}

static void
test_messages_suffer_everything(void **state)
{
    weather_of(&(struct weather){.lost = 10, .doubled = 20, .late = 10}, "lost, doubled and late", 25);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_fails),
        cmocka_unit_test(test_each_point_fails_once),
        cmocka_unit_test(test_each_point_fails_twice),
        cmocka_unit_test(test_messages_are_lost),
        cmocka_unit_test(test_messages_come_twice),
        cmocka_unit_test(test_messages_come_late),
        cmocka_unit_test(test_messages_suffer_everything),
    };
    cmocka_set_test_filter(getenv("SCENARIO_FILTER"));
    return cmocka_run_group_tests(tests, read_sources, NULL);
}
#else
int
main(void)
{
    return 77; /* no fault points in this build */
}
#endif
