/* SPDX-License-Identifier: Apache-2.0 */
/* GET_STATE: tasks, executors, frameworks and agents in one answer. */
#include "master/operator.h"

static void
write_part(struct writer *writer, uint32_t number, const char *name,
           void (*write)(struct writer *writer, struct master *master, struct sight *sight), struct master *master,
           struct sight *sight)
{
    writer_begin(writer, number, name);
    write(writer, master, sight);
    writer_end(writer);
}

void
operator_write_state(struct writer *writer, struct master *master, struct sight *sight)
{
    write_part(writer, 1, "get_tasks", operator_write_tasks, master, sight);
    write_part(writer, 2, "get_executors", operator_write_executors, master, sight);
    write_part(writer, 3, "get_frameworks", operator_write_frameworks, master, sight);
    write_part(writer, 4, "get_agents", operator_write_agents, master, sight);
}

void
operator_get_state(struct operator_call *op)
{
    operator_answer_written(op, MESOS__V1__MASTER__RESPONSE__TYPE__GET_STATE, "GET_STATE", 9, "get_state",
                            operator_write_state);
}
