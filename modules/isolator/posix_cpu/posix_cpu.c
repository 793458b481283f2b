/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolator "posix/cpu": counts the processor time of a container's processes. Limits nothing. Everything but the
 * figures is in ../posix/usage.c.
 */
#include "isolator/posix/usage.h"

static void
fill(struct buf *statistics, const struct posix_totals *totals)
{
    posix_put_double(statistics, 2, totals->user_secs); /* cpus_user_time_secs */
    posix_put_double(statistics, 3, totals->system_secs); /* cpus_system_time_secs */
}

static int
start(void *instance, const struct mesos_host *host)
{
    struct posix_isolator *isolator = instance;
    isolator->host = host;
    isolator->fill = fill;
    list_init(&isolator->waiting);
    return 0;
}

static const struct mesos_isolator_ops ops = {
    .supports_nesting = posix_supports,
    .supports_standalone = posix_supports,
    .recover = posix_recover,
    .prepare = posix_prepare,
    .isolate = posix_isolate,
    .usage = posix_usage,
    .cleanup = posix_cleanup,
};

static const struct mesos_module module = {
    MESOS_MODULE(ISOLATOR, ops, struct posix_isolator),
    .name = "posix/cpu",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "counts the processor time of a container's processes",
    .start = start,
    .stop = posix_stop,
    .phase = 50,
};

MESOS_MODULES(&module);
