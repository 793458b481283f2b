/* SPDX-License-Identifier: Apache-2.0 */
/* See agent_order.h. */
#include "cli/agent_order.h"

#include <errno.h>
#include <string.h>

#include "cli/term.h"

void
agent_order_fini(struct agent_order *order)
{
    cluster_fini(&order->cluster);
}

/* One that has not come back since the master leads. */
static const json_t *
find_recovered(const struct cluster *cluster, const char *word)
{
    json_t *agent, *found = NULL;
    size_t i;

    json_array_foreach(json_object_get(cluster->state, "recovered_slaves"), i, agent)
    {
        if (strcmp(cli_text(agent, "id"), word) == 0 || strcmp(cli_text(agent, "hostname"), word) == 0) {
            if (found)
                return NULL; /* two on one host: the id says which */
            found = agent;
        }
    }
    return found;
}

int
agent_order_open(struct agent_order *order, struct cli *cli, struct err *err)
{
    const json_t *recovered;

    order->cli = cli;
    if (cluster_open(&order->cluster, cli, err) < 0)
        return err->code;
    order->agent = cluster_agent(&order->cluster, cli->words[0], err);
    if (!order->agent && err->code != -ENOENT)
        return err->code;
    recovered = order->agent ? NULL : find_recovered(&order->cluster, cli->words[0]);
    order->id = order->agent ? cli_text(order->agent, "id") : recovered ? cli_text(recovered, "id") : cli->words[0];
    order->name = order->agent ? cli_text(order->agent, "hostname") : order->id;
    *err = (struct err){0};
    return 0;
}

int
agent_order_send(struct agent_order *order, const char *type, const char *member, json_t *body, struct err *err)
{
    int status;

    json_object_set_new(body, "agent_id", json_pack("{s:s}", "value", order->id));
    status = cli_call(order->cli, &order->cluster.master, json_pack("{s:s,s:o}", "type", type, member, body), NULL, err);
    if (status < 0 && !order->agent) {
        auto_free char *why = xstrdup(err->text);

        return err_set(err, status, "%s; the master shows no agent '%s': `mesos agent list` lists those that are there", why,
                       order->id);
    }
    return status;
}

size_t
agent_order_tasks(const struct agent_order *order)
{
    auto_tasks struct cluster_tasks tasks = {0};
    size_t count = 0;

    cluster_list_tasks(&order->cluster, NULL, false, &tasks);
    for (size_t i = 0; i < tasks.count; i++)
        count += strcmp(cli_text(tasks.items[i].task, "slave_id"), order->id) == 0;
    return count;
}

int
agent_order_done(const struct agent_order *order, bool json, const char *key, const char *sentence)
{
    auto_buf struct buf name = {0};

    if (json) {
        json_t *answer = json_pack("{s:s}", key, order->id);

        term_print_json(answer, true);
        json_decref(answer);
        return 0;
    }
    term_escape(&name, str_of(order->name));
    printf("Agent %s (%s) %s\n", order->id, buf_cstr(&name), sentence);
    return 0;
}
