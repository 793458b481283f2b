/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos events`: what happens in the cluster, live: the operators' event stream, and the logs of the daemons. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "cli/login.h"
#include "cli/sandbox.h"
#include "cli/term.h"
#include "cli/tls.h"
#include "wire/http_client.h"
#include "wire/recordio.h"

enum { AGENTS_MS = 10000, WINDOW_BYTES = 32 << 10, MOST_REFUSAL_BYTES = 500, RETRY_MS = 1000 };

struct events_target {
    struct cli_common common;
    int64_t lines, for_ns;
    double interval_secs;
    bool log, stream, quiet;
};

/* One daemon's log. */
struct log {
    struct sandbox file;
    char *title;
    uint64_t offset;
    struct buf line; /* what stands behind the last end of a line */
    bool gone;
};

struct events {
    struct cli *cli;
    const struct events_target *target;
    struct cli_server master;
    struct http_client *client;
    struct log *logs;
    size_t log_count;
    const char *last; /* title that was printed last */
    bool agents_changed, lost, done;
    int status;
    struct buf refusal;
    struct err err;
};

static void
header(struct events *events, const char *title)
{
    auto_buf struct buf safe = {0};

    if (events->target->quiet || events->target->common.json || events->last == title)
        return;
    term_escape(&safe, str_of(title));
    printf("%s==> %s <==\n", events->last ? "\n" : "", buf_cstr(&safe));
    events->last = title;
}

static const char *
id_of(const json_t *object, const char *key)
{
    return cli_text(json_object_get(object, key), "value");
}

/* The few words that tell one event from another. */
static void
describe(struct buf *out, const char *type, const json_t *event)
{
    const json_t *task = json_object_get(json_object_get(event, "task_added"), "task");
    const json_t *updated = json_object_get(event, "task_updated");
    const json_t *agent = json_object_get(json_object_get(event, "agent_added"), "agent");
    const json_t *info = json_object_get(agent, "agent_info");

    if (task)
        buf_printf(out, " %s %s framework=%s agent=%s", id_of(task, "task_id"), cli_text(task, "state"),
                   id_of(task, "framework_id"), id_of(task, "agent_id"));
    if (updated) {
        const json_t *status = json_object_get(updated, "status");

        buf_printf(out, " %s %s framework=%s%s%s", id_of(status, "task_id"), cli_text(updated, "state"),
                   id_of(updated, "framework_id"), *cli_text(status, "message") ? ": " : "", cli_text(status, "message"));
    }
    if (agent)
        buf_printf(out, " %s %s", id_of(info, "id"), cli_text(info, "hostname"));
    if (json_object_get(event, "agent_removed"))
        buf_printf(out, " %s", id_of(json_object_get(event, "agent_removed"), "agent_id"));
    for (const char *const *key = (const char *const[]){"framework_added", "framework_updated", NULL}; *key; key++) {
        info = json_object_get(json_object_get(json_object_get(event, *key), "framework"), "framework_info");
        if (info)
            buf_printf(out, " %s %s", id_of(info, "id"), cli_text(info, "name"));
    }
    info = json_object_get(json_object_get(event, "framework_removed"), "framework_info");
    if (info)
        buf_printf(out, " %s %s", id_of(info, "id"), cli_text(info, "name"));
    if (strcmp(type, "SUBSCRIBED") == 0)
        buf_puts(out, ": what follows is news");
}

static void
on_event(struct events *events, struct str record)
{
    json_t *event = json_loadb(record.ptr, record.len, 0, NULL);
    const char *type = cli_text(event, "type");
    auto_buf struct buf line = {0}, safe = {0};
    char now[32];

    if (strncmp(type, "AGENT_", 6) == 0)
        events->agents_changed = true;
    if (events->target->common.json && event) {
        term_print_json(event, true);
    } else if (event && strcmp(type, "HEARTBEAT") != 0) {
        header(events, "events");
        buf_printf(&line, "%s", type);
        describe(&line, type, event);
        term_escape(&safe, buf_str(&line));
        printf("%s %s\n", cluster_time((double)time(NULL), now), buf_cstr(&safe));
    }
    json_decref(event);
    fflush(stdout);
}

static void
on_head(const struct http_response *response, void *arg)
{
    ((struct events *)arg)->status = response->status;
}

static void
on_records(const struct http_response *response, void *arg)
{
    struct events *events = arg;
    struct str record;
    size_t used;
    int got = 0;

    if (events->status != 200) {
        if (events->refusal.len < MOST_REFUSAL_BYTES)
            buf_append_str(&events->refusal, buf_str(response->body));
        buf_consume(response->body, response->body->len);
        return;
    }
    while ((got = recordio_read(response->body, &record, &used, &events->err)) > 0) {
        on_event(events, record);
        buf_consume(response->body, used);
    }
    if (got < 0)
        events->done = true;
}

/* A master that went away may come back, or another one: look for the leader again after a while. */
static void
lost(struct events *events, const char *why)
{
    if (events->done)
        return;
    fprintf(stderr, "mesos: the stream of events ended (%s); trying again\n", why);
    events->lost = true;
}

static void
on_end(const struct http_response *response, void *arg)
{
    struct events *events = arg;
    struct str why = str_trim(buf_str(&events->refusal));

    if (events->status == 200) {
        lost(events, "the master closed it");
        return;
    }
    err_set(&events->err, -EPROTO, "%s answers %d %s to SUBSCRIBE%s%.*s", events->master.host, events->status,
            http_status_text(events->status), why.len ? ": " : "", STR_ARG(why));
    events->done = true;
}

static void
on_error(const struct err *err, void *arg)
{
    lost(arg, err->code ? err->text : "the connection was closed");
}

static const struct http_call_handler stream_handler = {
    .on_head = on_head, .on_body = on_records, .on_response = on_end, .on_error = on_error};

static void
subscribe(struct events *events)
{
    struct http_header headers[3] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                     {STR_LIT("Accept"), STR_LIT("application/json")}};
    size_t count = cli_login_header(events->cli, headers, 2);

    http_client_free(events->client);
    events->client = cli_client(events->cli, &events->master);
    http_client_send(events->client, "POST", "/api/v1", headers, count, STR_LIT("{\"type\":\"SUBSCRIBE\"}"),
                     CLI_TIMEOUT_MS, &stream_handler, events);
}

/* Bytes that are no UTF-8 have no place in JSON: they are shown as \xNN. */
static void
print_json_line(const struct log *log, struct str line)
{
    json_t *text = json_stringn(line.ptr, line.len), *object;
    auto_buf struct buf safe = {0};

    if (!text) {
        term_escape(&safe, line);
        text = json_stringn_nocheck(buf_str(&safe).ptr, safe.len);
    }
    object = json_pack("{s:s,s:o}", "log", log->title, "line", text);
    term_print_json(object, true);
    json_decref(object);
}

/* Whole lines only; what has no end yet waits for it. */
static void
print_lines(struct events *events, struct log *log, struct str text)
{
    buf_append_str(&log->line, text);
    for (;;) {
        struct str rest = buf_str(&log->line), line;
        ptrdiff_t end = str_find(rest, '\n');

        if (end < 0)
            break;
        line = str_n(rest.ptr, (size_t)end);
        header(events, log->title);
        if (events->target->common.json) {
            print_json_line(log, line);
        } else {
            term_write(stdout, line);
            putchar('\n');
        }
        buf_consume(&log->line, (size_t)end + 1);
    }
    fflush(stdout);
}

static void
drop(struct log *log, const struct err *err)
{
    struct err wrapped = *err;

    if (!log->gone) {
        err_wrap(&wrapped, "no log of %s", log->title);
        cli_fail(&wrapped);
    }
    log->gone = true;
}

/* The last lines of what is there. */
static void
begin_log(struct events *events, struct log *log)
{
    auto_buf struct buf text = {0};
    struct err err = {0};
    uint64_t size;
    int64_t lines = 0;
    size_t at;

    if (sandbox_size(&log->file, events->cli, "", &size, &err) < 0) {
        if (err.code == -ENOENT)
            err_set(&err, -ENOENT, "it was started without --log_dir");
        drop(log, &err);
        return;
    }
    log->offset = events->target->lines > 0 && size > WINDOW_BYTES ? size - WINDOW_BYTES : 0;
    if (events->target->lines == 0)
        log->offset = size;
    if (sandbox_read(&log->file, events->cli, "", &log->offset, UINT64_MAX, &text, &err) < 0) {
        drop(log, &err);
        return;
    }
    for (at = text.len; at > 0 && (buf_data(&text)[at - 1] != '\n' || lines++ < events->target->lines); at--)
        ;
    print_lines(events, log, str_n(buf_str(&text).ptr + at, text.len - at));
}

static void
add_log(struct events *events, const struct cli_server *server, const char *path, const char *title)
{
    struct log *log;

    for (size_t i = 0; i < events->log_count; i++)
        if (strcmp(events->logs[i].title, title) == 0)
            return;
    events->logs = xreallocarray(events->logs, events->log_count + 1, sizeof(*events->logs));
    log = &events->logs[events->log_count++];
    *log = (struct log){.file = {.agent = *server, .path = xstrdup(path), .task_id = xstrdup(title)},
                        .title = xstrdup(title)};
    events->last = NULL; /* titles may have moved: say again whose lines follow */
    begin_log(events, log);
}

static void
look_for_agents(struct events *events)
{
    json_t *answer, *agents, *agent;
    struct err err = {0};
    size_t i;

    events->agents_changed = false;
    answer = cli_get_json(events->cli, &events->master, "/master/slaves", &err);
    agents = json_object_get(answer, "slaves");
    json_array_foreach(agents, i, agent)
    {
        auto_free char *title = xasprintf("agent %s", cli_text(agent, "hostname"));
        struct cli_server server;

        if (cli_server_parse(&server, str_of(cli_text(agent, "pid")), 5051, &err) == 0) {
            free(title);
            title = xasprintf("agent %s (%s)", cli_text(agent, "hostname"), server.host);
            add_log(events, &server, "/slave/log", title);
        }
    }
    json_decref(answer);
}

static void
poll_logs(struct events *events)
{
    for (size_t i = 0; i < events->log_count; i++) {
        struct log *log = &events->logs[i];
        auto_buf struct buf text = {0};
        struct err err = {0};

        if (log->gone)
            continue;
        if (sandbox_read(&log->file, events->cli, "", &log->offset, UINT64_MAX, &text, &err) < 0)
            drop(log, &err);
        else
            print_lines(events, log, buf_str(&text));
    }
}

static bool
is_done(void *arg)
{
    return ((struct events *)arg)->done;
}

/* Asks who leads now; nobody may, for a while. */
static void
resume(struct events *events)
{
    struct err err = {0};

    if (cli_find_leader(&events->master, events->cli, &err) < 0)
        return;
    events->lost = false;
    subscribe(events);
}

static void
live(struct events *events)
{
    int64_t begun_ms = loop_now_ms(events->cli->loop), looked_ms = begun_ms, resumed_ms = begun_ms;

    while (!events->done && !ferror(stdout)) {
        int64_t now_ms;

        loop_run_until(events->cli->loop, is_done, events, (int64_t)(events->target->interval_secs * 1000));
        now_ms = loop_now_ms(events->cli->loop);
        if (events->target->for_ns > 0 && now_ms - begun_ms >= events->target->for_ns / 1000000)
            break;
        if (events->lost && now_ms - resumed_ms >= RETRY_MS) {
            resumed_ms = now_ms;
            resume(events);
        }
        if (!events->target->log || events->done)
            continue;
        if (events->agents_changed || now_ms - looked_ms >= AGENTS_MS) {
            looked_ms = now_ms;
            look_for_agents(events);
        }
        poll_logs(events);
    }
}

static void
fini(struct events *events)
{
    http_client_free(events->client);
    for (size_t i = 0; i < events->log_count; i++) {
        sandbox_fini(&events->logs[i].file);
        buf_fini(&events->logs[i].line);
        free(events->logs[i].title);
    }
    free(events->logs);
    buf_fini(&events->refusal);
}

static int
run(struct cli *cli)
{
    struct events events = {.cli = cli, .target = cli->target};
    struct err err = {0};

    if (!events.target->log && !events.target->stream)
        return cli_wrong_use(&cli_command_events, "neither logs nor the stream are wanted");
    if (cli_find_leader(&events.master, cli, &err) < 0)
        return cli_fail(&err);
    if (events.target->stream)
        subscribe(&events);
    if (events.target->log) {
        auto_free char *title = xasprintf("master (%s)", events.master.host);

        add_log(&events, &events.master, "/master/log", title);
        look_for_agents(&events);
    }
    live(&events);
    fini(&events);
    return events.err.code ? cli_fail(&events.err) : 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct events_target),
    CLI_JSON_OPTION(struct events_target),
    {.name = "stream",
     .type = OPTION_BOOL,
     .offset = offsetof(struct events_target, stream),
     .fallback = "true",
     .help = "The operators' event stream of the master: tasks, agents, frameworks."},
    {.name = "log",
     .type = OPTION_BOOL,
     .offset = offsetof(struct events_target, log),
     .fallback = "true",
     .help = "The logs of the master and of all agents that have a --log_dir."},
    {.name = "lines",
     .type = OPTION_INT,
     .offset = offsetof(struct events_target, lines),
     .fallback = "10",
     .min = "0",
     .help = "How many lines of each log to begin with."},
    {.name = "sleep_interval",
     .type = OPTION_DOUBLE,
     .offset = offsetof(struct events_target, interval_secs),
     .fallback = "0.5",
     .min = "0.05",
     .max = "60",
     .argument = "SECONDS",
     .help = "How often the logs are looked at."},
    {.name = "for",
     .type = OPTION_DURATION,
     .offset = offsetof(struct events_target, for_ns),
     .help = "End after this time; else when interrupted."},
    {.name = "quiet",
     .type = OPTION_BOOL,
     .offset = offsetof(struct events_target, quiet),
     .fallback = "false",
     .help = "No headers between what comes from different places."},
    {.name = NULL},
};
static const char *const short_flags[] = {"n=lines", "q=quiet", "s=sleep_interval", NULL};

const struct cli_command cli_command_events = {
    .name = "events",
    .usage = "[OPTION...]",
    .summary = "Watch the cluster live: its events, and the logs of its daemons.",
    .details = "With --json each event is printed as it comes, and each line of a log as {\"log\":..., \"line\":...}.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct events_target),
    .run = run,
};
