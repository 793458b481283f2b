/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /containers and /monitor/statistics: what each running container uses, asked of its containerizer. The
 * answer is given when the last container has answered; containers that end meanwhile are left out.
 */
#include "agent/state.h"

struct question;

/* One container of a question. */
struct part {
    struct question *question;
    char *container_id, *executor_id, *executor_name, *framework_id, *source;
    struct packed usage, status;
    bool failed;
};

struct question {
    struct agent *agent;
    struct http_exchange *exchange; /* NULL when the client has gone */
    bool with_status;               /* /containers */
    struct part *parts;
    size_t count, open;
};

static void ask(struct agent *agent, struct http_exchange *exchange, bool with_status);

void
http_containers(struct http_exchange *exchange, void *arg)
{
    ask(arg, exchange, true);
}

void
http_monitor_statistics(struct http_exchange *exchange, void *arg)
{
    ask(arg, exchange, false);
}

static void
question_free(struct question *question)
{
    for (size_t i = 0; i < question->count; i++) {
        struct part *part = &question->parts[i];
        host_call_forget(question->agent->setup.host, part);
        free(part->container_id);
        free(part->executor_id);
        free(part->executor_name);
        free(part->framework_id);
        free(part->source);
        packed_fini(&part->usage);
        packed_fini(&part->status);
    }
    free(question->parts);
    free(question);
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    struct question *question = arg;
    (void)exchange;
    question_free(question);
}

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

static void
question_answer(struct question *question)
{
    auto_buf struct buf out = {0};
    struct json json = json_on(&out);
    json_array(&json);
    for (size_t i = 0; i < question->count; i++) {
        const struct part *part = &question->parts[i];
        if (part->failed)
            continue;
        json_object(&json);
        if (question->with_status)
            json_key_text(&json, "container_id", part->container_id);
        json_key_text(&json, "executor_id", part->executor_id);
        json_key_text(&json, "executor_name", part->executor_name);
        json_key_text(&json, "framework_id", part->framework_id);
        json_key_text(&json, "source", part->source);
        json_packed(&json, "statistics", &mesos__v1__resource_statistics__descriptor, &part->usage);
        if (question->with_status)
            json_packed(&json, "status", &mesos__v1__container_status__descriptor, &part->status);
        json_object_end(&json);
    }
    json_array_end(&json);
    reply_json(question->exchange, buf_str(&out));
    question_free(question);
}

static void
part_answered(struct part *part)
{
    struct question *question = part->question;
    if (--question->open == 0)
        question_answer(question);
}

static void
on_usage(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct part *part = arg;
    (void)error;
    if (status)
        part->failed = true;
    else
        packed_set(&part->usage, str_n(answer.data, answer.len));
    part_answered(part);
}

static void
on_status(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct part *part = arg;
    (void)error;
    if (!status)
        packed_set(&part->status, str_n(answer.data, answer.len));
    part_answered(part);
}

static void
part_init(struct part *part, struct question *question, const struct executor *executor)
{
    part->question = question;
    part->container_id = xstrdup(executor->container_id);
    part->executor_id = xstrdup(executor->id);
    part->executor_name = xstrdup(executor->name);
    part->framework_id = xstrdup(executor->framework->id);
    part->source = xstrdup(executor->source);
}

static bool
has_container(const struct executor *executor)
{
    return executor->in_container && executor->state != EXECUTOR_TERMINATED;
}

static void
ask(struct agent *agent, struct http_exchange *exchange, bool with_status)
{
    struct framework *framework;
    struct executor *executor;
    struct question *question = xcalloc(1, sizeof(*question));
    size_t total = 0;
    struct str only = http_param_get(http_exchange_request(exchange), "container_id");
    question->agent = agent;
    question->exchange = exchange;
    question->with_status = with_status;
    map_foreach (framework, &agent->frameworks)
        total += map_count(&framework->executors);
    question->parts = xcalloc(total + 1, sizeof(*question->parts));
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors)
            if (has_container(executor) && (!only.ptr || str_is(only, executor->container_id)))
                part_init(&question->parts[question->count++], question, executor);
    if (!question->count) {
        question_answer(question);
        return;
    }
    http_exchange_on_gone(exchange, on_gone, question);
    question->open = question->count * (with_status ? 2 : 1) + 1; /* one for this function: answers may be quick */
    for (size_t i = 0; i < question->count; i++) {
        struct part *part = &question->parts[i];
        framework = framework_find(agent, str_of(part->framework_id));
        executor = executor_find(framework, str_of(part->executor_id));
        struct module *module = agent->setup.containerizers[executor->containerizer];
        containerizer_usage(module, part->container_id, on_usage, part);
        if (with_status)
            containerizer_status(module, part->container_id, on_status, part);
    }
    if (--question->open == 0)
        question_answer(question);
}
