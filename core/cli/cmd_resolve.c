/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos resolve [MASTER]`: the leading master as ip:port and nothing else, for scripts. */
#include <stdio.h>

#include "cli/fetch.h"

struct resolve_target {
    struct cli_common common;
};

/* Whoever answers /redirect with a place names the leader; without one the master that was asked leads. */
static int
run(struct cli *cli)
{
    struct resolve_target *target = cli->target;
    struct cli_server master;
    struct err err = {0};
    json_t *state;
    char text[128];

    if (cli->word_count == 1)
        target->common.master = cli->words[0];
    if (cli_find_master(&master, cli, &err) < 0)
        return cli_fail(&err);
    state = cli_get_json(cli, &master, "/master/state-summary", &err); /* a redirect moves `master` to the leader */
    if (!state)
        return cli_fail(&err);
    json_decref(state);
    if (target->common.json)
        printf("{\"leader\":\"%s\"}\n", address_format(&master.address, text));
    else
        puts(address_format(&master.address, text));
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct resolve_target),
    CLI_JSON_OPTION(struct resolve_target),
    {.name = NULL},
};

const struct cli_command cli_command_resolve = {
    .name = "resolve",
    .usage = "[OPTION...] [MASTER]",
    .summary = "Print the leading master as IP:PORT and nothing else.",
    .options = options,
    .target_size = sizeof(struct resolve_target),
    .max_words = 1,
    .run = run,
};
