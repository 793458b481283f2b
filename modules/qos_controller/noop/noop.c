/* SPDX-License-Identifier: Apache-2.0 */
/* qos_controller "noop": never has anything to correct, so its answer stays owed. The agent's controller when none is named. */
#include "mesos/qos_controller.h"

struct noop {
    char unused;
};

static void
corrections(void *instance, struct mesos_call *call)
{
    (void)instance;
    (void)call;
}

static const struct mesos_qos_controller_ops ops = {.corrections = corrections};

static const struct mesos_module module = {
    .abi = MESOS_ABI,
    .size = sizeof(struct mesos_module),
    .host_size = sizeof(struct mesos_host),
    .ops_size = sizeof ops,
    .kind = MESOS_KIND_QOS_CONTROLLER,
    .instance_size = sizeof(struct noop),
    .name = "noop",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "nothing is corrected",
    .ops = &ops,
};

MESOS_EXPORT const struct mesos_module *const *mesos_modules(void);
MESOS_EXPORT const struct mesos_module *const *
mesos_modules(void)
{
    static const struct mesos_module *const modules[] = {&module, NULL};
    return modules;
}
