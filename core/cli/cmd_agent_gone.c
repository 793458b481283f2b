/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos agent gone AGENT`: the machine will not come back, or shall not; after asking. */
#include <string.h>
#include <unistd.h>

#include "cli/agent_order.h"
#include "cli/term.h"

struct agent_gone_target {
    struct cli_common common;
    bool yes;
};

/* A whole id needs no question in a script; whatever is less than that does, and so does a person. */
static bool
is_meant(const struct agent_order *order)
{
    auto_buf struct buf shown = {0};
    char answer[16];

    if (((const struct agent_gone_target *)order->cli->target)->yes)
        return true;
    if (!isatty(STDIN_FILENO))
        return strcmp(order->id, order->cli->words[0]) == 0;
    term_escape(&shown, str_of(order->name));
    fprintf(stderr, "Mark agent %s (%s) gone for good, and its %zu tasks with it? [y/N] ", order->id, buf_cstr(&shown),
            agent_order_tasks(order));
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int
run(struct cli *cli)
{
    const struct agent_gone_target *target = cli->target;
    auto_agent_order struct agent_order order = {0};
    struct err err = {0};

    if (agent_order_open(&order, cli, &err) < 0)
        return cli_fail(&err);
    if (!is_meant(&order)) {
        fprintf(stderr, "mesos: nothing was done: give the whole id, %s, or --yes\n", order.id);
        return EXIT_FAILURE;
    }
    if (agent_order_send(&order, "MARK_AGENT_GONE", "mark_agent_gone", json_object(), &err) < 0)
        return cli_fail(&err);
    return agent_order_done(&order, target->common.json, "gone", "is gone");
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct agent_gone_target),
    CLI_JSON_OPTION(struct agent_gone_target),
    {.name = "yes",
     .type = OPTION_BOOL,
     .offset = offsetof(struct agent_gone_target, yes),
     .fallback = "false",
     .help = "Do not ask."},
    {.name = NULL},
};
static const char *const short_flags[] = {"y=yes", NULL};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_agent_gone = {
    .name = "agent gone",
    .usage = "[OPTION...] AGENT",
    .summary = "Say that an agent is gone for good: its tasks end, and it may not come back.",
    .details = AGENT_WORD_DETAILS " A person is asked first; without a terminal only the whole id is taken, or --yes. "
                                  "Should the machine still be there, its agent ends itself, and starts as a new one.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct agent_gone_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
