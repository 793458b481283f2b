/* SPDX-License-Identifier: Apache-2.0 */
/* The executor of task groups that name none of their own: ExecutorInfo stays as it came, the command is ours. */
#include "agent/state.h"

bool
executor_is_default(const Mesos__V1__ExecutorInfo *info)
{
    return info->has_type && info->type == MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT;
}

Mesos__V1__CommandInfo *
default_executor_command(const struct executor *executor, struct arena *arena)
{
    const char *launcher_dir = executor->agent->launcher_dir;
    Mesos__V1__CommandInfo *command = arena_alloc(arena, sizeof(*command));
    mesos__v1__command_info__init(command);
    command->user = (char *)(uintptr_t)executor_runs_as(executor);
    command->has_shell = true;
    command->shell = false;
    command->value = arena_printf(arena, "%s/mesos-default-executor", launcher_dir);
    command->arguments = arena_alloc(arena, 2 * sizeof(char *));
    command->arguments[0] = arena_strdup(arena, STR_LIT("mesos-default-executor"));
    command->arguments[1] = arena_printf(arena, "--launcher_dir=%s", launcher_dir);
    command->n_arguments = 2;
    return command;
}
