/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the fetcher: one fetch as fetcher.c, fetcher_order.c and fetcher_claim.c see it. For nobody else. */
#ifndef AGENT_FETCHER_INSIDE_H
#define AGENT_FETCHER_INSIDE_H

#include "agent/fetcher.h"
#include "agent/fetcher_cache.h"
#include "mesos/v1/mesos.pb-c.h"

struct fetcher {
    struct loop *loop;
    struct metrics *metrics;
    char *program, *frameworks_home, *hadoop_home;
    int64_t stall_timeout_ns;
    struct fetcher_cache cache; /* directory NULL: there is none */
    struct list fetchings;
};

/* One URI: entry NULL = past the cache. */
struct item {
    const Mesos__V1__CommandInfo__URI *uri;
    struct fetcher_cache_entry *entry;
    bool downloads; /* this fetch fills the entry */
};

struct mesos_fetching {
    struct fetcher *fetcher; /* NULL: it is gone, and so is whom to tell */
    struct list in_fetcher;
    struct list in_waiting; /* of an entry that somebody else downloads */
    char *container_id, *directory, *user;
    Mesos__V1__CommandInfo *command;
    struct item *items;
    int out_fd, err_fd;
    pid_t pid;
    struct loop_child *child;
    int sizes_fd;
    struct loop_fd *sizes_watch;
    struct buf sizes;
    bool cancelled, sizing;
    char *cache_error; /* why the user's directory could not be made */
    char *cache_root, *cache_directory; /* NULL when it goes past the cache */
    char *error; /* for done */
    void (*done)(void *arg, const char *error);
    void *arg;
};

/* fetcher.c: looks (again) whether it can go on. */
void fetcher_begin(struct mesos_fetching *fetching);

/* fetcher_order.c: starts mesos-fetcher, or with sizing asks it for sizes only; out_fd takes its standard output. 0 and
 * fetching->pid, or a negative errno. */
int fetcher_spawn(struct mesos_fetching *fetching, bool sizing, int out_fd);

/* fetcher_claim.c */
/* True when it waits for somebody else's download now; fetcher_begin follows when that has ended. */
bool fetcher_must_wait(struct mesos_fetching *fetching);
/* Takes hold of what is in the cache and begins entries for what is not; true when something is to be downloaded. */
bool fetcher_claim(struct mesos_fetching *fetching);
/* Makes room for what the sizes run has printed; what has none goes past the cache. */
void fetcher_take_sizes(struct mesos_fetching *fetching);
/* Gives the entries back, those that it downloaded as good or not. */
void fetcher_settle(struct mesos_fetching *fetching, bool good);
/* Blocking: the cache's directory and the user's in it. user_name NULL = the agent's own user. */
int fetcher_make_directory(const char *directory, const char *user_name, const char *user_directory, struct err *err);

#endif
