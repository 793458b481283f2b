/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of `mesos maintenance` share: the cluster, its schedule and the state of its machines, asked once, and which
 * machine people mean by a word. */
#ifndef CLI_MACHINES_H
#define CLI_MACHINES_H

#include "cli/cluster.h"

struct machines {
    struct cluster cluster;
    json_t *schedule; /* {"windows": [...]} */
    json_t *status;   /* {"draining_machines": [...], "down_machines": [...]} */
    json_t *chosen;   /* array of machine ids */
};

/* Asks, and finds the machines of all words: by host name, address, HOST/IP, or id of an agent on it. A machine that nobody
 * knows has to be named HOST/IP. */
int machines_open(struct machines *ret, struct cli *cli, struct err *err);
void machines_fini(struct machines *machines);
#define auto_machines __attribute__((cleanup(machines_fini)))
/* The same host name, in any case, and address. */
bool machine_is(const json_t *a, const json_t *b);
bool machines_have(const json_t *list, const json_t *id);
/* The schedule's windows without the chosen machines, and without those that would be empty: a new array. */
json_t *machines_other_windows(const struct machines *machines);
/* One call with the schedule, or with the chosen machines. */
int machines_post_schedule(struct machines *machines, json_t *windows, struct err *err);
int machines_post(struct machines *machines, const char *type, const char *member, struct err *err);
/* Is there a task that runs on one of the chosen machines? How many, of machines.cluster. */
size_t machines_tasks(const struct machines *machines);
/* How many frameworks said yes and no about a draining machine; id NULL = about all chosen ones. */
void machines_answers(const struct machines *machines, const json_t *id, size_t *ret_yes, size_t *ret_no);
/* Asks anew what changes with time. */
int machines_refresh(struct machines *machines, struct err *err);
/* "host (10.0.0.1)", made harmless, appended. */
void machine_show(struct buf *out, const json_t *id);
/* Prints what was done to the chosen machines: {"<key>": [ids]}, or "<host>: <what>" lines. */
void machines_report(const struct machines *machines, bool json, const char *key, const char *what);

#endif
