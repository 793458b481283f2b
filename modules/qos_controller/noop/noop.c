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
    MESOS_MODULE(QOS_CONTROLLER, ops, struct noop),
    .name = "noop",
    .version = CMESOS_VERSION,
    .author = "cmesos",
    .summary = "nothing is corrected",
};

MESOS_MODULES(&module);
