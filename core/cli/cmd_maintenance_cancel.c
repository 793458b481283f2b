/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos maintenance cancel HOST...`: what was planned for machines will not be. */
#include <errno.h>

#include "cli/machines.h"

struct maintenance_cancel_target {
    struct cli_common common;
};

static bool
is_scheduled(const struct machines *machines, const json_t *id)
{
    json_t *window;
    size_t i;

    json_array_foreach(json_object_get(machines->schedule, "windows"), i, window)
        if (machines_have(json_object_get(window, "machine_ids"), id))
            return true;
    return false;
}

static int
run(struct cli *cli)
{
    const struct maintenance_cancel_target *target = cli->target;
    auto_machines struct machines machines = {0};
    struct err err = {0};
    json_t *id;
    size_t i;

    if (machines_open(&machines, cli, &err) < 0)
        return cli_fail(&err);
    json_array_foreach(machines.chosen, i, id)
        if (!is_scheduled(&machines, id)) {
            err_set(&err, -ENOENT, "no maintenance is planned for '%s'; `mesos maintenance show` shows all that is",
                    cli->words[i]);
            return cli_fail(&err);
        }
    if (machines_post_schedule(&machines, machines_other_windows(&machines), &err) < 0)
        return cli_fail(&err);
    machines_report(&machines, target->common.json, "cancelled", "nothing is planned any more");
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct maintenance_cancel_target),
    CLI_JSON_OPTION(struct maintenance_cancel_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_maintenance_cancel = {
    .name = "maintenance cancel",
    .usage = "[OPTION...] HOST...",
    .summary = "Take machines off the schedule.",
    .details = "Those that are down already come back by `mesos maintenance stop`.",
    .options = options,
    .target_size = sizeof(struct maintenance_cancel_target),
    .min_words = 1,
    .max_words = SIZE_MAX,
    .word_kinds = word_kinds,
    .run = run,
};
