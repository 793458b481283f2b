/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos task list [--all]`: the same list as `mesos ps`, as the newer tool of Mesos has it. */
#include "cli/tasks.h"

static const struct option options[] = {
    CLI_MASTER_OPTION(struct tasks_target),
    CLI_JSON_OPTION(struct tasks_target),
    {.name = "all",
     .type = OPTION_BOOL,
     .offset = offsetof(struct tasks_target, inactive),
     .fallback = "false",
     .help = "Also tasks that have ended or whose agent is unreachable."},
    CLI_FRAMEWORK_OPTION(struct tasks_target),
    {.name = NULL},
};
static const char *const short_flags[] = {"a=all", NULL};

const struct cli_command cli_command_task_list = {
    .name = "task list",
    .usage = "[OPTION...]",
    .summary = "List the tasks that run; with -a also those that have ended.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct tasks_target),
    .run = tasks_run,
};
