/* SPDX-License-Identifier: Apache-2.0 */
/* resource_estimator "noop": nothing is ever lent out. The agent's estimator when none is named. */
#include "mesos/resource_estimator.h"

struct noop {
    const struct mesos_host *host;
};

static void
oversubscribable(void *instance, struct mesos_call *call)
{
    const struct noop *noop = instance;
    noop->host->reply(noop->host, call, 0, (struct mesos_bytes){NULL, 0});
}

static int
start(void *instance, const struct mesos_host *host)
{
    ((struct noop *)instance)->host = host;
    return 0;
}

static const struct mesos_resource_estimator_ops ops = {.oversubscribable = oversubscribable};

static const struct mesos_module module = {
    MESOS_MODULE(RESOURCE_ESTIMATOR, ops, struct noop),
    .name = "noop",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "nothing is oversubscribed",
    .start = start,
};

MESOS_MODULES(&module);
