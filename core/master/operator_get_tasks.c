/* SPDX-License-Identifier: Apache-2.0 */
/* GET_TASKS: tasks that run or wait for an acknowledgement, unreachable ones, and the history. */
#include "master/operator.h"

enum { TASKS = 2, COMPLETED_TASKS = 3, UNREACHABLE_TASKS = 5 };

static void
write_task(struct writer *writer, uint32_t number, const struct task *task, struct buf *scratch)
{
    buf_clear(scratch);
    task_pack(task, scratch);
    writer_packed(writer, number, NULL, &mesos__v1__task__descriptor, buf_str(scratch));
}

static void
write_all(struct writer *writer, const struct framework *framework, uint32_t number, struct buf *scratch)
{
    const struct task *task;
    if (number == TASKS) {
        map_foreach (task, &framework->tasks)
            write_task(writer, number, task, scratch);
    } else if (number == UNREACHABLE_TASKS) {
        map_foreach (task, &framework->unreachable)
            write_task(writer, number, task, scratch);
    } else {
        list_foreach (task, &framework->done, agent_node)
            write_task(writer, number, task, scratch);
    }
}

static void
write_list(struct writer *writer, const struct master *master, uint32_t number, const char *name)
{
    const struct framework *framework;
    auto_buf struct buf scratch = {0};
    writer_list(writer, name);
    map_foreach (framework, &master->frameworks)
        write_all(writer, framework, number, &scratch);
    list_foreach (framework, &master->completed, completed_node)
        write_all(writer, framework, number, &scratch);
    writer_list_end(writer);
}

void
operator_write_tasks(struct writer *writer, struct master *master)
{
    write_list(writer, master, TASKS, "tasks");
    write_list(writer, master, UNREACHABLE_TASKS, "unreachable_tasks");
    write_list(writer, master, COMPLETED_TASKS, "completed_tasks");
}

void
operator_get_tasks(struct operator_call *op)
{
    operator_answer_written(op, MESOS__V1__MASTER__RESPONSE__TYPE__GET_TASKS, "GET_TASKS", 13, "get_tasks",
                            operator_write_tasks);
}
