/* SPDX-License-Identifier: Apache-2.0 */
/* The ExecutorInfo that the agent makes for a task that names a command instead of an executor. */
#include "agent/state.h"

#define COMMAND_SHOWN 15 /* a longer command is shown by its first 12 characters */

/* What is shown of a command line: all of it, or the beginning and dots. */
static void
shorten(struct buf *out, struct str text)
{
    if (text.len <= COMMAND_SHOWN) {
        buf_append_str(out, text);
        return;
    }
    buf_append(out, text.ptr, COMMAND_SHOWN - 3);
    buf_puts(out, "...");
}

static char *
executor_title(const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    const Mesos__V1__CommandInfo *command = task->command;
    auto_buf struct buf out = {0};
    bool shell = !command->has_shell || command->shell;
    buf_printf(&out, "Command Executor (Task: %s) ", task->task_id->value);
    if (!command->value) {
        buf_puts(&out, shell ? "(Command: NO COMMAND)" : "(Command: NO EXECUTABLE)");
    } else if (shell) {
        buf_puts(&out, "(Command: sh -c '");
        shorten(&out, str_of(command->value));
        buf_puts(&out, "')");
    } else {
        auto_buf struct buf arguments = {0};
        for (size_t i = 0; i < command->n_arguments; i++)
            buf_printf(&arguments, "%s%s", i ? ", " : "", command->arguments[i]);
        buf_printf(&out, "(Command: [%s, ", command->value);
        shorten(&out, buf_str(&arguments));
        buf_puts(&out, "])");
    }
    return arena_strdup(arena, buf_str(&out));
}

/* The overhead that is booked for the executor itself, in the task's role. */
static Mesos__V1__Resource **
overhead(const Mesos__V1__TaskInfo *task, struct arena *arena, size_t *ret_count)
{
    auto_resources struct resources resources = {0};
    resources_parse(&resources, STR_LIT("cpus:0.1;mem:32"), "*", NULL);
    if (task->n_resources && task->resources[0]->allocation_info)
        resources_allocate(&resources, task->resources[0]->allocation_info->role);
    return resources_to_proto(&resources, false, arena, ret_count);
}

/* Longer than the task's own grace: its end, one round of looking for it, and a second to spare. */
static Mesos__V1__DurationInfo *
grace(const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    if (!task->kill_policy || !task->kill_policy->grace_period)
        return NULL;
    Mesos__V1__DurationInfo *info = arena_alloc(arena, sizeof(*info));
    int64_t own = task->kill_policy->grace_period->nanoseconds, more = 2000000000LL;
    mesos__v1__duration_info__init(info);
    info->nanoseconds = own > INT64_MAX - more ? INT64_MAX : own + more;
    return info;
}

Mesos__V1__ExecutorInfo *
command_executor_info(const struct agent *agent, const Mesos__V1__FrameworkInfo *framework,
                      const Mesos__V1__TaskInfo *task, struct arena *arena)
{
    Mesos__V1__ExecutorInfo *info = arena_alloc(arena, sizeof(*info));
    Mesos__V1__CommandInfo *command = arena_alloc(arena, sizeof(*command));
    mesos__v1__executor_info__init(info);
    mesos__v1__command_info__init(command);
    info->executor_id = arena_alloc(arena, sizeof(*info->executor_id));
    mesos__v1__executor_id__init(info->executor_id);
    info->executor_id->value = task->task_id->value;
    info->framework_id = framework->id;
    info->container = task->container;
    info->name = executor_title(task, arena);
    info->source = task->task_id->value;
    info->labels = task->labels;
    info->discovery = task->discovery;
    info->shutdown_grace_period = grace(task, arena);
    info->resources = overhead(task, arena, &info->n_resources);
    info->command = command;
    command->uris = task->command->uris;
    command->n_uris = task->command->n_uris;
    command->environment = task->command->environment;
    command->user = task->command->user;
    command->has_shell = true;
    command->shell = false;
    command->value = arena_printf(arena, "%s/mesos-executor", agent->launcher_dir);
    command->arguments = arena_alloc(arena, 2 * sizeof(char *));
    command->arguments[0] = arena_strdup(arena, STR_LIT("mesos-executor"));
    command->arguments[1] = arena_printf(arena, "--launcher_dir=%s", agent->launcher_dir);
    command->n_arguments = 2;
    return info;
}
