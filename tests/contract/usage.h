/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's usage as an estimator or a controller is told: executors of the test's choosing, answered later or at once. */
#ifndef TESTS_CONTRACT_USAGE_H
#define TESTS_CONTRACT_USAGE_H

#include "contract.h"
#include <stdio.h>
#include "base/mem.h"
#include "base/str.h"
#include "mesos/slave/oversubscription.pb-c.h"
#include "mesos/usage.h"
#include "mesos/v1/mesos.pb-c.h"

struct usage_box {
    struct contract contract;
    struct mesos_usage_source source;
    const char *executors; /* "<id> <cpus> <revocable cpus>;..." */
    bool hold; /* the next question is answered by usage_answer */
    int status; /* of answers */
    size_t asked;
    void (*done)(void *done_arg, int status, struct mesos_bytes usage);
    void *done_arg;
};

static inline void
usage_cpus(Mesos__V1__ResourceUsage__Executor *executor, double cpus, bool revocable)
{
    static Mesos__V1__Resource__RevocableInfo info = MESOS__V1__RESOURCE__REVOCABLE_INFO__INIT;
    static char name[] = "cpus", role[] = "web";
    if (cpus <= 0)
        return;
    Mesos__V1__Resource *resource = xmalloc(sizeof(*resource));
    mesos__v1__resource__init(resource);
    resource->scalar = xmalloc(sizeof(*resource->scalar));
    mesos__v1__value__scalar__init(resource->scalar);
    resource->allocation_info = xmalloc(sizeof(*resource->allocation_info));
    mesos__v1__resource__allocation_info__init(resource->allocation_info);
    resource->name = name;
    resource->scalar->value = cpus;
    resource->allocation_info->role = role;
    resource->revocable = revocable ? &info : NULL;
    executor->allocated[executor->n_allocated++] = resource;
}

static inline void
usage_executor(Mesos__V1__ResourceUsage *usage, const char *id, double cpus, double revocable_cpus)
{
    static Mesos__V1__FrameworkID framework_id = MESOS__V1__FRAMEWORK_ID__INIT;
    static char framework[] = "f1";
    Mesos__V1__ResourceUsage__Executor *executor = xmalloc(sizeof(*executor));
    mesos__v1__resource_usage__executor__init(executor);
    executor->executor_info = xmalloc(sizeof(*executor->executor_info));
    mesos__v1__executor_info__init(executor->executor_info);
    executor->executor_info->executor_id = xmalloc(sizeof(*executor->executor_info->executor_id));
    mesos__v1__executor_id__init(executor->executor_info->executor_id);
    executor->container_id = xmalloc(sizeof(*executor->container_id));
    mesos__v1__container_id__init(executor->container_id);
    framework_id.value = framework;
    executor->executor_info->framework_id = &framework_id;
    executor->executor_info->executor_id->value = xstrdup(id);
    executor->container_id->value = xasprintf("container-of-%s", id);
    executor->allocated = xcalloc(2, sizeof(*executor->allocated));
    usage_cpus(executor, cpus, false);
    usage_cpus(executor, revocable_cpus, true);
    usage->executors[usage->n_executors++] = executor;
}

static inline void
usage_free(Mesos__V1__ResourceUsage *usage)
{
    for (size_t i = 0; i < usage->n_executors; i++) {
        Mesos__V1__ResourceUsage__Executor *executor = usage->executors[i];
        for (size_t k = 0; k < executor->n_allocated; k++) {
            free(executor->allocated[k]->scalar);
            free(executor->allocated[k]->allocation_info);
            free(executor->allocated[k]);
        }
        free(executor->allocated);
        free(executor->executor_info->executor_id->value);
        free(executor->executor_info->executor_id);
        free(executor->executor_info);
        free(executor->container_id->value);
        free(executor->container_id);
        free(executor);
    }
}

static inline void
usage_answer(struct usage_box *box)
{
    Mesos__V1__ResourceUsage usage = MESOS__V1__RESOURCE_USAGE__INIT;
    Mesos__V1__ResourceUsage__Executor *executors[16];
    struct str rest = str_of(box->executors);
    usage.executors = executors;
    while (rest.len > 0) {
        auto_free char *line = str_dup(str_cut(&rest, ';'));
        char id[32];
        double cpus, revocable;
        assert_int_equal(sscanf(line, "%31s %lf %lf", id, &cpus, &revocable), 3);
        usage_executor(&usage, id, cpus, revocable);
    }
    size_t len = mesos__v1__resource_usage__get_packed_size(&usage);
    auto_free uint8_t *bytes = xmalloc(len + 1);
    mesos__v1__resource_usage__pack(&usage, bytes);
    usage_free(&usage);
    box->done(box->done_arg, box->status, (struct mesos_bytes){bytes, box->status ? 0 : len});
}

static inline void
usage_asked(void *arg, void (*done)(void *done_arg, int status, struct mesos_bytes usage), void *done_arg)
{
    struct usage_box *box = arg;
    box->asked++;
    box->done = done;
    box->done_arg = done_arg;
    if (!box->hold)
        usage_answer(box);
}

static inline int
usage_setup(void **state)
{
    struct usage_box *box = xcalloc(1, sizeof(*box));
    contract_open(&box->contract);
    box->source = (struct mesos_usage_source){sizeof(box->source), box, usage_asked};
    box->executors = "";
    *state = box;
    return 0;
}

static inline int
usage_teardown(void **state)
{
    struct usage_box *box = *state;
    contract_close(&box->contract);
    free(box);
    return 0;
}

/* One parameter; NULL = none. NULL with err when it does not start. */
static inline struct module *
usage_start(struct usage_box *box, enum mesos_kind kind, const char *name, const char *key, const char *value,
            struct err *err)
{
    return host_start(box->contract.host, kind, name, &key, &value, key ? 1 : 0, err);
}

#endif
