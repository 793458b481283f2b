/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos maintenance start HOST...`: the machines go down; with --wait not before the last task on them has ended. */
#include <errno.h>
#include <time.h>

#include "cli/machines.h"
#include "cli/term.h"

enum { POLL_MS = 1000 };

struct maintenance_start_target {
    struct cli_common common;
    bool wait;
    int64_t timeout_ns;
};

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Until nothing runs there. */
static int
wait_empty(struct machines *machines, int64_t timeout_ns, struct err *err)
{
    auto_progress struct term_progress progress = {0};
    const struct timespec pause = {POLL_MS / 1000, POLL_MS % 1000 * 1000000};
    int64_t end_ns = now_ns() + timeout_ns;
    size_t tasks, yes, no;
    int rc;

    while ((tasks = machines_tasks(machines)) > 0) {
        machines_answers(machines, NULL, &yes, &no);
        if (timeout_ns && now_ns() > end_ns)
            return err_set(err, -ETIMEDOUT, "%zu tasks still run there: nothing was brought down", tasks);
        term_progress(&progress, "%zu tasks run on %zu machines; frameworks: %zu yes, %zu no", tasks,
                      json_array_size(machines->chosen), yes, no);
        nanosleep(&pause, NULL);
        rc = machines_refresh(machines, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int
run(struct cli *cli)
{
    const struct maintenance_start_target *target = cli->target;
    auto_machines struct machines machines = {0};
    struct err err = {0};

    if (machines_open(&machines, cli, &err) < 0)
        return cli_fail(&err);
    if (target->wait && wait_empty(&machines, target->timeout_ns, &err) < 0)
        return cli_fail(&err);
    if (machines_post(&machines, "START_MAINTENANCE", "start_maintenance", &err) < 0)
        return cli_fail(&err);
    machines_report(&machines, target->common.json, "down", "down");
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct maintenance_start_target),
    CLI_JSON_OPTION(struct maintenance_start_target),
    {.name = "wait",
     .type = OPTION_BOOL,
     .offset = offsetof(struct maintenance_start_target, wait),
     .fallback = "false",
     .help = "First wait until no task runs there."},
    {.name = "timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct maintenance_start_target, timeout_ns),
     .min = "0secs",
     .help = "Give up --wait after so long; nothing is brought down then."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_maintenance_start = {
    .name = "maintenance start",
    .usage = "[OPTION...] HOST...",
    .summary = "Take machines down: their agents are told to end, with every task.",
    .details = "They must have been scheduled. Tasks that still run there are lost, and no agent may register from there "
               "until `mesos maintenance stop`.",
    .options = options,
    .target_size = sizeof(struct maintenance_start_target),
    .min_words = 1,
    .max_words = SIZE_MAX,
    .word_kinds = word_kinds,
    .run = run,
};
