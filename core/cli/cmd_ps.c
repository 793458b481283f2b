/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos ps [-i]`: the tasks that the master knows. */
#include "cli/tasks.h"

static const struct option options[] = {
    CLI_MASTER_OPTION(struct tasks_target),
    CLI_JSON_OPTION(struct tasks_target),
    {.name = "inactive",
     .type = OPTION_BOOL,
     .offset = offsetof(struct tasks_target, inactive),
     .fallback = "false",
     .help = "Also tasks that have ended or whose agent is unreachable."},
    CLI_FRAMEWORK_OPTION(struct tasks_target),
    {.name = NULL},
};
static const char *const short_flags[] = {"i=inactive", NULL};

const struct cli_command cli_command_ps = {
    .name = "ps",
    .usage = "[OPTION...]",
    .summary = "List the tasks that run; with -i also those that have ended.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct tasks_target),
    .run = tasks_run,
};
