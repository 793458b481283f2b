/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master's /state says, asked once, and who is meant by what people type: tasks, agents and frameworks by id, by
 * what an id begins with, or by a pattern with `*`. Borrowed JSON values live as long as the cluster.
 */
#ifndef CLI_CLUSTER_H
#define CLI_CLUSTER_H

#include "base/map.h"
#include "cli/fetch.h"

struct cluster {
    struct cli *cli;
    struct cli_server master; /* the leader */
    json_t *state;
    struct map by_id; /* the state's agents */
    json_t *agents; /* states of agents that were asked, by id */
};

struct cluster_task {
    json_t *task, *framework;
    bool active; /* runs, or may still: not ended, agent reachable */
};
struct cluster_tasks {
    struct cluster_task *items;
    size_t count, cap;
};

/* Finds the leader and asks it. */
int cluster_open(struct cluster *ret, struct cli *cli, struct err *err);
void cluster_fini(struct cluster *cluster);
#define auto_cluster __attribute__((cleanup(cluster_fini)))
void cluster_tasks_fini(struct cluster_tasks *tasks);
#define auto_tasks __attribute__((cleanup(cluster_tasks_fini)))

/* All tasks of frameworks whose id begins with `framework` (NULL = any); inactive: also those that have ended or whose
 * agent is unreachable, of completed frameworks too. */
void cluster_list_tasks(const struct cluster *cluster, const char *framework, bool inactive, struct cluster_tasks *ret);
/* The one that `text` means: the id itself, else the only one whose id begins so; a running one wins over ended ones.
 * -ENOENT, or -EEXIST when several begin so (the text names them). */
int cluster_task(const struct cluster *cluster, const char *framework, const char *text, struct cluster_task *ret,
                 struct err *err);
/* Every one that is meant by "a,b" where each is an id, the beginning of some, or a pattern with `*`; running ones, and
 * ended ones when no running one fits. Added to ret in order, none twice. */
int cluster_match_tasks(const struct cluster *cluster, const char *framework, const char *text,
                        struct cluster_tasks *ret, struct err *err);
/* An agent by id, the beginning of it, host name or HOST:PORT; a framework by id, the beginning of it, or name;
 * completed: also those that have ended. NULL and err as above. */
json_t *cluster_agent(const struct cluster *cluster, const char *text, struct err *err);
json_t *cluster_framework(const struct cluster *cluster, const char *text, bool completed, struct err *err);
/* Where the agent of that id is; its host name, or the id when it is not known. */
int cluster_agent_server(const struct cluster *cluster, const char *agent_id, struct cli_server *ret, struct err *err);
const char *cluster_agent_name(const struct cluster *cluster, const char *agent_id);
/* The agent's own /state; borrowed, asked once. */
json_t *cluster_agent_state(struct cluster *cluster, const char *agent_id, struct err *err);
/* The container of a task as its agent last told: {"value": ..., "parent": ...}; NULL = not known. */
json_t *cluster_container(const json_t *task);

/* "4 (2.5 used)" style numbers: resources.<name> of an object as text. Returns out. */
char *cluster_resource(const json_t *object, const char *of, const char *name, char out[32]);
/* When something happened, local time, "" when it is not known. Returns out. */
char *cluster_time(double secs, char out[32]);

#endif
