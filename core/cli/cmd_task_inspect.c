/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos task inspect TASK`: all that the master knows of one task, as JSON. */
#include "cli/cluster.h"
#include "cli/term.h"

struct task_inspect_target {
    struct cli_common common;
    const char *framework;
};

static json_t *
find_task(const struct cluster *cluster, const struct cli *cli, struct err *err)
{
    const struct task_inspect_target *target = cli->target;
    struct cluster_task found;

    return cluster_task(cluster, target->framework, cli->words[0], &found, err) == 0 ? found.task : NULL;
}

static int
run(struct cli *cli)
{
    const struct task_inspect_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};
    json_t *task;

    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    task = find_task(&cluster, cli, &err);
    if (!task)
        return cli_fail(&err);
    term_print_json(task, target->common.json);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct task_inspect_target),
    CLI_FRAMEWORK_OPTION(struct task_inspect_target),
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct task_inspect_target, common.json),
     .fallback = "false",
     .help = "Print it in one line, for programs."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_TASK, WORD_OTHER};

const struct cli_command cli_command_task_inspect = {
    .name = "task inspect",
    .usage = "[OPTION...] TASK",
    .summary = "Print all that the master knows of one task, as JSON.",
    .details = "TASK is an id or the beginning of one; tasks that have ended are found as well.",
    .options = options,
    .target_size = sizeof(struct task_inspect_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
