/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos state [AGENT]`: the JSON state of the leading master, or of one agent. */
#include "cli/cluster.h"
#include "cli/term.h"

struct state_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    const struct state_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};
    json_t *state, *agent;

    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    state = cluster.state;
    if (cli->word_count == 1) {
        agent = cluster_agent(&cluster, cli->words[0], &err);
        state = agent ? cluster_agent_state(&cluster, cli_text(agent, "id"), &err) : NULL;
    }
    if (!state)
        return cli_fail(&err);
    term_print_json(state, target->common.json);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct state_target),
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct state_target, common.json),
     .fallback = "false",
     .help = "Print it in one line, for programs."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_state = {
    .name = "state",
    .usage = "[OPTION...] [AGENT]",
    .summary = "Print the state of the master, or of one agent, as JSON.",
    .details = "AGENT is an id, the beginning of one, a host name or HOST:PORT.",
    .options = options,
    .target_size = sizeof(struct state_target),
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
