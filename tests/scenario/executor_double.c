/* SPDX-License-Identifier: Apache-2.0 */
/* See executor_double.h. Calls are JSON, events protobuf: both codecs of the agent are used. */
#include "executor_double.h"

#include <errno.h>
#include <stdio.h>
#include "base/units.h"
#include "mesos/containerizer.h"
#include "mesos/slave/containerizer.pb-c.h"
#include "mesos/v1/executor/executor.pb-c.h"
#include "wire/http_client.h"
#include "wire/message.h"
#include "wire/recordio.h"

#define AGAIN_MS 1000

static struct {
    struct loop *loop;
    struct executor_double *executors;
    const struct mesos_host *host; /* of the containerizer's present instance; NULL while the agent is away */
    size_t launches, twice;
} doubles;

static void subscribe(struct executor_double *executor);

/* ---- the executor ---- */

static void subscribe_later(struct executor_double *executor);

/* What was not taken is told again with the next subscription. */
static void
on_call_answer(const struct http_response *response, void *arg)
{
    if (response->status == 202)
        return;
    if (response->status != 503)
        fprintf(stderr, "executor's call: %d %.*s\n", response->status, STR_ARG(buf_str(response->body)));
    subscribe_later(arg);
}

static void
on_call_error(const struct err *err, void *arg)
{
    subscribe_later(arg);
}

static const struct http_call_handler call_handler = {.on_response = on_call_answer, .on_error = on_call_error};

static void
begin_call(const struct executor_double *executor, const char *type, struct buf *out)
{
    buf_printf(out, "{\"type\":\"%s\",\"framework_id\":{\"value\":\"%s\"},\"executor_id\":{\"value\":\"%s\"}", type,
               executor->framework_id, executor->executor_id);
}

static void
post(struct executor_double *executor, const struct buf *body)
{
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")}};
    http_client_send(executor->calls, "POST", "/api/v1/executor", headers, 1, buf_str(body), 5000, &call_handler, executor);
}

static void
send_status(struct executor_double *executor, const char *status)
{
    auto_buf struct buf body = {0};
    begin_call(executor, "UPDATE", &body);
    buf_printf(&body, ",\"update\":{\"status\":%s}}", status);
    post(executor, &body);
}

void
double_update(struct executor_double *executor, const char *task_id, const char *state)
{
    unsigned char bytes[UUID_BYTES];
    auto_buf struct buf uuid = {0};
    struct double_update *update = xcalloc(1, sizeof *update);
    uuid_random(bytes);
    base64_encode(&uuid, bytes, sizeof bytes);
    snprintf(update->uuid, sizeof update->uuid, "%s", buf_cstr(&uuid));
    update->status = xasprintf("{\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\",\"uuid\":\"%s\",\"source\":\"SOURCE_EXECUTOR\","
                               "\"executor_id\":{\"value\":\"%s\"}}",
                               task_id, state, update->uuid, executor->executor_id);
    struct double_update **end = &executor->unacknowledged;
    while (*end)
        end = &(*end)->next;
    *end = update;
    send_status(executor, update->status);
}

static void
on_launch(struct executor_double *executor, const Mesos__V1__TaskInfo *info)
{
    struct double_task *task = xcalloc(1, sizeof *task);
    struct buf json = {0};
    for (const struct executor_double *each = doubles.executors; each; each = each->next)
        for (const struct double_task *known = each->tasks; known; known = known->next)
            doubles.twice += strcmp(known->id, info->task_id->value) == 0;
    message_to_json(&json, info);
    snprintf(task->id, sizeof task->id, "%s", info->task_id->value);
    task->info = buf_take(&json);
    task->next = executor->tasks;
    executor->tasks = task;
    if (!executor->mute)
        double_update(executor, task->id, "TASK_RUNNING");
}

static void
on_acknowledged(struct executor_double *executor, const Mesos__V1__Executor__Event__Acknowledged *acknowledged)
{
    auto_buf struct buf uuid = {0};
    base64_encode(&uuid, acknowledged->uuid.data, acknowledged->uuid.len);
    executor->acknowledged++;
    for (struct double_task *task = executor->tasks; task; task = task->next) {
        if (strcmp(task->id, acknowledged->task_id->value) == 0)
            task->launch_acknowledged = true;
    }
    for (struct double_update **at = &executor->unacknowledged, *update; (update = *at) != NULL; at = &update->next) {
        if (strcmp(update->uuid, buf_cstr(&uuid)) != 0)
            continue;
        *at = update->next;
        free(update->status);
        free(update);
        return;
    }
}

static void
on_event(struct executor_double *executor, const Mesos__V1__Executor__Event *event)
{
    switch (event->type) {
    case MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED:
        executor->subscribed++;
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH:
        on_launch(executor, event->launch->task);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED:
        on_acknowledged(executor, event->acknowledged);
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__KILL:
        executor->killed++;
        double_update(executor, event->kill->task_id->value, "TASK_KILLED");
        break;
    case MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN:
        double_end(executor);
        break;
    default:
        break;
    }
}

static void
on_body(const struct http_response *response, void *arg)
{
    struct executor_double *executor = arg;
    struct str record;
    size_t used;
    while (!executor->ended && recordio_read(response->body, &record, &used, NULL) == 1) {
        auto_arena struct arena *arena = arena_new(0);
        const Mesos__V1__Executor__Event *event = MESSAGE_UNPACK(
            Mesos__V1__Executor__Event, mesos__v1__executor__event, record, arena, NULL);
        buf_consume(response->body, used);
        if (event)
            on_event(executor, event);
    }
}

static void
subscribe_later(struct executor_double *executor)
{
    if (!executor->ended)
        loop_timer_start(&executor->again, AGAIN_MS);
}

static void
on_stream_end(const struct http_response *response, void *arg)
{
    subscribe_later(arg);
}

static void
on_stream_error(const struct err *err, void *arg)
{
    subscribe_later(arg);
}

static void
subscribe(struct executor_double *executor)
{
    static const struct http_call_handler handler = {.on_body = on_body, .on_response = on_stream_end,
                                                     .on_error = on_stream_error};
    auto_buf struct buf body = {0};
    const char *comma = "";
    begin_call(executor, "SUBSCRIBE", &body);
    buf_puts(&body, ",\"subscribe\":{\"unacknowledged_tasks\":[");
    for (const struct double_task *task = executor->tasks; task; task = task->next) {
        if (task->launch_acknowledged)
            continue;
        buf_printf(&body, "%s%s", comma, task->info);
        comma = ",";
    }
    buf_puts(&body, "],\"unacknowledged_updates\":[");
    comma = "";
    for (const struct double_update *update = executor->unacknowledged; update; update = update->next) {
        buf_printf(&body, "%s{\"status\":%s}", comma, update->status);
        comma = ",";
    }
    buf_puts(&body, "]}}");
    const struct http_header headers[] = {{STR_LIT("Content-Type"), STR_LIT("application/json")},
                                          {STR_LIT("Accept"), STR_LIT("application/x-protobuf")}};
    http_client_free(executor->stream);
    executor->stream = http_client_new(executor->loop, &executor->agent, "agent");
    http_client_send(executor->stream, "POST", "/api/v1/executor", headers, 2, buf_str(&body), 0, &handler, executor);
}

static void
on_again(void *arg)
{
    subscribe(arg);
}

static void
answer_end(struct mesos_call **call)
{
    Mesos__Slave__ContainerTermination termination = MESOS__SLAVE__CONTAINER_TERMINATION__INIT;
    uint8_t packed[16];
    termination.has_status = 1;
    size_t len = mesos__slave__container_termination__pack(&termination, packed);
    if (*call && doubles.host)
        doubles.host->reply(doubles.host, *call, 0, (struct mesos_bytes){packed, len});
    *call = NULL;
}

void
double_end(struct executor_double *executor)
{
    executor->ended = true;
    loop_timer_stop(&executor->again);
    answer_end(&executor->wait);
    answer_end(&executor->destroy);
}

static void
executor_free(struct executor_double *executor)
{
    loop_timer_stop(&executor->again);
    http_client_free(executor->stream);
    http_client_free(executor->calls);
    for (struct double_task *task = executor->tasks, *next; task; task = next) {
        next = task->next;
        free(task->info);
        free(task);
    }
    for (struct double_update *update = executor->unacknowledged, *next; update; update = next) {
        next = update->next;
        free(update->status);
        free(update);
    }
    free(executor);
}

void
double_open(struct loop *loop)
{
    memset(&doubles, 0, sizeof doubles);
    doubles.loop = loop;
}

void
double_close(void)
{
    while (doubles.executors) {
        struct executor_double *executor = doubles.executors;
        doubles.executors = executor->next;
        executor_free(executor);
    }
}

struct executor_double *
double_find(const char *executor_id)
{
    struct executor_double *executor = doubles.executors;
    while (executor && strcmp(executor->executor_id, executor_id) != 0)
        executor = executor->next;
    return executor;
}

size_t
double_launches(void)
{
    return doubles.launches;
}

size_t
double_twice(void)
{
    return doubles.twice;
}

struct executor_double *
double_with_task(const char *task_id)
{
    for (struct executor_double *executor = doubles.executors; executor; executor = executor->next)
        for (const struct double_task *task = executor->tasks; task && !executor->ended; task = task->next)
            if (strcmp(task->id, task_id) == 0)
                return executor;
    return NULL;
}

/* ---- the containerizer ---- */

static struct executor_double *
of_container(const char *container_id)
{
    struct executor_double *executor = doubles.executors;
    while (executor && (executor->ended || strcmp(executor->container_id, container_id) != 0))
        executor = executor->next;
    return executor;
}

static const char *
environment(const struct mesos_containerizer_launch *launch, const char *name)
{
    for (const char *const *entry = launch->environment; entry && *entry; entry++) {
        if (strncmp(*entry, name, strlen(name)) == 0 && (*entry)[strlen(name)] == '=')
            return *entry + strlen(name) + 1;
    }
    return "";
}

static void
reply_status(struct mesos_call *call, int status)
{
    doubles.host->reply(doubles.host, call, status, (struct mesos_bytes){NULL, 0});
}

static void
double_launch(void *instance, const struct mesos_containerizer_launch *launch, struct mesos_call *call)
{
    struct executor_double *executor = xcalloc(1, sizeof *executor);
    executor->loop = doubles.loop;
    snprintf(executor->container_id, sizeof executor->container_id, "%s", launch->container_id);
    snprintf(executor->framework_id, sizeof executor->framework_id, "%s", environment(launch, "MESOS_FRAMEWORK_ID"));
    snprintf(executor->executor_id, sizeof executor->executor_id, "%s", environment(launch, "MESOS_EXECUTOR_ID"));
    auto_free char *socket = xasprintf("unix:%s", environment(launch, "MESOS_DOMAIN_SOCKET"));
    if (address_parse(str_of(socket), &executor->agent, NULL) < 0) {
        free(executor);
        reply_status(call, doubles.host->fail(doubles.host, -EINVAL, "no MESOS_DOMAIN_SOCKET"));
        return;
    }
    loop_timer_init(&executor->again, doubles.loop, on_again, executor);
    loop_timer_start(&executor->again, 1);
    executor->calls = http_client_new(doubles.loop, &executor->agent, "agent");
    executor->next = doubles.executors;
    doubles.executors = executor;
    doubles.launches++;
    if (launch->pid_checkpoint_path) /* a process that lives: our own */
        file_replace(launch->pid_checkpoint_path, "1", 1, 0644, false, NULL);
    doubles.host->reply(doubles.host, call, 0, (struct mesos_bytes){"\1", 1});
}

static void
double_wait(void *instance, const char *container_id, struct mesos_call *call)
{
    struct executor_double *executor = of_container(container_id);
    if (executor)
        executor->wait = call;
    else
        reply_status(call, -ENOENT);
}

static void
double_destroy(void *instance, const char *container_id, struct mesos_call *call)
{
    struct executor_double *executor = of_container(container_id);
    if (!executor) {
        reply_status(call, -ENOENT);
        return;
    }
    executor->destroy = call;
    double_end(executor);
}

static void
double_recover(void *instance, const struct mesos_isolator_state *states, size_t count, struct mesos_call *call)
{
    reply_status(call, 0);
}

static int
double_start(void *instance, const struct mesos_host *host)
{
    doubles.host = host;
    return 0;
}

static void
double_stop(void *instance, struct mesos_call *call)
{
    for (struct executor_double *executor = doubles.executors; executor; executor = executor->next)
        executor->wait = executor->destroy = NULL; /* the core has answered them */
    if (call)
        reply_status(call, 0);
    doubles.host = NULL;
}

static const struct mesos_containerizer_ops ops = {
    .recover = double_recover, .launch = double_launch, .wait = double_wait, .destroy = double_destroy};

static const struct mesos_module module = {
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof ops,
    .kind = MESOS_KIND_CONTAINERIZER,
    .instance_size = 1,
    .name = "double",
    .version = "1",
    .author = "tests",
    .summary = "plays executors",
    .start = double_start,
    .stop = double_stop,
    .ops = &ops,
};

const struct mesos_module *const *
double_modules(void)
{
    static const struct mesos_module *const modules[] = {&module, NULL};
    return modules;
}
