/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of kind containerizer, and the services that a containerizer gets beside its host: the configured isolators in
 * order of phase, the logger, and calls that the core times. Used by the agent.
 */
#include <errno.h>
#include "host/internal.h"
#include "host/kind_containerizer.h"
#include "host/kind_isolator.h"

struct services {
    struct mesos_containerizer_services lent; /* first */
    struct list in_host;
    struct module *containerizer;
    struct module **isolators;
    struct module *logger;
    struct containerizer_fetcher fetcher; /* zeroed: there is none */
};

static const struct mesos_containerizer_ops *
ops(const struct module *module)
{
    return module_ops(module);
}

static const char *
isolator_name(void *self, uint32_t index)
{
    const struct services *services = self;
    return index < services->lent.isolator_count ? module_name(services->isolators[index]) : NULL;
}

static const struct mesos_isolator_ops *
isolator_ops(void *self, uint32_t index, void **ret_instance)
{
    const struct services *services = self;
    if (index >= services->lent.isolator_count)
        return NULL;
    *ret_instance = module_instance(services->isolators[index]);
    return module_ops(services->isolators[index]);
}

static struct mesos_call *
call_new(void *self, uint32_t index, const char *what, host_done_fn *done, void *arg)
{
    const struct services *services = self;
    struct module *answers = index < services->lent.isolator_count ? services->isolators[index] : services->containerizer;
    return host_call_new(answers, what, ISOLATOR_TIMEOUT_MS, done, arg);
}

static void
call_forget(void *self, const void *arg)
{
    const struct services *services = self;
    host_call_forget(services->containerizer->host, arg);
}

static const struct mesos_container_logger_ops *
logger_ops(void *self, void **ret_instance)
{
    const struct services *services = self;
    if (!services->logger)
        return NULL;
    *ret_instance = module_instance(services->logger);
    return module_ops(services->logger);
}

static const char *
logger_failure(void *self)
{
    const struct services *services = self;
    return services->logger ? services->logger->failure.text : "";
}

/* The part of the caller's struct that its ABI has. */
static struct mesos_fetching *
fetch(void *self, const struct mesos_fetch *theirs, void (*done)(void *arg, const char *error), void *arg)
{
    const struct services *services = self;
    struct mesos_fetch wish = {.out_fd = -1, .err_fd = -1};
    memcpy(&wish, theirs, theirs->size < sizeof wish ? theirs->size : sizeof wish);
    return services->fetcher.fetch ? services->fetcher.fetch(services->fetcher.arg, &wish, done, arg) : NULL;
}

static void
fetch_cancel(void *self, struct mesos_fetching *fetching)
{
    const struct services *services = self;
    if (services->fetcher.cancel)
        services->fetcher.cancel(services->fetcher.arg, fetching);
}

void
containerizer_lend_fetcher(struct host *host, const struct containerizer_fetcher *fetcher)
{
    struct services *services;
    list_foreach (services, &host->services, in_host)
        services->fetcher = fetcher ? *fetcher : (struct containerizer_fetcher){0};
}

/* Insertion sort: stable, so that equal phases keep the order of the configuration. */
static struct module **
by_phase(struct module *const *modules, size_t count)
{
    struct module **sorted = xcalloc(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && module_phase(sorted[at - 1]) > module_phase(modules[i]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = modules[i];
    }
    return sorted;
}

void
containerizer_initialize(struct module *module, struct module *const *isolators, size_t isolator_count,
                         struct module *logger)
{
    struct services *services = xcalloc(1, sizeof *services);
    services->lent = (struct mesos_containerizer_services){
        .size = sizeof services->lent,
        .self = services,
        .isolator_count = (uint32_t)isolator_count,
        .isolator_name = isolator_name,
        .isolator_ops = isolator_ops,
        .call_new = call_new,
        .call_forget = call_forget,
        .logger_ops = logger_ops,
        .logger_failure = logger_failure,
        .fetch = fetch,
        .fetch_cancel = fetch_cancel,
    };
    services->containerizer = module;
    services->isolators = by_phase(isolators, isolator_count);
    services->logger = logger;
    list_push(&module->host->services, &services->in_host);
    if (ops(module)->initialize)
        ops(module)->initialize(module_instance(module), &services->lent);
}

void
services_fini(struct host *host)
{
    while (!list_empty(&host->services)) {
        struct services *services = list_first(&host->services, struct services, in_host);
        list_remove(&services->in_host);
        free(services->isolators);
        free(services);
    }
}

void
containerizer_recover(struct module *module, const struct mesos_isolator_state *states, size_t count,
                      host_done_fn *done, void *arg)
{
    ops(module)->recover(module_instance(module), states, count,
                         host_call_new(module, "recover", CONTAINERIZER_RECOVER_TIMEOUT_MS, done, arg));
}

void
containerizer_launch(struct module *module, const struct mesos_containerizer_launch *launch, host_done_fn *done,
                     void *arg)
{
    ops(module)->launch(module_instance(module), launch,
                        host_call_new(module, "launch", CONTAINERIZER_LAUNCH_TIMEOUT_MS, done, arg));
}

void
containerizer_wait(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    ops(module)->wait(module_instance(module), container_id, host_call_new(module, "wait", INT64_MAX, done, arg));
}

void
containerizer_destroy(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    ops(module)->destroy(module_instance(module), container_id,
                         host_call_new(module, "destroy", CONTAINERIZER_DESTROY_TIMEOUT_MS, done, arg));
}

static void
not_supported(struct module *module, struct mesos_call *call)
{
    host_call_answer(module, call, -ENOTSUP, "this containerizer does not support it");
}

void
containerizer_update(struct module *module, const char *container_id, struct mesos_resources requests,
                     struct mesos_bytes limits, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "update", CONTAINERIZER_TIMEOUT_MS, done, arg);
    if (ops(module)->update)
        ops(module)->update(module_instance(module), container_id, requests, limits, call);
    else
        not_supported(module, call);
}

void
containerizer_usage(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "usage", CONTAINERIZER_TIMEOUT_MS, done, arg);
    if (ops(module)->usage)
        ops(module)->usage(module_instance(module), container_id, call);
    else
        not_supported(module, call);
}

void
containerizer_status(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "status", CONTAINERIZER_TIMEOUT_MS, done, arg);
    if (ops(module)->status)
        ops(module)->status(module_instance(module), container_id, call);
    else
        not_supported(module, call);
}

int
containerizer_kill(struct module *module, const char *container_id, int signo)
{
    return ops(module)->kill ? ops(module)->kill(module_instance(module), container_id, signo) : -ENOTSUP;
}

void
containerizer_remove(struct module *module, const char *container_id, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "remove", CONTAINERIZER_TIMEOUT_MS, done, arg);
    if (ops(module)->remove)
        ops(module)->remove(module_instance(module), container_id, call);
    else
        not_supported(module, call);
}

void
containerizer_prune_images(struct module *module, struct mesos_bytes excluded, host_done_fn *done, void *arg)
{
    struct mesos_call *call = host_call_new(module, "prune_images", CONTAINERIZER_PRUNE_TIMEOUT_MS, done, arg);
    if (ops(module)->prune_images)
        ops(module)->prune_images(module_instance(module), excluded, call);
    else
        module->lent.reply(&module->lent, call, 0, (struct mesos_bytes){NULL, 0});
}

int
containerizer_describe(struct module *module, const char *container_id, struct mesos_container_view *ret)
{
    *ret = (struct mesos_container_view){.size = sizeof *ret};
    return ops(module)->describe ? ops(module)->describe(module_instance(module), container_id, ret) : -ENOENT;
}

void
containerizer_each(struct module *module, void (*found)(void *arg, const struct mesos_container_view *view), void *arg)
{
    if (ops(module)->each)
        ops(module)->each(module_instance(module), found, arg);
}

int
containerizer_attach(struct module *module, const char *container_id, struct err *err)
{
    if (!ops(module)->attach)
        return err_set(err, -ENOTSUP, "Attaching is not supported by containerizer '%s'", module_name(module));
    int fd = ops(module)->attach(module_instance(module), container_id);
    return fd < 0 ? module_failure(module, fd, err) : fd;
}
