/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos agent list`: the agents that the master knows, with what of theirs is used. */
#include "cli/cluster.h"
#include "cli/term.h"

struct agent_list_target {
    struct cli_common common;
};

enum { COLUMNS = 8 };
static const char *const titles[COLUMNS] = {"ID", "HOST", "ADDRESS", "STATE", "CPUS", "MEM", "DISK", "SINCE"};

/* "1.5/4" of one resource. */
static char *
share(const json_t *agent, const char *name, char out[72])
{
    char used[32], total[32];

    snprintf(out, 72, "%s/%s", cluster_resource(agent, "used_resources", name, used),
             cluster_resource(agent, "resources", name, total));
    return out;
}

static const char *
state_of(const json_t *agent)
{
    const char *drain = cli_text(json_object_get(agent, "drain_info"), "state");

    if (*drain)
        return strcmp(drain, "DRAINED") == 0 ? "drained" : "draining";
    if (json_is_true(json_object_get(agent, "deactivated")))
        return "deactivated";
    return json_is_true(json_object_get(agent, "active")) ? "active" : "inactive";
}

static void
add_agent(struct term_table *table, const json_t *agent)
{
    const char *at = strchr(cli_text(agent, "pid"), '@');
    char cpus[72], mem[72], disk[72], since[32];
    const char *const cells[COLUMNS] = {cli_text(agent, "id"),
                                        cli_text(agent, "hostname"),
                                        at ? at + 1 : cli_text(agent, "pid"),
                                        state_of(agent),
                                        share(agent, "cpus", cpus),
                                        share(agent, "mem", mem),
                                        share(agent, "disk", disk),
                                        cluster_time(cli_number(agent, "registered_time"), since)};

    term_table_add(table, cells);
}

static int
run(struct cli *cli)
{
    const struct agent_list_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    auto_table struct term_table table;
    json_t *agents, *agent;
    struct err err = {0};
    size_t i;

    term_table_init(&table, titles, COLUMNS);
    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    agents = json_object_get(cluster.state, "slaves");
    if (target->common.json) {
        term_print_json(agents, true);
        return 0;
    }
    json_array_foreach(agents, i, agent)
        add_agent(&table, agent);
    term_table_print(&table);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct agent_list_target),
    CLI_JSON_OPTION(struct agent_list_target),
    {.name = NULL},
};

const struct cli_command cli_command_agent_list = {
    .name = "agent list",
    .usage = "[OPTION...]",
    .summary = "List the agents, with what is used of their resources.",
    .details = "CPUS, MEM and DISK are used/total, sizes in megabytes.",
    .options = options,
    .target_size = sizeof(struct agent_list_target),
    .run = run,
};
