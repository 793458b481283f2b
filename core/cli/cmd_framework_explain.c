/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos framework explain FRAMEWORK`: why it gets no (more) offers, agent by agent. */
#include "cli/cluster.h"
#include "cli/term.h"

struct framework_explain_target {
    struct cli_common common;
    const char *agent, *role;
};

enum { COLUMNS = 5 };
static const char *const titles[COLUMNS] = {"AGENT", "ROLE", "REASON", "FREE", "WHY"};

static void
print_table(const json_t *answer)
{
    json_t *list = json_object_get(answer, "explanations"), *entry;
    size_t i;
    auto_table struct term_table table;
    term_table_init(&table, titles, COLUMNS);
    json_array_foreach(list, i, entry)
    {
        const char *hostname = cli_text(entry, "hostname");
        const char *cells[COLUMNS] = {*hostname ? hostname : cli_text(json_object_get(entry, "agent_id"), "value"),
                                      cli_text(entry, "role"), cli_text(entry, "reason"), cli_text(entry, "free"),
                                      cli_text(entry, "message")};
        term_table_add(&table, cells);
    }
    if (i)
        term_table_print(&table);
    else
        fprintf(stderr, "No agent is known.\n");
    if (json_is_true(json_object_get(answer, "truncated")))
        fprintf(stderr, "There is more: narrow it with --agent or --role.\n");
}

/* The call; agents that are away are not in the state, so that what names none there goes to the master as it is. */
static json_t *
make_call(const struct cluster *cluster, const struct framework_explain_target *target, const char *framework_id)
{
    json_t *body = json_pack("{s:{s:s}}", "framework_id", "value", framework_id);
    if (target->agent) {
        const json_t *agent = cluster_agent(cluster, target->agent, NULL);
        json_object_set_new(body, "agent_id", json_pack("{s:s}", "value", agent ? cli_text(agent, "id") : target->agent));
    }
    if (target->role)
        json_object_set_new(body, "role", json_string(target->role));
    return json_pack("{s:s,s:o}", "type", "EXPLAIN_OFFERS", "explain_offers", body);
}

static int
run(struct cli *cli)
{
    const struct framework_explain_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    struct err err = {0};
    json_t *framework, *answer = NULL;

    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    framework = cluster_framework(&cluster, cli->words[0], false, &err);
    if (!framework)
        return cli_fail(&err);
    if (cli_call(cli, &cluster.master, make_call(&cluster, target, cli_text(framework, "id")), &answer, &err) < 0)
        return cli_fail(&err);
    if (target->common.json)
        term_print_json(json_object_get(answer, "explain_offers"), true);
    else
        print_table(json_object_get(answer, "explain_offers"));
    json_decref(answer);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct framework_explain_target),
    CLI_JSON_OPTION(struct framework_explain_target),
    {.name = "agent",
     .type = OPTION_STRING,
     .offset = offsetof(struct framework_explain_target, agent),
     .argument = "AGENT",
     .help = "Only this agent: its id, the beginning of it, or its host name."},
    {.name = "role",
     .type = OPTION_STRING,
     .offset = offsetof(struct framework_explain_target, role),
     .argument = "ROLE",
     .help = "Only this one of the framework's roles."},
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_FRAMEWORK, WORD_OTHER};

const struct cli_command cli_command_framework_explain = {
    .name = "framework explain",
    .usage = "[OPTION...] FRAMEWORK",
    .summary = "Say why a framework gets no offers, agent by agent.",
    .details =
        "FRAMEWORK is an id, the beginning of one, or a name. For each agent (and role, where roles differ): what keeps "
        "its resources from the framework at this moment.\n"
        "OFFERABLE: nothing; the next allocation may offer them. OFFERED: the framework has them in an offer already. "
        "OFFERED_TO_OTHER: another framework has. IN_USE: all of it is used. FILTERED: the framework refused them for a "
        "time that is not over. ROLE_SUPPRESSED: it wants no offers for this role. OFFER_CONSTRAINTS: its own constraints "
        "exclude the agent. RESERVED: what is free is for other roles. CAPABILITY_MISSING, GPUS_KEPT: for frameworks "
        "that say they understand it. BELOW_MINIMUM: what is free is too little for an offer. FRAMEWORK_INACTIVE: it is "
        "not connected. AGENT_INACTIVE, AGENT_UNREACHABLE, AGENT_RECOVERING: the agent is away. AGENT_DEACTIVATED, "
        "AGENT_DRAINING: an operator wants no more tasks there. NOT_WHITELISTED: the operator offers other agents only. "
        "ALLOCATION_PAUSED: the master waits for agents after a failover.",
    .options = options,
    .target_size = sizeof(struct framework_explain_target),
    .min_words = 1,
    .max_words = 1,
    .word_kinds = word_kinds,
    .run = run,
};
