/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos agent deactivate AGENT`: nothing of it is offered any more; what runs there goes on. */
#include "cli/agent_order.h"

struct agent_deactivate_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    const struct agent_deactivate_target *target = cli->target;
    auto_agent_order struct agent_order order = {0};
    struct err err = {0};

    if (agent_order_open(&order, cli, &err) < 0 ||
        agent_order_send(&order, "DEACTIVATE_AGENT", "deactivate_agent", json_object(), &err) < 0)
        return cli_fail(&err);
    return agent_order_done(&order, target->common.json, "deactivated", "is deactivated: nothing of it is offered");
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct agent_deactivate_target),
    CLI_JSON_OPTION(struct agent_deactivate_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_agent_deactivate = {
    .name = "agent deactivate",
    .usage = "[OPTION...] AGENT",
    .summary = "Stop offering an agent; what runs there goes on.",
    .details = AGENT_WORD_DETAILS " It stays so, over failovers and restarts, until mesos agent reactivate.",
    .options = options,
    .target_size = sizeof(struct agent_deactivate_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
