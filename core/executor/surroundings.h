/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells an executor by its environment, and what every executor's program does with itself. */
#ifndef EXECUTOR_SURROUNDINGS_H
#define EXECUTOR_SURROUNDINGS_H

#include "executor/agent_link.h"

struct surroundings {
    struct agent_link_options agent; /* target and token are owned here */
    int64_t shutdown_grace_ms; /* what the agent waits after SHUTDOWN */
};

/* -EINVAL names the variable. Takes the token out of the environment: tasks must not see it. */
int surroundings_read(struct surroundings *ret, struct err *err);
void surroundings_fini(struct surroundings *surroundings);

#endif
