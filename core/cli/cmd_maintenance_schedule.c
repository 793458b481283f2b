/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos maintenance schedule HOST...`: plans when machines will be away, beside what is planned already. */
#include <time.h>

#include "cli/machines.h"
#include "cli/term.h"

struct maintenance_schedule_target {
    struct cli_common common;
    int64_t in_ns, for_ns;
};

static int
run(struct cli *cli)
{
    const struct maintenance_schedule_target *target = cli->target;
    auto_machines struct machines machines = {0};
    struct err err = {0};
    struct timespec now;
    json_t *windows, *away;
    int64_t start_ns;
    char when[32], how_long[32];

    if (machines_open(&machines, cli, &err) < 0)
        return cli_fail(&err);
    clock_gettime(CLOCK_REALTIME, &now);
    start_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + target->in_ns;
    away = json_pack("{s:{s:I}}", "start", "nanoseconds", (json_int_t)start_ns);
    if (target->for_ns)
        json_object_set_new(away, "duration", json_pack("{s:I}", "nanoseconds", (json_int_t)target->for_ns));
    windows = machines_other_windows(&machines);
    json_array_append_new(windows, json_pack("{s:O,s:o}", "machine_ids", machines.chosen, "unavailability", away));
    if (machines_post_schedule(&machines, windows, &err) < 0)
        return cli_fail(&err);
    auto_free char *what =
        xasprintf("away from %s%s%s", cluster_time((double)start_ns / 1e9, when), target->for_ns ? " for " : "",
                  target->for_ns ? duration_format(target->for_ns, how_long) : "");
    machines_report(&machines, target->common.json, "scheduled", what);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct maintenance_schedule_target),
    CLI_JSON_OPTION(struct maintenance_schedule_target),
    {.name = "in",
     .type = OPTION_DURATION,
     .offset = offsetof(struct maintenance_schedule_target, in_ns),
     .fallback = "0secs",
     .min = "0secs",
     .max = "520weeks",
     .help = "When it begins, from now: 30mins, 2days."},
    {.name = "for",
     .type = OPTION_DURATION,
     .offset = offsetof(struct maintenance_schedule_target, for_ns),
     .min = "0secs",
     .max = "520weeks",
     .help = "How long it lasts; without it nobody knows."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_maintenance_schedule = {
    .name = "maintenance schedule",
    .usage = "[OPTION...] HOST...",
    .summary = "Plan when machines will be away, and ask frameworks to make room.",
    .details = "HOST is a host name, an address, or HOST/IP. Frameworks see the plan in their offers, and those with work "
               "there are asked; what they answer is in `mesos maintenance show`. A machine that is planned already gets "
               "the new time. Nothing ends before `mesos maintenance start`.",
    .options = options,
    .target_size = sizeof(struct maintenance_schedule_target),
    .min_words = 1,
    .max_words = SIZE_MAX,
    .word_kinds = word_kinds,
    .run = run,
};
