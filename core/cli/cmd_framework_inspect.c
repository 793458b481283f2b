/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos framework inspect FRAMEWORK`: all that the master knows of one framework, as JSON. */
#include "cli/cluster.h"
#include "cli/term.h"

struct framework_inspect_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    const struct framework_inspect_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};
    json_t *framework;

    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    framework = cluster_framework(&cluster, cli->words[0], true, &err);
    if (!framework)
        return cli_fail(&err);
    term_print_json(framework, target->common.json);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct framework_inspect_target),
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct framework_inspect_target, common.json),
     .fallback = "false",
     .help = "Print it in one line, for programs."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_FRAMEWORK, WORD_OTHER};

const struct cli_command cli_command_framework_inspect = {
    .name = "framework inspect",
    .usage = "[OPTION...] FRAMEWORK",
    .summary = "Print all that the master knows of one framework, as JSON.",
    .details = "FRAMEWORK is an id, the beginning of one, or a name; those that have ended are found as well.",
    .options = options,
    .target_size = sizeof(struct framework_inspect_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
