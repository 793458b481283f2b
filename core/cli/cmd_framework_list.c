/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos framework list [--all]`: the frameworks that the master knows. */
#include "cli/cluster.h"
#include "cli/term.h"

struct framework_list_target {
    struct cli_common common;
    bool all;
};

enum { COLUMNS = 9 };
static const char *const titles[COLUMNS] = {"ID", "STATE", "TASKS", "CPUS", "MEM", "USER", "ROLES", "HOST", "NAME"};

static const char *
state_of(const json_t *framework, bool completed)
{
    if (completed)
        return "completed";
    if (!json_is_true(json_object_get(framework, "connected")))
        return "disconnected";
    return json_is_true(json_object_get(framework, "active")) ? "active" : "inactive";
}

/* `roles` of a framework with several, else its `role`. */
static void
roles_of(struct buf *out, const json_t *framework)
{
    json_t *roles = json_object_get(framework, "roles"), *role;
    size_t i;

    json_array_foreach(roles, i, role)
        buf_printf(out, "%s%s", i ? "," : "", json_is_string(role) ? json_string_value(role) : "");
    if (out->len == 0)
        buf_puts(out, cli_text(framework, "role"));
}

static void
add_framework(struct term_table *table, const json_t *framework, bool completed)
{
    char tasks[32], cpus[32], mem[32];
    auto_buf struct buf roles = {0};
    const char *cells[COLUMNS] = {cli_text(framework, "id"),
                                  state_of(framework, completed),
                                  tasks,
                                  cluster_resource(framework, "used_resources", "cpus", cpus),
                                  cluster_resource(framework, "used_resources", "mem", mem),
                                  cli_text(framework, "user"),
                                  NULL,
                                  cli_text(framework, "hostname"),
                                  cli_text(framework, "name")};

    roles_of(&roles, framework);
    cells[6] = buf_cstr(&roles);
    snprintf(tasks, sizeof(tasks), "%zu", json_array_size(json_object_get(framework, "tasks")));
    term_table_add(table, cells);
}

/* Into the table, or (array given) into the array. */
static void
collect(const json_t *state, const char *list, struct term_table *table, json_t *array)
{
    json_t *frameworks = json_object_get(state, list), *framework;
    size_t i;

    json_array_foreach(frameworks, i, framework)
        if (array)
            json_array_append(array, framework);
        else
            add_framework(table, framework, strcmp(list, "frameworks") != 0);
}

static int
run(struct cli *cli)
{
    const struct framework_list_target *target = cli->target;
    json_t *array = target->common.json ? json_array() : NULL;
    auto_cluster struct cluster cluster = {0};
    auto_table struct term_table table;
    struct err err = {0};
    int status;

    term_table_init(&table, titles, COLUMNS);
    status = cluster_open(&cluster, cli, &err);
    if (status == 0) {
        collect(cluster.state, "frameworks", &table, array);
        if (target->all)
            collect(cluster.state, "completed_frameworks", &table, array);
        if (array)
            term_print_json(array, true);
        else
            term_table_print(&table);
    }
    json_decref(array);
    return status < 0 ? cli_fail(&err) : 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct framework_list_target),
    CLI_JSON_OPTION(struct framework_list_target),
    {.name = "all",
     .type = OPTION_BOOL,
     .offset = offsetof(struct framework_list_target, all),
     .fallback = "false",
     .help = "Also those that have ended."},
    {.name = NULL},
};
static const char *const short_flags[] = {"a=all", NULL};

const struct cli_command cli_command_framework_list = {
    .name = "framework list",
    .usage = "[OPTION...]",
    .summary = "List the frameworks; with -a also those that have ended.",
    .details = "A framework is active, inactive (it wants no offers), disconnected (the master waits for it) or completed.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct framework_list_target),
    .run = run,
};
