/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hierarchical_drf: the default allocator. Dominant resource fairness over the tree of roles, with weights, then between
 * the frameworks of a role. This file is its descriptor and life; the work is in the files beside it.
 */
#include <stdio.h>

#include "drf.h"

static int
start(void *instance, const struct mesos_host *host)
{
    struct drf *drf = instance;
    drf->host = host;
    drf->seed = UINT64_C(0x9e3779b97f4a7c15);
    drf->epoch = 1;
    sorter_init(drf);
    return settings_read(drf);
}

static void
stop(void *instance, struct mesos_call *call)
{
    struct drf *drf = instance;
    allocate_stop(drf);
    agents_free(drf);
    frameworks_free(drf);
    filters_free(drf);
    sorter_free(drf);
    settings_free(drf);
    if (call)
        drf->host->reply(drf->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static void
initialize(void *instance, const struct mesos_allocator_sink *sink)
{
    struct drf *drf = instance;
    drf->sink = sink;
    allocate_start(drf);
}

static void
update_weight(void *instance, const char *role, double weight)
{
    if (weight > 0)
        role_set_weight(instance, role, weight); /* counts from the next offer on */
}

/* What Mesos's own allocator does: the wish is heard, and the next cycle is now. */
static void
request_resources(void *instance, mesos_framework_t framework, struct mesos_bytes call)
{
    struct drf *drf = instance;
    (void)call;
    MESOS_LOG(drf->host, INFO, "requested resources framework=%u", framework);
}

static const struct mesos_allocator_ops ops = {
    .initialize = initialize,
    .add_framework = framework_add,
    .update_framework = framework_update,
    .remove_framework = framework_remove,
    .activate_framework = framework_activate,
    .deactivate_framework = framework_deactivate,
    .add_agent = agent_add,
    .update_agent = agent_update,
    .remove_agent = agent_remove,
    .activate_agent = agent_activate,
    .deactivate_agent = agent_deactivate,
    .recover_resources = agent_recover,
    .suppress = framework_suppress,
    .revive = framework_revive,
    .update_weight = update_weight,
    .update_whitelist = agents_update_whitelist,
    .request_resources = request_resources,
    .update_allocation = agent_update_allocation,
    .update_available = agent_update_available,
    .pause = allocate_pause,
    .resume = allocate_resume,
    .check_constraints = wishes_check,
    .excluded = wishes_excluded,
    .decline = agent_decline,
    .explain = explain,
    .update_unavailability = inverse_update_unavailability,
    .update_inverse_offer = inverse_update,
};

static const struct mesos_module hierarchical_drf = {
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof(ops),
    .kind = MESOS_KIND_ALLOCATOR,
    .instance_size = sizeof(struct drf),
    .name = "hierarchical_drf",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "dominant resource fairness over hierarchical roles",
    .start = start,
    .stop = stop,
    .ops = &ops,
};

static const struct mesos_module *const modules[] = {&hierarchical_drf, NULL};

MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);

const struct mesos_module *const *
mesos_modules(void)
{
    return modules;
}
