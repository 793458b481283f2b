/* SPDX-License-Identifier: Apache-2.0 */
/* What `mesos execute` says to the master: each call of the v1 scheduler API that it makes. Decides nothing. */
#include "cli/execute.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include "cli/term.h"
#include "wire/http_client.h"
#include "wire/message.h"

typedef Mesos__V1__Scheduler__Call Call;

void
execute_say(struct execute_session *session, const char *fmt, ...)
{
    auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = xvasprintf(fmt, ap);
    va_end(ap);
    term_write(session->log, str_of(text));
}

void
execute_fail(struct execute_session *session, const struct err *err)
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
    execute_fail(session, &err);
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
    const char *login = session->cli->authorization;
    auto_free char *pair = xasprintf("%s:%s", t->principal ? t->principal : "", t->secret ? t->secret : "");

    if (!t->secret && login)
        buf_puts(out, login);
    if (!t->secret)
        return buf_str(out);
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

void
execute_accept(struct execute_session *session, const Mesos__V1__Offer *offer, const struct execute_choice *choice,
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
        execute_say(session, "Submitted task '%s' to agent '%s'\n", tasks[i]->task_id->value, session->agent_id);
}

void
execute_decline(struct execute_session *session, const Mesos__V1__Offer *offer)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Decline decline = MESOS__V1__SCHEDULER__CALL__DECLINE__INIT;
    Mesos__V1__OfferID *id = offer->id;

    decline.offer_ids = &id;
    decline.n_offer_ids = 1;
    call.decline = &decline;
    send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE);
}

void
execute_acknowledge(struct execute_session *session, const Mesos__V1__TaskStatus *status)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Acknowledge ack = MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;

    ack.agent_id = status->agent_id;
    ack.task_id = status->task_id;
    ack.uuid = status->uuid;
    call.acknowledge = &ack;
    send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE);
}

void
execute_kill(struct execute_session *session)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Kill kill_call = MESOS__V1__SCHEDULER__CALL__KILL__INIT;

    call.kill = &kill_call;
    for (size_t i = 0; i < session->task_count; i++) {
        if (session->tasks[i].ended)
            continue;
        kill_call.task_id = session->tasks[i].info->task_id;
        execute_say(session, "Asking to kill task '%s'\n", kill_call.task_id->value);
        send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__KILL);
    }
}

void
execute_teardown(struct execute_session *session)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;

    send_call(session, &call, MESOS__V1__SCHEDULER__CALL__TYPE__TEARDOWN);
}

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

void
execute_subscribe(struct execute_session *session, const struct http_call_handler *handler)
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
                     CLI_TIMEOUT_MS, handler, session);
}
