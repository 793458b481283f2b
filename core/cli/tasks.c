/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the columns of the list of tasks. */
#include "cli/tasks.h"

#include "cli/term.h"

enum { COLUMNS = 8 };
static const char *const titles[COLUMNS] = {"ID", "STATE", "CPUS", "MEM", "USER", "AGENT", "FRAMEWORK", "NAME"};

static void
add_task(struct term_table *table, const struct cluster *cluster, const struct cluster_task *found)
{
    const json_t *task = found->task;
    const char *user = cli_text(task, "user");
    char cpus[32], mem[40], number[32];
    const char *const cells[COLUMNS] = {
        cli_text(task, "id"),
        cli_text(task, "state"),
        cluster_resource(task, "resources", "cpus", cpus),
        mem,
        *user ? user : cli_text(found->framework, "user"),
        cluster_agent_name(cluster, cli_text(task, "slave_id")),
        cli_text(task, "framework_id"),
        cli_text(task, "name"),
    };

    snprintf(mem, sizeof(mem), "%sMB", cluster_resource(task, "resources", "mem", number));
    term_table_add(table, cells);
}

static void
print_json(const struct cluster_tasks *tasks)
{
    json_t *array = json_array();

    for (size_t i = 0; i < tasks->count; i++)
        json_array_append(array, tasks->items[i].task);
    term_print_json(array, true);
    json_decref(array);
}

int
tasks_run(struct cli *cli)
{
    const struct tasks_target *target = cli->target;
    auto_cluster struct cluster cluster = {0};
    auto_tasks struct cluster_tasks tasks = {0};
    auto_table struct term_table table;
    struct err err = {0};

    term_table_init(&table, titles, COLUMNS);
    if (cluster_open(&cluster, cli, &err) < 0)
        return cli_fail(&err);
    cluster_list_tasks(&cluster, target->framework, target->inactive, &tasks);
    if (target->common.json) {
        print_json(&tasks);
        return 0;
    }
    for (size_t i = 0; i < tasks.count; i++)
        add_task(&table, &cluster, &tasks.items[i]);
    term_table_print(&table);
    return 0;
}
