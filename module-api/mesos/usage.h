/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent lends to modules that judge how its machine is used: resource_estimator and qos_controller. */
#ifndef MESOS_USAGE_H
#define MESOS_USAGE_H

#include "mesos/module.h"

struct mesos_usage_source {
    size_t size;
    void *arg; /* first argument of usage */
    /* Asks what each running executor was given and what its container uses, and what the whole agent has. done comes once,
     * from the loop or at once: status 0 and a packed mesos.v1.ResourceUsage (borrowed; an executor whose containerizer
     * does not answer has no statistics), or -ETIMEDOUT. It comes no more once the module is told to stop. Several questions may be
     * open at the same time. */
    void (*usage)(void *arg, void (*done)(void *done_arg, int status, struct mesos_bytes usage), void *done_arg);
};

#endif
