/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos state [AGENT]`: the JSON state of the leading master, or of the agent whose id begins so. */
#include <errno.h>
#include <stdio.h>

#include "cli/fetch.h"

struct state_target {
    struct cli_common common;
};

static int
find_agent(struct cli_server *ret, const json_t *state, const char *wanted, struct err *err)
{
    json_t *agents = json_object_get(state, "slaves"), *agent;
    size_t i;

    json_array_foreach(agents, i, agent)
        if (strncmp(cli_text(agent, "id"), wanted, strlen(wanted)) == 0 ||
            strcmp(cli_text(agent, "hostname"), wanted) == 0)
            return cli_server_parse(ret, str_of(cli_text(agent, "pid")), 5051, err);
    return err_set(err, -ENOENT, "the master knows no agent '%s'", wanted);
}

static int
run(struct cli *cli)
{
    const struct state_target *target = cli->target;
    size_t indent = target->common.json ? JSON_COMPACT : JSON_INDENT(2);
    struct cli_server server;
    struct err err = {0};
    json_t *state;

    if (cli_find_master(&server, cli, &err) < 0)
        return cli_fail(&err);
    state = cli_get_json(cli, &server, "/master/state", &err);
    if (state && cli->word_count == 1) {
        struct cli_server agent;
        int status = find_agent(&agent, state, cli->words[0], &err);

        json_decref(state);
        state = status < 0 ? NULL : cli_get_json(cli, &agent, "/state", &err);
    }
    if (!state)
        return cli_fail(&err);
    json_dumpf(state, stdout, indent | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(state);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct state_target),
    CLI_JSON_OPTION(struct state_target),
    {.name = NULL},
};

const struct cli_command cli_command_state = {
    .name = "state",
    .usage = "[OPTION...] [AGENT]",
    .summary = "Print the state of the master, or of one agent (by id or host name).",
    .options = options,
    .target_size = sizeof(struct state_target),
    .max_words = 1,
    .run = run,
};
