/* SPDX-License-Identifier: Apache-2.0 */
/* Speaks to a master as a framework does. A refused call ends the bench: figures of a broken run say nothing.
 */
#include "scheduler.h"

#include <stdio.h>

#include "cluster.h"
#include "wire/http_client.h"
#include "wire/message.h"
#include "wire/recordio.h"

enum { CALLS_UNDER_WAY = 256 };

typedef Mesos__V1__Scheduler__Call Call;
typedef Mesos__V1__Scheduler__Event Event;

static char *
text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* ---- events ---- */

static void
on_event(struct scheduler *scheduler, Event *event)
{
    switch (event->type) {
    case MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED:
        scheduler->framework_id = xstrdup(event->subscribed->framework_id->value);
        if (scheduler->handler->on_subscribed)
            scheduler->handler->on_subscribed(scheduler);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS:
        scheduler->handler->on_offers(scheduler, event->offers->offers, event->offers->n_offers);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE:
        if (scheduler->handler->on_update)
            scheduler->handler->on_update(scheduler, event->update->status);
        break;
    case MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR:
        bench_die("the master says: %s", event->error->message);
    default:
        break;
    }
}

static void
on_head(const struct http_response *response, void *arg)
{
    struct scheduler *scheduler = arg;
    if (response->status != 200)
        bench_die("the master answers SUBSCRIBE with %d", response->status);
    scheduler->stream_id = str_dup(http_header_get(&response->headers, "Mesos-Stream-Id"));
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct scheduler *scheduler = arg;
    struct str record;
    struct err err = {0};
    size_t used;
    int got;
    while ((got = recordio_read(response->body, &record, &used, &err)) > 0) {
        arena_reset(scheduler->arena);
        Event *event = MESSAGE_UNPACK(Event, mesos__v1__scheduler__event, record, scheduler->arena, &err);
        if (!event)
            bench_die("an event that cannot be read: %s", err.text);
        on_event(scheduler, event);
        buf_consume(response->body, used);
    }
    if (got < 0)
        bench_die("the stream of events is broken: %s", err.text);
}

static void
on_end(const struct http_response *response, void *arg)
{
    struct scheduler *scheduler = arg;
    if (!scheduler->ending)
        bench_die("the master ended the stream of events");
}

static void
on_error(const struct err *err, void *arg)
{
    struct scheduler *scheduler = arg;
    if (!scheduler->ending)
        bench_die("the connection to the master broke: %s", err->text);
}

static void
on_answer(const struct http_response *response, void *arg)
{
    struct scheduler *scheduler = arg;
    scheduler->outstanding--;
    if (response->status != 202 && !scheduler->ending) /* what crossed its teardown knows no framework any more */
        bench_die("the master answers a call with %d: %.*s", response->status,
                  STR_ARG(buf_str(response->body)));
}

/* ---- calls ---- */

static void
send_call(struct scheduler *scheduler, Call *call, Mesos__V1__Scheduler__Call__Type type)
{
    static const struct http_call_handler handler = {.on_response = on_answer, .on_error = on_error};
    Mesos__V1__FrameworkID id = MESOS__V1__FRAMEWORK_ID__INIT;
    struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/x-protobuf")},
                                    {STR_LIT("Mesos-Stream-Id"), str_of(scheduler->stream_id)}};
    id.value = scheduler->framework_id;
    call->framework_id = &id;
    call->has_type = true;
    call->type = type;
    buf_clear(&scheduler->out);
    message_pack(&scheduler->out, call);
    scheduler->outstanding++;
    http_client_send(scheduler->calls, "POST", "/api/v1/scheduler", headers, ARRAY_LEN(headers),
                     buf_str(&scheduler->out), 0, &handler, scheduler);
}

static void
subscribe(struct scheduler *scheduler, const char *role)
{
    static const struct http_call_handler handler = {on_head, on_body, on_end, on_error};
    struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/x-protobuf")},
                                    {STR_LIT("Accept"), STR_LIT("application/x-protobuf")}};
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Subscribe body = MESOS__V1__SCHEDULER__CALL__SUBSCRIBE__INIT;
    Mesos__V1__FrameworkInfo info = MESOS__V1__FRAMEWORK_INFO__INIT;
    Mesos__V1__FrameworkInfo__Capability multi_role = MESOS__V1__FRAMEWORK_INFO__CAPABILITY__INIT,
                                         *capabilities = &multi_role;
    char *roles = text_of(role);
    multi_role.has_type = true;
    multi_role.type = MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE;
    info.user = text_of("root");
    info.name = text_of("bench");
    info.principal = text_of(scheduler->handler->principal);
    info.roles = &roles;
    info.n_roles = 1;
    info.capabilities = &capabilities;
    info.n_capabilities = 1;
    info.has_checkpoint = info.checkpoint = scheduler->handler->checkpoint;
    body.framework_info = &info;
    call.has_type = true;
    call.type = MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE;
    call.subscribe = &body;
    message_pack(&scheduler->out, &call);
    http_client_send(scheduler->stream, "POST", "/api/v1/scheduler", headers, ARRAY_LEN(headers),
                     buf_str(&scheduler->out), 0, &handler, scheduler);
}

void
scheduler_init(struct scheduler *scheduler, struct loop *loop, uint16_t port, const char *role,
               const struct scheduler_handler *handler, void *arg)
{
    struct address to;
    char text[32];
    *scheduler = (struct scheduler){.loop = loop, .handler = handler, .arg = arg, .arena = arena_new(65536)};
    snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    address_parse(str_of(text), &to, NULL);
    scheduler->stream = http_client_new(loop, &to, text);
    scheduler->calls = http_client_new(loop, &to, text);
    http_client_pipeline(scheduler->calls, CALLS_UNDER_WAY);
    subscribe(scheduler, role);
}

void
scheduler_fini(struct scheduler *scheduler)
{
    http_client_free(scheduler->stream);
    http_client_free(scheduler->calls);
    arena_free(scheduler->arena);
    buf_fini(&scheduler->out);
    free(scheduler->framework_id);
    free(scheduler->stream_id);
    *scheduler = (struct scheduler){0};
}

static Mesos__V1__Resource *
scalar(struct arena *arena, const char *name, double value, Mesos__V1__Resource__AllocationInfo *allocation)
{
    Mesos__V1__Resource *resource = arena_alloc(arena, sizeof(*resource));
    mesos__v1__resource__init(resource);
    resource->name = text_of(name);
    resource->type = MESOS__V1__VALUE__TYPE__SCALAR;
    resource->scalar = arena_alloc(arena, sizeof(*resource->scalar));
    mesos__v1__value__scalar__init(resource->scalar);
    resource->scalar->value = value;
    resource->allocation_info = allocation;
    return resource;
}

static Mesos__V1__TaskInfo **
make_tasks(struct arena *arena, const Mesos__V1__Offer *offer, const struct scheduler_tasks *tasks)
{
    Mesos__V1__TaskInfo **list = arena_alloc(arena, (tasks->count + 1) * sizeof(*list));
    Mesos__V1__Resource **resources = arena_alloc(arena, 2 * sizeof(Mesos__V1__Resource *));
    size_t users = tasks->user_count ? tasks->user_count : 1;
    Mesos__V1__CommandInfo *commands = arena_alloc(arena, users * sizeof(*commands));
    for (size_t i = 0; i < users; i++) {
        mesos__v1__command_info__init(&commands[i]);
        commands[i].value = text_of(tasks->command);
        commands[i].user = tasks->user_count ? text_of(tasks->users[i]) : NULL;
    }
    resources[0] = scalar(arena, "cpus", tasks->cpus, offer->allocation_info);
    resources[1] = scalar(arena, "mem", tasks->mem, offer->allocation_info);
    for (size_t i = 0; i < tasks->count; i++) {
        Mesos__V1__TaskInfo *task = list[i] = arena_alloc(arena, sizeof(*task));
        mesos__v1__task_info__init(task);
        task->task_id = arena_alloc(arena, sizeof(*task->task_id));
        mesos__v1__task_id__init(task->task_id);
        task->name = task->task_id->value = arena_printf(arena, "%s%zu", tasks->prefix, tasks->first + i);
        task->agent_id = offer->agent_id;
        task->resources = resources;
        task->n_resources = 2;
        task->command = &commands[(tasks->first + i) % users];
    }
    return list;
}

/* The executor of a group, with what Mesos demands for it. */
static void
make_group(struct scheduler *scheduler, const char *pod, Mesos__V1__Offer__Operation *operation,
           const Mesos__V1__Offer__Operation__Launch *launch)
{
    struct arena *arena = scheduler->arena;
    Mesos__V1__Offer__Operation__LaunchGroup *group = arena_alloc(arena, sizeof(*group));
    struct err err = {0};
    auto_free char *json = xasprintf(
        "{\"type\":\"DEFAULT\",\"executor_id\":{\"value\":\"%s\"},\"framework_id\":{\"value\":\"%s\"},\"resources\":["
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}},"
        "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":16}}]}",
        pod, scheduler->framework_id);
    mesos__v1__offer__operation__launch_group__init(group);
    group->executor = MESSAGE_FROM_JSON(Mesos__V1__ExecutorInfo, mesos__v1__executor_info, str_of(json), arena, &err);
    if (!group->executor)
        bench_die("%s", err.text);
    group->task_group = arena_alloc(arena, sizeof(*group->task_group));
    mesos__v1__task_group_info__init(group->task_group);
    group->task_group->tasks = launch->task_infos;
    group->task_group->n_tasks = launch->n_task_infos;
    operation->type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH_GROUP;
    operation->launch_group = group;
    operation->launch = NULL;
}

void
scheduler_launch(struct scheduler *scheduler, const Mesos__V1__Offer *offer,
                 const struct scheduler_tasks *tasks)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Accept accept = MESOS__V1__SCHEDULER__CALL__ACCEPT__INIT;
    Mesos__V1__Offer__Operation operation = MESOS__V1__OFFER__OPERATION__INIT, *operations = &operation;
    Mesos__V1__Offer__Operation__Launch launch = MESOS__V1__OFFER__OPERATION__LAUNCH__INIT;
    Mesos__V1__Filters filters = MESOS__V1__FILTERS__INIT;
    Mesos__V1__OfferID *id = offer->id;
    filters.has_refuse_seconds = true;
    filters.refuse_seconds = 0;
    launch.task_infos = make_tasks(scheduler->arena, offer, tasks);
    launch.n_task_infos = tasks->count;
    operation.has_type = true;
    operation.type = MESOS__V1__OFFER__OPERATION__TYPE__LAUNCH;
    operation.launch = &launch;
    if (tasks->pod)
        make_group(scheduler, tasks->pod, &operation, &launch);
    accept.offer_ids = &id;
    accept.n_offer_ids = 1;
    accept.operations = &operations;
    accept.n_operations = 1;
    accept.filters = &filters;
    call.accept = &accept;
    send_call(scheduler, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT);
}

void
scheduler_decline(struct scheduler *scheduler, Mesos__V1__Offer **offers, size_t count, double refuse_secs)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Decline decline = MESOS__V1__SCHEDULER__CALL__DECLINE__INIT;
    Mesos__V1__Filters filters = MESOS__V1__FILTERS__INIT;
    filters.has_refuse_seconds = true;
    filters.refuse_seconds = refuse_secs;
    decline.offer_ids = arena_alloc(scheduler->arena, (count + 1) * sizeof(*decline.offer_ids));
    for (size_t i = 0; i < count; i++)
        decline.offer_ids[i] = offers[i]->id;
    decline.n_offer_ids = count;
    decline.filters = &filters;
    call.decline = &decline;
    send_call(scheduler, &call, MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE);
}

void
scheduler_acknowledge(struct scheduler *scheduler, const Mesos__V1__TaskStatus *status)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    Mesos__V1__Scheduler__Call__Acknowledge acknowledge = MESOS__V1__SCHEDULER__CALL__ACKNOWLEDGE__INIT;
    if (!status->has_uuid || !status->agent_id)
        return;
    acknowledge.agent_id = status->agent_id;
    acknowledge.task_id = status->task_id;
    acknowledge.uuid = status->uuid;
    call.acknowledge = &acknowledge;
    send_call(scheduler, &call, MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE);
}

void
scheduler_teardown(struct scheduler *scheduler)
{
    Call call = MESOS__V1__SCHEDULER__CALL__INIT;
    scheduler->ending = true;
    send_call(scheduler, &call, MESOS__V1__SCHEDULER__CALL__TYPE__TEARDOWN);
}

char *
scheduler_suppress_request(const struct scheduler *scheduler)
{
    auto_free char *body =
        xasprintf("{\"framework_id\":{\"value\":\"%s\"},\"type\":\"SUPPRESS\"}", scheduler->framework_id);
    return xasprintf("POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: application/json\r\nAccept: application/json\r\n"
                     "Mesos-Stream-Id: %s\r\nContent-Length: %zu\r\n\r\n%s",
                     scheduler->stream_id, strlen(body), body);
}

double
scheduler_scalar(const Mesos__V1__Offer *offer, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < offer->n_resources; i++)
        if (strcmp(offer->resources[i]->name, name) == 0 && offer->resources[i]->scalar)
            sum += offer->resources[i]->scalar->value;
    return sum;
}
