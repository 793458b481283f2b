/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A framework with one task over the v1 scheduler API: subscribes, takes the first offer that is large enough,
 * acknowledges updates, and subscribes again with its id when the stream breaks. Prints what happens on session->log.
 */
#include "cli/execute.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include "cli/term.h"
#include "wire/http_client.h"
#include "wire/message.h"
#include "wire/recordio.h"

typedef Mesos__V1__Scheduler__Call Call;
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

/* A line of ours with words of the cluster in it. */
static void PRINTF_LIKE(2, 3)
say(struct execute_session *session, const char *fmt, ...)
{
    auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = xvasprintf(fmt, ap);
    va_end(ap);
    term_write(session->log, str_of(text));
}

static void
fail(struct execute_session *session, const struct err *err)
{
    if (session->done)
        return;
    session->err = *err;
    session->done = true;
}

static void
on_call_answered(const struct http_response *response, void *arg)
{
    struct execute_session *session = arg;
    struct err err;

    session->outstanding--;
    if (response->status == 202)
        return;
    err_set(&err, -EPROTO, "the master answers %d %s: %.*s", response->status, http_status_text(response->status),
            STR_ARG(buf_str(response->body)));
    fail(session, &err);
}

static void
on_call_failed(const struct err *err, void *arg)
{
    /* The stream tells when the master is gone; an update that was not acknowledged comes again. */
    ((struct execute_session *)arg)->outstanding--;
}

static const struct http_call_handler call_handler = {.on_response = on_call_answered, .on_error = on_call_failed};

static void
encode(const struct execute_session *session, const Call *call, struct buf *out)
{
    if (session->json)
        message_to_json(out, call);
    else
        message_pack(out, call);
}

static const char *
media_type(const struct execute_session *session)
{
    return session->json ? "application/json" : "application/x-protobuf";
}

/* --principal and --secret as HTTP knows them; empty without a secret. */
static struct str
credentials(const struct execute_session *session, struct buf *out)
{
    const struct execute_target *t = session->target;
    auto_free char *pair = xasprintf("%s:%s", t->principal ? t->principal : "", t->secret ? t->secret : "");

    if (!t->secret)
        return STR_LIT("");
    buf_puts(out, "Basic ");
    base64_encode(out, pair, strlen(pair));
    return buf_str(out);
}

/* Sends a call other than SUBSCRIBE. The framework's id is added here. */
static void
send_call(struct execute_session *session, Call *call, Mesos__V1__Scheduler__Call__Type type)
{
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    auto_buf struct buf body = {0}, secret = {0};
    struct http_header headers[] = {{STR_LIT("Content-Type"), str_of(media_type(session))},
                                    {STR_LIT("Mesos-Stream-Id"), str_of(session->stream_id)},
                                    {STR_LIT("Authorization"), credentials(session, &secret)}};

    id.value = session->framework_id;
    call->framework_id = &id;
    call->has_type = true;
    call->type = type;
    encode(session, call, &body);
    session->outstanding++;
    http_client_send(session->calls, "POST", "/api/v1/scheduler", headers, secret.len ? 3 : 2, buf_str(&body),
                     CLI_TIMEOUT_MS, &call_handler, session);
}

/* The tasks with the agent and the resources of the offer, in arena. */
static Mesos__V1__TaskInfo **
placed_tasks(const struct execute_session *session, const Mesos__V1__Offer *offer,
             const struct execute_choice *choice, struct arena *arena)
{
    Mesos__V1__TaskInfo **tasks = arena_calloc(arena, session->task_count, sizeof(*tasks));

    for (size_t i = 0; i < session->task_count; i++) {
        tasks[i] = arena_alloc(arena, sizeof(**tasks));
        *tasks[i] = *session->tasks[i].info;
        tasks[i]->agent_id = offer->agent_id;
        tasks[i]->resources = choice->items[i].resources;
        tasks[i]->n_resources = choice->items[i].count;
    }
    return tasks;
}

static void
send_accept(struct execute_session *session, const Mesos__V1__Offer *offer, Mesos__V1__Offer__Operation *operation)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Accept accept = MESOS__V1__SCHEDULER__CALL__ACCEPT__INIT;
    Mesos__V1__OfferID *id = offer->id;

    operation->has_type = true;
    accept.offer_ids = &id;
    accept.n_offer_ids = 1;
    accept.operations = &operation;
    accept.n_operations = 1;
    call.accept = &accept;
    send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT);
}

static void
launch_group(struct execute_session *session, const Mesos__V1__Offer *offer, Mesos__V1__TaskInfo **tasks,
             const struct execute_choice *choice)
{
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT;
    Mesos__V1__Offer__Operation__LaunchGroup launch = MESOS__V1__OFFER__OPERATION__LAUNCH_GROUP__INIT;
    Mesos__V1__TaskGroupInfo group = MESOS__V1__TASK_GROUP_INFO__INIT;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    Mesos__V1__ExecutorInfo executor = *session->executor;

    id.value = session->framework_id;
    executor.framework_id = &id;
    executor.resources = choice->items[session->task_count].resources;
    executor.n_resources = choice->items[session->task_count].count;
    group.tasks = tasks;
    group.n_tasks = session->task_count;
    launch.executor = &executor;
    launch.task_group = &group;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP;
    operation.launch_group = &launch;
    send_accept(session, offer, &operation);
}

static void
launch_task(struct execute_session *session, const Mesos__V1__Offer *offer, Mesos__V1__TaskInfo **tasks)
{
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT;
    Mesos__V1__Offer__Operation__Launch launch = MESOS__V1__OFFER__OPERATION__LAUNCH__INIT;

    launch.task_infos = tasks;
    launch.n_task_infos = session->task_count;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    operation.launch = &launch;
    send_accept(session, offer, &operation);
}

static void
accept_offer(struct execute_session *session, const Mesos__V1__Offer *offer, const struct execute_choice *choice,
             struct arena *arena)
{
    Mesos__V1__TaskInfo **tasks = placed_tasks(session, offer, choice, arena);

    session->agent_id = arena_strdup(session->arena, str_of(offer->agent_id->value));
    if (offer->url && offer->url->address && offer->url->address->ip) {
        auto_free char *at = xasprintf("%s:%d", offer->url->address->ip, offer->url->address->port);

        cli_server_parse(&session->agent, str_of(at), 5051, NULL);
    }
    if (session->executor)
        launch_group(session, offer, tasks, choice);
    else
        launch_task(session, offer, tasks);
    for (size_t i = 0; i < session->task_count; i++)
        say(session, "Submitted task '%s' to agent '%s'\n", tasks[i]->task_id->value, session->agent_id);
}

static void
decline_offer(struct execute_session *session, const Mesos__V1__Offer *offer)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Decline decline = MESOS__V1__SCHEDULER__CALL__DECLINE__INIT;
    Mesos__V1__OfferID *id = offer->id;

    decline.offer_ids = &id;
    decline.n_offer_ids = 1;
    call.decline = &decline;
    send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE);
}

static void
on_offers(struct execute_session *session, const Mesos__V1__Scheduler__Event__Offers *offers, struct arena *arena)
{
    for (size_t i = 0; i < offers->n_offers; i++) {
        const Mesos__V1__Offer *offer = offers->offers[i];
        struct execute_choice choice;

        if (!session->agent_id && execute_choose(session, offer, arena, &choice))
            accept_offer(session, offer, &choice, arena);
        else
            decline_offer(session, offer);
    }
}

static void
acknowledge(struct execute_session *session, const Mesos__V1__TaskStatus *status)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Acknowledge ack = MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;

    ack.agent_id = status->agent_id;
    ack.task_id = status->task_id;
    ack.uuid = status->uuid;
    call.acknowledge = &ack;
    send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE);
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
    say(session, "Received status update %s for task '%s'\n",
        enum_name(&mesos__v1__task_state__descriptor, (int)status->state), status->task_id->value);
    if (status->message && *status->message)
        say(session, "  message: '%s'\n", status->message);
    if (status->has_source)
        say(session, "  source: %s\n", enum_name(&mesos__v1__task_status__source__descriptor, (int)status->source));
    if (status->has_reason)
        say(session, "  reason: %s\n", enum_name(&mesos__v1__task_status__reason__descriptor, (int)status->reason));
    fflush(session->log);
}

static void
on_update(struct execute_session *session, const Mesos__V1__TaskStatus *status)
{
    size_t left = 0;

    if (status->has_uuid && status->agent_id)
        acknowledge(session, status);
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
        say(session, "Subscribed with ID %s\n", subscribed->framework_id->value);
    session->framework_id = arena_strdup(session->arena, str_of(subscribed->framework_id->value));
    fflush(session->log);
}

static void
on_event(struct execute_session *session, const Event *event, struct arena *arena)
{
    struct err err;

    if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR) { /* it may come instead of SUBSCRIBED */
        err_set(&err, -EPERM, "the master ends the framework: %s", event->error ? event->error->message : "");
        fail(session, &err);
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
        err_set(&err, -EPERM, "the master refuses the framework: %d %s", response->status,
                http_status_text(response->status));
        fail(session, &err);
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
    if (response->status != 200 && !session->not_leading && response->body->len > 0) /* why it was refused */
        say_refusal(buf_str(response->body));
    if (got < 0)
        fail(session, &err);
}

static void
again_later(struct execute_session *session, const struct err *err)
{
    if (session->done)
        return;
    if ((!session->framework_id && !session->not_leading) || session->retries++ >= MOST_RETRIES) {
        fail(session, err);
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

/* "A,B" of --framework_capabilities, and what the session itself lives by. */
static void
add_capabilities(struct execute_session *session, Mesos__V1__FrameworkInfo *info, struct arena *arena)
{
    static const ProtobufCEnumDescriptor *const type = &mesos__v1__framework_info__capability__type__descriptor;
    auto_free char *names = xasprintf("MULTI_ROLE,%s,%s", session->target->partition_aware ? "PARTITION_AWARE" : "",
                                      session->target->framework_capabilities);
    struct str rest = str_of(names);

    info->capabilities = arena_calloc(arena, rest.len, sizeof(*info->capabilities));
    while (rest.len > 0) {
        auto_free char *name = str_dup(str_trim(str_cut(&rest, ',')));
        const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(type, name);
        Mesos__V1__FrameworkInfo__Capability *item;

        if (!value)
            continue; /* checked when the option was read; empty places stay out */
        item = arena_alloc(arena, sizeof(*item));
        mesos__v1__framework_info__capability__init(item);
        item->has_type = true;
        item->type = (Mesos__V1__FrameworkInfo__Capability__Type)value->value;
        info->capabilities[info->n_capabilities++] = item;
    }
}

static void
subscribe(struct execute_session *session)
{
    const struct execute_target *target = session->target;
    struct passwd *me = getpwuid(geteuid());
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Subscribe body = MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    struct http_header headers[] = {{STR_LIT("Content-Type"), str_of(media_type(session))},
                                    {STR_LIT("Accept"), str_of(media_type(session))},
                                    {STR_LIT("Authorization"), {0}}};
    auto_arena struct arena *arena = arena_new(0);
    auto_buf struct buf packed = {0}, secret = {0};
    char *role = (char *)(uintptr_t)target->role;

    info.user = arena_strdup(arena, str_of(target->user ? target->user : me ? me->pw_name : ""));
    info.name = arena_strdup(arena, STR_LIT("mesos-execute instance"));
    info.roles = &role;
    info.n_roles = 1;
    info.has_checkpoint = true;
    info.checkpoint = target->checkpoint;
    info.principal = (char *)(uintptr_t)target->principal;
    add_capabilities(session, &info, arena);
    if (session->framework_id) {
        id.value = session->framework_id;
        info.id = call.framework_id = &id;
    }
    body.framework_info = &info;
    call.has_type = true;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &body;
    encode(session, &call, &packed);
    headers[2].value = credentials(session, &secret);
    http_client_send(session->stream, "POST", "/api/v1/scheduler", headers, secret.len ? 3 : 2, buf_str(&packed),
                     CLI_TIMEOUT_MS, &stream_handler, session);
}

static void
on_kill_after(void *arg)
{
    struct execute_session *session = arg;
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Kill kill_call = MESOS__V1__SCHEDULER__CALL__KILL__INIT;

    if (!session->framework_id || session->done)
        return;
    call.kill = &kill_call;
    for (size_t i = 0; i < session->task_count; i++) {
        if (session->tasks[i].ended)
            continue;
        kill_call.task_id = session->tasks[i].info->task_id;
        say(session, "Asking to kill task '%s'\n", kill_call.task_id->value);
        send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__KILL);
    }
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
    struct loop *loop = session->cli->loop;

    http_client_free(session->stream);
    http_client_free(session->calls);
    session->outstanding = 0;
    session->stream = http_client_new(loop, &session->master.address, session->master.host);
    session->calls = http_client_new(loop, &session->master.address, session->master.host);
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
    subscribe(session);
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
    subscribe(session);
}

static bool
all_answered(void *arg)
{
    return ((struct execute_session *)arg)->outstanding == 0;
}

void
execute_end(struct execute_session *session)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    if (session->framework_id && session->stream_id) {
        loop_run_until(session->cli->loop, all_answered, session, 2000);
        send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__TEARDOWN);
        loop_run_until(session->cli->loop, all_answered, session, 2000);
    }
    loop_timer_stop(&session->retry);
    loop_timer_stop(&session->kill_timer);
    loop_timer_stop(&session->wait_timer);
    http_client_free(session->stream);
    http_client_free(session->calls);
}
