/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A framework with one task over the v1 scheduler API: subscribes, takes the first offer that is large enough,
 * acknowledges updates, and subscribes again with its id when the stream breaks. Prints what happens on session->log.
 */
#include "cli/execute.h"

#include <errno.h>
#include <stdio.h>

#include "cli/login.h"
#include "cli/term.h"
#include "cli/tls.h"
#include "wire/http_client.h"
#include "wire/message.h"
#include "wire/recordio.h"

typedef Mesos__V1__Scheduler__Event Event;

enum { RETRY_MS = 1000, MOST_RETRIES = 60, WAIT_HINT_MS = 5000 };

bool
execute_is_terminal(Mesos__V1__TaskState state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_STAGING:
    case MESOS__V1__TASK_STATE__TASK_STARTING:
    case MESOS__V1__TASK_STATE__TASK_RUNNING:
    case MESOS__V1__TASK_STATE__TASK_KILLING:
    case MESOS__V1__TASK_STATE__TASK_UNREACHABLE:
    case MESOS__V1__TASK_STATE__TASK_UNKNOWN:
        return false;
    default:
        return true;
    }
}

static void
on_offers(struct execute_session *session, const Mesos__V1__Scheduler__Event__Offers *offers, struct arena *arena)
{
    for (size_t i = 0; i < offers->n_offers; i++) {
        const Mesos__V1__Offer *offer = offers->offers[i];
        struct execute_choice choice;

        if (!session->agent_id && execute_choose(session, offer, arena, &choice))
            execute_accept(session, offer, &choice, arena);
        else
            execute_decline(session, offer);
    }
}

static const char *
enum_name(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);

    return found ? found->name : "unknown";
}

/* Where a nested container's sandbox is below the executor's. */
static void
note_container(struct execute_session *session, struct execute_task *task, const Mesos__V1__TaskStatus *status)
{
    const Mesos__V1__ContainerID *id = status->container_status ? status->container_status->container_id : NULL;
    const char *path = "";

    if (task->container || !session->executor || !id)
        return;
    for (unsigned depth = 0; id->parent && depth < 16 && !strchr(id->value, '/'); depth++, id = id->parent)
        path = arena_printf(session->arena, "/containers/%s%s", id->value, path);
    if (*path)
        task->container = arena_strdup(session->arena, str_of(path));
}

static void
say_update(struct execute_session *session, const Mesos__V1__TaskStatus *status)
{
    execute_say(session, "Received status update %s for task '%s'\n",
        enum_name(&mesos__v1__task_state__descriptor, (int)status->state), status->task_id->value);
    if (status->message && *status->message)
        execute_say(session, "  message: '%s'\n", status->message);
    if (status->has_source)
        execute_say(session, "  source: %s\n", enum_name(&mesos__v1__task_status__source__descriptor, (int)status->source));
    if (status->has_reason)
        execute_say(session, "  reason: %s\n", enum_name(&mesos__v1__task_status__reason__descriptor, (int)status->reason));
    fflush(session->log);
}

static void
on_update(struct execute_session *session, const Mesos__V1__TaskStatus *status)
{
    size_t left = 0;

    if (status->has_uuid && status->agent_id)
        execute_acknowledge(session, status);
    for (size_t i = 0; i < session->task_count; i++) {
        struct execute_task *task = &session->tasks[i];

        if (strcmp(status->task_id->value, task->info->task_id->value) == 0 && !task->ended) {
            note_container(session, task, status);
            task->started = true;
            task->state = status->state;
            task->ended = execute_is_terminal(status->state);
            say_update(session, status);
        }
        left += !task->ended;
    }
    if (left == 0)
        session->done = true;
}

static void
on_subscribed(struct execute_session *session, const Mesos__V1__Scheduler__Event__Subscribed *subscribed)
{
    session->retries = 0;
    if (!session->framework_id)
        execute_say(session, "Subscribed with ID %s\n", subscribed->framework_id->value);
    session->framework_id = arena_strdup(session->arena, str_of(subscribed->framework_id->value));
    fflush(session->log);
}

static void
on_event(struct execute_session *session, const Event *event, struct arena *arena)
{
    struct err err;

    if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR) { /* it may come instead of SUBSCRIBED */
        err_set(&err, -EPERM, "the master ends the framework: %s", event->error ? event->error->message : "");
        execute_fail(session, &err);
        return;
    }
    if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED && event->subscribed)
        on_subscribed(session, event->subscribed);
    else if (!session->framework_id)
        return;
    else if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS && event->offers)
        on_offers(session, event->offers, arena);
    else if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE && event->update)
        on_update(session, event->update->status);
}

static void
on_head(const struct http_response *response, void *arg)
{
    struct execute_session *session = arg;
    struct err err;

    session->not_leading = response->status == 503 || response->status == 307;
    if (session->not_leading)
        return;
    if (response->status != 200) {
        err_set(&err, -EPERM, "the master refuses the framework: %d %s%s", response->status,
                http_status_text(response->status),
                cli_login_advice(session->target->secret || session->cli->authorization, response->status));
        execute_fail(session, &err);
        return;
    }
    session->stream_id =
        arena_strdup(session->arena, http_header_get(&response->headers, "Mesos-Stream-Id"));
}

static void
say_refusal(struct str why)
{
    term_write(stderr, why);
    fputc('\n', stderr);
}

static void
on_records(const struct http_response *response, void *arg)
{
    struct execute_session *session = arg;
    struct str record;
    struct err err = {0};
    size_t used;
    int got = 0;

    while (response->status == 200 && (got = recordio_read(response->body, &record, &used, &err)) > 0) {
        auto_arena struct arena *arena = arena_new(0);
        const ProtobufCMessageDescriptor *type = &mesos__v1__scheduler__event__descriptor;
        const Event *event = session->json ? message_from_json(type, record, arena, &err)
                                           : message_unpack(type, record, arena, &err);

        if (event)
            on_event(session, event, arena);
        buf_consume(response->body, used);
    }
    if (response->status != 200 && response->status != 401 && !session->not_leading && response->body->len > 0) /* why */
        say_refusal(buf_str(response->body));
    if (got < 0)
        execute_fail(session, &err);
}

static void
again_later(struct execute_session *session, const struct err *err)
{
    if (session->done)
        return;
    if ((!session->framework_id && !session->not_leading) || session->retries++ >= MOST_RETRIES) {
        execute_fail(session, err);
        return;
    }
    if (session->retries == 1)
        fprintf(session->log, session->framework_id ? "Lost the master; trying to subscribe again\n"
                                                    : "The master does not lead yet; trying again\n");
    loop_timer_start(&session->retry, RETRY_MS);
}

static void
on_retry(void *arg)
{
    ((struct execute_session *)arg)->lost = true;
}

static void
on_stream_end(const struct http_response *response, void *arg)
{
    struct err err;

    err_set(&err, -ECONNRESET, "the master ended the stream");
    again_later(arg, &err);
}

static void
on_stream_error(const struct err *err, void *arg)
{
    struct err wrapped = *err;

    err_wrap(&wrapped, "master");
    again_later(arg, &wrapped);
}

static const struct http_call_handler stream_handler = {
    .on_head = on_head, .on_body = on_records, .on_response = on_stream_end, .on_error = on_stream_error};

static void
on_kill_after(void *arg)
{
    struct execute_session *session = arg;

    if (session->framework_id && !session->done)
        execute_kill(session);
}

/* Said once: a task that fits nowhere looks like a program that hangs. */
static void
on_waited(void *arg)
{
    struct execute_session *session = arg;
    bool given = session->target->task || session->target->task_group;

    if (!session->agent_id && !session->done)
        fprintf(stderr, "mesos: waiting: no offer so far has the resources that the task wants%s%s in role %s\n",
                given ? "" : ": ", given ? "" : session->target->resources,
                session->target->role);
}

static void
connect_clients(struct execute_session *session)
{
    http_client_free(session->stream);
    http_client_free(session->calls);
    session->outstanding = 0;
    session->stream = cli_client(session->cli, &session->master);
    session->calls = cli_client(session->cli, &session->master);
}

/* Another one may lead by now. */
void
execute_resume(struct execute_session *session)
{
    struct err err = {0};

    session->lost = false;
    if (cli_find_leader(&session->master, session->cli, &err) < 0) {
        again_later(session, &err);
        return;
    }
    connect_clients(session);
    execute_subscribe(session, &stream_handler);
}

void
execute_start(struct execute_session *session)
{
    struct loop *loop = session->cli->loop;

    connect_clients(session);
    loop_timer_init(&session->retry, loop, on_retry, session);
    loop_timer_init(&session->kill_timer, loop, on_kill_after, session);
    loop_timer_init(&session->wait_timer, loop, on_waited, session);
    loop_timer_start(&session->wait_timer, WAIT_HINT_MS);
    if (session->target->kill_after_ns > 0)
        loop_timer_start_ns(&session->kill_timer, session->target->kill_after_ns);
    execute_subscribe(session, &stream_handler);
}

static bool
all_answered(void *arg)
{
    return ((struct execute_session *)arg)->outstanding == 0;
}

void
execute_end(struct execute_session *session)
{
    if (session->framework_id && session->stream_id) {
        loop_run_until(session->cli->loop, all_answered, session, 2000);
        execute_teardown(session);
        loop_run_until(session->cli->loop, all_answered, session, 2000);
    }
    loop_timer_stop(&session->retry);
    loop_timer_stop(&session->kill_timer);
    loop_timer_stop(&session->wait_timer);
    http_client_free(session->stream);
    http_client_free(session->calls);
}
