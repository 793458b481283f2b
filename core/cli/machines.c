/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the reading of schedules and the finding of machines; only machines_report prints. */
#include "cli/machines.h"

#include <errno.h>
#include <strings.h>

#include "cli/term.h"

bool
machine_is(const json_t *a, const json_t *b)
{
    return strcasecmp(cli_text(a, "hostname"), cli_text(b, "hostname")) == 0 &&
           strcmp(cli_text(a, "ip"), cli_text(b, "ip")) == 0;
}

bool
machines_have(const json_t *list, const json_t *id)
{
    json_t *other;
    size_t i;

    json_array_foreach(list, i, other)
        if (machine_is(other, id))
            return true;
    return false;
}

static json_t *
make_id(struct str hostname, struct str ip)
{
    json_t *id = json_object();

    if (hostname.len)
        json_object_set_new(id, "hostname", json_stringn(hostname.ptr, hostname.len));
    if (ip.len)
        json_object_set_new(id, "ip", json_stringn(ip.ptr, ip.len));
    return id;
}

/* The machine of an agent of /state: its pid is slave(1)@IP:PORT. */
static json_t *
agent_machine(const json_t *agent)
{
    struct str address = str_of(cli_text(agent, "pid"));
    size_t end = address.len;

    str_cut(&address, '@');
    for (end = address.len; end > 0 && address.ptr[end - 1] != ':';)
        end--;
    address.len = end ? end - 1 : address.len;
    if (address.len > 1 && address.ptr[0] == '[')
        address = str_n(address.ptr + 1, address.len - 2);
    return make_id(str_of(cli_text(agent, "hostname")), address);
}

static bool
is_named(const json_t *id, const char *word)
{
    auto_free char *both = xasprintf("%s/%s", cli_text(id, "hostname"), cli_text(id, "ip"));

    return *word && (strcasecmp(cli_text(id, "hostname"), word) == 0 || strcmp(cli_text(id, "ip"), word) == 0 ||
                     strcasecmp(both, word) == 0);
}

static void
add_once(json_t *list, json_t *id)
{
    if (!machines_have(list, id))
        json_array_append(list, id);
}

/* Everybody whom the word fits. */
static json_t *
candidates(const struct machines *machines, const char *word)
{
    json_t *found = json_array(), *window, *id, *agent;
    size_t i, j;

    json_array_foreach(json_object_get(machines->schedule, "windows"), i, window)
        json_array_foreach(json_object_get(window, "machine_ids"), j, id)
            if (is_named(id, word))
                add_once(found, id);
    json_array_foreach(json_object_get(machines->cluster.state, "slaves"), i, agent)
    {
        json_t *machine = agent_machine(agent);

        if (is_named(machine, word) || strcmp(cli_text(agent, "id"), word) == 0)
            add_once(found, machine);
        json_decref(machine);
    }
    return found;
}

static int
choose(struct machines *machines, const char *word, struct err *err)
{
    json_t *found = candidates(machines, word), *id;
    struct str ip = str_of(word);
    struct str hostname = str_cut(&ip, '/');
    auto_buf struct buf names = {0};
    size_t count = json_array_size(found), i;
    int rc = 0;

    if (count == 0 && strchr(word, '/') && (hostname.len || ip.len)) {
        id = make_id(hostname, ip);
        add_once(machines->chosen, id);
        json_decref(id);
    } else if (count == 0) {
        rc = err_set(err, -ENOENT, "neither an agent nor the schedule is on a machine '%s'; one that is not there yet is "
                                   "named HOST/IP",
                     word);
    } else if (count > 1) {
        json_array_foreach(found, i, id)
            buf_printf(&names, "%s%s/%s", i ? ", " : "", cli_text(id, "hostname"), cli_text(id, "ip"));
        rc = err_set(err, -EEXIST, "'%s' means several machines: %s", word, buf_cstr(&names));
    } else {
        add_once(machines->chosen, json_array_get(found, 0));
    }
    json_decref(found);
    return rc;
}

static int
ask(struct machines *machines, const char *type, const char *member, const char *part, json_t **ret, struct err *err)
{
    json_t *answer = NULL, *value;

    if (cli_call(machines->cluster.cli, &machines->cluster.master, json_pack("{s:s}", "type", type), &answer, err) < 0)
        return err->code;
    value = json_object_get(json_object_get(answer, member), part);
    json_decref(*ret);
    *ret = json_is_object(value) ? json_incref(value) : json_object();
    json_decref(answer);
    return 0;
}

static int
ask_both(struct machines *machines, struct err *err)
{
    int rc = ask(machines, "GET_MAINTENANCE_SCHEDULE", "get_maintenance_schedule", "schedule", &machines->schedule, err);

    return rc ? rc
              : ask(machines, "GET_MAINTENANCE_STATUS", "get_maintenance_status", "status", &machines->status, err);
}

int
machines_open(struct machines *ret, struct cli *cli, struct err *err)
{
    int rc;

    *ret = (struct machines){.chosen = json_array()};
    rc = cluster_open(&ret->cluster, cli, err);
    if (!rc)
        rc = ask_both(ret, err);
    for (size_t i = 0; !rc && i < cli->word_count; i++)
        rc = choose(ret, cli->words[i], err);
    return rc;
}

int
machines_refresh(struct machines *machines, struct err *err)
{
    struct cli *cli = machines->cluster.cli;
    int rc;

    cluster_fini(&machines->cluster);
    rc = cluster_open(&machines->cluster, cli, err);
    return rc ? rc : ask_both(machines, err);
}

void
machines_fini(struct machines *machines)
{
    cluster_fini(&machines->cluster);
    json_decref(machines->schedule);
    json_decref(machines->status);
    json_decref(machines->chosen);
}

json_t *
machines_other_windows(const struct machines *machines)
{
    json_t *windows = json_array(), *window, *id;
    size_t i, j;

    json_array_foreach(json_object_get(machines->schedule, "windows"), i, window)
    {
        json_t *ids = json_array();

        json_array_foreach(json_object_get(window, "machine_ids"), j, id)
            if (!machines_have(machines->chosen, id))
                json_array_append(ids, id);
        if (json_array_size(ids))
            json_array_append_new(windows, json_pack("{s:O,s:O}", "machine_ids", ids, "unavailability",
                                                     json_object_get(window, "unavailability")));
        json_decref(ids);
    }
    return windows;
}

int
machines_post_schedule(struct machines *machines, json_t *windows, struct err *err)
{
    return cli_call(machines->cluster.cli, &machines->cluster.master,
                    json_pack("{s:s,s:{s:{s:o}}}", "type", "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule",
                              "schedule", "windows", windows),
                    NULL, err);
}

int
machines_post(struct machines *machines, const char *type, const char *member, struct err *err)
{
    return cli_call(machines->cluster.cli, &machines->cluster.master,
                    json_pack("{s:s,s:{s:O}}", "type", type, member, "machines", machines->chosen), NULL, err);
}

size_t
machines_tasks(const struct machines *machines)
{
    auto_tasks struct cluster_tasks tasks = {0};
    size_t count = 0;

    cluster_list_tasks(&machines->cluster, NULL, false, &tasks);
    for (size_t i = 0; i < tasks.count; i++) {
        const json_t *agent = map_get(&machines->cluster.by_id, str_of(cli_text(tasks.items[i].task, "slave_id")));
        json_t *id = agent ? agent_machine(agent) : NULL;

        count += id && machines_have(machines->chosen, id);
        json_decref(id);
    }
    return count;
}

void
machines_answers(const struct machines *machines, const json_t *id, size_t *ret_yes, size_t *ret_no)
{
    json_t *draining, *status, *machine;
    size_t i, j;

    *ret_yes = *ret_no = 0;
    json_array_foreach(json_object_get(machines->status, "draining_machines"), i, draining)
    {
        machine = json_object_get(draining, "id");
        if (id ? !machine_is(machine, id) : !machines_have(machines->chosen, machine))
            continue;
        json_array_foreach(json_object_get(draining, "statuses"), j, status)
            ++*(strcmp(cli_text(status, "status"), "ACCEPT") == 0 ? ret_yes : ret_no);
    }
}

void
machine_show(struct buf *out, const json_t *id)
{
    const char *hostname = cli_text(id, "hostname"), *ip = cli_text(id, "ip");

    term_escape(out, str_of(*hostname ? hostname : ip));
    if (*hostname && *ip) {
        buf_append_str(out, STR_LIT(" ("));
        term_escape(out, str_of(ip));
        buf_putc(out, ')');
    }
}

void
machines_report(const struct machines *machines, bool json, const char *key, const char *what)
{
    json_t *whole, *id;
    size_t i;

    if (json) {
        whole = json_pack("{s:O}", key, machines->chosen);
        term_print_json(whole, true);
        json_decref(whole);
        return;
    }
    json_array_foreach(machines->chosen, i, id)
    {
        auto_buf struct buf shown = {0};

        machine_show(&shown, id);
        printf("%s: %s\n", buf_cstr(&shown), what);
    }
}
