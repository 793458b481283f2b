/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of record looks in each of the large views (views.h). */
#ifndef MASTER_RECORDS_H
#define MASTER_RECORDS_H

#include "master/views.h"

/*
 * What stands for a task on pages of VIEW_SUMMARY and VIEW_TASKS, which only the master itself reads: so little, and in a row,
 * that an answer can walk over all tasks. The agent's id follows when it is not known by a number.
 */
struct task_brief {
    double first_time; /* of its first status; -INFINITY = it has none */
    uint32_t agent;    /* the number of the agent that it is on; 0 = it is on none any more */
    uint32_t id_hash;  /* of its id */
    uint32_t state;
};
uint32_t task_id_hash(struct str id);

/* What stands before each agent's text on pages of VIEW_SUMMARY. */
struct agent_brief {
    uint32_t number, len; /* len: of the text */
};

extern const struct record_kind agent_records, recovered_records, executor_records, offer_records;
/* Tasks by where they stand: in v1 each list is a field of its own. */
extern const struct record_kind task_records, unreachable_task_records, done_task_records;

#endif
