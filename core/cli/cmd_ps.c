/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos ps [-i]`: the tasks that the master knows. */
#include <stdio.h>

#include "cli/fetch.h"

struct ps_target {
    struct cli_common common;
    bool inactive;
    const char *framework;
};

enum { COLUMNS = 8, CELL = 120 };

struct row {
    char cells[COLUMNS][CELL];
};

struct table {
    struct row *rows;
    size_t count, cap;
};

static const char *const titles[COLUMNS] = {"ID", "STATE", "CPUS", "MEM", "USER", "AGENT", "FRAMEWORK", "NAME"};

static struct row *
table_add(struct table *table)
{
    if (table->count == table->cap) {
        table->cap = table->cap ? 2 * table->cap : 64;
        table->rows = xreallocarray(table->rows, table->cap, sizeof(*table->rows));
    }
    return &table->rows[table->count++];
}

static double
resource(const json_t *task, const char *name)
{
    return json_number_value(json_object_get(json_object_get(task, "resources"), name));
}

static const char *
agent_name(const json_t *state, const char *id)
{
    json_t *agents = json_object_get(state, "slaves"), *agent;
    size_t i;

    json_array_foreach(agents, i, agent)
        if (strcmp(cli_text(agent, "id"), id) == 0)
            return cli_text(agent, "hostname");
    return id;
}

static void
add_task(struct table *table, const json_t *state, const json_t *framework, const json_t *task)
{
    struct row *row = table_add(table);
    const char *user = cli_text(task, "user");
    char cpus[32], mem[32];
    const char *const cells[COLUMNS] = {
        cli_text(task, "id"),
        cli_text(task, "state"),
        cpus,
        mem,
        *user ? user : cli_text(framework, "user"),
        agent_name(state, cli_text(task, "slave_id")),
        cli_text(task, "framework_id"),
        cli_text(task, "name"),
    };

    snprintf(cpus, sizeof(cpus), "%.4g", resource(task, "cpus"));
    snprintf(mem, sizeof(mem), "%.6gMB", resource(task, "mem"));
    for (size_t c = 0; c < COLUMNS; c++)
        snprintf(row->cells[c], CELL, "%s", cells[c]);
}

/* Collects into rows, or (rows NULL) into a JSON array. */
static void
collect(const json_t *state, const struct ps_target *target, struct table *table, json_t *array)
{
    static const struct {
        const char *frameworks, *tasks;
    } places[] = {{"frameworks", "tasks"},
                  {"frameworks", "unreachable_tasks"},
                  {"frameworks", "completed_tasks"},
                  {"completed_frameworks", "completed_tasks"}};

    for (size_t p = 0; p < (target->inactive ? ARRAY_LEN(places) : 1); p++) {
        json_t *frameworks = json_object_get(state, places[p].frameworks), *framework, *task;
        size_t i, j;

        json_array_foreach(frameworks, i, framework)
        {
            const char *wanted = target->framework ? target->framework : "";
            json_t *tasks = json_object_get(framework, places[p].tasks);

            if (strncmp(cli_text(framework, "id"), wanted, strlen(wanted)) != 0)
                continue;
            json_array_foreach(tasks, j, task)
                if (array)
                    json_array_append(array, task);
                else
                    add_task(table, state, framework, task);
        }
    }
}

static void
print_table(const struct table *table)
{
    size_t width[COLUMNS];

    for (size_t c = 0; c < COLUMNS; c++) {
        width[c] = strlen(titles[c]);
        for (size_t r = 0; r < table->count; r++)
            if (strlen(table->rows[r].cells[c]) > width[c])
                width[c] = strlen(table->rows[r].cells[c]);
    }
    for (size_t c = 0; c < COLUMNS; c++)
        printf("%-*s%s", c + 1 < COLUMNS ? (int)width[c] : 0, titles[c], c + 1 < COLUMNS ? "  " : "\n");
    for (size_t r = 0; r < table->count; r++)
        for (size_t c = 0; c < COLUMNS; c++)
            printf("%-*s%s", c + 1 < COLUMNS ? (int)width[c] : 0, table->rows[r].cells[c],
                   c + 1 < COLUMNS ? "  " : "\n");
}

static int
run(struct cli *cli)
{
    const struct ps_target *target = cli->target;
    struct table table = {0};
    struct cli_server master;
    struct err err = {0};
    json_t *state;

    if (cli_find_master(&master, cli, &err) < 0)
        return cli_fail(&err);
    state = cli_get_json(cli, &master, "/master/state", &err);
    if (!state)
        return cli_fail(&err);
    if (target->common.json) {
        json_t *array = json_array();

        collect(state, target, NULL, array);
        json_dumpf(array, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        json_decref(array);
    } else {
        collect(state, target, &table, NULL);
        print_table(&table);
        free(table.rows);
    }
    json_decref(state);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct ps_target),
    CLI_JSON_OPTION(struct ps_target),
    {.name = "inactive",
     .type = OPTION_BOOL,
     .offset = offsetof(struct ps_target, inactive),
     .fallback = "false",
     .help = "Also tasks that have ended or whose agent is unreachable."},
    {.name = "framework",
     .type = OPTION_STRING,
     .offset = offsetof(struct ps_target, framework),
     .argument = "ID",
     .help = "Only tasks of frameworks whose id begins so."},
    {.name = NULL},
};
static const char *const short_flags[] = {"i=inactive", NULL};

const struct cli_command cli_command_ps = {
    .name = "ps",
    .usage = "[OPTION...]",
    .summary = "List the tasks that run; with -i also those that have ended.",
    .options = options,
    .short_flags = short_flags,
    .target_size = sizeof(struct ps_target),
    .run = run,
};
