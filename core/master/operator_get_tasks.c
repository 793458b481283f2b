/* SPDX-License-Identifier: Apache-2.0 */
/* GET_TASKS: tasks that run or wait for an acknowledgement, unreachable ones, and the history. */
#include "master/operator.h"

void
operator_write_task(struct writer *writer, uint32_t number, const struct task *task)
{
    auto_buf struct buf packed = {0};
    task_pack(task, &packed);
    writer_packed(writer, number, NULL, &mesos__v1__task__descriptor, buf_str(&packed));
}

static const struct sheets *
sheets_of(const struct framework *framework, uint32_t number)
{
    return number == OPERATOR_TASKS               ? &framework->task_sheets
           : number == OPERATOR_UNREACHABLE_TASKS ? &framework->unreachable_sheets
                                                  : &framework->done_sheets;
}

static void
write_list(struct writer *writer, const struct master *master, struct sight *sight, uint32_t number, const char *name)
{
    const struct framework *framework;
    writer_list(writer, name);
    map_foreach (framework, &master->frameworks) {
        if (sight_framework(sight, framework))
            operator_write_sheets(writer, sheets_of(framework, number), sight);
    }
    list_foreach (framework, &master->completed, completed_node) {
        if (sight_framework(sight, framework))
            operator_write_sheets(writer, sheets_of(framework, number), sight);
    }
    writer_list_end(writer);
}

void
operator_write_tasks(struct writer *writer, struct master *master, struct sight *sight)
{
    write_list(writer, master, sight, OPERATOR_TASKS, "tasks");
    write_list(writer, master, sight, OPERATOR_UNREACHABLE_TASKS, "unreachable_tasks");
    write_list(writer, master, sight, OPERATOR_COMPLETED_TASKS, "completed_tasks");
}

void
operator_get_tasks(struct operator_call *op)
{
    operator_answer_written(op, MESOS__V1__MASTER__RESPONSE__TYPE__GET_TASKS, "GET_TASKS", 13, "get_tasks",
                            operator_write_tasks);
}
