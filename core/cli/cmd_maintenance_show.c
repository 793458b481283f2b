/* SPDX-License-Identifier: Apache-2.0 */
/* `mesos maintenance show`: the machines that are planned to be away or are, and what frameworks say to it. */
#include "cli/machines.h"
#include "cli/term.h"

struct maintenance_show_target {
    struct cli_common common;
};

enum { COLUMNS = 6 };
static const char *const titles[COLUMNS] = {"HOST", "ADDRESS", "STATE", "FROM", "FOR", "ANSWERS"};

static double
nanoseconds(const json_t *window, const char *key)
{
    return cli_number(json_object_get(json_object_get(window, "unavailability"), key), "nanoseconds");
}

static bool
is_down(const struct machines *machines, const json_t *id)
{
    return machines_have(json_object_get(machines->status, "down_machines"), id);
}

static void
add_row(struct term_table *table, const struct machines *machines, const json_t *window, const json_t *id)
{
    char when[32], how_long[32] = "", answers[64] = "";
    double ns = nanoseconds(window, "duration");
    size_t yes, no;

    if (ns > 0 && ns < 9e18)
        duration_format((int64_t)ns, how_long);
    machines_answers(machines, id, &yes, &no);
    if (yes || no)
        snprintf(answers, sizeof(answers), "%zu yes, %zu no", yes, no);
    const char *const cells[COLUMNS] = {cli_text(id, "hostname"),
                                        cli_text(id, "ip"),
                                        is_down(machines, id) ? "down" : "draining",
                                        cluster_time(nanoseconds(window, "start") / 1e9, when),
                                        how_long,
                                        answers};

    term_table_add(table, cells);
}

static json_t *
describe(const struct machines *machines, const json_t *window, const json_t *id)
{
    json_t *one = json_deep_copy(id), *draining, *statuses = NULL;
    size_t i;

    json_object_set_new(one, "state", json_string(is_down(machines, id) ? "down" : "draining"));
    json_object_set(one, "unavailability", json_object_get(window, "unavailability"));
    json_array_foreach(json_object_get(machines->status, "draining_machines"), i, draining)
        if (machine_is(json_object_get(draining, "id"), id))
            statuses = json_object_get(draining, "statuses");
    if (statuses)
        json_object_set(one, "statuses", statuses);
    return one;
}

static int
run(struct cli *cli)
{
    const struct maintenance_show_target *target = cli->target;
    auto_machines struct machines machines = {0};
    auto_table struct term_table table;
    json_t *list, *window, *id;
    struct err err = {0};
    size_t i, j;

    term_table_init(&table, titles, COLUMNS);
    if (machines_open(&machines, cli, &err) < 0)
        return cli_fail(&err);
    list = json_array();
    json_array_foreach(json_object_get(machines.schedule, "windows"), i, window)
        json_array_foreach(json_object_get(window, "machine_ids"), j, id)
        {
            if (cli->word_count && !machines_have(machines.chosen, id))
                continue;
            json_array_append_new(list, describe(&machines, window, id));
            add_row(&table, &machines, window, id);
        }
    if (target->common.json)
        term_print_json(list, true);
    else
        term_table_print(&table);
    json_decref(list);
    return 0;
}

static const struct option options[] = {
    CLI_MASTER_OPTION(struct maintenance_show_target),
    CLI_JSON_OPTION(struct maintenance_show_target),
    {.name = NULL},
};
static const enum cli_word word_kinds[] = {WORD_AGENT, WORD_OTHER};

const struct cli_command cli_command_maintenance_show = {
    .name = "maintenance show",
    .usage = "[OPTION...] [HOST...]",
    .summary = "Show which machines are or will be away, and what frameworks answered.",
    .details = "All machines of the schedule, or those that are named. ANSWERS counts frameworks that said whether they can do "
               "without the machine; those that said nothing are not counted.",
    .options = options,
    .target_size = sizeof(struct maintenance_show_target),
    .max_words = SIZE_MAX,
    .word_kinds = word_kinds,
    .run = run,
};
