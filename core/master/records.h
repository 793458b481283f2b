/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of record looks in each of the large views (views.h). */
#ifndef MASTER_RECORDS_H
#define MASTER_RECORDS_H

#include "master/views.h"

extern const struct record_kind agent_records, recovered_records, executor_records, offer_records;
/* Tasks by where they stand: in v1 each list is a field of its own. */
extern const struct record_kind task_records, unreachable_task_records, done_task_records;

#endif
