/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos maintenance stop HOST...`: machines that are down may come back. */
#include "cli/machines.h"

struct maintenance_stop_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    const struct maintenance_stop_target *target = cli->target;
    auto_machines struct machines machines = {0};
    struct err err = {0};

    if (machines_open(&machines, cli, &err) < 0 ||
        machines_post(&machines, "STOP_MAINTENANCE", "stop_maintenance", &err) < 0)
        return cli_fail(&err);
    machines_report(&machines, target->common.json, "up", "up, its agents may register");
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct maintenance_stop_target),
    CLI_JSON_OPTION(struct maintenance_stop_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_maintenance_stop = {
    .name = "maintenance stop",
    .usage = "[OPTION...] HOST...",
    .summary = "Let machines that are down come back.",
    .details = "They leave the schedule, and agents may register from there again.",
    .options = options,
    .target_size = sizeof(struct maintenance_stop_target),
    .min_words = 1,
    .max_words = SIZE_MAX,
    .word_kinds = word_kinds,
    .run = run,
};
