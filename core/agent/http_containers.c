/* SPDX-License-Identifier: Apache-2.0 */
/* GET /containers and /monitor/statistics, and the operator's GET_CONTAINERS: what each running container uses. */
#include "agent/containers.h"

/* A message of the containerizer's as JSON; an empty object when it gave none. */
static void
json_packed(struct json *json, const char *key, const ProtobufCMessageDescriptor *type,
            const struct packed *packed)
{
    auto_buf struct buf text = {0};
    json_key(json, key);
    if (packed->data && !message_transcode(&text, type, packed_str(packed))) {
        json_raw(json, buf_str(&text));
        return;
    }
    json_object(json);
    json_object_end(json);
}

/* As Mesos shows it: a nested one's last name; its status has the whole chain. */
static const char *
last_name(const char *container_id)
{
    const char *dot = strrchr(container_id, '.');
    return dot ? dot + 1 : container_id;
}

static void
answer_json(struct http_exchange *exchange, const struct container_figures *figures, size_t count,
            const struct container_filter *filter, bool unused)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    (void)unused;
    json_array(&json);
    for (size_t i = 0; i < count; i++) {
        const struct container_figures *part = &figures[i];
        if (part->failed)
            continue;
        json_object(&json);
        if (filter->status)
            json_key_text(&json, "container_id", last_name(part->container_id));
        if (part->executor_id) {
            json_key_text(&json, "executor_id", part->executor_id);
            json_key_text(&json, "executor_name", part->executor_name);
            json_key_text(&json, "framework_id", part->framework_id);
            json_key_text(&json, "source", part->source);
        }
        json_packed(&json, "statistics", &mesos__v1__resource_statistics__descriptor, &part->usage);
        if (filter->status)
            json_packed(&json, "status", &mesos__v1__container_status__descriptor, &part->status);
        json_object_end(&json);
    }
    json_array_end(&json);
    reply_json(exchange, buf_str(&out));
}

void
http_containers(struct http_exchange *exchange, void *arg)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct container_filter filter = {
        .nested = str_is(http_param_get(request, "show_nested"), "true"),
        .standalone = str_is(http_param_get(request, "show_standalone"), "true"),
        .status = true,
        .only = http_param_get(request, "container_id"),
        .framework_id = http_param_get(request, "framework_id"),
        .executor_id = http_param_get(request, "executor_id"),
    };
    container_figures_ask(arg, exchange, &filter, answer_json, true);
}

void
http_monitor_statistics(struct http_exchange *exchange, void *arg)
{
    struct container_filter filter = {.only = http_param_get(http_exchange_request(exchange), "container_id")};
    container_figures_ask(arg, exchange, &filter, answer_json, true);
}

/* ---- GET_CONTAINERS ---- */

typedef Mesos__V1__Agent__Response__GetContainers__Container Container;

static Container *
container_message(const struct container_figures *part, struct arena *arena)
{
    Container *container = arena_alloc(arena, sizeof(*container));
    mesos__v1__agent__response__get_containers__container__init(container);
    container->container_id = arena_alloc(arena, sizeof(*container->container_id));
    mesos__v1__container_id__init(container->container_id);
    container->container_id->value = arena_strdup(arena, str_of(last_name(part->container_id)));
    if (part->executor_id) {
        container->framework_id = arena_alloc(arena, sizeof(*container->framework_id));
        mesos__v1__framework_id__init(container->framework_id);
        container->framework_id->value = part->framework_id;
        container->executor_id = arena_alloc(arena, sizeof(*container->executor_id));
        mesos__v1__executor_id__init(container->executor_id);
        container->executor_id->value = part->executor_id;
        container->executor_name = part->executor_name;
    }
    if (part->status.data)
        container->container_status =
            message_unpack(&mesos__v1__container_status__descriptor, packed_str(&part->status), arena, NULL);
    if (part->usage.data)
        container->resource_statistics =
            message_unpack(&mesos__v1__resource_statistics__descriptor, packed_str(&part->usage), arena, NULL);
    return container;
}

static void
answer_call(struct http_exchange *exchange, const struct container_figures *figures, size_t count,
            const struct container_filter *filter, bool json)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Agent__Response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__GetContainers body = MESOS__V1__AGENT__RESPONSE__GET_CONTAINERS__INIT;
    (void)filter;
    body.containers = arena_calloc(arena, count + 1, sizeof(*body.containers));
    for (size_t i = 0; i < count; i++)
        if (!figures[i].failed)
            body.containers[body.n_containers++] = container_message(&figures[i], arena);
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__GET_CONTAINERS;
    response.get_containers = &body;
    operator_reply(exchange, &response, json);
}

void
operator_get_containers(struct operator_call *op)
{
    const Mesos__V1__Agent__Call__GetContainers *body = op->call->get_containers;
    struct container_filter filter = {
        .nested = body && body->show_nested,
        .standalone = body && body->show_standalone,
        .status = true,
    };
    container_figures_ask(op->agent, op->exchange, &filter, answer_call, op->json);
}
