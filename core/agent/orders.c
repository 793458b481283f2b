/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What RunTaskMessage and RunTaskGroupMessage have in common: tasks for an executor that runs already or is
 * started for them. What cannot be run is answered with a status update, never silently.
 */
#include "agent/orders.h"

#include "agent/drain.h"

#include <errno.h>
#include <string.h>

#include "daemon/access_task.h"
#include "model/role.h"

/* Ids become names of directories: the master checks them too, but it is not the only one who may speak to
 * us. */
static int
ids_check(const Mesos__V1__FrameworkInfo *framework, const Mesos__V1__ExecutorInfo *executor,
          Mesos__V1__TaskInfo *const *tasks, size_t count, struct err *err)
{
    int status;
    if (!framework->id)
        return err_set(err, -EINVAL, "the framework has no id");
    if ((status = id_check(str_of(framework->id->value), "FrameworkID", err)))
        return status;
    if (executor && (status = id_check(str_of(executor->executor_id->value), "ExecutorID", err)))
        return status;
    for (size_t i = 0; i < count; i++)
        if ((status = id_check(str_of(tasks[i]->task_id->value), "TaskID", err)))
            return status;
    return 0;
}

static struct framework *
framework_for(struct agent *agent, const Mesos__V1__FrameworkInfo *info, const char *pid)
{
    struct err err = {0};
    struct framework *framework = framework_find(agent, str_of(info->id->value));
    if (framework && !framework->unsaved)
        return framework;
    if (!framework)
        framework = framework_back(agent, info, pid);
    if (!framework)
        framework = framework_new(agent, info, pid);
    framework->unsaved = framework->checkpoint && checkpoint_framework(framework, &err);
    if (framework->unsaved)
        log_error("framework %s gets no tasks: it cannot be checkpointed: %s", framework->id, err.text);
    return framework;
}

/* The master, which wanted it started, counts with an executor: it gives back what it took for that when it hears that there
 * is none. */
static void
tell_no_executor(const struct order *order)
{
    const Mesos__V1__ExecutorID *id = order->generated ? NULL : order->executor->executor_id;
    const struct executor *known = id ? executor_find(order->framework, str_of(id->value)) : NULL;
    if (id && order->launch_known && order->launch && (!known || known->state == EXECUTOR_TERMINATED))
        executor_send_exited(order->agent, order->framework->id, id->value, -1);
}

static void
drop(const struct order *order, task_reason reason, const char *message)
{
    tell_no_executor(order);
    for (size_t i = 0; i < order->count; i++)
        agent_update_drop(order->agent, order->framework, str_of(order->executor->executor_id->value),
                          str_of(order->tasks[i]->task_id->value), reason, message);
}

static void
error(const struct order *order, task_reason reason, const char *message)
{
    tell_no_executor(order);
    for (size_t i = 0; i < order->count; i++)
        agent_update_make(order->agent, order->framework, NULL, str_of(order->tasks[i]->task_id->value),
                          MESOS__V1__TASK_STATE__TASK_ERROR, reason, message);
}

/* The tasks as queued ones of the executor; none of them when one is no good. */
static int
queue(const struct order *order, struct executor *executor, struct err *err)
{
    uint32_t group = order->group ? ++order->agent->next_group : 0;
    for (size_t i = 0; i < order->count; i++) {
        const char *id = order->tasks[i]->task_id->value;
        struct task *task =
            map_get(&executor->tasks, str_of(id)) ? NULL : task_new(executor, order->tasks[i], err);
        if (task) {
            task->group = group;
            continue;
        }
        if (err && !err->code)
            err_set(err, -EEXIST, "Task '%s' exists already", id);
        while (i-- > 0) {
            task = map_remove(&executor->tasks, str_of(order->tasks[i]->task_id->value));
            list_remove(&task->node);
            task_free(task);
        }
        return -EINVAL;
    }
    return 0;
}

/* The container has room for them now. */
static void
on_grown(void *arg, int status, const char *error_text, struct mesos_bytes answer)
{
    struct executor *executor = arg;
    (void)answer;
    if (status && status != -ENOENT && status != -ENOTSUP && status != -ECANCELED)
        log_warning("cannot update a container's resources: %s", error_text ? error_text : strerror(-status));
    if (executor->state == EXECUTOR_RUNNING && executor_reachable(executor))
        executor_send_queued(executor);
}

/* More work for an executor that is there. */
static void
deliver(struct executor *executor)
{
    struct task *task;
    struct err err = {0};
    if (executor->meta)
        list_foreach (task, &executor->queued, node)
            if (checkpoint_task(task, &err))
                log_error("task %s is not checkpointed: %s", task->id, err.text);
    if (executor->state != EXECUTOR_RUNNING || !executor_reachable(executor))
        return; /* it gets them when it subscribes */
    executor_tell_resources(executor, on_grown, executor);
}

/* An executor that runs again keeps its directory; what earlier runs left in it goes on its own. */
static void
keep_directories(const struct executor *executor)
{
    const struct framework *framework = executor->framework;
    const struct executor *earlier;
    struct gc *gc = executor->agent->gc;
    gc_keep_executor(gc, framework->id, executor->id);
    list_foreach (earlier, &framework->completed, node)
        if (!strcmp(earlier->id, executor->id))
            gc_schedule_run(gc, framework->id, earlier->id, earlier->container_id, 0);
}

static void
run_tasks(const struct order *order)
{
    struct framework *framework = order->framework;
    struct executor *executor = executor_find(framework, str_of(order->executor->executor_id->value));
    struct err err = {0};
    if (executor && (executor->state == EXECUTOR_TERMINATING || executor->state == EXECUTOR_TERMINATED)) {
        drop(order, MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED,
             executor->state == EXECUTOR_TERMINATED ? "Executor terminated" : "Executor terminating");
        return;
    }
    if (!executor && order->launch_known && !order->launch) {
        drop(order, MESOS__V1__TASK_STATUS__REASON__REASON_EXECUTOR_TERMINATED,
             "The executor that the task was meant for is not running on this agent");
        return;
    }
    bool fresh = !executor;
    if (fresh) {
        executor = executor_new(framework, order->executor, order->generated, NULL);
        keep_directories(executor);
    }
    if (queue(order, executor, &err)) {
        if (fresh) {
            map_remove(&framework->executors, str_of(executor->id));
            executor_free(executor);
        }
        error(order, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_INVALID, err.text);
        return;
    }
    if (fresh)
        executor_launch(executor);
    else
        deliver(executor);
}

/* The rules of this agent come on top of the master's, which may be others. A group stands or falls as one. True: answered. */
static bool
refused(const struct order *order, const Mesos__V1__FrameworkInfo *info)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct access_task task = {info, order->tasks[i], order->generated ? NULL : order->executor};
        const char *user = access_task_refused(order->agent->daemon->access, &task, NULL);
        if (!user)
            continue;
        auto_free char *message = xasprintf("This agent's rules do not let principal '%s' launch task '%s' of framework %s as user '%s'",
                                            info->principal && *info->principal ? info->principal : "ANY",
                                            order->tasks[i]->task_id->value, order->framework->id, user);
        log_warning("refusing tasks of framework %s: %s", order->framework->id, message);
        error(order,
              order->group ? MESOS__V1__TASK_STATUS__REASON__REASON_TASK_GROUP_UNAUTHORIZED
                           : MESOS__V1__TASK_STATUS__REASON__REASON_TASK_UNAUTHORIZED,
              message);
        return true;
    }
    return false;
}

void
order_take(struct agent *agent, const struct upid *from, struct order *order,
           const Mesos__V1__FrameworkInfo *info, const char *pid, const char *what)
{
    struct err err = {0};
    auto_arena struct arena *arena = arena_new(0);
    if (!agent_from_master(agent, from, what))
        return;
    if (!agent->id || ids_check(info, order->executor, order->tasks, order->count, &err)) {
        log_error("dropping %s: %s", what, agent->id ? err.text : "the agent has no id yet");
        return;
    }
    if (agent_hears_late(agent)) {
        log_warning("dropping %s, which came late: task %s of framework %s; this agent %s", what,
                    order->tasks[0]->task_id->value, info && info->id ? info->id->value : "?",
                    agent->state == AGENT_DISCONNECTED ? "is about to re-register" : "has re-registered since");
        return;
    }
    drain_forget(agent, "the master gives tasks again");
    order->agent = agent;
    order->framework = framework_for(agent, info, pid);
    for (size_t i = 0; i < order->count; i++) {
        const char *id = order->tasks[i]->task_id->value;
        if (framework_task(order->framework, str_of(id))) {
            log_warning("dropping %s: task %s of framework %s is here already", what, id,
                        order->framework->id);
            return;
        }
        log_info("got task %s of framework %s", id, order->framework->id);
    }
    if (!order->executor && !order->tasks[0]->command) {
        auto_free char *message =
            xasprintf("Task '%s' names neither a command nor an executor", order->tasks[0]->task_id->value);
        Mesos__V1__ExecutorInfo none = MESOS__V1__EXECUTOR_INFO__INIT;
        order->executor = &none;
        error(order, MESOS__V1__TASK_STATUS__REASON__REASON_TASK_INVALID, message);
        framework_settle(order->framework);
        return;
    }
    if (!order->executor) {
        order->generated = true;
        order->executor = command_executor_info(agent, info, order->tasks[0], arena);
    }
    if (order->framework->terminating)
        log_warning("dropping tasks of framework %s, which is being shut down", order->framework->id);
    else if (order->framework->unsaved) /* after a restart nobody would know of them */
        drop(order, MESOS__V1__TASK_STATUS__REASON__REASON_CONTAINER_LAUNCH_FAILED,
             "The framework cannot be checkpointed by the agent");
    else if (!refused(order, info))
        run_tasks(order);
    framework_settle(order->framework);
}
