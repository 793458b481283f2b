/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each running container is and uses, asked of its containerizer, for /containers, /monitor/statistics and
 * GET_CONTAINERS. The answer is given when the last container has answered; those that end meanwhile are marked. Containers
 * that the reader may not see are not asked.
 */
#include "agent/access.h"
#include "agent/containers.h"

struct container_question {
    struct agent *agent;
    struct http_exchange *exchange;
    struct container_filter filter;
    struct container_figures *parts;
    size_t count, cap, open;
    struct module *module; /* while its containers are told */
    struct approver *containers, *standalone; /* likewise: which may be seen */
    struct module **modules; /* of the parts */
    void (*answer)(struct http_exchange *exchange, const struct container_figures *figures, size_t count,
                   const struct container_filter *filter, bool json);
    bool json;
};

static void
question_free(struct container_question *question)
{
    for (size_t i = 0; i < question->count; i++) {
        struct container_figures *part = &question->parts[i];
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
    free(question->modules);
    free(question);
}

static void
on_gone(struct http_exchange *exchange, void *arg)
{
    (void)exchange;
    question_free(arg);
}

static void
question_answer(struct container_question *question)
{
    question->answer(question->exchange, question->parts, question->count, &question->filter, question->json);
    question_free(question);
}

static void
part_answered(struct container_question *question)
{
    if (--question->open == 0)
        question_answer(question);
}

static void
on_usage(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct container_figures *part = arg;
    (void)error;
    if (status)
        part->failed = true;
    else
        packed_set(&part->usage, str_n(answer.data, answer.len));
    part_answered(part->question);
}

static void
on_status(void *arg, int status, const char *error, struct mesos_bytes answer)
{
    struct container_figures *part = arg;
    (void)error;
    if (!status)
        packed_set(&part->status, str_n(answer.data, answer.len));
    part_answered(part->question);
}

static struct container_figures *
part_add(struct container_question *question, struct module *module, const char *container_id)
{
    if (question->filter.only.ptr && !str_is(question->filter.only, container_id))
        return NULL;
    if (question->count == question->cap) {
        question->cap = question->cap ? 2 * question->cap : 16;
        question->parts = xreallocarray(question->parts, question->cap, sizeof(*question->parts));
        question->modules = xreallocarray(question->modules, question->cap, sizeof(struct module *));
    }
    struct container_figures *part = &question->parts[question->count];
    question->modules[question->count++] = module;
    *part = (struct container_figures){.question = question, .container_id = xstrdup(container_id)};
    return part;
}

/* Is it the reader's to see? executor NULL: the container of an operator, or one inside of such. */
static bool
may_see(const struct container_question *question, const struct executor *executor, const char *container_id)
{
    struct mesos_object object = {.size = sizeof(object)};
    if (executor)
        object = executor_object(executor);
    object.container = container_id;
    return approver_allows(executor ? question->containers : question->standalone, &object);
}

static bool
has_container(const struct executor *executor)
{
    return executor->in_container && executor->state != EXECUTOR_TERMINATED;
}

static bool
is_wanted(const struct container_filter *filter, const struct executor *executor)
{
    return (!filter->framework_id.ptr || str_is(filter->framework_id, executor->framework->id)) &&
           (!filter->executor_id.ptr || str_is(filter->executor_id, executor->id));
}

/* Nested containers have no executor of their own: the one that they are inside of counts. */
static bool
is_inside_wanted(const struct container_question *question, const char *container_id)
{
    const struct container_filter *filter = &question->filter;
    const struct executor *executor = executor_of_container(question->agent, container_id);
    bool any = !filter->framework_id.ptr && !filter->executor_id.ptr;
    return (any || (executor && is_wanted(filter, executor))) && may_see(question, executor, container_id);
}

static void
add_executors(struct container_question *question)
{
    struct agent *agent = question->agent;
    struct framework *framework;
    struct executor *executor;
    map_foreach (framework, &agent->frameworks)
        map_foreach (executor, &framework->executors) {
            struct module *module = agent->setup.containerizers[executor->containerizer];
            struct container_figures *part =
                has_container(executor) && is_wanted(&question->filter, executor) &&
                        may_see(question, executor, executor->container_id)
                    ? part_add(question, module, executor->container_id)
                    : NULL;
            if (!part)
                continue;
            part->executor_id = xstrdup(executor->id);
            part->executor_name = xstrdup(executor->name);
            part->framework_id = xstrdup(framework->id);
            part->source = xstrdup(executor->source);
        }
}

static void
on_container(void *arg, const struct mesos_container_view *view)
{
    struct container_question *question = arg;
    bool nested = strchr(view->container_id, '.');
    if (view->ended || (nested && !question->filter.nested) || (view->standalone && !question->filter.standalone) ||
        (!nested && !view->standalone) || !is_inside_wanted(question, view->container_id))
        return;
    part_add(question, question->module, view->container_id);
}

void
container_figures_ask(struct agent *agent, struct http_exchange *exchange, const struct container_filter *filter,
                      void (*answer)(struct http_exchange *exchange, const struct container_figures *figures,
                                     size_t count, const struct container_filter *filter, bool json),
                      bool json)
{
    struct container_question *question = xcalloc(1, sizeof(*question));
    question->agent = agent;
    question->exchange = exchange;
    question->filter = *filter;
    question->answer = answer;
    question->json = json;
    const struct mesos_principal *principal = http_exchange_principal(exchange);
    question->containers = approver_new(agent->daemon->access, principal, MESOS_ACTION_VIEW_CONTAINER);
    question->standalone = approver_new(agent->daemon->access, principal, MESOS_ACTION_VIEW_STANDALONE_CONTAINER);
    add_executors(question);
    for (size_t i = 0; (filter->nested || filter->standalone) && i < agent->setup.containerizer_count; i++) {
        question->module = agent->setup.containerizers[i];
        containerizer_each(question->module, on_container, question);
    }
    approver_free(question->containers);
    approver_free(question->standalone);
    http_exchange_on_gone(exchange, on_gone, question);
    question->open = question->count * (filter->status ? 2 : 1) + 1; /* one for this function: answers may be quick */
    for (size_t i = 0; i < question->count; i++) {
        struct container_figures *part = &question->parts[i];
        containerizer_usage(question->modules[i], part->container_id, on_usage, part);
        if (filter->status)
            containerizer_status(question->modules[i], part->container_id, on_status, part);
    }
    part_answered(question);
}
