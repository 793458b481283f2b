/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `mesos agent drain`, `deactivate`, `reactivate` and `gone` have in common: which agent is meant, the order to the
 * master, what is said afterwards.
 */
#ifndef CLI_AGENT_ORDER_H
#define CLI_AGENT_ORDER_H

#include "cli/cluster.h"

struct agent_order {
    struct cli *cli;
    struct cluster cluster;
    const char *id;
    const char *name; /* host name; the id when that is not known */
    const json_t *agent; /* as the master shows it; NULL: it is away, or not known at all */
};
void agent_order_fini(struct agent_order *order);
#define auto_agent_order __attribute__((cleanup(agent_order_fini)))

/* Asks the leader, and finds the agent of the command's first word: by id, the beginning of one, host name or HOST:PORT.
 * One that is not there is taken by its whole id: the master may know it as unreachable. */
int agent_order_open(struct agent_order *order, struct cli *cli, struct err *err);
/* Sends the call of that type, whose member is `body` with the agent's id added; steals it. */
int agent_order_send(struct agent_order *order, const char *type, const char *member, json_t *body, struct err *err);
/* Its tasks that have not ended, as the master told when it was asked. */
size_t agent_order_tasks(const struct agent_order *order);
/* {"<key>":"<id>"} or a sentence on stdout; returns 0. */
int agent_order_done(const struct agent_order *order, bool json, const char *key, const char *sentence);

#define AGENT_WORD_DETAILS "AGENT is an id, the beginning of one, a host name or HOST:PORT; of one that is away, the whole id."

#endif
