/* SPDX-License-Identifier: Apache-2.0 */
/* What the state of a task means, to master and agent alike. */
#ifndef MODEL_TASK_STATE_H
#define MODEL_TASK_STATE_H

#include <stdbool.h>

#include "mesos/v1/mesos.pb-c.h"

/* Is it the task's last one? Nothing runs then and nothing is held. TASK_UNREACHABLE and TASK_UNKNOWN are not: the task may come
 * back from them. */
bool task_state_terminal(Mesos__V1__TaskState state);

#endif
