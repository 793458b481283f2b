/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource_estimator "fixed": so much is lent out, whatever the machine does; what revocable tasks hold counts against it.
 * Parameter resources, written as the agent's own are.
 */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "mesos/resource_estimator.h"
#include "mesos/slave/oversubscription.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"
#include "model/resources.h"

struct fixed {
    const struct mesos_host *host;
    const struct mesos_usage_source *source;
    const char *text; /* option */
    struct resources lent; /* revocable, all of it */
    struct mesos_call *call; /* waits for the usage */
};

static bool
is_revocable(const struct mesos_resource *item, void *arg)
{
    (void)arg;
    return item->revocable;
}

/* What revocable tasks hold: of any role, so that it compares with what is lent. */
static int
held(const Mesos__V1__ResourceUsage *usage, struct resources *ret, struct err *err)
{
    for (size_t i = 0; i < usage->n_executors; i++) {
        auto_resources struct resources allocated = {0}, revocable = {0};
        int status =
            resources_from_proto(&allocated, usage->executors[i]->allocated, usage->executors[i]->n_allocated, err);
        if (status)
            return status;
        resources_filter(&revocable, &allocated, is_revocable, NULL);
        resources_allocate(&revocable, NULL);
        resources_add(ret, &revocable);
    }
    return 0;
}

static void
answer(const struct fixed *fixed, struct mesos_call *call, const struct resources *rest)
{
    auto_arena struct arena *arena = arena_new(0);
    Mesos__Slave__Oversubscribable message = MESOS__SLAVE__OVERSUBSCRIBABLE__INIT;
    message.resources = resources_to_proto(rest, false, arena, &message.n_resources);
    size_t len = mesos__slave__oversubscribable__get_packed_size(&message);
    unsigned char *bytes = arena_alloc(arena, len + 1);
    mesos__slave__oversubscribable__pack(&message, bytes);
    fixed->host->reply(fixed->host, call, 0, (struct mesos_bytes){bytes, len});
}

static void
on_usage(void *arg, int status, struct mesos_bytes bytes)
{
    struct fixed *fixed = arg;
    struct mesos_call *call = take(&fixed->call);
    struct err err = {0};
    auto_resources struct resources used = {0}, rest = {0};
    Mesos__V1__ResourceUsage *usage =
        status < 0 ? NULL : mesos__v1__resource_usage__unpack(NULL, bytes.len, bytes.data);
    if (!usage)
        status = fixed->host->fail(fixed->host, status < 0 ? status : -EBADMSG, "the agent's usage is not known: %s",
                                   strerror(status < 0 ? -status : EBADMSG));
    else if (held(usage, &used, &err))
        status = fixed->host->fail(fixed->host, -EBADMSG, "the agent's usage is senseless: %s", err.text);
    if (usage)
        mesos__v1__resource_usage__free_unpacked(usage, NULL);
    if (status < 0) {
        fixed->host->reply(fixed->host, call, status, (struct mesos_bytes){NULL, 0});
        return;
    }
    resources_copy(&rest, &fixed->lent);
    resources_subtract_most(&rest, &used);
    answer(fixed, call, &rest);
}

static void
oversubscribable(void *instance, struct mesos_call *call)
{
    struct fixed *fixed = instance;
    fixed->call = call;
    fixed->source->usage(fixed->source->arg, on_usage, fixed);
}

static int
initialize(void *instance, const struct mesos_usage_source *source)
{
    ((struct fixed *)instance)->source = source;
    return 0;
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct fixed *fixed = instance;
    struct err err = {0};
    auto_resources struct resources parsed = {0};
    auto_arena struct arena *arena = arena_new(0);
    Mesos__V1__Resource__RevocableInfo revocable = MESOS__V1__RESOURCE__REVOCABLE_INFO__INIT;
    size_t count;
    fixed->host = host;
    if (!fixed->text || !*fixed->text)
        return host->fail(host, -EINVAL,
                          "parameter 'resources' is required: what is lent out, e.g. \"cpus:4;mem:1024\"");
    if (resources_parse(&parsed, str_of(fixed->text), "*", &err))
        return host->fail(host, -EINVAL, "parameter 'resources' is '%s': %s", fixed->text, err.text);
    for (uint32_t i = 0; i < parsed.count; i++)
        if (strcmp(parsed.items[i].role, "*") != 0 || parsed.items[i].has_disk || parsed.items[i].shared)
            return host->fail(host, -EINVAL,
                              "parameter 'resources' is '%s': %s is reserved or of a disk of its own; only plain resources "
                              "can be lent out", fixed->text, parsed.items[i].name);
    Mesos__V1__Resource **items = resources_to_proto(&parsed, false, arena, &count);
    for (size_t i = 0; i < count; i++)
        items[i]->revocable = &revocable;
    if (resources_from_proto(&fixed->lent, items, count, &err))
        return host->fail(host, -EINVAL, "parameter 'resources' is '%s': %s", fixed->text, err.text);
    return 0;
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct fixed *fixed = instance;
    resources_fini(&fixed->lent);
    if (call)
        fixed->host->reply(fixed->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static const struct mesos_resource_estimator_ops ops = {.initialize = initialize, .oversubscribable = oversubscribable};

static const struct mesos_option options[] = {
    {"resources", MESOS_OPTION_STRING, offsetof(struct fixed, text), NULL,
     "What is lent out, name:value;name:value or a JSON array; required."},
    {0},
};

static const struct mesos_module module = {
    MESOS_MODULE(RESOURCE_ESTIMATOR, ops, struct fixed),
    .name = "fixed",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "the same resources are lent out whatever the machine does",
    .options = options,
    .start = start,
    .stop = stop,
};

MESOS_MODULES(&module);
