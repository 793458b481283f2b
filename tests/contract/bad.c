/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry module with one fault, chosen when it is compiled (-DBAD_ABI, ...): what the host must refuse. Without a
 * fault it is the sample whose options and manners the host's tests look at.
 */
#include <errno.h>
#include <string.h>
#include "mesos/registry.h"

struct sample {
    const struct mesos_host *host;
    const char *text, *path;
    bool flag;
    int64_t number, duration;
    double real;
    uint64_t bytes;
    const char *manner; /* what store does: "answer", "twice", "never", "fail" */
};

#ifdef BAD_UNDEFINED
void a_function_that_nobody_defines(void);
#endif

static void
sample_fetch(void *instance, void (*entry)(void *arg, const struct mesos_registry_entry *entry), void *arg,
             struct mesos_call *call)
{
    struct sample *sample = instance;
    struct mesos_registry_entry one = {.size = sizeof one, .table = 1, .key = {"options", 7}};
    char text[256];
    int n = __builtin_snprintf(text, sizeof text, "%s|%s|%d|%lld|%lld|%g|%llu", sample->text ? sample->text : "-",
                               sample->path ? sample->path : "-", sample->flag, (long long)sample->number,
                               (long long)sample->duration, sample->real, (unsigned long long)sample->bytes);
    one.value = (struct mesos_bytes){text, (size_t)n};
    entry(arg, &one);
    sample->host->reply(sample->host, call, 0, (struct mesos_bytes){"whole", 5});
#ifdef BAD_UNDEFINED
    a_function_that_nobody_defines();
#endif
}

#ifndef BAD_MEMBER
static void
sample_store(void *instance, const struct mesos_registry_entry *entries, size_t count, struct mesos_call *call)
{
    struct sample *sample = instance;
    const struct mesos_host *host = sample->host;
    const struct mesos_bytes none = {NULL, 0};
    if (strcmp(sample->manner, "never") == 0)
        return;
    if (strcmp(sample->manner, "fail") == 0) {
        host->reply(host, call, host->fail(host, -ENOSPC, "no room for %zu entries", count), none);
        return;
    }
    host->reply(host, call, 0, none);
    if (strcmp(sample->manner, "twice") == 0)
        host->reply(host, call, 0, none);
}
#endif

static int
sample_start(void *instance, const struct mesos_host *host)
{
    struct sample *sample = instance;
    sample->host = host;
    if (strcmp(sample->manner, "refuse") == 0)
        return host->fail(host, -EACCES, "the sample does not want to");
    return 0;
}

#if defined BAD_MEMBER
static const struct mesos_registry_ops ops = {.fetch = sample_fetch};
#else
static const struct mesos_registry_ops ops = {.fetch = sample_fetch, .store = sample_store};
#endif

static const struct mesos_option options[] = {
    {"text", MESOS_OPTION_STRING, offsetof(struct sample, text), NULL, "a text"},
    {"path", MESOS_OPTION_PATH, offsetof(struct sample, path), NULL, "a path"},
    {"flag", MESOS_OPTION_BOOL, offsetof(struct sample, flag), "true", "a switch"},
    {"number", MESOS_OPTION_INT, offsetof(struct sample, number), "7", "a number"},
    {"duration", MESOS_OPTION_DURATION, offsetof(struct sample, duration), "1secs", "a time"},
    {"real", MESOS_OPTION_DOUBLE, offsetof(struct sample, real), "0.5", "a real number"},
    {"bytes", MESOS_OPTION_BYTES, offsetof(struct sample, bytes), "1KB", "a size"},
    {"manner", MESOS_OPTION_STRING, offsetof(struct sample, manner), "answer", "what store does"},
#ifdef BAD_OFFSET
    {"beyond", MESOS_OPTION_INT, sizeof(struct sample), NULL, "lies outside the instance"},
#endif
    {0},
};

static const struct mesos_module module = {
#ifdef BAD_ABI
    .abi = MESOS_ABI + 1,
#else
    .abi = MESOS_ABI,
#endif
#ifdef BAD_SIZE
    .size = sizeof(struct mesos_module) + 8,
#else
    .size = sizeof(struct mesos_module),
#endif
#ifdef BAD_HOST
    .host_size = sizeof(struct mesos_host) + 8,
#else
    .host_size = sizeof(struct mesos_host),
#endif
#ifdef BAD_TABLE
    .ops_size = sizeof ops + 64,
#else
    .ops_size = sizeof ops,
#endif
#if defined BAD_KIND
    .kind = 99,
#elif defined BAD_FUTURE_KIND
    .kind = MESOS_KIND_HOOK,
#else
    .kind = MESOS_KIND_REGISTRY,
#endif
    .instance_size = sizeof(struct sample),
#ifdef BAD_NAME
    .name = "",
#else
    .name = "sample",
#endif
    .version = "1",
    .author = "tests",
    .summary = "for the host's tests",
    .options = options,
    .start = sample_start,
    .ops = &ops,
};

#ifdef BAD_SYMBOL
const struct mesos_module *const *other_name(void);
__attribute__((visibility("default"))) const struct mesos_module *const *
other_name(void)
#else
MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);
MESOS_EXPORT const struct mesos_module *const *
mesos_modules(void)
#endif
{
#if defined BAD_EMPTY
    static const struct mesos_module *const modules[] = {NULL, &module};
#elif defined BAD_TWICE
    static const struct mesos_module *const modules[] = {&module, &module, NULL};
#else
    static const struct mesos_module *const modules[] = {&module, NULL};
#endif
    return modules;
}
