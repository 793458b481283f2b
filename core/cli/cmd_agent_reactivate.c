/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos agent reactivate AGENT`: the end of being deactivated or drained. */
#include "cli/agent_order.h"

struct agent_reactivate_target {
    struct cli_common common;
};

static int
run(struct cli *cli)
{
    const struct agent_reactivate_target *target = cli->target;
    auto_agent_order struct agent_order order = {0};
    struct err err = {0};

    if (agent_order_open(&order, cli, &err) < 0 ||
        agent_order_send(&order, "REACTIVATE_AGENT", "reactivate_agent", json_object(), &err) < 0)
        return cli_fail(&err);
    return agent_order_done(&order, target->common.json, "reactivated", "is offered again");
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct agent_reactivate_target),
    CLI_JSON_OPTION(struct agent_reactivate_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_agent_reactivate = {
    .name = "agent reactivate",
    .usage = "[OPTION...] AGENT",
    .summary = "Offer an agent again that was deactivated or drained.",
    .details = AGENT_WORD_DETAILS " One that still drains cannot be reactivated: wait until it is empty.",
    .options = options,
    .target_size = sizeof(struct agent_reactivate_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
