/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind qos_controller: decides which revocable work must go so that the rest gets what it was promised. One per agent:
 * --qos_controller.
 */
#ifndef MESOS_QOS_CONTROLLER_H
#define MESOS_QOS_CONTROLLER_H

#include "mesos/usage.h"

struct mesos_qos_controller_ops {
    /* Once, before anything is asked. source is lent for the instance's life. 0, or -E... with fail's text: the agent does not
     * start. NULL = nothing to do. */
    int (*initialize)(void *instance, const struct mesos_usage_source *source);
    /* Answer: packed mesos.slave.QoSCorrections. The answer may be owed for as long as there is nothing to correct (for ever,
     * if need be): it has no time-out. When it has come and was carried out, the next is asked for, not before
     * --qos_correction_interval_min and 100 ms have gone by. A KILL names framework and executor, and should name the
     * container: one whose container is another one, or that names who is not there, is logged and left out. Every task of
     * the executor ends with TASK_GONE (TASK_LOST for frameworks that do not know partitions) and
     * REASON_CONTAINER_PREEMPTED. Required. */
    void (*corrections)(void *instance, struct mesos_call *call);
};

#endif
