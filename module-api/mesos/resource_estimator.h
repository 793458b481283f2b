/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind resource_estimator: how much of what an agent has given away lies idle and may be lent out as revocable resources.
 * One per agent: --resource_estimator. Asked every --oversubscribed_resources_interval, the first time when the agent has
 * recovered; one question at a time.
 */
#ifndef MESOS_RESOURCE_ESTIMATOR_H
#define MESOS_RESOURCE_ESTIMATOR_H

#include "mesos/usage.h"

struct mesos_resource_estimator_ops {
    /* Once, before anything is asked. source is lent for the instance's life. 0, or -E... with fail's text: the agent does not
     * start. NULL = nothing to do. */
    int (*initialize)(void *instance, const struct mesos_usage_source *source);
    /* Answer: packed mesos.slave.Oversubscribable: what may be lent out now ON TOP of what revocable tasks hold already. Its
     * resources are revocable and not allocated to a role; an answer that breaks this is an error. Empty = nothing. After an
     * error, which is logged, what was said before stays true. Owed within a minute. Required. */
    void (*oversubscribable)(void *instance, struct mesos_call *call);
};

#endif
