/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks.c writes into the packed form of a task; what is read from it is in state.h. */
#ifndef MASTER_TASK_PACKED_H
#define MASTER_TASK_PACKED_H

#include "master/state.h"

/* Of a new task, once. */
void task_keep_core(struct task *task, const Mesos__V1__Task *core);
/* One entry per state: a repeated state replaces the last entry. */
void task_keep_status(struct task *task, const Mesos__V1__TaskStatus *status, bool same_state);

#endif
