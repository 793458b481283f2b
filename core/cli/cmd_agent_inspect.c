/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos agent inspect AGENT`: all that the master knows of one agent, as JSON. */
#include "cli/cluster.h"
#include "cli/term.h"

struct agent_inspect_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    const struct agent_inspect_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};
    json_t *agent;

    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    agent = cluster_agent(&cluster, cli->words[0], &err);
    if (!agent)
        return cli_fail(&err);
    term_print_json(agent, target->common.json);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct agent_inspect_target),
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct agent_inspect_target, common.json),
     .fallback = "false",
     .help = "Print it in one line, for programs."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_agent_inspect = {
    .name = "agent inspect",
    .usage = "[OPTION...] AGENT",
    .summary = "Print all that the master knows of one agent, as JSON.",
    .details = "AGENT is an id, the beginning of one, a host name or HOST:PORT. What the agent itself knows: mesos state AGENT",
    .options = options,
    .target_size = sizeof(struct agent_inspect_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
