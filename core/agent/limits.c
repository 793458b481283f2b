/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far tasks may go beyond what they asked for (TaskInfo.limits), and what that means for the container that they share:
 * once one of an executor's tasks has a limit of a kind, the container has one of that kind, the sum of the limits of those
 * that have one and of what the others, and the executor itself, asked for. Used where a container is launched or told what
 * it has.
 */
#include "agent/state.h"

#include "agent/pb.h"

static const struct {
    const char *name;
    enum task_limit kind;
} KINDS[] = {{"cpus", TASK_LIMIT_CPUS}, {"mem", TASK_LIMIT_MEM}};

void
task_limit_set(struct task *task, const char *name, const Mesos__V1__Value__Scalar *value)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (value && strcmp(name, KINDS[i].name) == 0) {
            task->limits[KINDS[i].kind] = value->value;
            task->limited |= 1u << KINDS[i].kind;
        }
}

/* Adds the task's part of a kind; whether it is a limit. */
static bool
add_task(const struct task *task, size_t kind, double *sum)
{
    bool limited = task->limited & 1u << KINDS[kind].kind;
    *sum += limited ? task->limits[KINDS[kind].kind] : (double)resources_scalar(&task->resources, KINDS[kind].name) / 1000;
    return limited;
}

static void
pack_limit(struct buf *out, const char *name, double value)
{
    auto_buf struct buf entry = {0}, scalar = {0};
    Mesos__V1__Value__Scalar message = MESOS__V1__VALUE__SCALAR__INIT;
    message.value = value;
    message_pack(&scalar, &message);
    pb_text(&entry, 1, name);
    pb_bytes(&entry, 2, buf_str(&scalar));
    pb_bytes(out, 16, buf_str(&entry)); /* mesos.slave.ContainerConfig.limits */
}

void
executor_limits(const struct executor *executor, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        const struct task *task;
        double sum = (double)resources_scalar(&executor->resources, KINDS[i].name) / 1000;
        bool limited = false;
        list_foreach (task, &executor->queued, node)
            limited = add_task(task, i, &sum) || limited;
        list_foreach (task, &executor->launched, node)
            limited = add_task(task, i, &sum) || limited;
        if (limited)
            pack_limit(out, KINDS[i].name, sum);
    }
}

void
executor_tell_resources(struct executor *executor, host_done_fn *done, void *arg)
{
    auto_resources struct resources total = {0};
    auto_buf struct buf limits = {0};
    executor_resources(executor, &total);
    executor_limits(executor, &limits);
    containerizer_update(executor->agent->setup.containerizers[executor->containerizer], executor->container_id,
                         resources_view(&total), (struct mesos_bytes){buf_data(&limits), limits.len}, done, arg);
}
